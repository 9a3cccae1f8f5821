//! Transitions and log lines, as HAProxy 2.6 showed them for the same changes.

use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{self, AgentCheck, HttpCheck};

use crate::change::AdminState::{Drain, Maint, Ready};
use crate::change::{Applied, Change, ForcedHealth, FrontendChange, Refused, ServerChange, WeightChange};
use crate::check::{AgentReport, CheckStatus};
use crate::event::EndedBy;
use crate::fixture::{Fixture, backend, checked, config, report, server};
use crate::server::Operational;

fn passed() -> ServerChange {
    ServerChange::Check(report(CheckStatus::L7Ok, Some(200), ""))
}

fn conditional() -> ServerChange {
    ServerChange::Check(report(CheckStatus::L7OkConditional, Some(404), ""))
}

fn failed() -> ServerChange {
    ServerChange::Check(report(CheckStatus::L7Status, Some(500), "err"))
}

fn agent(line: &str) -> ServerChange {
    ServerChange::Agent(AgentReport::parse(line.as_bytes(), Duration::ZERO))
}

fn http_backend() -> model::Backend {
    let mut backend = backend("b", vec![checked("s1", 1), model::Server { backup: true, ..server("s2", 2) }]);
    backend.check.protocol = model::CheckProtocol::Http(HttpCheck::default());
    backend
}

// Changes of s1 one after the other, with its status after each.
fn walk(fixture: &Fixture, steps: &[(ServerChange, &str)]) {
    for (index, (change, status)) in steps.iter().enumerate() {
        fixture.apply("s1", change.clone()).unwrap();
        assert_eq!(fixture.server("s1").status().to_string(), *status, "after step {index}, {change:?}");
    }
}

#[test]
fn rise_and_fall_are_counted() {
    let fixture = Fixture::new(http_backend());
    assert_eq!(fixture.server("s1").status().to_string(), "UP 1/3");
    walk(
        &fixture,
        &[
            (passed(), "UP"),
            (failed(), "UP 2/3"),
            (passed(), "UP"),
            (failed(), "UP 2/3"),
            (failed(), "UP 1/3"),
            (failed(), "DOWN"),
            (failed(), "DOWN"),
            (passed(), "DOWN 1/2"),
            (failed(), "DOWN"),
            (passed(), "DOWN 1/2"),
            (passed(), "UP"),
        ],
    );
    let counters = fixture.server("s1");
    assert_eq!((counters.counters().check_failures.get(), counters.counters().downs.get()), (4, 1));
}

#[test]
fn a_first_failure_brings_a_new_server_down() {
    walk(&Fixture::new(http_backend()), &[(failed(), "DOWN")]);
}

#[test]
fn conditional_success_takes_new_sessions_away() {
    walk(
        &Fixture::new(http_backend()),
        &[
            (conditional(), "NOLB"),
            (failed(), "NOLB 2/3"),
            (passed(), "UP"),
            (conditional(), "NOLB"),
            (failed(), "NOLB 2/3"),
            (failed(), "NOLB 1/3"),
            (failed(), "DOWN"),
            (conditional(), "DOWN"),
            (conditional(), "DOWN"),
        ],
    );
}

#[test]
fn orders_stand_above_health() {
    let order = |state| ServerChange::Admin(state);
    walk(
        &Fixture::new(http_backend()),
        &[
            (passed(), "UP"),
            (order(Drain), "DRAIN"),
            (failed(), "DRAIN 2/3"),
            (order(Maint), "MAINT"),
            (failed(), "MAINT"),
            (order(Ready), "UP 1/3"),
            (failed(), "DOWN"),
            (order(Drain), "DOWN"),
            (order(Ready), "DOWN"),
            (order(Maint), "MAINT"),
            (order(Drain), "DRAIN 1/3"),
        ],
    );
}

#[test]
fn health_can_be_declared() {
    use ForcedHealth::{Down, Stopping, Up};
    let declare = |health| ServerChange::Health(health);
    walk(
        &Fixture::new(http_backend()),
        &[
            (declare(Stopping), "NOLB"),
            (declare(Down), "DOWN"),
            (declare(Up), "UP"),
            (failed(), "UP 2/3"),
            (ServerChange::ChecksEnabled(false), "no check"),
            (declare(Down), "no check"),
        ],
    );
}

