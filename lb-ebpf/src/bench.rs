//! Entry points for measuring the decision under `BPF_PROG_TEST_RUN`, which repeats a program on one and the same buffer:
//! each run puts the packet back as it was, from another client, so that it belongs to another flow. What that alone costs
//! is measured by programs that do nothing else.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod programs {
    use aya_ebpf::bindings::xdp_action::{XDP_PASS, XDP_TX};
    use aya_ebpf::btf_maps::Array;
    use aya_ebpf::macros::{btf_map, xdp};
    use aya_ebpf::programs::XdpContext;
    use lb_common::bench::{FRAME_WORDS, Template};
    use lb_common::key::{FlowKey, TCP};
    use lb_common::packet::{Ipv4, Packet, Tcp};
    use lb_common::tables::FamilyTables;
    use lb_ebpf::frame::Frame;
    use lb_ebpf::tables::Maps;

    #[btf_map]
    static TEMPLATE: Array<Template, 1> = Array::new();

    /// Where the last four octets of the source address are, and the source port.
    const IPV4: (usize, usize) = (26, 34);
    const IPV6: (usize, usize) = (34, 54);

    /// Puts the packet back as it was, from the next client.
    #[inline(always)]
    fn restore(context: &XdpContext, (address, port): (usize, usize)) -> Option<()> {
        let template = TEMPLATE.get_ptr_mut(0)?;
        let (start, end) = (context.data(), context.data_end());
        if start + FRAME_WORDS * 8 > end {
            return None;
        }
        // SAFETY: the template's pointer comes from the map; the frame has been found to be long enough.
        unsafe {
            let mut word = 0;
            while word < FRAME_WORDS {
                ((start + word * 8) as *mut u64).write_unaligned((*template).frame[word]);
                word += 1;
            }
            let client = (*template).next_client();
            ((start + address) as *mut u32).write_unaligned(((client >> 14) as u32).to_be());
            ((start + port) as *mut u16).write_unaligned((client as u16 & 0x3fff | 0x4000).to_be());
        }
        Some(())
    }

    #[xdp]
    fn bench_empty(_context: XdpContext) -> u32 {
        XDP_PASS
    }

    #[xdp]
    fn bench_restore4(context: XdpContext) -> u32 {
        restore(&context, IPV4);
        XDP_PASS
    }

    #[xdp]
    fn bench_restore6(context: XdpContext) -> u32 {
        restore(&context, IPV6);
        XDP_PASS
    }

    /// Looks the packet's flow up and does no more: what of the decision's cost is the table's.
    #[xdp]
    fn bench_lookup4(context: XdpContext) -> u32 {
        restore(&context, IPV4);
        let mut frame = Frame::new(&context);
        let Some(ip) = frame.header::<Ipv4>(14) else { return XDP_PASS };
        let (src, dst) = (ip.src, ip.dst);
        let Some(tcp) = frame.header::<Tcp>(34) else { return XDP_PASS };
        let (src_port, dst_port) = (tcp.src.get(), tcp.dst.get());
        let key = FlowKey::new((src, src_port), (dst, dst_port), TCP);
        match Maps.flow(&key) {
            Some(_) => XDP_TX,
            None => XDP_PASS,
        }
    }

    #[xdp]
    fn bench_decide4(context: XdpContext) -> u32 {
        restore(&context, IPV4);
        lb_ebpf::forward(&context)
    }

    #[xdp]
    fn bench_decide6(context: XdpContext) -> u32 {
        restore(&context, IPV6);
        lb_ebpf::forward(&context)
    }
}

#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("This is for the kernel: cargo xtask build-ebpf");
}
