//! The atomics and the lock of the cell: std's, or loom's when the cell is model-checked.

pub(crate) use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{PoisonError, TryLockError};

pub(crate) use steadfast_core::OwnLine;

#[cfg(steadfast_loom)]
use loom::sync;
#[cfg(not(steadfast_loom))]
use std::sync;

/// A name of our own, as clippy would follow a `use` to the type that it bans elsewhere.
#[allow(
    clippy::disallowed_types,
    reason = "the door through which cells get atomics"
)]
pub(crate) type AtomicU64 = sync::atomic::AtomicU64;

pub(crate) type MutexGuard<'a, T> = sync::MutexGuard<'a, T>;

/// A lock under which nothing of the user's runs.
#[derive(Debug)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(sync::Mutex::new(value))
    }

    /// As [`lock`](Mutex::lock), where nobody has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // What runs under it leaves the value whole at each step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