#[test]
fn agents_order_and_weigh() {
    let target = "127.0.0.1:9".parse().unwrap();
    let asked = AgentCheck { inter: Duration::from_secs(2), target, send: Vec::new() };
    let s1 = model::Server { agent: Some(asked), weight: 10, ..server("s1", 1) };
    let fixture = Fixture::new(backend("b", vec![s1]));
    walk(
        &fixture,
        &[
            (agent("50%"), "no check"),
            (agent("drain"), "DRAIN (agent)"),
            (agent("ready"), "no check"),
            (agent("down going home"), "DOWN (agent)"),
            (agent("up"), "no check"),
            (agent("maint"), "MAINT"),
            (agent("up"), "MAINT"),
            (agent("ready"), "no check"),
            (agent("fail # oh no"), "DOWN (agent)"),
            (agent(""), "DOWN (agent)"),
            (agent("maxconn:7"), "DOWN (agent)"),
            (ServerChange::AgentHealth(true), "no check"),
        ],
    );
    assert_eq!((fixture.server("s1").state().weight, fixture.server("s1").maxconn()), (5, Some(7)));
    assert_eq!(
        fixture.logged()[..4],
        [
            "5 Server b/s1 enters drain state. 0 active and 0 backup servers online. 0 sessions requeued, \
             0 total in queue.",
            "0 backend b has no server available!",
            "5 Server b/s1 is UP (leaving forced drain).",
            "1 Server b/s1 is DOWN, reason: Layer7 wrong status, code: 0, info: \"via agent : down (going)\", \
             check duration: 0ms. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in \
             queue.",
        ]
    );
}

#[test]
fn an_agent_that_says_up_does_not_overrule_a_failed_check() {
    let target = "127.0.0.1:9".parse().unwrap();
    let asked = AgentCheck { inter: Duration::from_secs(2), target, send: Vec::new() };
    let fixture = Fixture::new(backend("b", vec![model::Server { agent: Some(asked), ..checked("s1", 1) }]));
    walk(
        &fixture,
        &[
            (failed(), "DOWN"),
            (agent("up"), "DOWN"),
            (passed(), "DOWN 1/2"),
            (agent("down"), "DOWN (agent)"),
            (passed(), "DOWN (agent)"),
            (agent("up"), "UP"),
        ],
    );
}

#[test]
fn log_lines_tell_what_happened() {
    let fixture = Fixture::new(http_backend());
    let rows = [
        (
            failed(),
            vec![
                "1 Server b/s1 is DOWN, reason: Layer7 wrong status, code: 500, info: \"err\", check duration: 0ms. \
                 0 active and 1 backup servers left. Running on backup. 0 sessions active, 0 requeued, 0 remaining \
                 in queue.",
            ],
        ),
        (ServerChange::Admin(Maint), vec!["5 Server b/s1 was DOWN and now enters maintenance."]),
        (ServerChange::Admin(Ready), vec!["5 Server b/s1 is UP/READY (leaving forced maintenance)."]),
        (passed(), vec![]),
        (
            ServerChange::Admin(Drain),
            vec![
                "5 Server b/s1 enters drain state. 0 active and 1 backup servers online. Running on backup. \
                 0 sessions requeued, 0 total in queue.",
            ],
        ),
        (
            ServerChange::Admin(Maint),
            vec![
                "5 Server b/s1 is going DOWN for maintenance. 0 active and 1 backup servers left. Running on backup. \
                 0 sessions active, 0 requeued, 0 remaining in queue.",
            ],
        ),
        (ServerChange::Admin(Ready), vec!["5 Server b/s1 is UP/READY (leaving forced maintenance)."]),
        (
            ServerChange::Health(ForcedHealth::Stopping),
            vec![
                "5 Server b/s1 is stopping, changed from CLI. 0 active and 1 backup servers online. Running on \
                 backup. 0 sessions requeued, 0 total in queue.",
            ],
        ),
        (
            ServerChange::Health(ForcedHealth::Down),
            vec![
                "5 Server b/s1 is DOWN, changed from CLI. 0 active and 1 backup servers left. Running on backup. \
                 0 sessions active, 0 requeued, 0 remaining in queue.",
            ],
        ),
        (passed(), vec![]),
        (
            passed(),
            vec![
                "5 Server b/s1 is UP, reason: Layer7 check passed, code: 200, check duration: 0ms. 1 active and \
                 1 backup servers online. 0 sessions requeued, 0 total in queue.",
            ],
        ),
    ];
    for (change, lines) in rows {
        fixture.apply("s1", change.clone()).unwrap();
        assert_eq!(fixture.logged(), lines, "{change:?}");
    }
}

