//! What checks send and expect.

use std::net::IpAddr;
use std::sync::Arc;

use lb_expr::LogFormat;

use super::Action;

/// What a check sends and expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckSpec {
    /// The protocol.
    pub protocol: CheckProtocol,
    /// `option log-health-checks`: results are logged, also those that change nothing.
    pub log: bool,
}

/// The protocol of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CheckProtocol {
    /// A connection that opens is a success.
    #[default]
    Tcp,
    /// `option httpchk`: a request whose answer is as expected.
    Http(HttpCheck),
    /// `option tcp-check` with rules: they are followed in their order.
    Script(Vec<CheckRule>),
    /// A service's own protocol, spoken far enough to know that it is that service.
    Service(ServiceCheck),
}

/// Which service a check speaks to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceCheck {
    /// `option ldap-check`: an anonymous bind of LDAPv3.
    Ldap,
    /// `option mysql-check`: the server's greeting, and with a user its login, which has no password.
    Mysql(Option<MysqlUser>),
    /// `option pgsql-check user`: whether the server asks this user for a password, or for none.
    Pgsql {
        /// The user.
        user: String,
    },
    /// `option redis-check`: PING.
    Redis,
    /// `option smtpchk`: greeting, hello and good-bye.
    Smtp {
        /// The command with its argument, such as `HELO localhost`.
        hello: String,
    },
    /// `option ssl-hello-chk`: any answer of TLS to a greeting of SSLv3.
    SslHello,
}

/// `option mysql-check user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MysqlUser {
    /// The name.
    pub name: String,
    /// `pre-41`: the login of servers before 4.1.
    pub pre_41: bool,
}

/// `option httpchk`, `http-check send` and `http-check expect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// The method; OPTIONS by default.
    pub method: String,
    /// The request target; `/` by default.
    pub uri: String,
    /// The version; HTTP/1.0 by default.
    pub version: String,
    /// Header fields in their order.
    pub headers: Vec<(String, String)>,
    /// The body, which may be empty.
    pub body: Vec<u8>,
    /// `http-check expect`: all of them must hold. Empty: a status of 2xx or 3xx.
    pub expect: Vec<HttpExpect>,
    /// `http-check disable-on-404`: a 404 takes the server out of the selection without marking it down.
    pub disable_on_404: bool,
    /// `http-check send-state`: a header tells the server its state.
    pub send_state: bool,
}

impl Default for HttpCheck {
    fn default() -> Self {
        Self {
            method: "OPTIONS".into(),
            uri: "/".into(),
            version: "HTTP/1.0".into(),
            headers: Vec::new(),
            body: Vec::new(),
            expect: Vec::new(),
            disable_on_404: false,
            send_state: false,
        }
    }
}

/// What an expectation's outcome is called, where that is said: `ok-status`, `error-status` and `tout-status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpectStatuses {
    /// Where it holds.
    pub ok: Option<ExpectStatus>,
    /// Where it does not.
    pub error: Option<ExpectStatus>,
    /// Where nothing comes in time.
    pub timeout: Option<ExpectStatus>,
}

/// An outcome of a check that can be given another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectStatus {
    /// `L7OK`
    L7Ok,
    /// `L7OKC`
    L7OkConditional,
    /// `L6OK`
    L6Ok,
    /// `L4OK`
    L4Ok,
    /// `L7RSP`
    L7Response,
    /// `L7STS`
    L7Status,
    /// `L6RSP`
    L6Response,
    /// `L4CON`
    L4Connect,
    /// `L7TOUT`
    L7Timeout,
    /// `L6TOUT`
    L6Timeout,
    /// `L4TOUT`
    L4Timeout,
}

impl ExpectStatus {
    /// Words of `ok-status`.
    pub const OK: &[(&str, Self)] =
        &[("L7OK", Self::L7Ok), ("L7OKC", Self::L7OkConditional), ("L6OK", Self::L6Ok), ("L4OK", Self::L4Ok)];
    /// Words of `error-status`.
    pub const ERROR: &[(&str, Self)] = &[
        ("L7OKC", Self::L7OkConditional),
        ("L7RSP", Self::L7Response),
        ("L7STS", Self::L7Status),
        ("L6RSP", Self::L6Response),
        ("L4CON", Self::L4Connect),
    ];
    /// Words of `tout-status`.
    pub const TIMEOUT: &[(&str, Self)] =
        &[("L7TOUT", Self::L7Timeout), ("L6TOUT", Self::L6Timeout), ("L4TOUT", Self::L4Timeout)];

