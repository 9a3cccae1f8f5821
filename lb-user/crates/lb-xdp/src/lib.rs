//! The kernel plane: loads the XDP program, plans its maps and keeps them in step.

pub mod neigh;
