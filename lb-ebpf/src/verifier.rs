//! Helping the kernel's verifier to see what the compiler knows.

/// The value if it is at most `LAST`, else 0. In assembly, since the compiler leaves out a comparison where it knows the
/// outcome, and the verifier, which does not know, then refuses the value as an index.
#[inline(always)]
pub fn at_most<const LAST: u64>(value: u64) -> usize {
    #[cfg(target_arch = "bpf")]
    {
        let mut value = value;
        // SAFETY: only the register is changed.
        unsafe {
            core::arch::asm!(
                "if {value} <= {last} goto +1",
                "{value} = 0",
                value = inout(reg) value,
                last = const LAST,
                options(pure, nomem, nostack),
            );
        }
        value as usize
    }
    #[cfg(not(target_arch = "bpf"))]
    {
        if value <= LAST { value as usize } else { 0 }
    }
}
