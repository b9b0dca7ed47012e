//! Counts the heap allocations of this thread, so cheaply that rows which allocate are not slowed by being counted.
//!
//! Crates that do this keep byte totals behind a `RefCell` or count in shared atomics; either costs an allocating peer
//! several nanoseconds a call in a table of nanoseconds. This is one increment of a thread-local word.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocations, and reallocations, that this thread makes while `work` runs.
pub fn during(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

struct Counting;

fn count() {
    COUNT.set(COUNT.get() + 1);
}

// SAFETY: every call is passed on to the system allocator as it came.
#[expect(unsafe_code, reason = "an allocator is unsafe by contract")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::during;

    #[test]
    fn boxes_count_and_arithmetic_does_not() {
        assert_eq!(
            during(|| drop(black_box((Box::new(1_u64), Box::new(2_u64))))),
            2
        );
        assert_eq!(during(|| assert_eq!(black_box(1_u64) + 1, 2)), 0);
    }
}
