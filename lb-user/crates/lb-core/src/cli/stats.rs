//! Commands for statistics.

use lb_conf::model::CommandLevel;

use super::command::{Call, DENIED};
use crate::counters::Traffic;
use crate::stats::{self, Filter, Info};

pub(super) fn info(call: &mut Call<'_, '_>) -> String {
    let snapshot = call.context.runtime.snapshot();
    let info =
        Info::new(call.context.host.process(), call.context.runtime.process(), &snapshot, call.context.now);
    let asked = |word| call.words.contains(&word);
    match (asked("json"), asked("typed")) {
        (true, _) => stats::info_json(&info),
        (false, true) => stats::info_typed(&info, asked("desc")),
        (false, false) => stats::info_text(&info, asked("desc")),
    }
}

pub(super) fn stat(call: &mut Call<'_, '_>) -> String {
    let snapshot = call.context.runtime.snapshot();
    let maxconn = call.context.host.process().maxconn;
    let rows = stats::rows(&snapshot, &filter(call), maxconn, call.context.now);
    let asked = |word| call.words.contains(&word);
    match (asked("json"), asked("typed")) {
        (true, _) => stats::json(&rows),
        (false, true) => stats::typed(&rows),
        (false, false) => stats::csv(&rows),
    }
}

/// Words of `show stat` that are no proxies.
const OPTIONS: [&str; 4] = ["json", "typed", "no-maint", "up"];

// -1 stands for all, of proxies, of kinds and of servers.
fn filter(call: &Call<'_, '_>) -> Filter {
    let asked = |word| call.words.contains(&word);
    let place = |at: usize| Some(call.word(at)).filter(|word| !word.is_empty() && !OPTIONS.contains(word));
    let some = |at: usize| place(at).filter(|word| *word != "-1");
    let by_place = place(2).is_some();
    Filter {
        proxy: some(2).map(str::to_owned),
        kinds: some(3).filter(|_| by_place).and_then(|kinds| kinds.parse().ok()),
        server: some(4).filter(|_| by_place).and_then(|server| server.parse().ok()),
        no_maint: asked("no-maint"),
        up: asked("up"),
    }
}

pub(super) fn clear(call: &mut Call<'_, '_>) -> String {
    let all = call.word(2) == "all";
    if all && call.session.level < CommandLevel::Admin {
        return DENIED.into();
    }
    let clear = |traffic: &Traffic| if all { traffic.reset() } else { traffic.reset_max() };
    let snapshot = call.context.runtime.snapshot();
    call.context.runtime.process().reset_max();
    snapshot.frontends.iter().for_each(|frontend| clear(frontend.traffic()));
    snapshot.backends.iter().for_each(|backend| clear(backend.traffic()));
    for server in snapshot.servers() {
        clear(&server.counters().traffic);
        if all {
            server.counters().check_failures.reset();
            server.counters().downs.reset();
        }
    }
    String::new()
}
