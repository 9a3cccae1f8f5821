//! Counters: every decision has a reason, and every reason is counted per service.

use crate::value::Direction;

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct Count {
    /// Frames.
    pub packets: u64,
    /// Their bytes, with the Ethernet header.
    pub bytes: u64,
}

impl Count {
    /// Adds one frame.
    #[inline(always)]
    pub fn add(&mut self, bytes: u32) {
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(bytes as u64);
    }

    /// The sum of two counts, as per-CPU counters need it.
    pub fn plus(self, other: Self) -> Self {
        Self {
            packets: self.packets.wrapping_add(other.packets),
            bytes: self.bytes.wrapping_add(other.bytes),
        }
    }
}

/// Declares [`Reason`] and [`ServiceCounters`] from one list, so that a reason's number is its counter's place.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $variant:ident $field:ident),+ $(,)?) => {
        /// Why a packet was treated as it was.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason { $($(#[doc = $doc])* $variant),+ }

        impl Reason {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name, as counters and messages print it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($field)),+ }
            }

            /// What becomes of a packet for this reason, and why, for people.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim() ),+ }
            }
        }

        /// Value of `COUNTERS`: one count for each [`Reason`], per service; service 0 counts what belongs to none.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[repr(C)]
        pub struct ServiceCounters { $($(#[doc = $doc])* pub $field: Count),+ }

        impl ServiceCounters {
            /// The count of a reason.
            pub const fn get(&self, reason: Reason) -> &Count {
                match reason { $(Reason::$variant => &self.$field),+ }
            }

            /// The count of a reason, to change it.
            pub const fn get_mut(&mut self, reason: Reason) -> &mut Count {
                match reason { $(Reason::$variant => &mut self.$field),+ }
            }
        }
    };
}

reasons! {
    /// Forwarded: a packet of an open flow, towards its server.
    ToServer to_server,
    /// Forwarded: a packet of an open flow, towards its client.
    ToClient to_client,
    /// Forwarded: it opened a flow.
    Opened opened,
    /// Forwarded: it opened a flow anew, because the former one of this tuple had closed or lost its server.
    Reopened reopened,
    /// Forwarded: an ICMP error about a packet of an open flow.
    IcmpError icmp_error,
    /// Passed: an ICMP error about a packet of no flow.
    Unrelated unrelated,
    /// Passed: shorter than its headers say.
    Truncated truncated,
    /// Passed: more than one VLAN tag.
    Tags tags,
    /// Passed: there is no room in front of the frame for the tag that it would leave with.
    NoRoom no_room,
    /// Passed: neither IPv4 nor IPv6.
    NotIp not_ip,
    /// Passed: IPv4 with options, or a header length that cannot be.
    IpOptions ip_options,
    /// Passed: a fragment.
    Fragment fragment,
    /// Passed: a transport protocol (or IPv6 extension header) that is not forwarded.
    Protocol protocol,
    /// Passed: its hop limit does not suffice for another hop.
    HopLimit hop_limit,
    /// Passed: it would open a flow, but is not addressed to a service.
    NoService no_service,
    /// Passed: it belongs to no flow and opens none.
    NoFlow no_flow,
    /// Passed: the service has no table, or an empty one.
    NoTable no_table,
    /// Passed: no server can take the flow: down, full, or its next hop not resolved.
    NoServer no_server,
    /// Passed: the service has as many flows as it may.
    ServiceFull service_full,
    /// Passed: too many of the service's flows are half open; the host answers with cookies.
    SynFlood syn_flood,
    /// Passed: every source port that was tried towards the server is taken.
    NoPort no_port,
    /// Passed: the flow table is full.
    TableFull table_full,
    /// Passed: the service's rules leave the connection to user space.
    UserSpace user_space,
    /// Answered with a reset: the service's rules reject the connection.
    Rejected rejected,
    /// Dropped: the service's rules drop the connection, or reject it while too many others are.
    Denied denied,
    /// Dropped or answered: a copy of a SYN that was turned away before.
    Repeated repeated,
    /// Dropped: another CPU was opening the same flow for a copy of this packet, which went on.
    Twin twin,
    /// Answered with an ICMP error, or dropped while too many are: wrapped for its server it would be longer than the
    /// way there takes.
    TooBig too_big,
}

const _: () = assert!(size_of::<ServiceCounters>() == Reason::ALL.len() * size_of::<Count>());

/// Value of `SERVER_COUNTERS`, per server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct ServerCounters {
    /// Frames towards the server.
    pub to_server: Count,
    /// Frames towards its clients.
    pub to_client: Count,
}

impl ServerCounters {
    /// The count of a direction, to change it.
    #[inline(always)]
    pub fn get_mut(&mut self, direction: Direction) -> &mut Count {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_s_number_is_its_counter_s_place() {
        let mut counters = ServiceCounters::default();
        let base = &raw const counters as usize;
        for (index, &reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason as usize, index);
            let place = &raw const *counters.get_mut(reason) as usize;
            assert_eq!(place - base, index * size_of::<Count>(), "{}", reason.name());
        }
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
    }
}
