use std::time::Duration;

use lb_conf::model::{self, StatsPage};

use super::*;
use crate::fixture::{Fixture, TestHost, backend, checked, server};
use crate::host::Host as _;
use crate::server::Status;

fn fixture() -> Fixture {
    let named = model::Server { cookie: Some("<&\"'>".into()), ..server("s2", 1002) };
    Fixture::new(backend("b", vec![checked("s1", 1001), named]))
}

fn seed() -> StatsPage {
    StatsPage {
        uri: "/haproxy?stats".into(),
        refresh: Some(Duration::from_secs(5)),
        node: Some(String::new()),
        legends: true,
        hide_version: true,
        ..StatsPage::default()
    }
}

fn ask(fixture: &Fixture, page: &StatsPage, options: &str, form: Option<&str>, admin: bool) -> Answer {
    let process = TestHost.process();
    let source = Source { page, runtime: &fixture.runtime, process: &process, now: fixture.now };
    answer(&source, &Asked { options, form: form.map(|form| Form::Whole(form.as_bytes())), admin })
}

#[test]
fn the_page_shows_what_was_asked_for() {
    let answer = ask(&fixture(), &seed(), "", None, false);
    assert_eq!(
        (answer.status, answer.refresh, answer.content_type),
        (200, Some(5), "text/html; charset=utf-8")
    );
    let body = &answer.body;
    assert!(body.contains("<title>Statistics Report for lbx on here</title>"));
    assert!(!body.contains("1.2.3") && !body.contains("<form"));
    for text in
        [">f</a></h2>", ">b</a></h2>", ">FRONTEND</td>", ">s1</td>", ">BACKEND</td>", ">p99</th>", "UP 1/3"]
    {
        assert!(body.contains(text), "{text}");
    }
    assert!(body.contains("title=\"127.0.0.1:1002, id: 2, cookie: &lt;&amp;&quot;&#39;&gt;\""));
    assert_eq!(body.matches("<tr").count(), body.matches("</tr>").count());
    let plain = ask(&fixture(), &StatsPage::default(), "", None, false).body;
    assert!(plain.contains("<title>Statistics Report for lbx 1.2.3</title>") && !plain.contains("cookie:"));
}

#[test]
fn options_follow_the_uri() {
    let page = seed();
    assert_eq!(options(&page, "/haproxy?stats;csv;norefresh"), Some(";csv;norefresh"));
    assert_eq!(options(&page, "/other"), None);
    let csv = ask(&fixture(), &page, ";csv;norefresh", None, false);
    assert_eq!((csv.content_type, csv.refresh), ("text/plain", None));
    assert!(csv.body.starts_with("# pxname,svname,"));
    let json = ask(&fixture(), &page, ";json", None, false);
    assert_eq!(json.content_type, "application/json");
    assert!(json.body.starts_with("[[{\"objType\":\"Frontend\""));
    let scoped = StatsPage { scope: vec!["b".into()], ..page };
    assert!(!ask(&fixture(), &scoped, ";csv", None, false).body.contains("f,FRONTEND"));
}

#[test]
fn forms_change_servers() {
    let rows = [
        (true, "s=s1&action=drain&b=%233", "DONE", Status::Drain),
        (true, "s=s1&action=drain&b=b", "DONE", Status::Drain),
        (true, "s=s%31&s=s2&action=ready&b=b", "DONE", Status::NoCheck),
        (true, "s=s1&s=s2&action=arunn&b=b", "ERRP", Status::NoCheck),
        (true, "s=s2&action=explode&b=b", "ERRP", Status::NoCheck),
        (true, "s=s9&action=maint&b=b", "ERRP", Status::NoCheck),
        (true, "s=s2&action=maint&b=zz", "ERRP", Status::NoCheck),
        (true, "s=s1&s=s2&action=dhlth&b=b", "PART", Status::NoCheck),
        (false, "s=s1&action=maint&b=b", "DENY", Status::NoCheck),
        (true, "%zz&=&&+", "ERRP", Status::NoCheck),
    ];
    let fixture = fixture();
    fixture.apply("s1", crate::change::ServerChange::ChecksEnabled(false)).unwrap();
    for (admin, form, code, status) in rows {
        if form.contains("dhlth") {
            fixture.apply("s1", crate::change::ServerChange::ChecksEnabled(true)).unwrap();
        }
        let answer = ask(&fixture, &seed(), "", Some(form), admin);
        let location = format!("/haproxy?stats;st={code}");
        assert_eq!((answer.status, answer.location), (303, Some(location)), "{form}");
        assert_eq!(fixture.server("s1").status(), status, "{form}");
    }
    let page = ask(&fixture, &seed(), ";st=DONE", None, true).body;
    assert!(page.contains("<p class=\"note\">Done.</p>") && page.contains("<option value=\"maint\">"));
    assert!(page.contains("<input type=\"checkbox\" name=\"s\" value=\"s1\">"));
}

#[test]
fn what_comes_from_outside_is_escaped() {
    let page =
        StatsPage { uri: "/\"><script>".into(), description: Some("<b>".into()), ..StatsPage::default() };
    let body = ask(&fixture(), &page, ";st=<script>", None, true).body;
    assert!(!body.contains("<script>") && !body.contains("<b>"));
}
