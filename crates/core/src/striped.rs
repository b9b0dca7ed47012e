//! Where threads write side by side: lines of their own, and stripes.

use std::sync::atomic::{self, Ordering::Relaxed};

/// Keeps what several threads write off the cache line of anything else: on two of 64 bytes, as some
/// processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct OwnLine<T>(pub T);

/// One `T` for every few threads, so that they do not fight over one: a sum that many add to and few read.
///
/// A power of two of them, not much above the number of threads that run at once, and at most 8.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use steadfast_core::Striped;
///
/// let calls = Striped::new(|| AtomicU64::new(0));
/// calls.mine().fetch_add(1, Relaxed);
/// let sum: u64 = calls.all().map(|stripe| stripe.load(Relaxed)).sum();
/// assert_eq!(sum, 1);
/// ```
#[derive(Debug)]
pub struct Striped<T>(Box<[OwnLine<T>]>);

impl<T> Striped<T> {
    /// As many as there have to be, each made by `make`.
    pub fn new(make: impl Fn() -> T) -> Self {
        Striped((0..stripes()).map(|_| OwnLine(make())).collect())
    }

    /// That of this thread, which others may share.
    #[inline]
    #[must_use]
    pub fn mine(&self) -> &T {
        // The number of stripes is a power of two.
        &self.0[thread_number() & (self.0.len() - 1)].0
    }

    /// Every one.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &stripe.0)
    }
}

fn stripes() -> usize {
    if cfg!(steadfast_loom) {
        return 1;
    }
    let threads = std::thread::available_parallelism().map_or(4, usize::from);
    threads.next_power_of_two().min(8)
}

/// A small number for each thread, in the order in which they come here.
#[inline]
fn thread_number() -> usize {
    #[expect(
        clippy::disallowed_types,
        reason = "only hands out numbers, no model depends on it"
    )]
    static NEXT: atomic::AtomicUsize = atomic::AtomicUsize::new(0);
    thread_local! {
        // Relaxed: any number will do.
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }
    NUMBER.try_with(|number| *number).unwrap_or(0)
}
