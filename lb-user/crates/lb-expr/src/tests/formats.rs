//! Log formats against what haproxy writes.

use std::time::Duration;

use super::fake::{FakeResolver, Scene};
use crate::error::ErrorKind;
use crate::logformat::{Connections, LogFacts, Timers};
use crate::resolve::Env;
use crate::world::{BackendId, ServerId};
use crate::{Checkpoint, LogFormat, ParseError, Style};

fn parse(text: &str, style: Style) -> Result<LogFormat, ParseError> {
    let mut resolver = FakeResolver::default();
    LogFormat::parse(text, style, &mut Env::at(Checkpoint::Log, &mut resolver))
}

fn line(text: &str) -> String {
    let mut scene = Scene::new("GET", "/a/b?x=1", "Host: h");
    scene.kept.request_captures = vec![None, Some("t \"q\" ]x\\".into()), None].into();
    scene.kept.response_captures = vec![Some("rv".into())].into();
    scene.kept.request_cookie = Some("k=v".into());
    scene.kept.response_cookie = Some("k=v2".into());
    let ms = |n| Some(Duration::from_millis(n));
    let facts = LogFacts {
        accepted: Duration::from_millis(1_795_371_168_780),
        requested: Duration::from_millis(1_795_371_168_781),
        timers: Timers {
            handshake: ms(0),
            idle: ms(1),
            request: ms(2),
            queue: ms(3),
            connect: ms(4),
            response: ms(5),
            total: ms(21),
        },
        bytes_out: 95,
        bytes_in: 73,
        status: Some(200),
        connections: Connections { process: 2, frontend: 1, backend: 0, server: 0 },
        log_counter: 0,
        request_counter: 12,
        pid: 19190,
        hostname: "vm",
        ..LogFacts::default()
    };
    let mut ctx = scene.ctx();
    ctx.facts = Some(&facts);
    ctx.backend = Some(BackendId(0));
    ctx.server = Some(ServerId { backend: BackendId(0), index: 0 });
    String::from_utf8(parse(text, Style::Log).unwrap().format(&ctx)).unwrap()
}

