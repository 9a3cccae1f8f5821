//! The XDP program.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod programs {
    use aya_ebpf::bindings::xdp_action::XDP_PASS;
    use aya_ebpf::helpers::bpf_jiffies64;
    use aya_ebpf::macros::xdp;
    use aya_ebpf::programs::XdpContext;
    use lb_ebpf::maps::CLOCK;

    /// Forwards packets of flows, and packets that open one.
    #[xdp]
    fn lbx(context: XdpContext) -> u32 {
        lb_ebpf::forward(&context)
    }

    /// What the first one goes on with for packets of direct return: its stack has no room for them.
    #[xdp]
    fn lbx_direct(context: XdpContext) -> u32 {
        lb_ebpf::direct(&context)
    }

    /// For servers: packets for their services come out of tunnels.
    #[xdp]
    fn lbx_decap(context: XdpContext) -> u32 {
        lb_ebpf::decap(&context)
    }

    /// Never attached: run once under `BPF_PROG_TEST_RUN`, it tells user space the packet path's clock.
    #[xdp]
    fn lbx_clock(_context: XdpContext) -> u32 {
        if let Some(clock) = CLOCK.get_ptr_mut(0) {
            // SAFETY: the pointer comes from the map; the helper reads a counter.
            unsafe { *clock = bpf_jiffies64() };
        }
        XDP_PASS
    }
}

#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("This is for the kernel: cargo xtask build-ebpf");
}
