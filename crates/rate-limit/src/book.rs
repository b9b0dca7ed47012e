//! Who was admitted and who waits, in order, and whose turn comes when.

use std::{collections::BTreeMap, task::Waker};

use steadfast_core::{Instant, Wakers};

use crate::{
    limited::Limited,
    rule::Rule,
    tally::{Point, Tally},
};

/// A place in the queue, which no other call of this limit ever has. The smallest is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

/// What becomes of a call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It comes then, unless it is moved.
    At(Instant),
    /// Its units are taken, and it does not wait any more.
    Come,
    /// It never comes.
    GivenUp(Limited),
}

/// What became of a call that was ready to wait.
#[derive(Debug)]
pub(crate) enum Entered {
    Admitted,
    Waits(Place, Instant),
    Refused(Limited),
}

/// The state under the lock.
///
/// Who waits has taken its units already, as of its turn: so nobody who comes later is admitted before it.
/// While it waits the tally can go back to before it, and whoever is behind takes anew.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) rule: Rule,
    pub(crate) tally: Tally,
    capacity: usize,
    next: u64,
    waiting: BTreeMap<Place, Waiter>,
    /// Those who were not polled since they ceased to wait, and what would have woken them: it is dropped
    /// where there is no lock.
    ended: BTreeMap<Place, (Turn, Option<Waker>)>,
}

#[derive(Debug)]
struct Waiter {
    cost: u32,
    turn: Instant,
    /// The tally without it and all who are behind.
    before: Point,
    /// None once it was woken, until it is polled.
    waker: Option<Waker>,
}

