//! What the BPF objects share: the frame behind a packet pointer, the maps, and the tables over them.
#![no_std]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

pub mod apart;
pub mod atomic;
pub mod frame;
pub mod maps;
pub mod tables;
pub mod trace;
pub mod verifier;

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_TX};
use aya_ebpf::helpers::bpf_redirect;
use aya_ebpf::programs::XdpContext;
use lb_common::forward::{self, Decision, Verdict};
use lb_common::{decap, direct};

/// Decides about a packet and carries the verdict out.
#[inline(always)]
pub fn forward(context: &XdpContext) -> u32 {
    let mut frame = frame::Frame::new(context);
    let decision = forward::decide(&mut frame, &tables::Maps);
    carry_out(context, decision)
}

/// The same for packets of direct return.
#[inline(always)]
pub fn direct(context: &XdpContext) -> u32 {
    let mut frame = frame::Frame::new(context);
    let decision = direct::decide(&mut frame, &tables::Maps);
    carry_out(context, decision)
}

/// Takes a packet for a service of this host out of what it came in.
#[inline(always)]
pub fn decap(context: &XdpContext) -> u32 {
    if decap::unwrap(&mut frame::Frame::new(context), &tables::Maps) { XDP_PASS } else { XDP_DROP }
}

#[inline(always)]
fn carry_out(context: &XdpContext, decision: Decision) -> u32 {
    trace::trace(context, decision);
    match decision.verdict {
        Verdict::Pass => XDP_PASS,
        Verdict::Transmit => XDP_TX,
        Verdict::Drop => XDP_DROP,
        // SAFETY: any index will do; one that is gone drops the packet.
        Verdict::Redirect => unsafe { bpf_redirect(decision.egress, 0) as u32 },
    }
}

/// The verifier proves that no panic is reached, so this is never called; the language wants it.
#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The licence as the kernel wants it named, for helpers that are for GPL-compatible programs.
#[cfg(target_arch = "bpf")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
