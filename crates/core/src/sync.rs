//! The atomics of the cells: std's, or loom's when the cells are model-checked.

pub(crate) use std::sync::atomic::Ordering::Relaxed;

#[cfg(steadfast_loom)]
use loom::sync::atomic;
#[cfg(not(steadfast_loom))]
use std::sync::atomic;

/// Names of our own, as clippy would follow a `use` to the types that it bans elsewhere.
#[allow(
    clippy::disallowed_types,
    reason = "the door through which cells get atomics"
)]
mod types {
    use super::atomic;

    pub(crate) type AtomicI64 = atomic::AtomicI64;
    pub(crate) type AtomicU64 = atomic::AtomicU64;
}

pub(crate) use types::{AtomicI64, AtomicU64};
