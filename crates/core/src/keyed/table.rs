//! The entries of one shard. Pure state: no lock, no clock, and of the user's code only `Eq` and
//! `Clone` of keys.

use std::borrow::Borrow;

use super::gate::Gate;
use crate::sync::Arc;

/// Past every entry: the end of a chain.
const END: usize = usize::MAX;

/// A hash table whose entries lie side by side, so that a hand can go round them.
pub(super) struct Table<K, P> {
    entries: Vec<Entry<K, P>>,
    /// Of each bucket the first entry. None, or a power of two.
    heads: Vec<usize>,
    /// Numbers the uses.
    clock: u64,
    /// Where the next look for idle entries begins.
    hand: usize,
}

pub(super) struct Entry<K, P> {
    hash: u64,
    /// The next entry of the bucket.
    next: usize,
    /// When it was last asked for.
    used: u64,
    /// Nobody was found to hold it, and it has not been handed out since.
    unheld: bool,
    key: K,
    slot: Slot<P>,
}

pub(super) enum Slot<P> {
    Making(Arc<Gate>),
    Made(Arc<P>),
}

/// An entry that nobody held when it was looked at. It is a copy, not a handle; as long as it lives, an
/// entry that has been handed out is not found unheld again.
pub(super) struct Candidate<P> {
    pub(super) policy: Arc<P>,
    pub(super) used: u64,
    hash: u64,
}

impl<K, P> Table<K, P> {
    pub(super) fn new() -> Self {
        Table {
            entries: Vec::new(),
            heads: Vec::new(),
            clock: 0,
            hand: 0,
        }
    }

