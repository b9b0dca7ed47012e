//! What is decided under the lock of a shard: pure, with the time as an argument.

use std::borrow::Borrow;

use steadfast_core::Instant;

use super::{
    frames::{Frames, Kind},
    table::{Level, Table},
};
use crate::{
    frame::{Decision, Frame},
    limited::Limited,
    rule::Rule,
};

/// The keys of a shard, and how to read their words.
///
/// A word counts the ticks from the mark of its frame to the arrival time of its key, as that of a single
/// limit does, with a base of zero. All keys of one rate have one mark, so that a key is one word. A call that
/// comes later than the frame reaches moves the mark to `now` and takes the way between off every word, down
/// to zero, which is a full bucket. So no word ever wraps, after whatever pause, and each stays exact.
pub(super) struct Shard<K> {
    table: Table<K>,
    frames: Frames,
    /// The last instant at which a mark was moved or a key was given up. A call of an earlier time is judged as
    /// of then: what is forgotten was nothing only from there on.
    floor: Instant,
}

impl<K> Shard<K> {
    /// For about so many `keys`, all of the same rate unless there are `many_rates`.
    pub(super) fn new(keys: usize, many_rates: bool) -> Self {
        Shard {
            table: Table::new(keys, many_rates),
            frames: Frames::new(),
            floor: Instant::from_nanos(0),
        }
    }

    #[inline(always)]
    pub(super) fn find<Q>(&self, hash: u64, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.table.find(hash, key)
    }

    /// Takes `cost` units of the key there.
    #[inline(always)]
    pub(super) fn take(&mut self, at: usize, now: Instant, cost: u32) -> Result<(), Limited> {
        let now = now.max(self.floor);
        let kind = self.table.kind(at);
        let level = self.table.level(at);
        match self.frames.get(kind).decide(level.word(), now, cost) {
            Decision::Admitted(word) => {
                *level = Level::of(word);
                Ok(())
            }
            Decision::Limited(until) => Err(Limited::Until(until)),
            Decision::Beyond => self.take_beyond(at, kind, now, cost),
        }
    }

    #[cold]
    fn take_beyond(
        &mut self,
        at: usize,
        kind: Kind,
        now: Instant,
        cost: u32,
    ) -> Result<(), Limited> {
        self.frames.get(kind).rule.check_cost(cost)?;
        self.move_mark(kind, now);
        self.take(at, now, cost)
    }

    fn move_mark(&mut self, kind: Kind, now: Instant) {
        let before = *self.frames.get(kind);
        let after = Frame::new(before.rule, before.rule.step(now), 0);
        let way = u128::from(after.mark - before.mark) * u128::from(before.rule.ticks);
        let way = u64::try_from(way).unwrap_or(u64::MAX);
        self.table.rewrite(kind, |word| word.saturating_sub(way));
        self.frames.replace(kind, after);
        self.floor = now;
    }

    /// The kind of that rate; `None` where there are too many others.
    pub(super) fn kind(&mut self, rule: Rule) -> Option<Kind> {
        self.frames.kind(rule)
    }

    /// Takes in a key that is not there, with all its units.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        key: K,
        kind: Kind,
        rehash: impl Fn(&K) -> u64,
    ) -> usize {
        let at = self.table.insert(hash, key, kind, 0, rehash);
        self.frames.one_more(kind);
        at
    }

    /// Gives up one of the keys that it looks at, of those of which nothing is taken at `now`.
    pub(super) fn evict(
        &mut self,
        now: Instant,
        looks: &mut usize,
        rehash: impl Fn(&K) -> u64,
    ) -> Option<K> {
        let now = now.max(self.floor);
        let frames = &self.frames;
        let idle = |table: &Table<K>, at| {
            let frame = frames.get(table.kind(at));
            frame.arrival(table.word(at)) <= frame.rule.ticks_at(now)
        };
        let at = self.table.look(looks, idle)?;
        let kind = self.table.kind(at);
        let evicted = self.table.remove(at, rehash)?;
        self.frames.one_less(kind);
        self.floor = now;
        Some(evicted)
    }

    /// Asks something of the key there: of its rule, its arrival time and the time by which it is judged.
    pub(super) fn ask<T>(
        &self,
        at: usize,
        now: Instant,
        question: impl FnOnce(&Rule, u128, Instant) -> T,
    ) -> T {
        let frame = self.frames.get(self.table.kind(at));
        let arrival = frame.arrival(self.table.word(at));
        question(&frame.rule, arrival, now.max(self.floor))
    }

    /// Gives `cost` units back to the key there.
    pub(super) fn refund(&mut self, at: usize, cost: u32) {
        let rule = &self.frames.get(self.table.kind(at)).rule;
        let given_back = u64::from(cost).saturating_mul(rule.unit);
        // At the mark a bucket is full, and more than full it never is.
        let word = self.table.word(at).saturating_sub(given_back);
        self.table.set_word(at, word);
    }
}
