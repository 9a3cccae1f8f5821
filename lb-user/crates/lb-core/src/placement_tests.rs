//! Tests of the placement.

use lb_conf::model::{Action, Rule};

use super::*;

/// The global section and what is always there: lines 1 to 4.
const HEAD: &str = "global\n  xdp-interface eth0\ndefaults\n  mode tcp\n";

fn config(text: &str) -> Config {
    let outcome = lb_conf::load_text("test.cfg", text);
    let problems: Vec<_> = outcome.diagnostics.iter().map(|d| d.message.clone()).collect();
    outcome.config.unwrap_or_else(|| panic!("{text}: {problems:?}"))
}

/// A listen section from line 5 on, with a bind in line 6, a server in line 7, and further lines.
fn listen(bind: &str, server: &str, lines: &[&str]) -> Placement {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    let text = format!("{HEAD}listen front\n  bind {bind}\n  server s1 {server}\n{lines}");
    place(&config(&text)).remove(0)
}

fn plain(lines: &[&str]) -> Placement {
    listen("10.0.0.1:80", "10.0.1.1:80", lines)
}

fn reasons(placement: &Placement) -> Vec<(String, u32)> {
    placement.all_obstacles().map(|o| (o.kind.to_string(), o.span.line)).collect()
}

fn only(reason: &str, line: u32) -> Vec<(String, u32)> {
    vec![(reason.to_owned(), line)]
}

#[test]
fn a_plain_tcp_frontend_is_taken() {
    let placement = listen("0.0.0.0:80,10.0.0.1:81", "10.0.1.1:80", &["balance source", "timeout client 1s"]);
    assert_eq!(reasons(&placement), []);
    assert_eq!(placement.kernel_binds().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(placement.to_string(), "front: kernel");
}

#[test]
fn each_line_that_needs_user_space_is_named() {
    let rows = [
        ("mode http", "mode http is served in user space", 5),
        ("no option xdp", "'no option xdp' keeps it in user space", 5),
        ("disabled", "it is disabled", 5),
        ("balance random(65)", "'balance random with more than 64 draws' is done in user space", 5),
        ("server s2 /run/s2", "server 's2' is on a Unix socket", 8),
    ];
    for (line, reason, at) in rows {
        let placement = plain(&[line]);
        let mut found = reasons(&placement);
        found.dedup();
        assert_eq!(found, only(reason, at), "{line}");
        assert!(!placement.in_kernel(), "{line}");
        assert_eq!(placement.refusal(), None);
        assert_eq!(placement.to_string(), "front: user space");
    }
}

/// Rules of one kind, with one rule in line 5.
fn rules(kind: fn(&mut Rules) -> &mut Vec<Rule>) -> Arc<Rules> {
    let mut rules = Rules::default();
    let span = Span { line: 5, ..Span::default() };
    kind(&mut rules).push(Rule { action: Action::Allow, condition: None, span });
    Arc::new(rules)
}

#[test]
fn settings_that_only_user_space_keeps_are_obstacles() {
    type Set = fn(&mut Frontend, &mut Backend);
    let rows: [(Set, &str); 7] = [
        (|front, _| front.rate_limit = Some(5), "rate-limit sessions"),
        (|front, _| front.proxy.options.set(ProxyOption::ClientKeepAliveProbes, true), "option clitcpka"),
        (|_, back| back.proxy.options.set(ProxyOption::ServerKeepAliveProbes, true), "option srvtcpka"),
        (|_, back| back.hash_balance_factor = Some(150), "hash-balance-factor"),
        (|front, _| front.proxy.rules = rules(|r| &mut r.tcp_session), "tcp-request session"),
        (|_, back| back.proxy.rules = rules(|r| &mut r.tcp_content), "tcp-request content"),
        (|_, back| back.proxy.rules = rules(|r| &mut r.tcp_response), "tcp-response content"),
    ];
    let lines = "listen front\n bind 10.0.0.1:80\n server s1 10.0.1.1:80\n balance source\n";
    for (set, word) in rows {
        let mut config = config(&format!("{HEAD}{lines}"));
        let mut front = (*config.frontends[0]).clone();
        let mut back = (*config.backends[0]).clone();
        set(&mut front, &mut back);
        (config.frontends[0], config.backends[0]) = (Arc::new(front), Arc::new(back));
        assert_eq!(reasons(&place(&config)[0]), only(&format!("'{word}' is done in user space"), 5));
    }
}

#[test]
fn algorithms_that_compare_servers_are_the_kernels_up_to_a_number() {
    let servers = |count: u32| (2..=count).map(|n| format!("server s{n} 10.0.1.1:{n}")).collect::<Vec<_>>();
    for word in ["leastconn", "first", "random", "random(64)"] {
        let balance = format!("balance {word}");
        let place = |count| {
            let servers = servers(count);
            plain(
                &[balance.as_str()].into_iter().chain(servers.iter().map(String::as_str)).collect::<Vec<_>>(),
            )
        };
        assert_eq!(reasons(&place(64)), [], "{word}");
        let many = format!("'balance {word} among more than 64 servers' is done in user space");
        let expected = if word.starts_with("random") { vec![] } else { only(&many, 5) };
        assert_eq!(reasons(&place(65)), expected, "{word}");
    }
}

#[test]
fn a_frontend_needs_an_interface_a_backend_and_a_server() {
    let rows = [
        ("frontend f\n bind :80\n", "it has no default_backend", 5),
        ("frontend f\n bind :80\n default_backend b\nbackend b\n", "backend 'b' has no server", 8),
    ];
    for (text, reason, at) in rows {
        assert_eq!(reasons(&place(&config(&format!("{HEAD}{text}")))[0]), only(reason, at));
    }
    let text = "listen f\n mode tcp\n bind :80\n server s1 10.0.1.1:80\n";
    let reason = "there is no 'xdp-interface' in the global section";
    assert_eq!(reasons(&place(&config(text))[0]), only(reason, 1));
}

#[test]
fn a_source_is_the_kernels_where_both_planes_have_ports() {
    let rows = [
        ("source 10.0.1.9", None, true),
        ("source 0.0.0.0:20000-20009", Some((20_005, 20_009)), true),
        ("source 10.0.1.9:20000-20001", Some((20_001, 20_001)), true),
        ("source 10.0.1.9:20000", None, false),
        ("source 10.0.1.9:20000-20009 interface eth1", None, false),
        ("source 10.0.1.9 usesrc clientip", None, false),
    ];
    for (words, flows, taken) in rows {
        let text = format!("{HEAD}listen front\n  bind 10.0.0.1:80\n  server s1 10.0.1.1:80 {words}\n");
        let config = config(&text);
        let source = config.backends[0].servers[0].source.clone().unwrap();
        assert_eq!((source.flows, place(&config)[0].in_kernel()), (flows, taken), "{words}");
        let user = source.user_ports().map(|(low, high)| (low, high + 1));
        assert!(flows.is_none() || user == Some((20_000, flows.unwrap().0)), "{words}");
    }
}

#[test]
fn binds_are_judged_one_by_one() {
    let rows = [
        ("10.0.0.1:80,/run/s", "a Unix socket is served in user space"),
        ("10.0.0.1:80,[fd00::1]:80", "no server has an address of this family"),
    ];
    for (binds, reason) in rows {
        let placement = listen(binds, "10.0.1.1:80", &[]);
        assert_eq!(reasons(&placement), only(reason, 6));
        assert_eq!(placement.kernel_binds().collect::<Vec<_>>(), [0]);
    }
}

#[test]
fn an_ipv6_wildcard_serves_ipv4_servers() {
    assert!(listen("[::]:80", "10.0.1.1:80", &[]).in_kernel());
}

#[test]
fn option_xdp_turns_each_obstacle_into_a_refusal() {
    let refusal = |p: &Placement| p.refusal().map(|(_, o)| o.span.line);
    assert_eq!(refusal(&plain(&["option xdp"])), None);
    assert_eq!(refusal(&plain(&["option xdp", "balance random(65)"])), Some(5));
    assert_eq!(refusal(&listen("10.0.0.1:80,/run/s", "10.0.1.1:80", &["option xdp"])), Some(6));
}

#[test]
fn several_obstacles_are_all_reported() {
    let placement = listen("/run/s", "/run/s1", &["no option xdp"]);
    let lines: Vec<_> = reasons(&placement).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, [5, 7, 6]);
}

