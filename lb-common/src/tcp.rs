//! The state of a forwarded TCP connection, as far as forwarding needs it: when an entry may be expired, and when a SYN
//! opens anew.

use crate::value::Direction;

/// TCP header flags.
pub mod flag {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Opens a connection.
    pub const SYN: u8 = 0x02;
    /// Aborts it.
    pub const RST: u8 = 0x04;
    /// The acknowledgement number is valid.
    pub const ACK: u8 = 0x10;
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum TcpState {
    /// The client's SYN went to the server.
    #[default]
    Opening = 0,
    /// The server answered it.
    Answered = 1,
    /// The client acknowledged the answer.
    Open = 2,
    /// The client has said that it is done sending.
    ClientDone = 3,
    /// The server has.
    ServerDone = 4,
    /// Both have, or one of them reset the connection.
    Closed = 5,
}

impl TcpState {
    /// Whether the client has not shown yet that it hears the server.
    #[inline(always)]
    pub fn is_half_open(self) -> bool {
        self as u8 <= Self::Answered as u8
    }

    /// Whether a packet with these flags can change the state: what the packet path asks first, for most cannot.
    #[inline(always)]
    pub fn may_change(self, flags: u8) -> bool {
        flags & (flag::SYN | flag::FIN | flag::RST) != 0 || self as u8 == Self::Answered as u8
    }

    /// The state after a packet of this direction with these flags.
    #[inline(always)]
    pub fn after(self, direction: Direction, flags: u8) -> Self {
        if flags & flag::RST != 0 {
            return Self::Closed;
        }
        match direction {
            Direction::ToServer => self.after_client(flags),
            Direction::ToClient => self.after_server(flags),
        }
    }

    /// The state after a packet of the client's where nothing is seen of the server's: what the client acknowledges, the
    /// server has sent.
    #[inline(always)]
    pub fn after_client_alone(self, flags: u8) -> Self {
        if flags & flag::RST != 0 {
            return Self::Closed;
        }
        match self {
            Self::Closed => self,
            _ if flags & flag::FIN != 0 => Self::ClientDone,
            Self::Opening if flags & (flag::SYN | flag::ACK) == flag::ACK => Self::Open,
            state => state,
        }
    }

    /// The state of a UDP flow after a packet of this direction: open once the server has answered.
    #[inline(always)]
    pub fn after_datagram(self, direction: Direction) -> Self {
        match (self, direction) {
            (Self::Opening, Direction::ToClient) => Self::Open,
            (state, _) => state,
        }
    }

    #[inline(always)]
    fn after_client(self, flags: u8) -> Self {
        let done = flags & flag::FIN != 0;
        match self {
            Self::Answered | Self::Open if done => Self::ClientDone,
            Self::Answered if flags & (flag::SYN | flag::ACK) == flag::ACK => Self::Open,
            Self::ServerDone if done => Self::Closed,
            state => state,
        }
    }

    #[inline(always)]
    fn after_server(self, flags: u8) -> Self {
        let done = flags & flag::FIN != 0;
        match self {
            Self::Opening if flags & (flag::SYN | flag::ACK) == flag::SYN | flag::ACK => Self::Answered,
            Self::Answered | Self::Open if done => Self::ServerDone,
            Self::ClientDone if done => Self::Closed,
            state => state,
        }
    }
}

/// Whether a segment with these flags asks for a new connection, and nothing else.
#[inline(always)]
pub fn opens(flags: u8) -> bool {
    flags & (flag::SYN | flag::ACK | flag::RST | flag::FIN) == flag::SYN
}

#[cfg(test)]
mod tests {
    use super::flag::*;
    use super::*;
    use Direction::*;

    fn walk(packets: &[(Direction, u8)]) -> TcpState {
        packets.iter().fold(TcpState::Opening, |state, &(direction, flags)| {
            let after = state.after(direction, flags);
            assert!(state == after || state.may_change(flags), "{state:?} {flags:#x}");
            after
        })
    }

    #[test]
    fn a_connection_opens_and_closes() {
        let opened = [(ToClient, SYN | ACK), (ToServer, ACK)];
        assert_eq!(walk(&opened), TcpState::Open);
        assert_eq!(walk(&[opened[0]]), TcpState::Answered);
        let client_first =
            [opened[0], opened[1], (ToServer, FIN | ACK), (ToClient, ACK), (ToClient, FIN | ACK)];
        assert_eq!(walk(&client_first[..3]), TcpState::ClientDone);
        assert_eq!(walk(&client_first), TcpState::Closed);
        let server_first = [opened[0], opened[1], (ToClient, FIN | ACK), (ToServer, FIN | ACK)];
        assert_eq!(walk(&server_first[..3]), TcpState::ServerDone);
        assert_eq!(walk(&server_first), TcpState::Closed);
    }

    #[test]
    fn a_reset_closes_from_any_state() {
        for before in [&[][..], &[(ToClient, SYN | ACK)], &[(ToClient, SYN | ACK), (ToServer, ACK)]] {
            for direction in [ToServer, ToClient] {
                let mut packets = std::vec::Vec::from(before);
                packets.push((direction, RST));
                assert_eq!(walk(&packets), TcpState::Closed);
            }
        }
    }

    #[test]
    fn an_unanswered_connection_is_not_opened_by_its_client_alone() {
        assert_eq!(walk(&[(ToServer, SYN), (ToServer, ACK), (ToServer, FIN | ACK)]), TcpState::Opening);
    }

    #[test]
    fn a_connection_is_followed_by_its_client_s_packets_alone() {
        let walk = |flags: &[u8]| flags.iter().fold(TcpState::Opening, |s, &f| s.after_client_alone(f));
        assert_eq!(walk(&[SYN]), TcpState::Opening);
        assert_eq!(walk(&[SYN, ACK]), TcpState::Open);
        assert_eq!(walk(&[SYN, ACK, SYN]), TcpState::Open);
        assert_eq!(walk(&[SYN, ACK, FIN | ACK, ACK]), TcpState::ClientDone);
        assert_eq!(walk(&[SYN, FIN | ACK]), TcpState::ClientDone);
        assert_eq!(walk(&[SYN, ACK, RST, ACK]), TcpState::Closed);
    }

    #[test]
    fn a_datagram_flow_is_open_once_it_is_answered() {
        assert_eq!(TcpState::Opening.after_datagram(ToServer), TcpState::Opening);
        assert_eq!(TcpState::Opening.after_datagram(ToClient), TcpState::Open);
        assert_eq!(TcpState::Open.after_datagram(ToServer), TcpState::Open);
    }

    #[test]
    fn only_a_bare_syn_opens() {
        assert!(opens(SYN) && opens(SYN | 0xc0));
        assert!(!opens(SYN | ACK) && !opens(SYN | RST) && !opens(SYN | FIN) && !opens(ACK) && !opens(0));
    }
}
