//! The keys of one shard, side by side: open addressing with linear probing, and no gaps left behind. Pure
//! state: no lock, no clock, and of the user's code only `Hash` and `Eq` of keys.

use std::{borrow::Borrow, mem, num::NonZeroU64};

use super::{
    frames::Kind,
    tags::{GROUP, Tag, Tags},
};
use crate::frame::SPAN;

pub(super) struct Table<K> {
    slots: Vec<Option<Slot<K>>>,
    tags: Tags,
    /// Of each slot the rate. Empty where all have the same.
    kinds: Vec<Kind>,
    has_kinds: bool,
    len: usize,
    /// Where the last look for idle keys began, as a hash.
    hand: u64,
    /// How many slots the shard takes when the map is full, as far as the hash spreads the keys.
    share: usize,
}

/// For a key of eight bytes it takes 16, also as an `Option`.
struct Slot<K> {
    level: Level,
    key: K,
}

/// A word of a [frame](crate::frame::Frame), in a form that is never zero.
#[derive(Clone, Copy)]
pub(super) struct Level(NonZeroU64);

impl Level {
    #[inline]
    pub(super) fn of(word: u64) -> Level {
        Level(NonZeroU64::MIN.saturating_add(word))
    }

    #[inline]
    pub(super) fn word(self) -> u64 {
        self.0.get() - 1
    }
}

const _: () = assert!(SPAN < u64::MAX, "a word and one more is no overflow");

/// The golden section of a round: the place that is farthest from all before it.
const LEAP: u64 = 0x9e37_79b9_7f4a_7c15;
const FIRST_SLOTS: usize = GROUP;
/// How many slots a look visits for each key that it may see.
const SLOTS_A_LOOK: usize = 8;

impl<K> Table<K> {
    /// For about so many `keys`.
    pub(super) fn new(keys: usize, has_kinds: bool) -> Self {
        // Four deviations more than its share: more than that has one shard in ten thousand.
        let keys = keys + 4 * keys.isqrt() + 4;
        Table {
            slots: Vec::new(),
            tags: Tags::new(0),
            kinds: Vec::new(),
            has_kinds,
            len: 0,
            hand: 0,
            share: keys + keys / 4 + 1,
        }
    }

    pub(super) fn word(&self, at: usize) -> u64 {
        let slot = self.slots[at].as_ref();
        slot.expect("a place that was found").level.word()
    }

    pub(super) fn set_word(&mut self, at: usize, word: u64) {
        *self.level(at) = Level::of(word);
    }

    #[inline]
    pub(super) fn level(&mut self, at: usize) -> &mut Level {
        let slot = self.slots[at].as_mut();
        &mut slot.expect("a place that was found").level
    }

    #[inline]
    pub(super) fn kind(&self, at: usize) -> Kind {
        if self.has_kinds { self.kinds[at] } else { 0 }
    }

    /// Where the key is.
    // As all on the way of a known key: kept apart, these few steps cost half as much again.
    #[inline(always)]
    pub(super) fn find<Q>(&self, hash: u64, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let tag = Tag::of(hash);
        let mut at = self.home(hash);
        loop {
            let group = self.tags.group(at);
            for step in group.with(tag) {
                let place = self.on(at, step);
                match &self.slots[place] {
                    Some(slot) if slot.key.borrow() == key => return Some(place),
                    _ => {}
                }
            }
            // There is always an empty slot.
            if group.has_empty() {
                return None;
            }
            at = self.on(at, GROUP);
        }
    }

    /// Writes the words of all keys of that kind anew.
    pub(super) fn rewrite(&mut self, kind: Kind, anew: impl Fn(u64) -> u64) {
        for at in 0..self.slots.len() {
            if self.slots[at].is_some() && self.kind(at) == kind {
                self.set_word(at, anew(self.word(at)));
            }
        }
    }

    /// Takes in a key that is not there.
    pub(super) fn insert(
        &mut self,
        hash: u64,
        key: K,
        kind: Kind,
        word: u64,
        rehash: impl Fn(&K) -> u64,
    ) -> usize {
        // Four of five slots at most, so that probes are short.
        if (self.len + 1) * 5 > self.slots.len() * 4 {
            self.grow(rehash);
        }
        let level = Level::of(word);
        self.len += 1;
        self.put(hash, Slot { level, key }, kind)
    }