    /// What is there for this key, which counts as a use.
    pub(super) fn find<Q>(&mut self, hash: u64, key: &Q) -> Option<Slot<P>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let at = self.position(hash, |entry| entry.key.borrow() == key)?;
        let used = self.tick();
        let entry = &mut self.entries[at];
        entry.used = used;
        entry.unheld = false;
        Some(entry.slot.clone())
    }

    /// What is there for this key; nothing, and the gate is there now.
    pub(super) fn find_or_insert(&mut self, hash: u64, key: &K, gate: &Arc<Gate>) -> Option<Slot<P>>
    where
        K: Clone + Eq,
    {
        if let found @ Some(_) = self.find(hash, key) {
            return found;
        }
        let entry = Entry {
            hash,
            next: END,
            used: self.tick(),
            unheld: false,
            key: key.clone(),
            slot: Slot::Making(Arc::clone(gate)),
        };
        if self.entries.len() == self.heads.len() {
            self.grow();
        }
        self.entries.push(entry);
        self.chain(self.entries.len() - 1);
        None
    }

    /// The policy behind the gate is made.
    pub(super) fn settle(&mut self, hash: u64, gate: &Arc<Gate>, policy: Arc<P>) {
        if let Some(at) = self.position(hash, |entry| entry.slot.is_behind(gate)) {
            self.entries[at].slot = Slot::Made(policy);
        }
    }

    /// The policy behind the gate is not going to be made.
    pub(super) fn abandon(&mut self, hash: u64, gate: &Arc<Gate>) -> Option<Entry<K, P>> {
        let at = self.position(hash, |entry| entry.slot.is_behind(gate))?;
        Some(self.remove_at(at))
    }

    /// Looks at up to so many policies from the hand on. Says at how many, and who is held by nobody.
    pub(super) fn look(&mut self, limit: usize) -> (usize, Vec<Candidate<P>>) {
        let (mut looked, mut candidates) = (0, Vec::new());
        // Entries in the making do not count: there are no more of them than threads.
        for _ in 0..self.entries.len() {
            if looked == limit {
                break;
            }
            self.hand = (self.hand + 1) % self.entries.len();
            let Entry {
                slot: Slot::Made(policy),
                unheld,
                used,
                hash,
                ..
            } = &mut self.entries[self.hand]
            else {
                continue;
            };
            looked += 1;
            // It is written down, as others that look at it hold copies: at worst one that was handed out
            // and let go of while they look passes for held. What was done through a handle is seen from
            // here on: `get_mut` acquires what its drop released.
            *unheld = *unheld || Arc::get_mut(policy).is_some();
            candidates.extend(unheld.then(|| Candidate {
                policy: Arc::clone(policy),
                used: *used,
                hash: *hash,
            }));
        }
        (looked, candidates)
    }

    /// Removes the candidate, if nobody has been handed it since.
    pub(super) fn evict(&mut self, candidate: &Candidate<P>) -> Option<Entry<K, P>> {
        let same = |entry: &Entry<K, P>| entry.slot.is(&candidate.policy);
        let at = self.position(candidate.hash, same)?;
        self.entries[at].unheld.then(|| self.remove_at(at))
    }

    /// Removes the policy of this key, if it is made.
    pub(super) fn remove<Q>(&mut self, hash: u64, key: &Q) -> Option<Entry<K, P>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let at = self.position(hash, |entry| entry.key.borrow() == key)?;
        self.entries[at].slot.is_made().then(|| self.remove_at(at))
    }

    /// Whether there is a policy for this key, which does not count as a use.
    pub(super) fn contains<Q>(&self, hash: u64, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let at = self.position(hash, |entry| entry.key.borrow() == key);
        at.is_some_and(|at| self.entries[at].slot.is_made())
    }

    /// Hands out every policy, which does not count as a use.
    pub(super) fn hand_out(&mut self, into: &mut Vec<(K, Arc<P>)>)
    where
        K: Clone,
    {
        for entry in &mut self.entries {
            if let Slot::Made(policy) = &entry.slot {
                let key = entry.key.clone();
                entry.unheld = false;
                into.push((key, Arc::clone(policy)));
            }
        }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low bits are asked for"
    )]
    fn bucket(&self, hash: u64) -> usize {
        hash as usize & self.heads.len().wrapping_sub(1)
    }

    fn position(&self, hash: u64, is: impl Fn(&Entry<K, P>) -> bool) -> Option<usize> {
        let mut at = *self.heads.get(self.bucket(hash))?;
        while let Some(entry) = self.entries.get(at) {
            if entry.hash == hash && is(entry) {
                return Some(at);
            }
            at = entry.next;
        }
        None
    }

    /// Puts the entry at the head of its bucket.
    fn chain(&mut self, at: usize) {
        let bucket = self.bucket(self.entries[at].hash);
        self.entries[at].next = std::mem::replace(&mut self.heads[bucket], at);
    }

    /// Lets the link that leads to the entry at `at` lead to `to`.
    fn relink(&mut self, at: usize, to: usize) {
        let bucket = self.bucket(self.entries[at].hash);
        let mut link = &mut self.heads[bucket];
        while *link != at {
            let before = *link;
            link = &mut self.entries[before].next;
        }
        *link = to;
    }

    fn remove_at(&mut self, at: usize) -> Entry<K, P> {
        self.relink(at, self.entries[at].next);
        let last = self.entries.len() - 1;
        if at != last {
            self.relink(last, at);
        }
        self.entries.swap_remove(at)
    }

    /// Twice the buckets. Like a `Vec`, it takes as long as there are entries, and seldom.
    fn grow(&mut self) {
        let buckets = (self.heads.len() * 2).max(4);
        self.heads.clear();
        self.heads.resize(buckets, END);
        for at in 0..self.entries.len() {
            self.chain(at);
        }
    }
}

impl<K, P> Entry<K, P> {
    pub(super) fn into_policy(self) -> Option<Arc<P>> {
        match self.slot {
            Slot::Made(policy) => Some(policy),
            Slot::Making(_) => None,
        }
    }
}

impl<P> Slot<P> {
    fn is_made(&self) -> bool {
        matches!(self, Slot::Made(_))
    }

    fn is(&self, policy: &Arc<P>) -> bool {
        matches!(self, Slot::Made(own) if Arc::ptr_eq(own, policy))
    }

    fn is_behind(&self, gate: &Arc<Gate>) -> bool {
        matches!(self, Slot::Making(own) if Arc::ptr_eq(own, gate))
    }
}

impl<P> Clone for Slot<P> {
    fn clone(&self) -> Self {
        match self {
            Slot::Making(gate) => Slot::Making(Arc::clone(gate)),
            Slot::Made(policy) => Slot::Made(Arc::clone(policy)),
        }
    }
}
