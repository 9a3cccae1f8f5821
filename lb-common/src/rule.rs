//! The program that a frontend's `tcp-request connection` rules are compiled to: tests and actions in one list, each of
//! which says where to go on. Jumps lead forwards only, so a program ends.

use crate::value::ServiceId;

/// What a step of a program does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Op {
    /// Ends: user space decides, and counts. Also what an unused place of the map holds.
    #[default]
    UserSpace = 0,
    /// Ends: the connection is welcome.
    Accept = 1,
    /// Ends: the client is told that it is not, with a reset.
    Reject = 2,
    /// Ends: the client hears nothing.
    SilentDrop = 3,
    /// Tests whether the client's address is in [`Rule::list`].
    Source = 4,
    /// Tests whether a column of the client's entry lies between [`Rule::low`] and [`Rule::high`].
    Value = 5,
    /// Counts the connection in the table of [`Rule::slot`], once it is decided; goes on with [`Rule::yes`].
    Track = 6,
}

/// A column of a table that the kernel knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Column {
    /// `conn_cnt`.
    #[default]
    Connections = 0,
    /// `conn_cur`.
    Open = 1,
    /// `conn_rate`.
    Rate = 2,
}

/// `Rule::slot` of a test of the client's entry that needs no tracking (`src_conn_rate` and its like).
pub const UNTRACKED: u8 = 3;
/// Counters that a connection may be tracked by: `track-sc0` to `track-sc2`.
pub const SLOTS: usize = 3;
/// Steps that are taken, at most: what bounds the verifier's work. A longer way ends in user space.
pub const MAX_STEPS: u32 = 64;

/// Value of `RULES`: a step of a program. A service names the place of its first one. Written by user space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct Rule {
    /// What it does.
    pub op: Op,
    /// Of `Track` and `Value`, which counter: 0 to 2, or [`UNTRACKED`].
    pub slot: u8,
    /// Of `Value`, what is compared.
    pub column: Column,
    /// Of `Track` and `Value`: 1 if the table takes IPv6 addresses.
    pub wide: u8,
    /// Of `Track` and `Value`: the table's number.
    pub table: u16,
    /// The place to go on if the test passes, counted from this one; not 0.
    pub yes: u16,
    /// The place to go on if it fails.
    pub no: u16,
    /// The line of the configuration that it comes from; 0 beyond what fits.
    pub line: u16,
    /// Of `Source`: the list's number.
    pub list: u32,
    /// Of `Track` and `Value`: what rates are counted over, in jiffies; 0: the table counts no rate.
    pub period: u32,
    /// Of `Value`: the least that passes.
    pub low: u32,
    /// Of `Value`: the most that passes.
    pub high: u32,
}

const _: () = assert!(size_of::<Rule>() == 28);

/// Value of `TRACKED`, by service: the tables of its counters, by which connections that close are uncounted again.
/// Written by user space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct Tracked {
    /// What rates are counted over, in jiffies; 0: the table counts no rate.
    pub periods: [u32; 4],
    /// The tables' numbers; 0: none. The last element is padding.
    pub tables: [u16; 4],
}

const _: () = assert!(size_of::<Tracked>() == 24);

/// The number of a table: part of the key of `RATES`. 0 is none.
pub type TableNumber = u16;
/// The number of a list of prefixes: part of the key of `SOURCES`.
pub type ListNumber = u32;

/// Data of the key of `SOURCES` and `SOURCES6`: behind the prefix's length, which includes the list's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct SourceKey<A> {
    /// The list.
    pub list: ListNumber,
    /// An address of it, or the beginning of a prefix.
    pub address: A,
}

/// Bits of [`SourceKey::list`], which count in a prefix's length.
pub const LIST_BITS: u32 = 32;

const _: () = assert!(size_of::<SourceKey<[u8; 4]>>() == 8);
const _: () = assert!(size_of::<SourceKey<[u8; 16]>>() == 20);

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// One of the operations that end.
    pub op: Op,
    /// The place of that step.
    pub rule: u32,
    /// Whose program it was.
    pub service: ServiceId,
}
