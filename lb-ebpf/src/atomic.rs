//! Atomic arithmetic on map values. The language has none of it for this target, the machine has.

/// Adds to a word.
///
/// # Safety
///
/// `place` points into a map's value, aligned.
#[inline(always)]
pub unsafe fn add(place: *mut u32, value: u32) {
    #[cfg(target_arch = "bpf")]
    // SAFETY: the caller vouches for the place.
    unsafe {
        core::arch::asm!("lock *(u32 *)({place} + 0) += w2", place = in(reg) place, in("r2") value);
    }
    #[cfg(not(target_arch = "bpf"))]
    // SAFETY: as above.
    unsafe {
        host(place).fetch_add(value, core::sync::atomic::Ordering::Relaxed);
    }
}

/// Adds to a double word.
///
/// # Safety
///
/// `place` points into a map's value, aligned.
#[inline(always)]
pub unsafe fn add64(place: *mut u64, value: u64) {
    #[cfg(target_arch = "bpf")]
    // SAFETY: the caller vouches for the place.
    unsafe {
        core::arch::asm!("lock *(u64 *)({place} + 0) += {value}", place = in(reg) place, value = in(reg) value);
    }
    #[cfg(not(target_arch = "bpf"))]
    // SAFETY: as above.
    unsafe {
        core::sync::atomic::AtomicU64::from_ptr(place)
            .fetch_add(value, core::sync::atomic::Ordering::Relaxed);
    }
}

/// Adds to a word and returns what it was.
///
/// # Safety
///
/// `place` points into a map's value, aligned.
#[inline(always)]
pub unsafe fn fetch_add(place: *mut u32, value: u32) -> u32 {
    #[cfg(target_arch = "bpf")]
    // SAFETY: the caller vouches for the place.
    unsafe {
        let mut word = value as u64;
        core::arch::asm!(
            "w2 = atomic_fetch_add((u32 *)({place} + 0), w2)",
            place = in(reg) place,
            inout("r2") word,
        );
        word as u32
    }
    #[cfg(not(target_arch = "bpf"))]
    // SAFETY: as above.
    unsafe {
        host(place).fetch_add(value, core::sync::atomic::Ordering::Relaxed)
    }
}

/// Sets bits of a word and returns what it was.
///
/// # Safety
///
/// `place` points into a map's value, aligned.
#[inline(always)]
pub unsafe fn fetch_or(place: *mut u32, bits: u32) -> u32 {
    #[cfg(target_arch = "bpf")]
    // SAFETY: the caller vouches for the place.
    unsafe {
        let mut word = bits as u64;
        core::arch::asm!(
            "w2 = atomic_fetch_or((u32 *)({place} + 0), w2)",
            place = in(reg) place,
            inout("r2") word,
        );
        word as u32
    }
    #[cfg(not(target_arch = "bpf"))]
    // SAFETY: as above.
    unsafe {
        host(place).fetch_or(bits, core::sync::atomic::Ordering::Relaxed)
    }
}

#[cfg(not(target_arch = "bpf"))]
unsafe fn host<'a>(place: *mut u32) -> &'a core::sync::atomic::AtomicU32 {
    // SAFETY: the caller vouches for the place.
    unsafe { core::sync::atomic::AtomicU32::from_ptr(place) }
}
