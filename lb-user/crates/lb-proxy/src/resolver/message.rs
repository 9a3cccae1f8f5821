//! Questions to name servers, and their answers.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There is no such name.
    Nx,
    /// The name server refuses to answer.
    Refused,
    /// No answer came.
    Timeout,
    /// The answer has no address of the family that was asked for.
    Empty,
    /// The answer is of no use.
    Other,
}

/// What a message of a name server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// The addresses of the name, not none.
    Addresses(Vec<IpAddr>),
    /// It has none.
    Failed(Failure),
    /// The answer was too long.
    Truncated,
    /// It answers no question of ours.
    Foreign,
}

/// A question for the IPv4 or the IPv6 addresses of a name. None: the name is none.
pub(super) fn question(id: u16, name: &str, v4: bool, payload: u16) -> Option<Vec<u8>> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, if v4 { RecordType::A } else { RecordType::AAAA }));
    let mut edns = Edns::new();
    edns.set_max_payload(payload);
    message.set_edns(edns);
    message.to_vec().ok()
}

/// What the answer to the question of this number says.
pub(super) fn reply(bytes: &[u8], id: u16) -> Reply {
    let Ok(message) = Message::from_vec(bytes) else { return Reply::Failed(Failure::Other) };
    if message.metadata.id != id || message.metadata.message_type != MessageType::Response {
        return Reply::Foreign;
    }
    if message.metadata.truncation {
        return Reply::Truncated;
    }
    match message.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => return Reply::Failed(Failure::Nx),
        ResponseCode::Refused => return Reply::Failed(Failure::Refused),
        _ => return Reply::Failed(Failure::Other),
    }
    // Aliases stand between the name and its addresses.
    let address = |data: &RData| match data {
        RData::A(ip) => Some(IpAddr::V4(ip.0)),
        RData::AAAA(ip) => Some(IpAddr::V6(ip.0)),
        _ => None,
    };
    let addresses: Vec<IpAddr> = message.answers.iter().filter_map(|record| address(&record.data)).collect();
    if addresses.is_empty() { Reply::Failed(Failure::Empty) } else { Reply::Addresses(addresses) }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::A;

    use super::*;

    fn answer(id: u16, code: ResponseCode, records: Vec<Record>) -> Vec<u8> {
        let mut message = Message::new(id, MessageType::Response, OpCode::Query);
        message.metadata.response_code = code;
        message.answers = records;
        message.to_vec().unwrap()
    }

    #[test]
    fn questions_and_answers_are_messages_of_the_dns() {
        let asked = Message::from_vec(&question(7, "app.example", true, 1400).unwrap()).unwrap();
        assert_eq!(asked.metadata.id, 7);
        assert_eq!(asked.queries[0].query_type(), RecordType::A);
        assert_eq!(asked.edns.unwrap().max_payload(), 1400);
        assert_eq!(question(7, "a..b", true, 512), None);

        let record =
            Record::from_rdata(Name::from_ascii("app.example.").unwrap(), 5, RData::A(A::new(10, 0, 0, 1)));
        let found = answer(7, ResponseCode::NoError, vec![record]);
        assert_eq!(reply(&found, 7), Reply::Addresses(vec!["10.0.0.1".parse().unwrap()]));
        assert_eq!(reply(&found, 8), Reply::Foreign);
        assert_eq!(reply(b"nonsense", 7), Reply::Failed(Failure::Other));
        assert_eq!(reply(&answer(7, ResponseCode::NoError, vec![]), 7), Reply::Failed(Failure::Empty));
        assert_eq!(reply(&answer(7, ResponseCode::NXDomain, vec![]), 7), Reply::Failed(Failure::Nx));
        assert_eq!(reply(&answer(7, ResponseCode::Refused, vec![]), 7), Reply::Failed(Failure::Refused));
    }
}
