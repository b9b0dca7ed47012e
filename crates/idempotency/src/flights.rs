//! The calls of this process that are at it, by their id: of many that ask for the same, one asks the store.
//!
//! They only save the store calls. Who may run is the store's to say, so whatever goes wrong here costs a call to
//! the store and nothing else.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    mem,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use steadfast_core::{Instant, Wakers};

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
    last_seat: u64,
    followers: HashMap<u64, Option<Waker>>,
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
    /// One for another request.
    Mismatch,
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
                return Look::Mismatch;
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
                    last_seat: 0,
                    followers: HashMap::new(),
                    heir: None,
                }),
            })
        };
        let mut shard = self.shard(id).lock();
        let found = shard.get(id).cloned();
        let (flight, number) = match found {
            Some(flight) => {
                let mut state = flight.state.lock();
                let is_over = matches!(state.stage, Stage::Over(_));
                if !is_over && !(runs && flight.fingerprint == fingerprint) {
                    return None;
                }
                if is_over {
                    drop(state);
                    let flight = fresh();
                    shard.insert(id.clone(), Arc::clone(&flight));
                    (flight, 0)
                } else {
                    state.number += 1;
                    state.stage = Stage::Runs;
                    state.until = until;
                    state.heir = None;
                    let number = state.number;
                    drop(state);
                    (flight, number)
                }
            }
            None => {
                let flight = fresh();
                shard.insert(id.clone(), Arc::clone(&flight));
                (flight, 0)
            }
        };
        drop(shard);
        Some(Lead {
            at: At {
                flights: self,
                id,
                flight,
            },
            number,
        })
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

/// The place of the call that asks, or runs, for all. Dropped, it is free, and all are woken: the first that is
/// polled has it.
#[derive(Debug)]
pub(crate) struct Lead<'p> {
    at: At<'p>,
    number: u64,
}

impl Lead<'_> {
    /// The state, as long as nobody else leads.
    fn state(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.at.state();
        let is_led = !matches!(state.stage, Stage::Vacant | Stage::Over(_));
        (state.number == self.number && is_led).then_some(state)
    }

    /// Whether it has not been taken by somebody else.
    pub(crate) fn is_current(&self) -> bool {
        self.state().is_some()
    }

    /// It is alive, and will say so again by `until`.
    pub(crate) fn holds(&self, until: Instant) {
        if let Some(mut state) = self.state() {
            state.until = until;
        }
    }

    /// It waits for another process, and asks the store again then.
    pub(crate) fn waits(&self, next_ask: Instant, until: Instant) {
        if let Some(mut state) = self.state() {
            state.stage = Stage::Waits;
            state.next_ask = next_ask;
            state.until = until;
        }
    }

    /// It runs. Who will not wait for that is woken to hear it.
    pub(crate) fn runs(&self, until: Instant, tell: bool) {
        let Some(mut state) = self.state() else {
            return;
        };
        state.stage = Stage::Runs;
        state.next_ask = Instant::from_nanos(0);
        state.until = until;
        let wakers = if tell {
            state.wakers()
        } else {
            Wakers::default()
        };
        drop(state);
        wakers.wake();
    }

    /// This came of it, for all.
    pub(crate) fn lands(self, landing: Landing) {
        let Some(mut state) = self.state() else {
            return;
        };
        state.stage = Stage::Over(Some(landing));
        let wakers = state.wakers();
        drop(state);
        self.at.remove();
        wakers.wake();
    }

    /// Gives the place up because its own time is over. The newest follower alone is woken for it: it has the most
    /// time left, and so the place changes hands seldom.
    pub(crate) fn retires(self) {
        let Some(mut state) = self.state() else {
            return;
        };
        let is_over = state.vacate();
        let heir = state.followers.keys().copied().max();
        state.heir = heir;
        let waker = heir.and_then(|heir| state.followers.get_mut(&heir)?.take());
        drop(state);
        if is_over {
            self.at.remove();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let Some(mut state) = self.state() else {
            return;
        };
        let is_over = state.vacate();
        // What it was told is not known, so the next asks at once.
        state.next_ask = Instant::from_nanos(0);
        let wakers = state.wakers();
        drop(state);
        if is_over {
            self.at.remove();
        }
        wakers.wake();
    }
}

/// The place of a call that follows. Dropped, it is given up.
#[derive(Debug)]
pub(crate) struct Seat<'p> {
    at: At<'p>,
    number: u64,
}

/// How things are for who has to wait on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stands {
    /// Whether the lead runs, or waits for somebody who does.
    pub(crate) is_under_way: bool,
    /// Whether nobody leads.
    pub(crate) is_vacant: bool,
    /// When the lead is given up.
    pub(crate) until: Instant,
}

impl<'p> Seat<'p> {
    /// Ready when the flight is over; else how things are, and the waker is kept.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Result<Landing, ()>> {
        // A clone and a drop of a waker may run anybody's code, so both are outside of the lock.
        let mut waker = Some(cx.waker().clone());
        let mut state = self.at.state();
        if let Stage::Over(landing) = &state.stage {
            let landing = landing.clone().ok_or(());
            drop(state);
            return Poll::Ready(landing);
        }
        if let Some(seat) = state.followers.get_mut(&self.number) {
            mem::swap(seat, &mut waker);
        }
        drop(state);
        drop(waker);
        Poll::Pending
    }

    /// How things are.
    pub(crate) fn stands(&self) -> Stands {
        let state = self.at.state();
        Stands {
            is_under_way: matches!(state.stage, Stage::Waits | Stage::Runs),
            is_vacant: matches!(state.stage, Stage::Vacant),
            until: state.until,
        }
    }

    /// Takes the lead, where nobody has it, or who has it was to have said something by now. Gives the seat back
    /// where there is a lead.
    pub(crate) fn lead(self, now: Instant, until: Instant) -> Result<News<'p>, Seat<'p>> {
        let mut state = self.at.state();
        match &state.stage {
            Stage::Over(landing) => {
                let landing = landing.clone();
                drop(state);
                return Ok(landing.map_or(News::Alone, News::Landed));
            }
            Stage::Vacant => {}
            Stage::Asks | Stage::Waits | Stage::Runs if state.until <= now => {
                state.next_ask = Instant::from_nanos(0);
            }
            _ => {
                drop(state);
                return Err(self);
            }
        }
        state.number += 1;
        state.stage = Stage::Asks;
        state.until = until;
        state.heir = None;
        let (number, next_ask) = (state.number, state.next_ask);
        // The seat becomes the lead: it stays open, and nobody is woken.
        let waker = state.followers.remove(&self.number);
        drop(state);
        drop(waker);
        let lead = Lead {
            at: At {
                flights: self.at.flights,
                id: self.at.id,
                flight: Arc::clone(&self.at.flight),
            },
            number,
        };
        Ok(News::Leads(lead, next_ask))
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut state = self.at.state();
        let waker = state.followers.remove(&self.number);
        let mut wakers = Wakers::default();
        let mut is_over = false;
        if matches!(state.stage, Stage::Vacant) {
            if state.followers.is_empty() {
                state.stage = Stage::Over(None);
                is_over = true;
            } else if state.heir == Some(self.number) {
                // It alone was woken to lead.
                state.heir = None;
                wakers = state.wakers();
            }
        }
        drop(state);
        if is_over {
            self.at.remove();
        }
        drop(waker);
        wakers.wake();
    }
}
