//! Entry points for measuring the decision under `BPF_PROG_TEST_RUN`, which repeats a program on one and the same buffer:
//! each run puts the packet back as it was, with other ports, so that it belongs to another flow.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

use lb_ebpf as _;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("This is for the kernel: cargo xtask build-ebpf");
}
