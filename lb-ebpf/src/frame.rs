//! Frames behind the packet pointers of an XDP program.

use aya_ebpf::bindings::xdp_md;
use aya_ebpf::helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len};
use aya_ebpf::programs::XdpContext;
use lb_common::packet::{Header, Packet};

/// A frame that an XDP program was called for.
pub struct Frame {
    context: *mut xdp_md,
    start: usize,
    end: usize,
    ingress: u32,
}

impl Frame {
    /// The frame of a context. Its bounds are read once, and again when they are moved.
    #[inline(always)]
    pub fn new(context: &XdpContext) -> Self {
        Self {
            context: context.ctx,
            start: context.data(),
            end: context.data_end(),
            ingress: context.ingress_ifindex() as u32,
        }
    }
}

impl Packet for Frame {
    #[inline(always)]
    fn length(&self) -> u32 {
        (self.end - self.start) as u32
    }

    #[inline(always)]
    fn ingress(&self) -> u32 {
        self.ingress
    }

    #[inline(always)]
    fn context(&self) -> *mut core::ffi::c_void {
        self.context.cast()
    }

    #[inline(always)]
    fn header<H: Header>(&mut self, offset: usize) -> Option<&mut H> {
        let header = self.start + offset;
        if header + size_of::<H>() > self.end {
            return None;
        }
        // SAFETY: the header lies within the frame, has alignment 1 and is valid for any bits.
        Some(unsafe { &mut *(header as *mut H) })
    }

    #[inline(always)]
    fn shift(&mut self, bytes: i32) -> bool {
        // SAFETY: the context is the program's own.
        let moved = unsafe { bpf_xdp_adjust_head(self.context, bytes) } == 0;
        // The verifier forgets all packet pointers at that call, whatever came of it.
        let context = XdpContext::new(self.context);
        (self.start, self.end) = (context.data(), context.data_end());
        moved
    }

    #[inline(always)]
    fn truncate(&mut self, length: u32) -> bool {
        // The kernel is asked for the length: the difference of the pointers the compiler would put together with the
        // one below, to arithmetic that the verifier refuses of pointers.
        // SAFETY: the context is the program's own.
        let now = unsafe { bpf_xdp_get_buff_len(self.context) };
        // SAFETY: as above.
        let cut = unsafe { bpf_xdp_adjust_tail(self.context, length as i32 - now as i32) } == 0;
        // As with the other end.
        let context = XdpContext::new(self.context);
        (self.start, self.end) = (context.data(), context.data_end());
        cut
    }

    #[inline(always)]
    fn aside<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        // From the context, so that the verifier need not follow what it knows of this frame's bounds.
        work(&mut Self::new(&XdpContext::new(self.context)))
    }
}
