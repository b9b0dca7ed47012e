//! The locks of the map: std's, or loom's when it is model-checked.

#[cfg(steadfast_loom)]
pub(super) use loom::{
    sync::{Arc, Mutex, MutexGuard},
    thread::{self, ThreadId},
};
use std::sync::PoisonError;
#[cfg(not(steadfast_loom))]
pub(super) use std::{
    sync::{Arc, Mutex, MutexGuard},
    thread::{self, ThreadId},
};

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Of the user's code only `Eq` and `Clone` of keys run under a lock, and both before anything
    // changes; a panic elsewhere leaves what it guards whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
