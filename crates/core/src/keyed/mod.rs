//! One policy per key: a breaker per host, a bulkhead per tenant.

mod full;
mod gate;
mod making;
mod places;
mod table;

use std::{
    borrow::Borrow,
    fmt,
    hash::{BuildHasher, Hash, RandomState},
};

use self::table::{Slot, Table};
pub use self::{
    full::KeyedFull,
    places::{Place, Places},
};
use crate::{
    Instant, InvalidConfig, Runtime,
    sync::{Arc, AtomicU64, Mutex, MutexGuard, Relaxed, lock},
};

/// What can be told to be of no use: a closed breaker that remembers no call, a full bucket.
pub trait Idle {
    /// Whether nothing is lost when this is dropped at `now` and made anew later.
    ///
    /// It is asked without a lock, so the map goes on serving others, and one that is used meanwhile
    /// stays.
    fn is_idle_at(&self, now: Instant) -> bool;

    /// Whether it may be dropped at `now` where nothing idle is left: it forgets calls then, but takes no
    /// decision back. By default it may not.
    ///
    /// It is asked as [`is_idle_at`](Idle::is_idle_at) is, and after that.
    fn is_dispensable_at(&self, now: Instant) -> bool {
        let _ = now;
        false
    }
}

/// One policy per key, made at the first call for the key, in a map that never outgrows its capacity.
///
/// A handle is an [`Arc`](std::sync::Arc), which is a policy: it stands in a tuple by value and by
/// reference. Concurrent first calls for a key make one policy, and share it. As long as somebody
/// holds a handle or a `Weak` of one, or the policy is neither [idle](Idle) nor dispensable, the key keeps
/// its policy.
///
/// # When it is full
///
/// Only when a new key needs a place is one given up, and the clock read: of the entries that nobody
/// holds, the least recently used that is idle goes, and where none is idle, the least recently used that
/// is [dispensable](Idle::is_dispensable_at). A new key looks at 32 entries and no more, but up to four
/// times where other callers are faster. So a map of at most 32 finds the least recently used of all, and
/// is full only when none can go. A larger one looks at 32 that lie side by side, gives up one of those,
/// and looks at others the next time: it may be full for one key and have a place for the next.
///
/// # Locks
///
/// A key that is there costs one hash, one short lock and one `Arc` clone, and no allocation. A map
/// of at most 32 has one lock; a larger one has 16, among which the keys are spread. Under a lock run
/// `Eq` and `Clone` of keys, and nothing else of yours.
///
/// # Examples
///
/// ```
/// use steadfast_core::{Attempt, Error, Idle, Instant, Keyed, Operation, Pipeline, Policies, Policy};
/// use steadfast_core::{KeyedFull, VirtualRuntime};
///
/// struct Breaker {
///     // ..
/// }
///
/// impl Idle for Breaker {
///     fn is_idle_at(&self, _now: Instant) -> bool {
///         false // it remembers calls
///     }
/// }
/// # impl Policies for Breaker {}
/// # impl<'p, O: Operation> Policy<'p, O> for Breaker {
/// #     type Future = O::Future;
/// #     fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> O::Future {
/// #         operation.start(attempt)
/// #     }
/// # }
/// # type Answer = Result<&'static str, Error<std::io::Error>>;
///
/// let hosts = Keyed::new(2, |_host: &String| Breaker { /* .. */ })?;
/// let runtime = VirtualRuntime::new(1);
/// let fetch = async |host: &str| -> Answer {
///     let breaker = hosts.get(host, &runtime)?;
///     let pipeline = Pipeline::on(&runtime, &breaker);
///     pipeline.call(|| async { Ok("page") }).await
/// };
///
/// assert_eq!(runtime.block_on(fetch("a.example")).unwrap(), "page");
/// assert_eq!(runtime.block_on(fetch("b.example")).unwrap(), "page");
/// let refused = runtime.block_on(fetch("c.example")).unwrap_err();
/// assert_eq!(refused.to_string(), "keyed refused the call: there is no place for another key");
///
/// let full: KeyedFull = hosts.get("c.example", &runtime).err().unwrap();
/// assert_eq!(full.capacity(), 2);
/// hosts.remove("a.example");
/// assert!(runtime.block_on(fetch("c.example")).is_ok());
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
pub struct Keyed<K, P, S = RandomState> {
    shards: Box<[Shard<K, P>]>,
    places: Places,
    /// Where the next look for idle entries begins.
    hand: AtomicU64,
    hasher: S,
    make: Box<dyn Fn(&K) -> P + Send + Sync>,
}

/// On cache lines of its own: two of 64 bytes, as some processors fetch them in pairs.
#[repr(align(128))]
struct Shard<K, P>(Mutex<Table<K, P>>);

const MAX_CAPACITY: usize = 1_000_000;
/// At how many entries a new key looks. What is this small has one shard, so that it sees all.
const LOOKS: usize = 32;
const SHARDS: usize = 16;

