//! Functions that the verifier checks on their own, whatever calls them: it knows nothing of what they are given, and of
//! what they return only that it is a number. What is inlined, or a function of the usual kind, it follows anew from each
//! place that calls it, with each combination of all that is known there.
//!
//! They are for what a packet does once, when it opens a connection.

use lb_common::address::{V4, V6};
use lb_common::{open, rules};

use crate::tables::Maps;

macro_rules! apart {
    ($address:ty, $judge:ident, $passes:ident, $count:ident, $select:ident) => {
        /// [`rules::judge`].
        #[inline(never)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $judge(first: u32) -> u32 {
            rules::judge::<$address, _>(&Maps, first)
        }

        /// [`rules::passes`].
        #[inline(never)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $passes(place: u32) -> u32 {
            rules::passes::<$address, _>(&Maps, place) as u32
        }

        /// [`open::select`].
        #[inline(never)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $select(service: u32, how: u32) -> u32 {
            open::select::<$address, _>(&Maps, service as u16, how)
        }

        /// [`rules::count`]. Returns 0: functions of this kind return a number.
        #[inline(never)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $count(service: u32, opened: u32) -> u32 {
            rules::count::<$address, _>(&Maps, service as u16, opened != 0);
            0
        }
    };
}

apart!(V4, judge4, passes4, count4, select4);
apart!(V6, judge6, passes6, count6, select6);
