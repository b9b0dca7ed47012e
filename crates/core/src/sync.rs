//! The atomics and locks of the cells: std's, or loom's when the cells are model-checked.

use std::sync::PoisonError;
pub(crate) use std::sync::atomic::Ordering::Relaxed;

#[cfg(steadfast_loom)]
use loom::sync::atomic;
#[cfg(steadfast_loom)]
pub(crate) use loom::{
    sync::{Arc, Mutex, MutexGuard},
    thread::{self, ThreadId},
};
#[cfg(not(steadfast_loom))]
use std::sync::atomic;
#[cfg(not(steadfast_loom))]
pub(crate) use std::{
    sync::{Arc, Mutex, MutexGuard},
    thread::{self, ThreadId},
};

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

/// Of the user's code only `Eq` and `Clone` of keys run under a lock, and both before anything changes; a
/// panic elsewhere leaves what it guards whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
