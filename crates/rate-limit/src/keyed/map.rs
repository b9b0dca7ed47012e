//! How a key comes to its word: a lock and a look where it is known, and a place where it is new.

use std::{
    borrow::Borrow,
    hash::{BuildHasher, Hash, Hasher},
    sync::Arc,
};

use steadfast_core::{Instant, InvalidConfig, KeyedFull, Place, Places, Rejection, RejectionKind};

use super::{Rate, shard::Shard};
use crate::{
    limited::Limited,
    rule::Rule,
    sync::{Mutex, OwnLine},
};

const MAX_CAPACITY: usize = 16_777_216;
const MOST_SHARDS: usize = 64;
/// At how many keys a new one looks, where the map is full. What is this small has one shard, so that it
/// sees all.
const LOOKS: usize = 32;

pub(super) struct Map<K, S> {
    /// A power of two.
    shards: Box<[OwnLine<Mutex<Shard<K>>>]>,
    places: Places,
    hasher: S,
    rates: Rates<K>,
}

pub(super) enum Rates<K> {
    One(Rate),
    Many(Box<dyn Fn(&K) -> Rate + Send + Sync>),
}

/// Why there is nothing for a call of a key.
pub(super) enum Refused {
    Limited(Limited),
    Full(KeyedFull),
    TooManyRates,
}

impl From<Limited> for Refused {
    fn from(limited: Limited) -> Self {
        Refused::Limited(limited)
    }
}

impl Refused {
    #[inline]
    pub(super) fn rejection(self, name: &'static str, now: Instant) -> Rejection {
        let kind = match self {
            Refused::Limited(limited) => return limited.rejection(name, now),
            Refused::Full(full) => Rejection::from(full).kind(),
            Refused::TooManyRates => RejectionKind::Other("there are too many rates at a time"),
        };
        Rejection::new(name, kind)
    }
}

impl<K, S> Map<K, S> {
    pub(super) fn new(
        capacity: usize,
        rates: Rates<K>,
        hasher: S,
    ) -> Result<Arc<Self>, InvalidConfig> {
        InvalidConfig::check("capacity", capacity, 1..=MAX_CAPACITY)?;
        // So many keys a shard, or more, that a new key finds as many to look at as it may.
        let shards = (capacity / LOOKS).clamp(1, MOST_SHARDS);
        let shards = 1 << shards.ilog2();
        let many_rates = matches!(rates, Rates::Many(_));
        let shard = || Shard::new(capacity.div_ceil(shards), many_rates);
        Ok(Arc::new(Map {
            shards: (0..shards).map(|_| OwnLine(Mutex::new(shard()))).collect(),
            places: Places::new(capacity),
            hasher,
            rates,
        }))
    }

    pub(super) fn capacity(&self) -> usize {
        self.places.capacity()
    }

    pub(super) fn len(&self) -> usize {
        self.places.taken()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low bits are asked for"
    )]
    fn shard_of(&self, hash: u64) -> usize {
        hash as usize & (self.shards.len() - 1)
    }
}

impl<K: Hash + Eq, S: BuildHasher> Map<K, S> {
    /// Takes `cost` units of this key at `now`.
    #[inline(always)]
    pub(super) fn take<Q>(&self, key: &Q, now: Instant, cost: u32) -> Result<(), Refused>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        if cost == 0 {
            return Ok(());
        }
        let hash = self.hash(key);
        let mut shard = self.shards[self.shard_of(hash)].0.lock();
        if let Some(at) = shard.find(hash, key) {
            return Ok(shard.take(at, now, cost)?);
        }
        drop(shard);
        self.take_first(hash, key.to_owned(), now, cost)
    }

    /// For a key that was not there.
    #[cold]
    fn take_first(&self, hash: u64, key: K, now: Instant, cost: u32) -> Result<(), Refused> {
        let rule = self.rates.of(&key).0;
        rule.check_cost(cost)?;
        // Declared before the lock is taken, so that what is given up is dropped after it is released.
        let mut evicted = None;
        let mut place = self.places.take();
        let own = self.shard_of(hash);
        let mut shard = self.shards[own].0.lock();
        if place.is_none() && shard.find(hash, &key).is_none() {
            let mut looks = LOOKS;
            evicted = shard.evict(now, &mut looks, |key| self.hash_again(key));
            if evicted.is_some() {
                place = Some(self.places.left_behind());
            } else {
                drop(shard);
                (place, evicted) = self.place_elsewhere(own, now, looks);
                shard = self.shards[own].0.lock();
            }
        }
        // Another caller may have been first, meanwhile.
        let mut at = shard.find(hash, &key);
        if at.is_none() {
            let Some(place) = place else {
                return Err(Refused::Full(KeyedFull::new(self.places.capacity())));
            };
            let Some(kind) = shard.kind(rule) else {
                return Err(Refused::TooManyRates);
            };
            at = Some(shard.insert(hash, key, kind, |key| self.hash_again(key)));
            place.keep();
        }
        let at = at.expect("it was there, or is now");
        let taken = shard.take(at, now, cost);
        drop(shard);
        drop(evicted);
        Ok(taken?)
    }

    /// The place of a key of another shard, or one that was left meanwhile.
    fn place_elsewhere(
        &self,
        own: usize,
        now: Instant,
        mut looks: usize,
    ) -> (Option<Place<'_>>, Option<K>) {
        let (before, after) = self.shards.split_at(own);
        for shard in after.iter().skip(1).chain(before) {
            if looks == 0 {
                break;
            }
            let evicted = (shard.0.lock()).evict(now, &mut looks, |key| self.hash_again(key));
            if evicted.is_some() {
                return (Some(self.places.left_behind()), evicted);
            }
        }
        (self.places.take(), None)
    }

    /// Asks something of this key, and changes nothing. `None` where it is not there.
    pub(super) fn ask<Q, T>(
        &self,
        key: &Q,
        now: Instant,
        question: impl FnOnce(&Rule, u128, Instant) -> T,
    ) -> Option<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let shard = self.shards[self.shard_of(hash)].0.lock();
        let at = shard.find(hash, key)?;
        Some(shard.ask(at, now, question))
    }

    pub(super) fn refund<Q>(&self, key: &Q, cost: u32)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let mut shard = self.shards[self.shard_of(hash)].0.lock();
        if let Some(at) = shard.find(hash, key) {
            shard.refund(at, cost);
        }
    }

    /// The rate of a key that is not there.
    pub(super) fn rate<Q>(&self, key: &Q) -> Rate
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        match &self.rates {
            Rates::One(rate) => *rate,
            Rates::Many(rate) => rate(&key.to_owned()),
        }
    }

    /// The low bits say which shard, the high ones where in it: so both have to be good, whatever the hasher.
    #[inline(always)]
    #[expect(
        clippy::manual_hash_one,
        reason = "in its small parts, as the compiler likes to keep `hash_one` apart"
    )]
    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        const GOLDEN_SECTION: u128 = 0x9e37_79b9_7f4a_7c15;
        let mut hasher = self.hasher.build_hasher();
        key.hash(&mut hasher);
        let wide = u128::from(hasher.finish()) * GOLDEN_SECTION;
        wide as u64 ^ (wide >> 64) as u64
    }
}

impl<K: Hash + Eq, S: BuildHasher> Map<K, S> {
    #[inline(never)]
    fn hash_again(&self, key: &K) -> u64 {
        self.hash(key)
    }
}

impl<K> Rates<K> {
    fn of(&self, key: &K) -> Rate {
        match self {
            Rates::One(rate) => *rate,
            Rates::Many(rate) => rate(key),
        }
    }
}