#[test]
fn lines_are_haproxys() {
    let rows = [
        (
            "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r",
            r#"127.0.0.1:40000 [22/Nov/2026:18:12:48.781] fe be/srv 2/3/4/5/20 200 95 k=v k=v2 ---- 2/1/0/0/0 0/0 {|t #22q#22 ]x\|} {rv} "GET /a/b?x=1 HTTP/1.1""#,
        ),
        (
            "%{+Q}o %ci %b %s %r %CC %ST %T",
            r#""127.0.0.1" "be" "srv" "GET /a/b?x=1 HTTP/1.1" "k=v" 200 22/Nov/2026:18:12:48 +0000"#,
        ),
        (
            "%{+Q}r %{+Q}hr %{+Q}hrl %hrl %hsl %{+Q}hs",
            r#""GET /a/b?x=1 HTTP/1.1" "{|t #22q#22 ]x\|}" "" "t #22q#22 ]x\" "" - t #22q#22 ]x\ - rv "{rv}""#,
        ),
        (
            "%{+Q,+E}o %hr %r %[capture.req.hdr(1)]",
            r#""{|t #22q#22 \]x\\|}" "GET /a/b?x=1 HTTP/1.1" "t \"q\" \]x\\""#,
        ),
        ("%{+Q}[capture.req.hdr(1)] %{+Q}[capture.req.hdr(2)]", r#""t "q" ]x\" """#),
        (
            "%{+X}ci %{+X}cp %{+X}pid %{+X}Ts %{+X}rt %{+X}fi %{+X}fp",
            "7F000001 9C40 4AF6 6B0330A0 000C 7F000001 4A37",
        ),
        ("%{+X}o %ci %cp %Ts %ms %ST %B %rt", "7F000001 9C40 6B0330A0 30C 200 95 000C"),
        (
            "%Ts %ms %t | %T | %Tl",
            "1795371168 780 22/Nov/2026:18:12:48.780 | 22/Nov/2026:18:12:48 +0000 | 22/Nov/2026:18:12:48 +0000",
        ),
        ("%HM %HP %HPO %HQ %HU %HV %ID %H %pid %lc", "GET /a/b /a/b ?x=1 /a/b?x=1 HTTP/1.1 - vm 19190 0"),
        ("%U %bi:%bp %fi:%fp %si:%sp %sslc %sslv %ts", "73 -:- 127.0.0.1:18999 -:- - - --"),
        ("a  b   %ci    c", "a b 127.0.0.1 c"),
        ("%%x 100%% %{+M}o %ID", "%x 100% -"),
        ("%{+Q}ID %ID", r#""" -"#),
        ("%ci%cp", "127.0.0.140000"),
        ("%[src]x%[src_port,add(1)]y", "127.0.0.1x40001y"),
        ("%o %ci", "127.0.0.1"),
        ("%{+Q}ST %{+Q}ci %{+Q}Ta %{+Q}b %{+Q}tsc %{+Q}rc %{+Q}ac", r#"200 "127.0.0.1" 20 "be" ---- 0 2"#),
        ("%{+Q}[int(5)]", r#""5""#),
        (r#"%{+E}[str("a\"b]c")]"#, r#"a\"b\]c"#),
        ("%[bin(41004200)]", "A"),
        ("%{+X}[int(255)]", "255"),
        ("%{+Q,-Q}r", "GET /a/b?x=1 HTTP/1.1"),
        ("%{Q}r", "GET /a/b?x=1 HTTP/1.1"),
        ("%(+Q)r", "(+Q)r"),
        ("  %ci   %hr  x", r#"127.0.0.1 {|t #22q#22 ]x\|} x"#),
        ("%ci%%%cp %[str(a%b)]", "127.0.0.1%40000 a%b"),
    ];
    for (format, expected) in rows {
        assert_eq!(line(format), expected, "{format}");
    }
}

#[test]
fn what_is_not_there_leaves_no_gap() {
    let scene = Scene::new("GET", "/deny", "Host: h");
    let facts = LogFacts::default();
    let mut ctx = scene.ctx();
    ctx.facts = Some(&facts);
    let line = |text: &str, ctx: &crate::Ctx<'_>| {
        let format = parse(text, Style::Log).unwrap();
        String::from_utf8_lossy(&format.format(ctx)).into_owned()
    };
    assert_eq!(line("%sq/%bq %hr %hs %{+Q}r %s", &ctx), r#"0/0 "GET /deny HTTP/1.1" <NOSRV>"#);
    assert_eq!(line("%b %Tr/%Td %HP %HQ %CC", &ctx), "fe -1/-1 /deny  -");
    ctx.kept = None;
    assert_eq!(
        line("%HM %HU %HV %HP %HQ %{+Q}r", &ctx),
        r#"<BADREQ> <BADREQ> <BADREQ> <BADREQ> <BADREQ> "<BADREQ>""#
    );
}

#[test]
fn json_has_what_has_a_name() {
    let rows = [
        ("%{+json}o %(client)ci:%cp %(port)cp", r#"{"client":"127.0.0.1","port":40000}"#),
        ("%{+json}o%(status)ST %(line)r", r#"{"status":200,"line":"GET /a/b?x=1 HTTP/1.1"}"#),
        ("%{+json}o %(header)[capture.req.hdr(1)]", r#"{"header":"t \"q\" ]x\\"}"#),
        ("%{+json}o %(none)[capture.req.hdr(2)]", r#"{"none":null}"#),
        ("%{+json}o %(n)[int(5)] %(s:str)[int(5)] %(b:bool)[int(5)]", r#"{"n":5,"s":"5","b":true}"#),
        ("%{+json}o %(yes)[bool(true)] %(port:str)cp", r#"{"yes":true,"port":"40000"}"#),
        (r#"%{+json}o %(a"b)ci"#, r#"{"a\"b":"127.0.0.1"}"#),
        ("%{+json}o text %%", "{}"),
    ];
    for (format, expected) in rows {
        assert_eq!(line(format), expected, "{format}");
    }
}

#[test]
fn errors_mark_what_is_wrong() {
    let rows = [
        ("%ci %foo", "%foo"),
        ("%cix", "%cix"),
        ("x %", "%"),
        ("%{+Q", "{+Q"),
        ("%{+Z}ci", "+Z"),
        ("a %[foo]", "foo"),
        ("%[src", ""),
        ("%[src x]", " "),
        ("%[path]", "path"),
        ("%ci %{+json}o", "+json"),
        ("%{+json}o %(a", "(a"),
        ("%{+json}o %(a:int)ci", "int"),
    ];
    for (text, expected) in rows {
        let e = parse(text, Style::Log).expect_err(text);
        assert_eq!(&text[e.range.clone()], expected, "{text}");
    }
    let e = parse("%Tx", Style::Log).unwrap_err();
    assert!(matches!(e.kind, ErrorKind::UnknownVariable(_)) && e.hint.is_some());
    assert!(matches!(parse("%[path]", Style::Log).unwrap_err().kind, ErrorKind::WrongPlace { .. }));
}

#[test]
fn http_texts_stay_as_they_are() {
    let mut resolver = FakeResolver::default();
    let mut env = Env::at(Checkpoint::FrontendHttpRequest, &mut resolver);
    let format = LogFormat::parse("a  b %[bin(0961ff0a7f)]", Style::Http, &mut env).unwrap();
    let scene = Scene::new("GET", "/", "Host: h");
    assert_eq!(format.format(&scene.ctx()), b"a  b \ta\xff%0A%7F");
    assert!(format.constant().is_none() && !format.needs_http());
    let constant = LogFormat::parse("plain", Style::Http, &mut env).unwrap();
    assert_eq!(constant.constant(), Some(&b"plain"[..]));
}