#[test]
fn the_last_server_to_go_is_an_emergency() {
    let fixture = Fixture::new(backend("b", vec![server("s1", 1)]));
    fixture.apply("s1", ServerChange::Admin(Maint)).unwrap();
    assert_eq!(
        fixture.logged(),
        [
            "1 Server b/s1 is going DOWN for maintenance. 0 active and 0 backup servers left. 0 sessions active, \
             0 requeued, 0 remaining in queue.",
            "0 backend b has no server available!",
        ]
    );
}

#[test]
fn checks_are_logged_where_that_is_asked_for() {
    let mut backend = http_backend();
    backend.check.log = true;
    let fixture = Fixture::new(backend);
    let health = |rest: &str| format!("5 Health check for server b/s1 {rest}");
    let ok = "reason: Layer7 check passed, code: 200, check duration: 0ms";
    let bad = "reason: Layer7 wrong status, code: 500, info: \"err\", check duration: 0ms";
    let rows = [
        (passed(), vec![health(&format!("succeeded, {ok}, status: 3/3 UP."))]),
        (passed(), vec![]),
        (failed(), vec![health(&format!("failed, {bad}, status: 2/3 UP."))]),
        (failed(), vec![health(&format!("failed, {bad}, status: 1/3 UP."))]),
        (
            failed(),
            vec![
                health(&format!("failed, {bad}, status: 0/2 DOWN.")),
                "1 Server b/s1 is DOWN. 0 active and 1 backup servers left. Running on backup. 0 sessions active, \
                 0 requeued, 0 remaining in queue."
                    .to_owned(),
            ],
        ),
    ];
    for (change, lines) in rows {
        fixture.apply("s1", change.clone()).unwrap();
        assert_eq!(fixture.logged(), lines, "{change:?}");
    }
}

#[test]
fn weights_have_bounds() {
    use WeightChange::{Absolute, Percent};
    let fixture = Fixture::new(backend("b", vec![model::Server { weight: 10, ..server("s1", 1) }]));
    let set = |weight| fixture.apply("s1", ServerChange::Weight(weight));
    let rows = [
        (Absolute(3), Ok(Applied::Changed), 3),
        (Absolute(3), Ok(Applied::Unchanged), 3),
        (Absolute(257), Err(Refused::WeightRange), 3),
        (Percent(50), Ok(Applied::Changed), 5),
        (Percent(1_000_000), Ok(Applied::Changed), 256),
        (Percent(0), Ok(Applied::Changed), 0),
    ];
    for (weight, outcome, now) in rows {
        assert_eq!((set(weight), fixture.server("s1").state().weight), (outcome, now), "{weight:?}");
    }
    assert_eq!(fixture.runtime.load().backends[0].usable(), 0);
}

#[test]
fn map_based_hashes_keep_their_weights() {
    let two = model::Server { weight: 2, ..server("s1", 1) };
    let source = model::Backend { algorithm: model::Algorithm::Source, ..backend("b", vec![two]) };
    let fixture = Fixture::new(source);
    let set = |weight| fixture.apply("s1", ServerChange::Weight(WeightChange::Percent(weight)));
    assert_eq!(
        (set(50), set(0), set(100)),
        (Err(Refused::StaticWeight), Ok(Applied::Changed), Ok(Applied::Changed))
    );
}

#[test]
fn slow_start_lets_the_weight_grow() {
    let slow = Some(Duration::from_secs(8));
    let mut fixture =
        Fixture::new(backend("b", vec![model::Server { slowstart: slow, weight: 4, ..server("s1", 1) }]));
    for state in [Maint, Ready] {
        fixture.apply("s1", ServerChange::Admin(state)).unwrap();
    }
    let mut seen = Vec::new();
    for _ in 0..9 {
        fixture.apply("s1", ServerChange::SlowStartStep).unwrap();
        seen.push(fixture.server("s1").state().effective_weight());
        fixture.pass(1);
    }
    assert_eq!(seen, [4, 8, 16, 24, 32, 40, 48, 56, 64]);
    assert_eq!(fixture.server("s1").state().operational, Operational::Running);
}

