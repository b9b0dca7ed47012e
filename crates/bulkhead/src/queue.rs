//! Who waits, in which order, and whose turn has come.

use std::{collections::BTreeMap, task::Waker};

use steadfast_core::{Instant, Priority, Wakers};

use crate::{Order, codel::Codel};

/// A place in the queue, which no other call of this bulkhead ever has. The smallest is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Zero for what matters most; in an order without priorities, for everybody.
    rank: u8,
    number: u64,
}

/// What there is to know of a call that has to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) cost: u32,
    pub(crate) priority: Priority,
    pub(crate) at: Instant,
}

/// What became of a call that waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// So many permits are counted as out for it.
    Come(u32),
    GivenUp,
}

/// Those who wait, and those who have not been polled since their turn came or they were given up.
///
/// Wakers are handed out, to be woken or dropped where there is no lock.
#[derive(Debug)]
pub(crate) struct Queue {
    discipline: Discipline,
    capacity: usize,
    next: u64,
    waiting: BTreeMap<Place, Waiter>,
    turns: BTreeMap<Place, Turn>,
    /// The highest cost of those who wait, or more.
    heaviest: u32,
}

#[derive(Debug)]
enum Discipline {
    Fifo,
    Lifo,
    Priority,
    Codel(Codel),
}

#[derive(Debug)]
struct Waiter {
    cost: u32,
    since: Instant,
    /// None before it was first looked at.
    waker: Option<Waker>,
}

impl Queue {
    pub(crate) fn new(order: Order, capacity: u32) -> Self {
        Queue {
            discipline: match order {
                Order::Fifo => Discipline::Fifo,
                Order::Lifo => Discipline::Lifo,
                Order::Priority => Discipline::Priority,
                Order::Codel { target, interval } => {
                    Discipline::Codel(Codel::new(target, interval))
                }
            },
            capacity: capacity as usize,
            next: 0,
            waiting: BTreeMap::new(),
            turns: BTreeMap::new(),
            heaviest: 0,
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.waiting.len()).expect("the capacity is a u32")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether nobody else may wait, whoever it is.
    pub(crate) fn is_full(&self) -> bool {
        let takes_turns = matches!(self.discipline, Discipline::Priority);
        self.waiting.len() >= self.capacity && (self.capacity == 0 || !takes_turns)
    }

    /// Gives a call its place. In a full queue that is the place of somebody who matters less, who is given
    /// up, or there is none.
    pub(crate) fn push(&mut self, call: Arrival, wakers: &mut Wakers) -> Option<Place> {
        let by_priority = matches!(self.discipline, Discipline::Priority);
        let rank = if by_priority { !call.priority.0 } else { 0 };
        if self.waiting.len() >= self.capacity {
            match self.waiting.last_key_value() {
                Some((last, _)) if last.rank > rank => {
                    let last = *last;
                    self.give_up(last, wakers);
                }
                _ => return None,
            }
        }
        if self.waiting.is_empty() {
            self.begin();
        }
        let number = self.next;
        self.next += 1;
        let place = Place { rank, number };
        let waiter = Waiter {
            cost: call.cost,
            since: call.at,
            waker: None,
        };
        self.heaviest = self.heaviest.max(call.cost);
        self.waiting.insert(place, waiter);
        Some(place)
    }

    /// Forgets those who waited before.
    fn begin(&mut self) {
        self.heaviest = 0;
        if let Discipline::Codel(codel) = &mut self.discipline {
            codel.end();
        }
    }

    /// Gives `free` permits to those whose turn it is, as far as they go; how many were given. The first
    /// who needs more than are left keeps all others waiting.
    ///
    /// Without a `now`, overload goes on or not as it was.
    pub(crate) fn serve(&mut self, free: u32, now: Option<Instant>, wakers: &mut Wakers) -> u32 {
        let mut left = free;
        while left > 0 && !self.waiting.is_empty() {
            if let Some(now) = now {
                self.shed_at(now, wakers);
            }
            let Some((&place, next)) = self.first() else {
                break;
            };
            if next.cost > left {
                break;
            }
            let cost = next.cost;
            left -= cost;
            self.end(place, Turn::Come(cost), wakers);
        }
        free - left
    }

    /// Lets nobody need more permits than there are.
    pub(crate) fn lighten(&mut self, limit: u32) {
        if self.heaviest > limit {
            self.heaviest = limit;
            for waiter in self.waiting.values_mut() {
                waiter.cost = waiter.cost.min(limit);
            }
        }
    }

    /// Gives those up who need more permits than there are.
    pub(crate) fn shed_above(&mut self, limit: u32, wakers: &mut Wakers) {
        if self.heaviest <= limit {
            return;
        }
        self.heaviest = limit;
        let too_heavy = self.waiting.iter().filter(|(_, one)| one.cost > limit);
        let places: Vec<Place> = too_heavy.map(|(place, _)| *place).collect();
        for place in places {
            self.give_up(place, wakers);
        }
    }

    /// What became of a call. One that waits still is woken by `waker` from here on; the waker that is not
    /// needed comes back.
    pub(crate) fn look(&mut self, place: Place, waker: Waker) -> (Option<Turn>, Option<Waker>) {
        match self.waiting.get_mut(&place) {
            Some(waiter) => (None, waiter.waker.replace(waker)),
            None => (Some(self.take_turn(place)), Some(waker)),
        }
    }

    /// Takes a call out: what had become of it, and the waker of one that waited.
    pub(crate) fn leave(&mut self, place: Place) -> (Option<Turn>, Option<Waker>) {
        match self.waiting.remove(&place) {
            Some(waiter) => (None, waiter.waker),
            None => (Some(self.take_turn(place)), None),
        }
    }

    fn take_turn(&mut self, place: Place) -> Turn {
        let turn = self.turns.remove(&place);
        turn.expect("a call that does not wait any more looks at its turn once")
    }

    /// Whose turn is next.
    fn first(&self) -> Option<(&Place, &Waiter)> {
        let newest_first = match &self.discipline {
            Discipline::Fifo | Discipline::Priority => false,
            Discipline::Lifo => true,
            Discipline::Codel(codel) => codel.is_dropping(),
        };
        if newest_first {
            self.waiting.last_key_value()
        } else {
            self.waiting.first_key_value()
        }
    }

    /// Gives the oldest up, as many as the CoDel law says.
    fn shed_at(&mut self, now: Instant, wakers: &mut Wakers) {
        while let Discipline::Codel(codel) = &mut self.discipline {
            let others = self.waiting.len() > 1;
            let Some((&place, oldest)) = self.waiting.first_key_value() else {
                break;
            };
            if !codel.drops_at(now, others.then_some(oldest.since)) {
                break;
            }
            self.give_up(place, wakers);
        }
    }

    fn give_up(&mut self, place: Place, wakers: &mut Wakers) {
        self.end(place, Turn::GivenUp, wakers);
    }

    fn end(&mut self, place: Place, turn: Turn, wakers: &mut Wakers) {
        if let Some(waiter) = self.waiting.remove(&place) {
            self.turns.insert(place, turn);
            if let Some(waker) = waiter.waker {
                wakers.add(waker);
            }
        }
    }
}
