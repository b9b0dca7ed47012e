//! One limit for each key, in a map made for limits: a key and a word each.

mod frames;
mod hash;
mod headers;
mod map;
mod policy;
mod prefix;
mod rate;
mod shard;
mod table;
mod tags;

use std::{
    borrow::Borrow,
    fmt,
    hash::{BuildHasher, Hash},
    sync::Arc,
    time::Duration,
};

use steadfast_core::{Event, Instant, InvalidConfig, Rejection, Runtime};

use self::map::{Map, Rates};
pub use self::{
    hash::{KeyHasher, KeyHashing},
    policy::{KeyRateLimit, KeyRateLimitFuture},
    prefix::IpPrefix,
    rate::Rate,
};
use crate::{
    builder::{DEFAULT_NAME, RateLimitBuilder},
    limited::Limited,
    rule::Rule,
};

/// One limit for each key, in a map that never outgrows its capacity: for clients, addresses, and whatever else
/// there are many of.
///
/// It is no policy itself, and gives one for each key: [`key`](KeyedRateLimit::key). It is a handle: clones
/// share one map. Time is that of the runtime, so a map should be asked on runtimes of one clock.
///
/// A limit is a bucket or a fixed window, and refuses at once; it decides as [`RateLimit`](crate::RateLimit)
/// does, to the nanosecond. For calls that wait, sliding windows and rates that change there is
/// [`Keyed`](steadfast_core::Keyed) of `RateLimit`.
///
/// # When it is full
///
/// It holds `capacity` keys, exactly. Only when another one needs a place is one given up, of which nothing is
/// taken at that time: its bucket is full, so that it is the same when it comes anew. A new key looks at 32
/// keys and no more. So a map of at most 32 refuses a new key only when each is in use; a larger one looks
/// at others each time, and may be full for one key and have a place for the next. A new key that finds none
/// is refused, as nothing can be remembered of it, and the known go on being served. An attacker who takes
/// all places can keep new clients out but not get more than the rate: choose a capacity with room.
///
/// A clock that is turned back grants nothing: a call of a time before a key of its shard was given up is judged
/// as of then.
///
/// # Cost
///
/// A key that is known costs one hash ([`KeyHashing`], unless you bring a hasher) and one short lock, and no
/// allocation. A map of fewer than 64 keys has one lock; larger ones have up to 64, among which the keys are
/// spread. Under a lock run `Hash` and `Eq` of keys, and nothing else of yours. The first call of a key makes an
/// owned one. The tables grow with the keys; a call that comes just then waits until the keys of its shard are
/// moved.
///
/// A slot has the key, a word of eight bytes and a byte, and two more where keys have rates of their own; four of
/// five are in use when the map is full.
///
/// # Errors
///
/// A refused call is rejected with [`RejectionKind::RateLimited`](steadfast_core::RejectionKind), which says
/// after how long the same call would be admitted if nobody else came; with
/// [`RejectionKind::Other`](steadfast_core::RejectionKind) where it costs more than the burst; and with
/// [`RejectionKind::Other`](steadfast_core::RejectionKind) where the key is new and there is no place for it, as
/// a [`KeyedFull`](steadfast_core::KeyedFull) is.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast_core::{KeyedFull, Rejection, VirtualRuntime};
/// use steadfast_rate_limit::{KeyedRateLimit, RateLimit};
///
/// let runtime = VirtualRuntime::new(1);
/// let users = KeyedRateLimit::<String>::new(2, RateLimit::per_second(10).burst(3))?;
/// users.try_acquire(&runtime, "ann", 3)?;
/// users.try_acquire(&runtime, "bob", 1)?;
/// assert!(users.try_acquire(&runtime, "ann", 1).is_err());
///
/// let refused = users.try_acquire(&runtime, "eve", 1).unwrap_err();
/// assert_eq!(refused.kind(), Rejection::from(KeyedFull::new(2)).kind());
///
/// runtime.advance(Duration::from_millis(100)); // now bob's is full again
/// users.try_acquire(&runtime, "eve", 1)?;
/// assert_eq!(users.available(&runtime, "ann"), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyedRateLimit<K, S = KeyHashing> {
    map: Arc<Map<K, S>>,
    name: &'static str,
}

impl<K> KeyedRateLimit<K> {
    /// One limit for each of up to `capacity` keys, all with the same settings.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`], when `capacity` is 0 or above 16777216; and as [`RateLimitBuilder::rate`].
    pub fn new(capacity: usize, each: RateLimitBuilder) -> Result<Self, InvalidConfig> {
        KeyedRateLimit::with_hasher(capacity, each, KeyHashing::default())
    }

    /// Up to `capacity` keys, each at the rate that `rate` says when the key comes.
    ///
    /// It is asked anew when the key was given up meanwhile, and says the same for the same key. It runs without
    /// a lock. Of different rates there may be 1,024 at a time in each of the shards.
    ///
    /// ```
    /// use steadfast_core::VirtualRuntime;
    /// use steadfast_rate_limit::{KeyedRateLimit, RateLimit};
    ///
    /// let (free, paying) = (RateLimit::per_minute(10).rate()?, RateLimit::per_minute(600).rate()?);
    /// let tenants = KeyedRateLimit::with_rates(100_000, move |tenant: &String| {
    ///     if tenant.starts_with("paying-") { paying } else { free }
    /// })?;
    /// let runtime = VirtualRuntime::new(1);
    /// assert_eq!(tenants.available(&runtime, "paying-7"), 600);
    /// assert!(tenants.try_acquire(&runtime, "acme", 11).is_err());
    /// # Ok::<(), steadfast_core::InvalidConfig>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`], when `capacity` is 0 or above 16777216.
    pub fn with_rates(
        capacity: usize,
        rate: impl Fn(&K) -> Rate + Send + Sync + 'static,
    ) -> Result<Self, InvalidConfig> {
        KeyedRateLimit::with_rates_and_hasher(capacity, rate, KeyHashing::default())
    }
}