#[test]
fn a_reload_keeps_what_was_set_and_takes_what_is_new() {
    let fixture = Fixture::new(backend("b", vec![checked("s1", 1), server("s2", 2), server("s3", 3)]));
    let id = fixture.server("s1").id;
    fixture.apply("s1", failed()).unwrap();
    fixture.apply("s2", ServerChange::Admin(Drain)).unwrap();
    fixture.apply("s2", ServerChange::Weight(WeightChange::Absolute(7))).unwrap();
    fixture.apply("s3", ServerChange::Weight(WeightChange::Absolute(7))).unwrap();
    let lease = fixture.runtime.load().backends[0].servers[1].lease_if_free(fixture.now).unwrap();
    let next = backend(
        "b",
        vec![
            server("new", 9),
            model::Server { maxconn: Some(5), ..server("s2", 2) },
            checked("s1", 1),
            model::Server { weight: 3, ..server("s3", 3) },
        ],
    );
    fixture.runtime.reconfigure(config(vec![next]), fixture.now);
    let view = |name: &str| {
        let server = fixture.server(name);
        (server.status().to_string(), server.state().weight, server.maxconn(), server.active())
    };
    assert_eq!(view("s1"), ("DOWN".into(), 1, None, 0));
    assert_eq!(view("s2"), ("DRAIN".into(), 7, Some(5), 1));
    assert_eq!(view("s3"), ("no check".into(), 3, None, 0));
    assert_eq!(view("new"), ("no check".into(), 1, None, 0));
    assert_eq!(fixture.server("s1").id, id);
    drop(lease);
    assert_eq!(view("s2").3, 0);
}

#[test]
fn a_server_that_left_cannot_be_changed() {
    let fixture = Fixture::new(backend("b", vec![server("s1", 1), server("s2", 2)]));
    let gone = fixture.server("s2").id;
    fixture.runtime.reconfigure(config(vec![backend("b", vec![server("s1", 1)])]), fixture.now);
    let change = Change::Server(gone, ServerChange::Admin(Ready));
    assert_eq!(fixture.runtime.apply(change, fixture.now), Err(Refused::NoSuchServer));
}

#[test]
fn frontends_pause_and_stop() {
    use FrontendChange::{Disable, Enable, Maxconn, Shutdown};
    let fixture = Fixture::new(backend("b", vec![server("s1", 1)]));
    let apply = |change| fixture.runtime.apply(Change::Frontend(model::FrontendId(0), change), fixture.now);
    let rows = [
        (Disable, Ok(Applied::Changed), vec!["4 Paused frontend f."]),
        (Disable, Ok(Applied::Unchanged), vec![]),
        (Enable, Ok(Applied::Changed), vec!["4 Resumed frontend f."]),
        (Maxconn(10), Ok(Applied::Changed), vec![]),
        (Shutdown, Ok(Applied::Changed), vec!["4 Proxy f stopped (cumulated conns: FE: 0, BE: 0)."]),
        (Enable, Err(Refused::FrontendStopped), vec![]),
    ];
    for (change, outcome, lines) in rows {
        assert_eq!(apply(change), outcome);
        assert_eq!(fixture.logged(), lines);
    }
}

#[test]
fn sessions_end_when_servers_go_and_come() {
    let a = model::Server { shutdown_on_down: true, shutdown_backups_on_up: true, ..server("a", 1) };
    let b = model::Server { backup: true, ..server("b", 2) };
    let fixture = Fixture::new(backend("b", vec![a, b]));
    let ended = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let names = Arc::clone(&ended);
    fixture.runtime.subscribe(Box::new(move |event| {
        if let crate::Event::ShutdownSessions(server, by) = event {
            names.lock().push((server.config.name.to_string(), *by));
        }
    }));
    let order = |name, state| fixture.apply(name, ServerChange::Admin(state)).unwrap();
    order("b", Maint);
    assert!(ended.lock().is_empty(), "it does not want that");
    order("a", Drain);
    assert!(ended.lock().is_empty(), "a draining server serves what it has");
    order("a", Maint);
    assert_eq!(*ended.lock(), [("a".into(), EndedBy::ServerDown)]);
    order("a", Ready);
    assert_eq!(ended.lock().last(), Some(&("b".into(), EndedBy::ServerUp)));
}
