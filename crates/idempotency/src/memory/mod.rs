//! The store of one process.

mod builder;
mod room;
mod store;
mod table;

use std::{fmt, hash::BuildHasher};

use steadfast_core::{OwnLine, Runtime, TokioRuntime};

pub use self::builder::MemoryStoreBuilder;
use self::{
    builder::{DEFAULT_CAPACITY, DEFAULT_MAX_BYTES},
    room::Room,
    table::{Swept, Table, cost},
};
use crate::{Id, Record, StoreError, StoreErrorKind, StoreTime, protocol::Step, sync::Mutex};

/// Records in the memory of this process: bounded, expiring, and gone when the process is.
///
/// It is for tests, and for work whose effects go when the process goes, or that may be done again after a restart. A
/// key that came before the restart is new after it, and two processes know nothing of each other's keys. It is no
/// [`TxStore`](crate::TxStore), as there is nothing that could be committed with its records: an effect elsewhere
/// outlives them.
///
/// Its clock is that of its runtime. Every answer is there at once; a replay takes one hash, one short lock and no
/// allocation.
///
/// # When it is full
///
/// It holds a number of records and about a number of bytes, [each with a default](MemoryStoreBuilder). Results and
/// records are given up once their time is over, a few with each claim that is granted, and as many as it takes where
/// there is no room. A claim that finds none then is answered with [`StoreErrorKind::Full`], and so is a renewal whose
/// step has no room. A result that has none is kept without its body, as one that is too large: it is never done
/// again for that.
///
/// Records in flight and indeterminate ones stay. As many of those as it may hold, and it is full until they end or are
/// resolved.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "test-util")] {
/// use std::time::Duration;
/// use steadfast_core::VirtualRuntime;
/// use steadfast_idempotency::{
///     Claim, ClaimRequest, Ending, Fingerprint, Id, Key, Lapsed, Lease, MemoryStore, Owner, Scope, Store, Stored,
/// };
///
/// let runtime = VirtualRuntime::new(1);
/// let store = MemoryStore::on(runtime.clone());
/// let id = Id::new(Scope::new("customer-7", "POST /charges")?, Key::new("order-4711")?);
/// let request = ClaimRequest {
///     id: &id,
///     fingerprint: Fingerprint::of(b"amount=10"),
///     owner: Owner::from_u128(0x70f1_6f2e_9d0c_4c55_8a3b_91e2_54d0_ab17), // random
///     lease: Duration::from_secs(30),
///     result_ttl: Duration::from_secs(60 * 60),
///     key_ttl: Duration::from_secs(24 * 60 * 60),
///     lapsed: Lapsed::Block,
/// };
/// runtime.block_on(async {
///     let Claim::Granted { fence, .. } = store.claim(request).await? else {
///         panic!("it is new")
///     };
///     let lease = Lease::new(&request, fence);
///     store.finish(&lease, Ending::Completed(Stored::body(*b"receipt"))).await?;
///
///     let second = ClaimRequest { owner: Owner::from_u128(0x1d5e), ..request };
///     assert_eq!(store.claim(second).await?, Claim::Completed(Stored::body(*b"receipt")));
///     let other = ClaimRequest { fingerprint: Fingerprint::of(b"amount=11"), ..second };
///     assert_eq!(store.claim(other).await?, Claim::Mismatch);
///     Ok::<_, steadfast_idempotency::StoreError>(())
/// })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryStore<R = TokioRuntime> {
    runtime: R,
    shards: Box<[OwnLine<Mutex<Table>>]>,
    hasher: Seeded,
    room: Room,
}

/// Under loom the same each time, as a model that is run again has to do the same.
#[cfg(steadfast_loom)]
type Seeded = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;
#[cfg(not(steadfast_loom))]
type Seeded = std::hash::RandomState;

/// Under loom as few as there can be of several, as each lock is a step.
const SHARDS: usize = if cfg!(steadfast_loom) { 2 } else { 32 };
/// How many records and results that are over a write takes along.
const SWEEP: usize = 4;
/// The same, where there is no room, for each shard; and how many the reaper takes under one lock.
const BATCH: usize = 64;
/// How often a write looks for room, where others take away what it has found.
const ROUNDS: usize = 4;

#[cfg(feature = "tokio")]
impl MemoryStore {
    /// An empty store on tokio's clock, of the default size.
    #[must_use]
    pub fn new() -> Self {
        MemoryStore::on(TokioRuntime)
    }

    /// A store on tokio's clock, of another size.
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder::with_defaults(TokioRuntime)
    }
}