impl Book {
    pub(crate) fn new(rule: Rule, capacity: u32) -> Book {
        Book {
            rule,
            tally: Tally::new(&rule),
            capacity: capacity as usize,
            next: 0,
            waiting: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes `cost` units at `now`.
    pub(crate) fn take_at(&mut self, now: Instant, cost: u32) -> Result<(), Limited> {
        self.settle_at(now);
        self.tally.fits(&self.rule, now, cost)?;
        self.tally.take(&self.rule, now, cost);
        Ok(())
    }

    /// Takes `cost` units at `now`, or a place in the queue where the turn comes not after `latest`.
    pub(crate) fn enter_at(
        &mut self,
        now: Instant,
        cost: u32,
        latest: Instant,
        waker: Waker,
    ) -> (Entered, Option<Waker>) {
        let Err(limited) = self.take_at(now, cost) else {
            return (Entered::Admitted, Some(waker));
        };
        let has_place = self.waiting.len() < self.capacity;
        let turn = match limited {
            Limited::Until(turn) if turn <= latest && has_place => turn,
            _ => return (Entered::Refused(limited), Some(waker)),
        };
        let before = self.tally.point();
        self.tally.take(&self.rule, turn, cost);
        let place = Place(self.next);
        self.next += 1;
        let waiter = Waiter {
            cost,
            turn,
            before,
            waker: Some(waker),
        };
        self.waiting.insert(place, waiter);
        (Entered::Waits(place, turn), None)
    }

    /// What becomes of a call. One that waits still is woken by `waker` when its turn is moved; the waker that
    /// is not needed comes back.
    pub(crate) fn look(&mut self, place: Place, waker: Waker) -> (Turn, Option<Waker>) {
        match self.waiting.get_mut(&place) {
            Some(waiter) => (Turn::At(waiter.turn), waiter.waker.replace(waker)),
            None => (self.end(place).0, Some(waker)),
        }
    }

    /// What becomes of a call whose turn is at hand at `now`, and the waker of one that does not wait any more.
    pub(crate) fn come_at(&mut self, place: Place, now: Instant) -> (Turn, Option<Waker>) {
        self.settle_at(now);
        match self.waiting.get(&place) {
            Some(waiter) => (Turn::At(waiter.turn), None),
            None => self.end(place),
        }
    }

    /// Takes a call out. Where its turn had come at `now` its units are spent; if not, they go to those behind.
    pub(crate) fn leave_at(
        &mut self,
        place: Place,
        now: Instant,
        wakers: &mut Wakers,
    ) -> (Turn, Option<Waker>) {
        self.settle_at(now);
        let Some(waiter) = self.waiting.remove(&place) else {
            return self.end(place);
        };
        self.tally.rewind(waiter.before);
        self.plan_from(place, now, wakers);
        (Turn::At(waiter.turn), waiter.waker)
    }

    /// Gives `cost` units back.
    pub(crate) fn refund_at(&mut self, now: Instant, cost: u32, wakers: &mut Wakers) {
        self.settle_at(now);
        self.rewind_all();
        self.tally.refund(&self.rule, now, cost);
        self.plan_from(Place(0), now, wakers);
    }

    /// Goes over to another rule. Who waits for more than that ever has is given up.
    pub(crate) fn change_at(&mut self, now: Instant, rule: Rule, wakers: &mut Wakers) {
        self.settle_at(now);
        self.rewind_all();
        self.tally.convert(&self.rule, &rule, now);
        self.rule = rule;
        let ended = &mut self.ended;
        self.waiting.retain(|place, waiter| {
            let Err(limited) = rule.check_cost(waiter.cost) else {
                return true;
            };
            ended.insert(*place, (Turn::GivenUp(limited), None));
            wakers.extend(waiter.waker.take());
            false
        });
        self.plan_from(Place(0), now, wakers);
    }

    /// The turns that have come at `now` are there to stay.
    pub(crate) fn settle_at(&mut self, now: Instant) {
        while let Some(first) = self
            .waiting
            .first_entry()
            .filter(|one| one.get().turn <= now)
        {
            let (place, waiter) = first.remove_entry();
            self.ended.insert(place, (Turn::Come, waiter.waker));
        }
        let settled = self.waiting.first_key_value();
        let settled = settled.map_or_else(|| self.tally.point(), |(_, first)| first.before);
        self.tally.settle(&self.rule, now, settled);
    }

    /// Takes nothing for those who wait.
    fn rewind_all(&mut self) {
        if let Some((_, first)) = self.waiting.first_key_value() {
            self.tally.rewind(first.before);
        }
    }

    /// Takes for those who wait, from `start` on, and wakes whose turn is another than it was.
    fn plan_from(&mut self, start: Place, now: Instant, wakers: &mut Wakers) {
        for waiter in self.waiting.range_mut(start..).map(|(_, waiter)| waiter) {
            waiter.before = self.tally.point();
            let turn = self.tally.grant(&self.rule, now, waiter.cost);
            let turn = turn.expect("who waits does not cost more than there ever is");
            self.tally.take(&self.rule, turn, waiter.cost);
            if turn != waiter.turn {
                waiter.turn = turn;
                wakers.extend(waiter.waker.take());
            }
        }
    }

    fn end(&mut self, place: Place) -> (Turn, Option<Waker>) {
        let end = self.ended.remove(&place);
        end.expect("a call that does not wait any more looks at its turn once")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rule::Shape;

    fn runs(book: &Book) -> usize {
        match &book.tally {
            Tally::Log(log) => log.runs(),
            Tally::Arrival(_) => unreachable!("it is a sliding window"),
        }
    }

    #[test]
    fn a_sliding_window_remembers_no_more_than_it_has() {
        let rule = Rule::new(Shape::Sliding, 5, Duration::from_nanos(1_000), None).unwrap();
        let mut book = Book::new(rule, 1);
        for step in 0..1_000 {
            let taken = book.take_at(Instant::from_nanos(step * 200), 1);
            assert_eq!(taken, Ok(()));
            assert!(runs(&book) <= 6);
        }
        let later = Instant::from_nanos(1_000_000);
        (0..5).for_each(|_| book.take_at(later, 1).unwrap());
        book.settle_at(later);
        assert_eq!(runs(&book), 1, "those of one instant are one run");
    }

    #[test]
    fn a_sliding_window_remembers_nothing_of_a_wait_that_was_left() {
        let rule = Rule::new(Shape::Sliding, 2, Duration::from_nanos(1_000), None).unwrap();
        let mut book = Book::new(rule, 10);
        let now = Instant::from_nanos(5);
        book.take_at(now, 2).unwrap();
        for _ in 0..10 {
            let (entered, _) = book.enter_at(now, 1, Instant::MAX, Waker::noop().clone());
            let Entered::Waits(place, _) = entered else {
                panic!("{entered:?}");
            };
            assert_eq!(runs(&book), 2);
            let _ = book.leave_at(place, now, &mut Wakers::default());
            assert_eq!(runs(&book), 1);
        }
    }
}