    fn put(&mut self, hash: u64, slot: Slot<K>, kind: Kind) -> usize {
        let mut at = self.home(hash);
        while self.slots[at].is_some() {
            at = self.after(at);
        }
        self.slots[at] = Some(slot);
        self.tags.set(at, Some(Tag::of(hash)));
        if self.has_kinds {
            self.kinds[at] = kind;
        }
        at
    }

    /// Half as many slots more, or as many as a full map needs; like a `Vec`, it takes as long as there are keys, and
    /// seldom.
    fn grow(&mut self, rehash: impl Fn(&K) -> u64) {
        let now = self.slots.len();
        let more = (now + now / 2).max(FIRST_SLOTS);
        let slots = if now < self.share {
            more.min(self.share.max(FIRST_SLOTS))
        } else {
            now + now / 4 + 1
        };
        let hashes: Vec<u64> = (self.slots.iter().flatten())
            .map(|slot| rehash(&slot.key))
            .collect();
        let slots = (0..slots).map(|_| None).collect();
        let before = mem::replace(&mut self.slots, slots);
        self.tags = Tags::new(self.slots.len());
        let kinds = if self.has_kinds {
            mem::replace(&mut self.kinds, vec![0; self.slots.len()])
        } else {
            Vec::new()
        };
        let kept = before.into_iter().enumerate();
        let kept = kept.filter_map(|(at, slot)| Some((at, slot?)));
        for ((at, slot), hash) in kept.zip(hashes) {
            self.put(hash, slot, kinds.get(at).copied().unwrap_or(0));
        }
    }

    /// Takes the key there out, and closes the gap.
    ///
    /// It changes places with those that move up, and leaves last: should `rehash` panic, nothing is lost.
    pub(super) fn remove(&mut self, at: usize, rehash: impl Fn(&K) -> u64) -> Option<K> {
        let (mut gap, mut next) = (at, self.after(at));
        while let Some(slot) = &self.slots[next] {
            let home = self.home(rehash(&slot.key));
            // It is found over there too: that is not before its home.
            if self.steps(home, next) >= self.steps(gap, next) {
                self.slots.swap(gap, next);
                let (moved, left) = (self.tags.get(next), self.tags.get(gap));
                self.tags.set(gap, moved);
                self.tags.set(next, left);
                if self.has_kinds {
                    self.kinds.swap(gap, next);
                }
                gap = next;
            }
            next = self.after(next);
        }
        let removed = self.slots[gap].take()?;
        self.tags.set(gap, None);
        self.len -= 1;
        Some(removed.key)
    }

    /// The first place from the hand on of which that holds, among so many keys as there are `looks` left.
    ///
    /// The hand leaps. One that walked would leave a sparse table behind it, and before it one so dense that
    /// probes never end.
    pub(super) fn look(
        &mut self,
        looks: &mut usize,
        mut holds: impl FnMut(&Self, usize) -> bool,
    ) -> Option<usize> {
        // Slots that are empty cost little, but there may be many.
        let visits = self.slots.len().min(*looks * SLOTS_A_LOOK);
        self.hand = self.hand.wrapping_add(LEAP);
        let mut next = self.home(self.hand);
        for _ in 0..visits {
            if *looks == 0 {
                break;
            }
            let at = next;
            next = self.after(at);
            if self.slots[at].is_none() {
                continue;
            }
            *looks -= 1;
            if holds(self, at) {
                return Some(at);
            }
        }
        None
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is below the number of slots"
    )]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, at: usize) -> usize {
        self.on(at, 1)
    }

    /// So many steps on, not more than once around.
    #[inline]
    fn on(&self, at: usize, steps: usize) -> usize {
        let on = at + steps;
        if on < self.slots.len() {
            on
        } else {
            on - self.slots.len()
        }
    }

    fn steps(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.slots.len() - from
        }
    }
}
