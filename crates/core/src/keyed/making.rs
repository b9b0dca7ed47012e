//! How a key comes to its policy: one caller makes it, in a place that it finds, and the others wait.

use std::mem;

use super::{
    Keyed, KeyedFull, LOOKS, Shard,
    gate::Gate,
    places::Place,
    table::{Candidate, Entry, Slot},
};
use crate::{Idle, Instant, sync::Arc};

/// How often a new key looks for a place, where other callers take away what it has found.
const ROUNDS: usize = 4;

impl<K, P, S> Keyed<K, P, S> {
    /// Makes the policy of this key, or waits for the caller that does. There is one at a time: it
    /// leaves a closed gate in the map before it looks for a place.
    #[cold]
    pub(super) fn make(
        &self,
        hash: u64,
        key: &K,
        now: impl FnOnce() -> Instant,
    ) -> Result<Arc<P>, KeyedFull>
    where
        K: Clone + Eq,
        P: Idle,
    {
        let evicted; // Dropped last: nobody waits for it.
        let gate = Arc::new(Gate::of_this_thread());
        let closed = gate.close();
        let shard = self.shard(hash);
        loop {
            let found = shard.table().find_or_insert(hash, key, &gate);
            match found {
                Some(Slot::Made(policy)) => return Ok(policy),
                Some(Slot::Making(gate)) => gate.wait(),
                None => break,
            }
        }
        let making = Making {
            shard,
            hash,
            gate: &gate,
        };
        let place;
        (place, evicted) = self.place(now)?;
        let policy = Arc::new((self.make)(key));
        making.settle(Arc::clone(&policy));
        place.keep();
        drop(closed);
        drop(evicted);
        Ok(policy)
    }

    /// A free place, or that of an entry that is given up for it.
    fn place(
        &self,
        now: impl FnOnce() -> Instant,
    ) -> Result<(Place<'_>, Option<Entry<K, P>>), KeyedFull>
    where
        P: Idle,
    {
        if let Some(place) = self.places.take() {
            return Ok((place, None));
        }
        let now = now();
        for _ in 0..ROUNDS {
            let found = self.look();
            let mut lost = false;
            for may_go in [P::is_idle_at, P::is_dispensable_at] {
                for (shard, candidate) in &found {
                    if !may_go(&candidate.policy, now) {
                        continue;
                    }
                    let evicted = shard.table().evict(candidate);
                    if evicted.is_some() {
                        return Ok((self.places.left_behind(), evicted));
                    }
                    lost = true;
                }
            }
            // One that was removed has left its place behind.
            if let Some(place) = self.places.take() {
                return Ok((place, None));
            }
            if !lost {
                break;
            }
        }
        Err(KeyedFull::new(self.capacity()))
    }

    /// Some policies that nobody holds, of each shard the least recently used first.
    fn look(&self) -> Vec<(&Shard<K, P>, Candidate<P>)> {
        let (mut looks, mut found) = (LOOKS, Vec::new());
        for shard in self.shards_in_turn() {
            let (looked, mut candidates) = shard.table().look(looks);
            candidates.sort_unstable_by_key(|candidate| candidate.used);
            found.extend(candidates.into_iter().map(|candidate| (shard, candidate)));
            looks -= looked;
            if looks == 0 {
                break;
            }
        }
        found
    }
}

/// A policy being made. Dropped before that is done, it leaves the key free.
struct Making<'m, K, P> {
    shard: &'m Shard<K, P>,
    hash: u64,
    gate: &'m Arc<Gate>,
}

impl<K, P> Making<'_, K, P> {
    fn settle(self, policy: Arc<P>) {
        self.shard.table().settle(self.hash, self.gate, policy);
        mem::forget(self);
    }
}

impl<K, P> Drop for Making<'_, K, P> {
    fn drop(&mut self) {
        let abandoned = self.shard.table().abandon(self.hash, self.gate);
        drop(abandoned);
    }
}
