//! The outcomes of checks, by the names that HAProxy gives them.

use lb_conf::model::ExpectStatus;

/// An outcome of a check (management.txt, `show stat`, column `check_status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStatus {
    /// None yet.
    Unknown,
    /// The first check has not ended.
    Initializing,
    /// An answer that says nothing about health.
    Checked,
    /// The socket could not be made, or broke.
    SocketError,
    /// A connection opened, and nothing more was asked for.
    L4Ok,
    /// No connection in time.
    L4Timeout,
    /// The connection was refused or unreachable.
    L4Connect,
    /// TLS is established.
    L6Ok,
    /// No TLS in time.
    L6Timeout,
    /// TLS failed.
    L6Response,
    /// The protocol's answer is as wanted.
    L7Ok,
    /// The answer says: nothing new, please (404 with `http-check disable-on-404`).
    L7OkConditional,
    /// No answer in time.
    L7Timeout,
    /// An answer that is none.
    L7Response,
    /// An answer with the wrong status.
    L7Status,
}

impl CheckStatus {
    /// Whether the code of an answer is told with it.
    pub(super) fn has_code(self) -> bool {
        matches!(self, Self::L7Ok | Self::L7OkConditional | Self::L7Status)
    }
}

impl From<ExpectStatus> for CheckStatus {
    fn from(status: ExpectStatus) -> Self {
        match status {
            ExpectStatus::L7Ok => Self::L7Ok,
            ExpectStatus::L7OkConditional => Self::L7OkConditional,
            ExpectStatus::L6Ok => Self::L6Ok,
            ExpectStatus::L4Ok => Self::L4Ok,
            ExpectStatus::L7Response => Self::L7Response,
            ExpectStatus::L7Status => Self::L7Status,
            ExpectStatus::L6Response => Self::L6Response,
            ExpectStatus::L4Connect => Self::L4Connect,
            ExpectStatus::L7Timeout => Self::L7Timeout,
            ExpectStatus::L6Timeout => Self::L6Timeout,
            ExpectStatus::L4Timeout => Self::L4Timeout,
        }
    }
}

/// What an outcome says about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Neutral,
    /// It works.
    Passed,
    /// It works and wants no new sessions.
    Conditional,
    /// It does not work.
    Failed,
}

macro_rules! rows {
    ($($status:ident $name:literal $description:literal $verdict:ident $number:literal;)*) => {
        fn row(status: CheckStatus) -> Row {
            match status {
                $(CheckStatus::$status => Row {
                    name: $name, description: $description, verdict: Verdict::$verdict, number: $number,
                },)*
            }
        }
    };
}

struct Row {
    name: &'static str,
    description: &'static str,
    verdict: Verdict,
    number: u8,
}

rows! {
    Unknown         "UNK"    "Unknown"                           Neutral 0;
    Initializing    "INI"    "Initializing"                      Neutral 1;
    Checked         "CHECKED" "No status change"                 Neutral 3;
    SocketError     "SOCKERR" "Socket error"                     Failed 5;
    L4Ok            "L4OK"   "Layer4 check passed"               Passed 6;
    L4Timeout       "L4TOUT" "Layer4 timeout"                    Failed 7;
    L4Connect       "L4CON"  "Layer4 connection problem"         Failed 8;
    L6Ok            "L6OK"   "Layer6 check passed"               Passed 9;
    L6Timeout       "L6TOUT" "Layer6 timeout"                    Failed 10;
    L6Response      "L6RSP"  "Layer6 invalid response"           Failed 11;
    L7Ok            "L7OK"   "Layer7 check passed"               Passed 15;
    L7OkConditional "L7OKC"  "Layer7 check conditionally passed" Conditional 16;
    L7Timeout       "L7TOUT" "Layer7 timeout"                    Failed 12;
    L7Response      "L7RSP"  "Layer7 invalid response"           Failed 13;
    L7Status        "L7STS"  "Layer7 wrong status"               Failed 17;
}

impl CheckStatus {
    /// As in the column `check_status`.
    pub fn name(self) -> &'static str {
        row(self).name
    }

    /// As in the column `check_desc`.
    pub fn description(self) -> &'static str {
        row(self).description
    }

    /// What it says about the server.
    pub fn verdict(self) -> Verdict {
        row(self).verdict
    }

    /// As in the column `srv_check_status` of `show servers state`.
    pub fn number(self) -> u8 {
        row(self).number
    }
}
