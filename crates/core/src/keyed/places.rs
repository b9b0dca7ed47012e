//! How many entries a map may hold, and how many it does.

use std::mem;

use crate::sync::{AtomicU64, Relaxed};

/// How many entries a bounded map may hold, and how many it does, over all its shards: exactly, whoever comes
/// and goes. [`Keyed`](crate::Keyed) counts by it; here for maps of another kind.
#[derive(Debug)]
pub struct Places {
    taken: AtomicU64,
    capacity: usize,
}

/// The right to hold one entry. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "dropped at once it holds nothing"]
pub struct Place<'m>(&'m Places);

impl Places {
    /// For a map of at most so many.
    #[must_use]
    pub fn new(capacity: usize) -> Places {
        Places {
            taken: AtomicU64::new(0),
            capacity,
        }
    }

    /// How many are taken.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "no more than the capacity, which fits"
    )]
    pub fn taken(&self) -> usize {
        // Relaxed: a number to look at, nothing is read on the strength of it.
        self.taken.load(Relaxed) as usize
    }

    /// How many there are.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// One of them, where one is left.
    pub fn take(&self) -> Option<Place<'_>> {
        let one_more = |taken| (taken < self.capacity as u64).then_some(taken + 1);
        // Relaxed: this word is the whole count. The entries that it counts are published by the locks
        // of their shards.
        let taken = self.taken.fetch_update(Relaxed, Relaxed, one_more);
        taken.ok().map(|_| Place(self))
    }

    /// The place of an entry that has left the map.
    pub fn left_behind(&self) -> Place<'_> {
        Place(self)
    }
}

impl Place<'_> {
    /// Leaves the place to an entry of the map.
    pub fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Relaxed: as in `take`.
        self.0.taken.fetch_sub(1, Relaxed);
    }
}
