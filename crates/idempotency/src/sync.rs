//! The lock and the atomics of the cells: std's, or loom's when the cells are model-checked.

use std::sync::PoisonError;
pub(crate) use std::sync::atomic::Ordering::Relaxed;

#[cfg(steadfast_loom)]
use loom::sync;
#[cfg(not(steadfast_loom))]
use std::sync;

/// Names of our own, as clippy would follow a `use` to the types that it bans elsewhere.
#[allow(
    clippy::disallowed_types,
    reason = "the door through which cells get atomics"
)]
mod types {
    use super::sync::atomic;

    pub(crate) type AtomicU8 = atomic::AtomicU8;
    pub(crate) type AtomicU64 = atomic::AtomicU64;
}

pub(crate) use self::types::{AtomicU8, AtomicU64};

pub(crate) type MutexGuard<'a, T> = sync::MutexGuard<'a, T>;

/// A lock under which nothing of the user's runs.
#[derive(Debug)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // What runs under it leaves the value whole at each step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