    /// Its word.
    pub fn word(self) -> &'static str {
        let all = [Self::OK, Self::ERROR, Self::TIMEOUT];
        all.into_iter().flatten().find(|(_, status)| *status == self).map_or("", |(word, _)| word)
    }
}

impl ExpectStatuses {
    /// The words of a rule and what they say.
    pub fn words(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let pairs = [("ok-status", self.ok), ("error-status", self.error), ("tout-status", self.timeout)];
        pairs.into_iter().filter_map(|(word, status)| Some((word, status?.word())))
    }
}

/// `http-check expect [!] …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpExpect {
    /// `!`: the opposite is expected.
    pub negated: bool,
    /// What.
    pub what: HttpMatch,
    /// `comment`, or the `http-check comment` before it: what is told if it does not hold.
    pub comment: Option<String>,
    /// What its outcome is called.
    pub statuses: ExpectStatuses,
}

/// What an answer to a check must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpMatch {
    /// `status`: one in these ranges, ends included.
    Status(Vec<(u16, u16)>),
    /// `rstatus`: one whose digits match the regular expression.
    StatusRegex(String),
    /// `string`: a body that holds it.
    Body(String),
    /// `rstring`: a body that matches the regular expression.
    BodyRegex(String),
    /// `hdr`, `fhdr`: a header field.
    Header {
        /// How the name is compared.
        name: TextMatch,
        /// How the value is compared. None: any value will do.
        value: Option<TextMatch>,
        /// `fhdr`: the whole field rather than each of its comma-separated values.
        whole: bool,
    },
}

/// `[-m METHOD] TEXT` of `http-check expect hdr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// `str`
    Exact(String),
    /// `beg`
    Begins(String),
    /// `end`
    Ends(String),
    /// `sub`
    Holds(String),
    /// `reg`
    Regex(String),
}

/// A `tcp-check` rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRule {
    /// What it does.
    pub step: CheckStep,
    /// `comment`, or the `tcp-check comment` before it: what is told if it fails.
    pub comment: Option<String>,
}

impl From<CheckStep> for CheckRule {
    fn from(step: CheckStep) -> Self {
        Self { step, comment: None }
    }
}

/// What a `tcp-check` rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckStep {
    /// `connect`: opens a connection and closes the one before.
    Connect(CheckConnect),
    /// `send`, `send-binary`.
    Send(Vec<u8>),
    /// `send-lf`.
    SendText(Written<LogFormat>),
    /// `send-binary-lf`: hexadecimal digits.
    SendHex(Written<LogFormat>),
    /// `expect`.
    Expect(TcpExpect),
    /// `set-var`, `set-var-fmt` and `unset-var`.
    Var(Written<Action>),
    /// `comment`: it only counts as a step.
    Comment(String),
}

/// `tcp-check connect`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckConnect {
    /// `port`. None: the check's.
    pub port: Option<u16>,
    /// `addr`. None: the check's.
    pub address: Option<IpAddr>,
    /// `linger`: the connection is closed in the ordinary way rather than reset.
    pub linger: bool,
}

/// Something compiled, which is the same as another one if it is written in the same way.
#[derive(Debug)]
pub struct Written<T> {
    /// As it stands in the configuration.
    pub text: String,
    /// What it comes to.
    pub value: Arc<T>,
}

impl<T> Clone for Written<T> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), value: Arc::clone(&self.value) }
    }
}

impl<T> PartialEq for Written<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> Eq for Written<T> {}

/// `tcp-check expect [!] …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpExpect {
    /// `!`: the opposite is expected.
    pub negated: bool,
    /// What.
    pub what: TcpMatch,
    /// `min-recv`: bytes to wait for before looking. None: as many as there are.
    pub min_recv: Option<u32>,
    /// What its outcome is called.
    pub statuses: ExpectStatuses,
}

/// What a server must send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TcpMatch {
    /// `string`, `binary`: these bytes somewhere.
    Bytes(Vec<u8>),
    /// `rstring`: text that matches the regular expression.
    Regex(String),
    /// `rbinary`: bytes whose hexadecimal digits match the regular expression.
    HexRegex(String),
}