impl<K, P> Keyed<K, P> {
    /// At most `capacity` policies, each by `make` from its key.
    ///
    /// `make` runs without a lock, while the callers for its key wait: it should not take long. It may
    /// ask for other keys, as long as it does not go in a circle.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`], when `capacity` is 0 or above 1000000.
    pub fn new(
        capacity: usize,
        make: impl Fn(&K) -> P + Send + Sync + 'static,
    ) -> Result<Self, InvalidConfig> {
        Keyed::with_hasher(capacity, RandomState::new(), make)
    }
}

impl<K, P, S> Keyed<K, P, S> {
    /// As [`new`](Keyed::new), with a hasher in the place of std's. Keys that come from outside need
    /// one that is seeded at random.
    ///
    /// # Errors
    ///
    /// As [`new`](Keyed::new).
    pub fn with_hasher(
        capacity: usize,
        hasher: S,
        make: impl Fn(&K) -> P + Send + Sync + 'static,
    ) -> Result<Self, InvalidConfig> {
        InvalidConfig::check("capacity", capacity, 1..=MAX_CAPACITY)?;
        let shards = if capacity <= LOOKS { 1 } else { SHARDS };
        Ok(Keyed {
            shards: (0..shards)
                .map(|_| Shard(Mutex::new(Table::new())))
                .collect(),
            places: Places::new(capacity),
            hand: AtomicU64::new(0),
            hasher,
            make: Box::new(make),
        })
    }

    /// How many policies it may hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.places.capacity()
    }

    /// How many policies it holds, those included that are being made.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.taken()
    }

    /// Whether it holds no policy.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every key and its policy. As long as they are held, none of them is given up.
    ///
    /// It copies one shard after another, and is not one instant of all. It does not count as a use.
    #[must_use]
    pub fn entries(&self) -> Vec<(K, Arc<P>)>
    where
        K: Clone,
    {
        let mut entries = Vec::with_capacity(self.len());
        for shard in &self.shards {
            shard.table().hand_out(&mut entries);
        }
        entries
    }
}

impl<K: Hash + Eq, P, S: BuildHasher> Keyed<K, P, S> {
    /// The policy of this key, made if there is none. The clock is read only if that needs a place
    /// and all are taken.
    ///
    /// # Errors
    ///
    /// [`KeyedFull`], when there is no policy for this key and no place can be made for one.
    ///
    /// # Panics
    ///
    /// When `make` panics, which leaves the key free; and when it asks for the key that it is making.
    #[inline]
    pub fn get<Q, R>(&self, key: &Q, runtime: &R) -> Result<Arc<P>, KeyedFull>
    where
        K: Borrow<Q> + Clone,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        P: Idle,
        R: Runtime,
    {
        self.get_or_make(key, || runtime.now())
    }

    /// As [`get`](Keyed::get), at the time `now`.
    ///
    /// # Errors
    ///
    /// As [`get`](Keyed::get).
    ///
    /// # Panics
    ///
    /// As [`get`](Keyed::get).
    #[inline]
    pub fn get_at<Q>(&self, key: &Q, now: Instant) -> Result<Arc<P>, KeyedFull>
    where
        K: Borrow<Q> + Clone,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        P: Idle,
    {
        self.get_or_make(key, || now)
    }

    /// Whether there is a policy for this key. It does not count as a use.
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        self.shard(hash).table().contains(hash, key)
    }

    /// Takes the policy of this key out of the map, idle or not. Those who hold it keep it; the next
    /// call for the key makes another. One that is still being made stays.
    pub fn remove<Q>(&self, key: &Q) -> Option<Arc<P>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let mut table = self.shard(hash).table();
        let removed = table.remove(hash, key)?;
        // Before others can see that it is gone: they would look in vain for its place.
        drop(self.places.left_behind());
        drop(table);
        removed.into_policy()
    }

    #[inline]
    fn get_or_make<Q>(&self, key: &Q, now: impl FnOnce() -> Instant) -> Result<Arc<P>, KeyedFull>
    where
        K: Borrow<Q> + Clone,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        P: Idle,
    {
        let hash = self.hash(key);
        let found = self.shard(hash).table().find(hash, key);
        match found {
            Some(Slot::Made(policy)) => Ok(policy),
            _ => self.make(hash, &key.to_owned(), now),
        }
    }
}

impl<K, P, S> Keyed<K, P, S> {
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64
    where
        S: BuildHasher,
    {
        // Spreads over all bits what a simple hasher leaves in a few; D. Knuth, TAOCP 6.4.
        let hash = self.hasher.hash_one(key);
        let hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ hash >> 32
    }

    fn shard(&self, hash: u64) -> &Shard<K, P> {
        // The buckets of a shard go by the low bits.
        &self.shards[index(hash >> 48, self.shards.len())]
    }

    /// All shards, from another one each time.
    fn shards_in_turn(&self) -> impl Iterator<Item = &Shard<K, P>> {
        // Relaxed: any order will do.
        let first = index(self.hand.fetch_add(1, Relaxed), self.shards.len());
        let (before, after) = self.shards.split_at(first);
        after.iter().chain(before)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "below a `usize`")]
fn index(number: u64, len: usize) -> usize {
    (number % len as u64) as usize
}

impl<K, P> Shard<K, P> {
    fn table(&self) -> MutexGuard<'_, Table<K, P>> {
        lock(&self.0)
    }
}

impl<K, P, S> fmt::Debug for Keyed<K, P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
