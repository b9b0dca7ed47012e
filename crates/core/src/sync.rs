//! The atomics of the cells: std's, or loom's when the cells are model-checked.

#[cfg(not(steadfast_loom))]
#[allow(
    clippy::disallowed_types,
    reason = "the one door through which cells get atomics"
)]
pub(crate) use std::sync::atomic::{AtomicI64, AtomicU64};

#[cfg(steadfast_loom)]
pub(crate) use loom::sync::atomic::{AtomicI64, AtomicU64};

pub(crate) use std::sync::atomic::Ordering::Relaxed;
