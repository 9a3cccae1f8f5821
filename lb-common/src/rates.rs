//! What is counted of a source address, in two parts: what the kernel decided about, and what reached user space. Each part
//! has one writer; rules look at both together.

use crate::rate::Window;
use crate::rule::Column;
use crate::value::Jiffies;

/// Value of `RATES` and `RATES6`: what a source address did that the kernel decided about, in one table. Written by the
/// kernel; user space removes what has expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct Rates {
    /// Connections since the entry was made, denied ones too.
    pub connections: u64,
    /// Connections in the current and the last window, in jiffies.
    pub connection_rate: Window,
    /// Connections that became flows; wraps.
    pub opened: u32,
    /// Flows of these that the kernel saw closing; wraps.
    pub closed: u32,
    /// When the entry was last used.
    pub last: Jiffies,
}

const _: () = assert!(size_of::<Rates>() == 32);

/// Value of `HOST_RATES` and `HOST_RATES6`: what user space counted of the same key. Written by user space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct HostRates {
    /// Connections; wraps, so that an operator can set the sum to less than what the kernel counted.
    pub connections: u64,
    /// Connections in the current and the last window, in jiffies.
    pub connection_rate: Window,
    /// What the kernel's window had counted when an operator set the rate.
    pub ignored: Window,
    /// Connections that are open, less flows that user space expired; wraps.
    pub open: u32,
    /// Padding, zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<HostRates>() == 40);

impl Rates {
    /// Counts a connection at `now`; without a window if `period` is 0.
    #[inline(always)]
    pub fn count(&mut self, now: Jiffies, period: u32, opened: bool) {
        self.connections = self.connections.wrapping_add(1);
        self.opened = self.opened.wrapping_add(opened as u32);
        self.window(now, period);
    }

    /// Counts a connection in the window alone.
    #[inline(always)]
    pub fn window(&mut self, now: Jiffies, period: u32) {
        self.last = now;
        if period != 0 {
            self.connection_rate.add(now, period, 1);
        }
    }

    /// Flows that are open and that nobody has taken back.
    #[inline(always)]
    pub fn open(&self) -> u32 {
        self.opened.wrapping_sub(self.closed)
    }
}

/// A column of both parts together, with `more` connections that are not counted yet.
#[inline(always)]
pub fn value(rates: &Rates, host: &HostRates, column: Column, now: Jiffies, period: u32, more: u32) -> u32 {
    match column {
        Column::Connections => {
            let sum = rates.connections.wrapping_add(host.connections).wrapping_add(more as u64);
            if sum > u32::MAX as u64 { u32::MAX } else { sum as u32 }
        }
        Column::Open => {
            let open = rates.open().wrapping_add(host.open);
            // Less than none is none: something was taken back that never was counted.
            if open > i32::MAX as u32 { more } else { open + more }
        }
        Column::Rate => {
            let mut own = rates.connection_rate;
            if more != 0 {
                own.add(now, period, more);
            }
            let own = own.without(&host.ignored, period).rate(now, period);
            own.saturating_add(host.connection_rate.rate(now, period))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_count() {
        let mut rates = Rates::default();
        (0..3).for_each(|n| rates.count(5_000 + n, 1000, n == 0));
        let window = Window { start: 4_800, current: 4, previous: 0 };
        let host = HostRates { connections: 4, connection_rate: window, open: 2, ..HostRates::default() };
        let all = |column, more| value(&rates, &host, column, 5_100, 1000, more);
        assert_eq!(all(Column::Connections, 0), 7);
        assert_eq!(all(Column::Connections, 1), 8);
        assert_eq!((all(Column::Open, 0), all(Column::Open, 1)), (3, 4));
        assert_eq!((all(Column::Rate, 0), all(Column::Rate, 1)), (7, 8));
    }

    #[test]
    fn an_operator_sets_less_than_was_counted() {
        let mut rates = Rates::default();
        (0..9).for_each(|_| rates.count(5_000, 1000, true));
        let host = HostRates {
            connections: 0_u64.wrapping_sub(9),
            ignored: rates.connection_rate,
            open: 0_u32.wrapping_sub(20),
            ..HostRates::default()
        };
        for column in [Column::Connections, Column::Open, Column::Rate] {
            assert_eq!(value(&rates, &host, column, 5_200, 1000, 0), 0);
            assert_eq!(value(&rates, &host, column, 5_200, 1000, 1), 1);
        }
        assert_eq!(value(&rates, &HostRates::default(), Column::Connections, 0, 0, u32::MAX), u32::MAX);
    }
}
