//! The calls of this process that are at it, by their id: of many that ask for the same, one asks the store.
//!
//! They only save the store calls. Who may run is the store's to say, so whatever goes wrong here costs a call to
//! the store and nothing else.

mod lead;
mod seat;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    task::Waker,
};

use steadfast_core::{Instant, Wakers};

pub(crate) use self::{
    lead::Lead,
    seat::{Seat, Stands},
};
use crate::{
    Fingerprint, Id, Refusal, Stored,
    sync::{Mutex, MutexGuard},
};

const SHARDS: usize = if cfg!(steadfast_loom) { 1 } else { 16 };

/// All flights of one [`Idempotency`](crate::Idempotency).
pub(crate) struct Flights {
    shards: Box<[Shard]>,
    hasher: RandomState,
}

type Shard = Mutex<HashMap<Id, Arc<Flight>>>;

/// Calls with one id: one leads, the others follow.
struct Flight {
    fingerprint: Fingerprint,
    state: Mutex<State>,
}

struct State {
    /// Of the current lead; a lead with another number is not it any more.
    number: u64,
    stage: Stage,
    /// When the lead is given up, if it has not said anything by then.
    until: Instant,
    /// When whoever leads next may ask the store.
    next_ask: Instant,
    /// Whether a lead has run, or has waited for somebody who did.
    seen: bool,
    last_seat: u64,
    /// In the order in which they came.
    followers: BTreeMap<u64, Option<Waker>>,
    /// Who alone was woken to lead.
    heir: Option<u64>,
}

#[derive(Clone)]
enum Stage {
    /// The lead asks the store for the first time.
    Asks,
    /// The lead waits for another process, whose fingerprint is the same.
    Waits,
    /// The lead runs.
    Runs,
    /// The lead is gone, and whoever is polled first has it.
    Vacant,
    Over(Option<Landing>),
}

/// What came of a flight, for all that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// This is the result.
    Completed(Stored),
    /// All are refused. In flight elsewhere until then, where it is known.
    Refused(Refusal, Instant),
}

/// What a call finds that looks for a flight.
#[derive(Debug)]
pub(crate) enum Look<'p> {
    /// None, so it asks the store.
    Clear,
    /// One for another request, whose lead is given up then.
    Mismatch(Instant),
    /// One that has just landed.
    Landed(Landing),
    /// One that it may follow.
    Follows(Seat<'p>),
}

/// What a follower learns.
#[derive(Debug)]
pub(crate) enum News<'p> {
    /// It is over, and this came of it.
    Landed(Landing),
    /// It is over, and the follower is on its own.
    Alone,
    /// The follower leads now, and may ask the store from then on.
    Leads(Lead<'p>, Instant),
}

impl Flights {
    pub(crate) fn new() -> Self {
        Flights {
            shards: (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect(),
            hasher: RandomState::new(),
        }
    }

    fn shard(&self, id: &Id) -> &Shard {
        if SHARDS == 1 {
            return &self.shards[0];
        }
        #[expect(clippy::cast_possible_truncation, reason = "a few bits are enough")]
        let at = self.hasher.hash_one(id) as usize % SHARDS;
        &self.shards[at]
    }

    /// How many flights there are.
    #[cfg(any(test, steadfast_loom))]
    #[cfg_attr(steadfast_loom, allow(dead_code, reason = "for the models"))]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether there is a flight to follow.
    pub(crate) fn look<'p>(&'p self, id: &'p Id, fingerprint: Fingerprint) -> Look<'p> {
        let Some(flight) = self.shard(id).lock().get(id).cloned() else {
            return Look::Clear;
        };
        let mut state = flight.state.lock();
        match &state.stage {
            Stage::Over(None) => return Look::Clear,
            Stage::Over(Some(landing)) if flight.fingerprint == fingerprint => {
                return Look::Landed(landing.clone());
            }
            // Whose fingerprint is the right one is not known yet.
            Stage::Asks | Stage::Vacant | Stage::Over(_) if flight.fingerprint != fingerprint => {
                return Look::Clear;
            }
            Stage::Waits | Stage::Runs if flight.fingerprint != fingerprint => {
                return Look::Mismatch(state.until);
            }
            _ => {}
        }
        state.last_seat += 1;
        let number = state.last_seat;
        state.followers.insert(number, None);
        drop(state);
        Look::Follows(Seat {
            at: At {
                flights: self,
                id,
                flight,
            },
            number,
        })
    }

    /// Makes a flight of a call that is on its own; `None` where there is one by now. A call that runs leads even
    /// so.
    pub(crate) fn open<'p>(
        &'p self,
        id: &'p Id,
        fingerprint: Fingerprint,
        runs: bool,
        until: Instant,
    ) -> Option<Lead<'p>> {
        let fresh = || {
            Arc::new(Flight {
                fingerprint,
                state: Mutex::new(State {
                    number: 0,
                    stage: if runs { Stage::Runs } else { Stage::Asks },
                    until,
                    next_ask: Instant::from_nanos(0),
                    seen: runs,
                    last_seat: 0,
                    followers: BTreeMap::new(),
                    heir: None,
                }),
            })
        };
        let lead = |flight, number| {
            let flights = self;
            Lead {
                at: At {
                    flights,
                    id,
                    flight,
                },
                number,
            }
        };
        let mut shard = self.shard(id).lock();
        if let Some(flight) = shard.get(id).cloned() {
            let mut state = flight.state.lock();
            if !matches!(state.stage, Stage::Over(_)) {
                if !runs || flight.fingerprint != fingerprint {
                    return None;
                }
                state.number += 1;
                state.runs(until);
                state.heir = None;
                // Who will not wait for it is to hear that it runs.
                let (number, wakers) = (state.number, state.wakers());
                drop(state);
                drop(shard);
                wakers.wake();
                return Some(lead(flight, number));
            }
        }
        let flight = fresh();
        let replaced = shard.insert(id.clone(), Arc::clone(&flight));
        drop(shard);
        drop(replaced);
        Some(lead(flight, 0))
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}

/// A flight, and where it is found.
struct At<'p> {
    flights: &'p Flights,
    id: &'p Id,
    flight: Arc<Flight>,
}

impl At<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.flight.state.lock()
    }

    /// Takes a flight that is over off the map, unless another one has its place.
    fn remove(&self) {
        let mut shard = self.flights.shard(self.id).lock();
        let removed = match shard.get(self.id) {
            Some(flight) if Arc::ptr_eq(flight, &self.flight) => shard.remove_entry(self.id),
            _ => None,
        };
        drop(shard);
        drop(removed);
    }
}

impl State {
    fn wakers(&mut self) -> Wakers {
        let mut wakers = Wakers::default();
        wakers.extend(self.followers.values_mut().filter_map(Option::take));
        wakers
    }

    fn runs(&mut self, until: Instant) {
        self.stage = Stage::Runs;
        self.next_ask = Instant::from_nanos(0);
        self.until = until;
        self.seen = true;
    }

    /// The lead is gone. Returns whether that was all.
    fn vacate(&mut self) -> bool {
        let is_empty = self.followers.is_empty();
        self.stage = if is_empty {
            Stage::Over(None)
        } else {
            Stage::Vacant
        };
        is_empty
    }
}

impl fmt::Debug for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("At").field(self.id).finish()
    }
}

#[cfg(all(test, not(steadfast_loom)))]
mod tests;
