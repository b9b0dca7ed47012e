//! How a memory store is configured.

use steadfast_core::{InvalidConfig, Runtime, TokioRuntime};

use super::{MemoryStore, room::Room};

pub(super) const DEFAULT_CAPACITY: usize = 100_000;
pub(super) const DEFAULT_MAX_BYTES: u64 = 256 << 20;
const MAX_CAPACITY: usize = 10_000_000;
const LEAST_BYTES: u64 = 64 << 10;
const MOST_BYTES: u64 = 1 << 40;

/// Settings of a [`MemoryStore`].
#[derive(Clone, Debug)]
#[must_use = "it is a store only when built"]
pub struct MemoryStoreBuilder<R = TokioRuntime> {
    runtime: R,
    capacity: usize,
    max_bytes: u64,
}

impl<R: Runtime> MemoryStoreBuilder<R> {
    pub(super) fn with_defaults(runtime: R) -> Self {
        MemoryStoreBuilder {
            runtime,
            capacity: DEFAULT_CAPACITY,
            max_bytes: DEFAULT_MAX_BYTES,
        }
    }

    /// How many records it holds at most; by default 100,000. 1 to 10,000,000.
    pub fn capacity(mut self, records: usize) -> Self {
        self.capacity = records;
        self
    }

    /// About how many bytes its records take at most, each with 512 besides its texts and its result; by default
    /// 256 MiB. 64 KiB to 1 TiB.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The store with these settings.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`], when a setting is out of its range.
    pub fn build(self) -> Result<MemoryStore<R>, InvalidConfig> {
        InvalidConfig::check("capacity", self.capacity, 1..=MAX_CAPACITY)?;
        InvalidConfig::check("max_bytes", self.max_bytes, LEAST_BYTES..=MOST_BYTES)?;
        let room = Room::new(self.capacity, self.max_bytes);
        Ok(MemoryStore::with(self.runtime, room))
    }
}
