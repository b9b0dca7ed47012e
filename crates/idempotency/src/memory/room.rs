//! How much the store may hold, and how much it does, over all its shards.

use steadfast_core::Places;

use crate::sync::{AtomicU64, Relaxed};

pub(super) struct Room {
    records: Places,
    bytes: AtomicU64,
    max_bytes: u64,
}

impl Room {
    pub(super) fn new(records: usize, max_bytes: u64) -> Self {
        Room {
            records: Places::new(records),
            bytes: AtomicU64::new(0),
            max_bytes,
        }
    }

    pub(super) fn records(&self) -> &Places {
        &self.records
    }

    pub(super) fn bytes(&self) -> u64 {
        // Relaxed: a number to look at, nothing is read on the strength of it.
        self.bytes.load(Relaxed)
    }

    pub(super) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Takes room for another record of so many bytes. Without enough of either it takes none.
    pub(super) fn take_record(&self, bytes: u64) -> bool {
        let Some(place) = self.records.take() else {
            return false;
        };
        let taken = self.take_bytes(bytes);
        if taken {
            place.keep();
        }
        taken
    }

    /// Takes room for a record that grows by so many bytes.
    pub(super) fn take_bytes(&self, bytes: u64) -> bool {
        let more = |taken: u64| {
            let sum = taken.saturating_add(bytes);
            (sum <= self.max_bytes).then_some(sum)
        };
        // Relaxed: this word is the whole count. The records that it counts are published by the locks of their
        // shards.
        self.bytes.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// Gives back the room of so many records, and of so many bytes.
    pub(super) fn give_back(&self, records: usize, bytes: u64) {
        // Relaxed: as in `take_bytes`.
        self.bytes.fetch_sub(bytes, Relaxed);
        for _ in 0..records {
            drop(self.records.left_behind());
        }
    }

    /// Whether there is room for another record, and for so many bytes.
    pub(super) fn has(&self, bytes: u64) -> bool {
        self.records.taken() < self.records.capacity()
            && self.bytes().saturating_add(bytes) <= self.max_bytes
    }
}
