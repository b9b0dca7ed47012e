//! How many keys the map may hold, and how many it does.

use std::mem;

use crate::sync::{AtomicU64, Relaxed};

pub(super) struct Places {
    taken: AtomicU64,
    capacity: usize,
}

/// The right to hold one key. Dropping it gives it back.
#[must_use]
pub(super) struct Place<'m>(&'m Places);

impl Places {
    pub(super) fn new(capacity: usize) -> Places {
        Places {
            taken: AtomicU64::new(0),
            capacity,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "no more than the capacity, which fits"
    )]
    pub(super) fn taken(&self) -> usize {
        // Relaxed: a number to look at, nothing is read on the strength of it.
        self.taken.load(Relaxed) as usize
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn take(&self) -> Option<Place<'_>> {
        let one_more = |taken| (taken < self.capacity as u64).then_some(taken + 1);
        // Relaxed: this word is the whole count. The keys that it counts are published by the locks of
        // their shards.
        let taken = self.taken.fetch_update(Relaxed, Relaxed, one_more);
        taken.ok().map(|_| Place(self))
    }

    /// The place of a key that has left the map.
    pub(super) fn left_behind(&self) -> Place<'_> {
        Place(self)
    }
}

impl Place<'_> {
    /// Leaves the place to a key of the map.
    pub(super) fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Relaxed: as in `take`.
        self.0.taken.fetch_sub(1, Relaxed);
    }
}
