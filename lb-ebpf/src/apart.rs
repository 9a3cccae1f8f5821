//! Functions that the verifier checks on their own, whatever calls them: it knows nothing of what they are given, and of
//! what they return only that it is a number. What is inlined, or a function of the usual kind, it follows anew from each
//! place that calls it, with each combination of all that is known there.
//!
//! They are for what a packet does once, when it opens a connection, and for what not every service does.

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::programs::XdpContext;
use lb_common::address::{V4, V6};
use lb_common::{direct, open, rules};

use crate::frame::Frame;
use crate::tables::Maps;

macro_rules! apart {
    ($address:ty, $judge:ident, $passes:ident, $count:ident, $select:ident, $pass_on:ident, $complain:ident) => {
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

        /// [`direct::pass_on`].
        #[inline(never)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $pass_on(context: *mut xdp_md, tagged: u32) -> u32 {
            let mut frame = Frame::new(&XdpContext::new(context));
            direct::pass_on::<$address, _, _>(&mut frame, &Maps, tagged != 0)
        }

        /// [`direct::complain`].
        #[inline(never)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $complain(context: *mut xdp_md, tagged: u32) -> u32 {
            let mut frame = Frame::new(&XdpContext::new(context));
            direct::complain::<$address, _, _>(&mut frame, &Maps, tagged != 0) as u32
        }
    };
}

apart!(V4, judge4, passes4, count4, select4, pass_on4, complain4);
apart!(V6, judge6, passes6, count6, select6, pass_on6, complain6);
