//! What a sliding window remembers: when each of the last units was taken.

use std::{collections::VecDeque, time::Duration};

use steadfast_core::Instant;

use crate::rule::Rule;

/// Units in the order of their admission, those of one instant together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    runs: VecDeque<Run>,
    /// How many units were ever taken.
    taken: u64,
    /// Up to which of them it has forgotten.
    forgotten: u64,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    at: Instant,
    /// Which units of all that were taken these are; the very first is number one.
    first: u64,
    last: u64,
}

impl Log {
    /// When a call is admitted that comes at `now`: when, of the window of a `per` that ends then, there are
    /// `cost` units left. That a unit is over after exactly a `per` is what `per` means.
    pub(crate) fn grant(&self, rule: &Rule, now: Instant, cost: u32) -> Instant {
        let kept = u64::from(rule.burst - cost);
        // The units up to that one have to be over.
        let over = self.taken.saturating_sub(kept);
        match self.run_of(over) {
            Some(run) => now.max(rule.over_at(run.at)),
            None => now,
        }
    }

    /// Takes units, not earlier than those before.
    pub(crate) fn take(&mut self, at: Instant, cost: u32) {
        let first = self.taken + 1;
        let last = self.taken + u64::from(cost);
        self.taken = last;
        match self.runs.back_mut() {
            Some(run) if run.at == at => run.last = last,
            _ => self.runs.push_back(Run { at, first, last }),
        }
    }

    pub(crate) fn available(&self, rule: &Rule, now: Instant) -> u32 {
        let over = self.over(rule, now);
        let used = u32::try_from(self.taken - over).unwrap_or(u32::MAX);
        rule.burst.saturating_sub(used)
    }

    /// Forgets `cost` units, the oldest that count: nobody knows which it was, and so no window has more.
    pub(crate) fn refund(&mut self, rule: &Rule, now: Instant, cost: u32) {
        let over = self.over(rule, now);
        self.forget(over.saturating_add(cost.into()).min(self.taken));
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Back to when so many units had been taken.
    pub(crate) fn rewind(&mut self, taken: u64) {
        while self.runs.back().is_some_and(|run| run.first > taken) {
            self.runs.pop_back();
        }
        if let Some(run) = self.runs.back_mut() {
            run.last = run.last.min(taken);
        }
        self.taken = taken;
    }

    /// Forgets what never counts again, where the first `taken` units are there to stay: all but so many as
    /// there may be at once, unless there were more once, and they are not over at `now`.
    pub(crate) fn trim(&mut self, rule: &Rule, now: Instant, taken: u64) {
        let up_to = taken.saturating_sub(rule.burst.into());
        if up_to > self.forgotten {
            self.forget(up_to.min(self.over(rule, now)));
        }
    }

    fn forget(&mut self, up_to: u64) {
        self.forgotten = self.forgotten.max(up_to);
        while self
            .runs
            .front()
            .is_some_and(|run| run.last <= self.forgotten)
        {
            self.runs.pop_front();
        }
    }

    /// Up to which unit all are over at `now`.
    fn over(&self, rule: &Rule, now: Instant) -> u64 {
        let runs = self.runs.partition_point(|run| rule.over_at(run.at) <= now);
        let last = runs.checked_sub(1).and_then(|run| self.runs.get(run));
        last.map_or(self.forgotten, |run| run.last)
    }

    /// The run that a unit is of, unless it is forgotten.
    fn run_of(&self, unit: u64) -> Option<&Run> {
        if unit <= self.forgotten {
            return None;
        }
        let run = self.runs.partition_point(|run| run.last < unit);
        self.runs.get(run)
    }
}

impl Rule {
    /// When a unit that was taken `at` that instant does not count any more.
    fn over_at(&self, at: Instant) -> Instant {
        at + Duration::from_nanos(self.per)
    }
}

#[cfg(test)]
impl Log {
    pub(crate) fn runs(&self) -> usize {
        self.runs.len()
    }
}
