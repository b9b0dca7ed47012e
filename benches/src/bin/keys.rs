//! Prints how many bytes of the heap a key takes where each key has a rate limit of its own.
#![expect(
    clippy::disallowed_types,
    reason = "a tally of the allocator, no state of a policy"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use governor::Quota;
use steadfast::{Instant, KeyedRateLimit, RateLimit};

const KEYS: u32 = 1_000_000;

fn main() {
    let ours = bytes(|| {
        let limits = KeyedRateLimit::<u64>::new(KEYS as usize, RateLimit::per_second(10));
        let limits = limits.expect("it fits the arithmetic");
        for key in 0..KEYS {
            let taken = limits.try_acquire_at(&u64::from(key), Instant::from_nanos(1), 1);
            taken.expect("the first of ten");
        }
        limits
    });
    let governor = bytes(|| {
        let quota = Quota::per_second(10.try_into().expect("more than none"));
        let limits = governor::DefaultKeyedRateLimiter::<u64>::keyed(quota);
        for key in 0..KEYS {
            limits.check_key(&u64::from(key)).expect("the first of ten");
        }
        limits
    });
    println!(
        "bytes per key of 8 bytes, at {KEYS} keys: steadfast {ours:.2}, governor {governor:.2}"
    );
}

/// How many bytes each of the keys takes of what is made.
fn bytes<T>(make: impl FnOnce() -> T) -> f64 {
    let before = LIVE.load(Relaxed);
    let made = make();
    let taken = LIVE.load(Relaxed) - before;
    drop(made);
    taken as f64 / f64::from(KEYS)
}

/// How many bytes are allocated. Not beside the measurements of time: it would slow down who allocates.
static LIVE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Counting;

// SAFETY: every call is passed on to the system allocator as it came.
#[expect(unsafe_code, reason = "an allocator is unsafe by contract")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(block, layout) }
    }
}