#[cfg(feature = "tokio")]
impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl<R: Runtime> MemoryStore<R> {
    /// An empty store on the clock of `runtime`, of the default size.
    #[must_use]
    pub fn on(runtime: R) -> Self {
        MemoryStore::with(runtime, Room::new(DEFAULT_CAPACITY, DEFAULT_MAX_BYTES))
    }

    /// A store on the clock of `runtime`, of another size.
    pub fn builder_on(runtime: R) -> MemoryStoreBuilder<R> {
        MemoryStoreBuilder::with_defaults(runtime)
    }

    fn with(runtime: R, room: Room) -> Self {
        MemoryStore {
            runtime,
            shards: (0..SHARDS)
                .map(|_| OwnLine(Mutex::new(Table::default())))
                .collect(),
            hasher: Seeded::default(),
            room,
        }
    }

    #[expect(
        clippy::cast_possible_wrap,
        reason = "a thousandth of it is far from the sign"
    )]
    fn now(&self) -> StoreTime {
        StoreTime::from_micros((self.runtime.now().as_nanos() / 1000) as i64)
    }

    /// Takes one step on the record of this id, with nobody else at it in between. Where there is no room for what it
    /// writes, `cut` makes that smaller; where it cannot, nothing is written.
    #[inline]
    fn step<T>(
        &self,
        id: &Id,
        now: StoreTime,
        step: impl Fn(Option<&Record>) -> Step<T>,
        cut: impl Fn(&mut Record) -> bool,
    ) -> Result<T, StoreError> {
        let hash = self.hasher.hash_one(id);
        let shard = self.shard(hash);
        let mut rounds = ROUNDS;
        loop {
            // Dropped when the shard is unlocked.
            let (_before, _swept);
            let mut table = shard.lock();
            let place = table.find(hash, id);
            let Step { answer, write } = step(place.map(|place| table.record(place)));
            let Some(mut record) = write else {
                return Ok(answer);
            };
            let held = place.map(|place| cost(table.record(place)));
            if !self.fits(held, cost(&record)) {
                if rounds > 0 {
                    let needed = cost(&record).saturating_sub(held.unwrap_or(0));
                    drop(table);
                    rounds = if self.make_room(needed, now) {
                        rounds - 1
                    } else {
                        0
                    };
                    continue;
                }
                if !cut(&mut record) || !self.fits(held, cost(&record)) {
                    return Err(StoreError::new(StoreErrorKind::Full));
                }
            }
            match place {
                Some(place) => _before = table.replace(place, record),
                None => table.insert(hash, record),
            }
            _swept = self.sweep(&mut table, now, SWEEP);
            return Ok(answer);
        }
    }

    /// Takes the room that a record needs which takes so many bytes, and has `held` so many so far; gives back what it
    /// does not need.
    fn fits(&self, held: Option<u64>, bytes: u64) -> bool {
        match held {
            None => self.room.take_record(bytes),
            Some(held) if held < bytes => self.room.take_bytes(bytes - held),
            Some(held) => {
                self.room.give_back(0, held - bytes);
                true
            }
        }
    }

    fn sweep(&self, table: &mut Table, now: StoreTime, limit: usize) -> Swept {
        let swept = table.sweep(now, limit);
        if !swept.is_empty() {
            self.room.give_back(swept.records(), swept.bytes);
        }
        swept
    }

    /// Gives up what is over, one shard after the other, until there is room for another record of so many bytes. Says
    /// whether anything was given up.
    #[cold]
    fn make_room(&self, bytes: u64, now: StoreTime) -> bool {
        let mut made = false;
        for shard in &self.shards {
            while !self.room.has(bytes) {
                let swept = self.sweep(&mut shard.0.lock(), now, BATCH);
                if swept.is_empty() {
                    break;
                }
                made = true;
            }
        }
        made
    }

    fn shard(&self, hash: u64) -> &Mutex<Table> {
        // From the middle, as a table finds its rows by both ends.
        let shard = (hash >> 32) % SHARDS as u64;
        &self.shards[usize::try_from(shard).expect("there are few shards")].0
    }
}

impl<R> MemoryStore<R> {
    /// How many records it holds, those included whose time is over and that nobody has come across.
    #[must_use]
    pub fn len(&self) -> usize {
        self.room.records().taken()
    }

    /// Whether it holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes its records take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.room.bytes()
    }

    /// How many records it holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.room.records().capacity()
    }

    /// About how many bytes its records take at most.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.room.max_bytes()
    }
}

impl<R> fmt::Debug for MemoryStore<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("bytes", &self.bytes())
            .field("max_bytes", &self.max_bytes())
            .finish()
    }
}

#[cfg(all(test, not(steadfast_loom)))]
mod tests {
    use steadfast_core::VirtualRuntime;

    use super::*;
    use crate::{Key, Scope};

    #[test]
    fn keys_are_spread_over_all_locks() {
        let store = MemoryStore::on(VirtualRuntime::new(1));
        let scope = Scope::new("me", "charge").unwrap();
        let mut keys = [0; SHARDS];
        for n in 0..SHARDS * 100 {
            let id = Id::new(scope.clone(), Key::new(&n.to_string()).unwrap());
            let shard = store.shard(store.hasher.hash_one(&id));
            let of = |other: &OwnLine<Mutex<Table>>| std::ptr::eq(&raw const other.0, shard);
            keys[store.shards.iter().position(of).unwrap()] += 1;
        }
        // Five deviations to each side.
        assert!(keys.iter().all(|keys| (50..150).contains(keys)), "{keys:?}");
    }
}