#[test]
fn xdp_forward_does_so_too() {
    let refusal = |p: &Placement| p.refusal().map(|(word, o)| (word.to_owned(), o.kind.clone(), o.span.line));
    assert_eq!(refusal(&plain(&["xdp-forward nat", "balance random(65)"])), None);
    for word in ["xdp-forward transparent", "xdp-forward dsr", "xdp-forward ipip", "xdp-forward gue"] {
        let same = |server, lines: &[&str]| listen("10.0.0.1:80", server, lines);
        assert_eq!(refusal(&same("10.0.1.1:80", &[word])), None);
        assert_eq!(refusal(&same("10.0.1.1", &[word])), None);
        let (told, kind, line) = refusal(&same("10.0.1.1:80", &[word, "no option xdp"])).unwrap();
        assert_eq!((&*told, kind, line), (word, ObstacleKind::TurnedOff, 5));
        let (told, kind, line) = refusal(&same("10.0.1.1:80", &[word, "mode http"])).unwrap();
        assert_eq!((&*told, kind, line), (word, ObstacleKind::HttpMode, 5));
        let other = refusal(&same("10.0.1.1:81", &[word])).map(|(_, kind, line)| (kind, line));
        let port = Some((ObstacleKind::OtherPort("s1".into()), 6));
        assert_eq!(other, if word.ends_with("transparent") { None } else { port });
        let family = refusal(&same("[fd00::1]:80", &[word])).map(|(_, kind, line)| (kind, line));
        let tunnel = word.ends_with("ipip") || word.ends_with("gue");
        assert_eq!(family, if tunnel { None } else { Some((ObstacleKind::OtherFamily, 6)) });
    }
}
