//! Reports decisions to an operator who asked for them.

use aya_ebpf::programs::XdpContext;
use lb_common::forward::Decision;
use lb_common::trace::{self, Traced};

use crate::frame::Frame;
use crate::maps;
use crate::tables::Maps;

/// Reports a decision if anybody wants any: one test where nobody does.
#[inline(always)]
pub fn trace(context: &XdpContext, decision: Decision) {
    if maps::TRACE.get(0).is_some_and(|filter| filter.until != 0) {
        report(XdpContext::new(context.ctx), decision);
    }
}

/// Not inlined: it needs a stack frame of its own, and hardly ever runs.
#[inline(never)]
fn report(context: XdpContext, decision: Decision) {
    let Some(filter) = maps::TRACE.get(0) else { return };
    // Described in the ring buffer's memory, for the stack is short.
    let Some(mut entry) = maps::TRACES.reserve_untyped::<Traced>(0) else { return };
    let traced = entry.write(Traced::BLANK);
    if trace::describe(&mut Frame::new(&context), &Maps, &decision, filter, traced) {
        entry.submit(0);
    } else {
        entry.discard(0);
    }
}