impl<K, S> KeyedRateLimit<K, S> {
    /// As [`new`](KeyedRateLimit::new), with a hasher in the place of [`KeyHashing`]. Keys that come from
    /// outside need one that is seeded at random.
    ///
    /// # Errors
    ///
    /// As [`new`](KeyedRateLimit::new).
    pub fn with_hasher(
        capacity: usize,
        each: RateLimitBuilder,
        hasher: S,
    ) -> Result<Self, InvalidConfig> {
        let name = each.name();
        let map = Map::new(capacity, Rates::One(each.rate()?), hasher)?;
        Ok(KeyedRateLimit { map, name })
    }

    /// As [`with_rates`](KeyedRateLimit::with_rates), with a hasher in the place of [`KeyHashing`]. Keys that
    /// come from outside need one that is seeded at random.
    ///
    /// # Errors
    ///
    /// As [`with_rates`](KeyedRateLimit::with_rates).
    pub fn with_rates_and_hasher(
        capacity: usize,
        rate: impl Fn(&K) -> Rate + Send + Sync + 'static,
        hasher: S,
    ) -> Result<Self, InvalidConfig> {
        let map = Map::new(capacity, Rates::Many(Box::new(rate)), hasher)?;
        let name = DEFAULT_NAME;
        Ok(KeyedRateLimit { map, name })
    }

    /// The name under which this handle, and what is cloned of it, speaks in rejections and events.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The name under which it speaks in rejections and events.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many keys it may hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.map.capacity()
    }

    /// How many keys it holds, those included of which nothing is taken any more.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether it holds no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Hash + Eq, S: BuildHasher> KeyedRateLimit<K, S> {
    /// The limit of this key, as a policy for a call.
    ///
    /// It refuses at once, as [`RateLimit`](crate::RateLimit) does, and with the same errors, and does nothing
    /// before the first poll.
    #[inline]
    pub fn key<'k, Q: ?Sized>(&'k self, key: &'k Q) -> KeyRateLimit<'k, K, Q, S> {
        KeyRateLimit { limits: self, key }
    }

    /// Takes `cost` units of this key.
    ///
    /// # Errors
    ///
    /// When there are not as many; it says how long to wait. And when the key is new and there is no place
    /// for it, or its rate is one too many; these are of the kind
    /// [`Other`](steadfast_core::RejectionKind::Other).
    pub fn try_acquire<Q, R>(&self, runtime: &R, key: &Q, cost: u32) -> Result<(), Rejection>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        R: Runtime,
    {
        let taken = self.try_acquire_at(key, runtime.now(), cost);
        taken.inspect_err(|refused| runtime.emit(&Event::rejected(self.name, refused.kind())))
    }

    /// As [`try_acquire`](KeyedRateLimit::try_acquire), at the time `now`, and without an event.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](KeyedRateLimit::try_acquire).
    #[inline]
    pub fn try_acquire_at<Q>(&self, key: &Q, now: Instant, cost: u32) -> Result<(), Rejection>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let taken = self.map.take(key, now, cost);
        taken.map_err(|refused| refused.rejection(self.name, now))
    }

    /// How many units this key has.
    #[must_use]
    pub fn available<Q, R>(&self, runtime: &R, key: &Q) -> u32
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        R: Runtime,
    {
        self.available_at(key, runtime.now())
    }

    /// How many units this key has at `now`. One that is not there has all, whether or not there is a place
    /// for it.
    #[must_use]
    pub fn available_at<Q>(&self, key: &Q, now: Instant) -> u32
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let known = self.map.ask(key, now, Rule::available);
        known.unwrap_or_else(|| self.map.rate(key).burst())
    }

    /// How long to wait for `cost` units of this key: zero where they are there, `None` where they never are.
    #[must_use]
    pub fn retry_after<Q, R>(&self, runtime: &R, key: &Q, cost: u32) -> Option<Duration>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        R: Runtime,
    {
        self.retry_after_at(key, runtime.now(), cost)
    }

    /// How long to wait for `cost` units of this key from `now` on.
    #[must_use]
    pub fn retry_after_at<Q>(&self, key: &Q, now: Instant, cost: u32) -> Option<Duration>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if cost == 0 {
            return Some(Duration::ZERO);
        }
        let known = self.map.ask(key, now, |rule, arrival, judged| {
            rule.check_cost(cost).ok()?;
            let granted = rule.grant(arrival, judged, cost);
            // Where the call is judged by a later time, what is there then is there at once.
            Some(if granted == judged { now } else { granted })
        });
        match known {
            Some(granted) => Limited::Until(granted?).retry_after(now),
            None => (cost <= self.map.rate(key).burst()).then_some(Duration::ZERO),
        }
    }

    /// Gives back `cost` units of a call of this key that did not need them. A bucket is never more than full.
    ///
    /// It is the same at any time, and reads no clock.
    pub fn refund<Q>(&self, key: &Q, cost: u32)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.refund(key, cost);
    }
}

impl<K, S> Clone for KeyedRateLimit<K, S> {
    fn clone(&self) -> Self {
        KeyedRateLimit {
            map: Arc::clone(&self.map),
            name: self.name,
        }
    }
}

impl<K, S> fmt::Debug for KeyedRateLimit<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimit")
            .field("name", &self.name)
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
