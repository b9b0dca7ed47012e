//! Calls that ended, and the windows that they make up.

use steadfast_core::{Class, Instant, Outcome, Ratio, Rejection, RejectionKind, saturating_nanos};

use super::AdaptiveLimit;

/// A window does not wait for calls that take longer.
const SLOWEST_NANOS: u64 = 10_000_000_000;

/// So many calls of which most were dropped are an outage, and a window is not waited for.
const ENOUGH_DROPS: u32 = 5;

/// What one ended call says about the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// It was answered well, so long after it was admitted.
    Answered { rtt_nanos: u64 },
    /// It was cut off, or answered by "overloaded".
    Dropped,
}

impl Sample {
    /// What an outcome counts as: what was cut off as overload, and what another policy refused as nothing
    /// of the dependency's.
    #[inline]
    pub(crate) fn class_of<T, E>(outcome: &Outcome<T, E>) -> Class {
        if outcome.verdict.is_success() {
            return Class::Success;
        }
        match outcome.rejection().map(Rejection::kind) {
            None => outcome.verdict.class(),
            Some(RejectionKind::TimedOut { .. }) => Class::Overloaded,
            Some(_) => Class::Caller,
        }
    }

    /// What a call says that was admitted at `began` and ended at `ended`; `None` when that is nothing.
    pub(crate) fn of(class: Class, began: Instant, ended: Instant) -> Option<Sample> {
        match class {
            Class::Success => {
                let rtt_nanos = ended.saturating_nanos_since(began);
                // None at all: the clock is too coarse for it, or was turned back.
                (rtt_nanos > 0).then_some(Sample::Answered { rtt_nanos })
            }
            Class::Overloaded => Some(Sample::Dropped),
            // Fast failures would pass for a fast dependency.
            Class::Transient | Class::Permanent | Class::Caller => None,
        }
    }
}

/// Ended calls, added up: one call, a stripe of them, or a window. All of it adds up or is the largest, so
/// that parts may be kept apart and put together later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) answered: u32,
    pub(crate) dropped: u32,
    /// The round trips of those answered, all together.
    pub(crate) rtt_nanos: u64,
    /// The most calls that were in flight when one of these ended, that one included.
    pub(crate) max_in_flight: u32,
}

impl Tally {
    pub(crate) const NONE: Tally = Tally {
        answered: 0,
        dropped: 0,
        rtt_nanos: 0,
        max_in_flight: 0,
    };

    /// One call, and how many were in flight when it ended, itself included.
    pub(crate) fn one(sample: Sample, in_flight: u32) -> Self {
        let mut tally = Tally {
            max_in_flight: in_flight,
            ..Tally::NONE
        };
        match sample {
            Sample::Answered { rtt_nanos } => (tally.answered, tally.rtt_nanos) = (1, rtt_nanos),
            Sample::Dropped => tally.dropped = 1,
        }
        tally
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.answered = self.answered.saturating_add(other.answered);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.rtt_nanos = self.rtt_nanos.saturating_add(other.rtt_nanos);
        self.max_in_flight = self.max_in_flight.max(other.max_in_flight);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls() == 0
    }

    fn calls(&self) -> u32 {
        self.answered.saturating_add(self.dropped)
    }

    fn mean_nanos(&self) -> u64 {
        self.rtt_nanos
            .checked_div(self.answered.into())
            .unwrap_or(0)
    }

    fn is_overload(&self, tolerated: Ratio) -> bool {
        let (drops, calls) = (u64::from(self.dropped), u64::from(self.calls()));
        drops * u64::from(tolerated.denominator()) > calls * u64::from(tolerated.numerator())
    }
}

/// What a strategy is told about the calls that ended in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// How many ended, one at least.
    pub(crate) calls: u32,
    pub(crate) max_in_flight: u32,
    /// Their mean round trip; `None` when too many were dropped.
    pub(crate) rtt_nanos: Option<u64>,
}

/// Puts the calls that end into windows.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    shortest_nanos: u64,
    longest_nanos: u64,
    calls: u32,
    tolerated: Ratio,
    tally: Tally,
    /// Whether most of the last window was dropped.
    was_dropped: bool,
    /// When the last window was closed.
    opened: Instant,
    /// When the first call of this window ended.
    first: Instant,
}

impl Collector {
    pub(crate) fn new(settings: &AdaptiveLimit) -> Self {
        Collector {
            shortest_nanos: saturating_nanos(settings.window),
            longest_nanos: settings.longest_nanos(),
            calls: settings.window_calls,
            tolerated: settings.tolerated_drops,
            tally: Tally::NONE,
            was_dropped: false,
            opened: Instant::from_nanos(0),
            first: Instant::from_nanos(0),
        }
    }

    /// Adds calls that ended at `now`, and hands over the window that is complete by that.
    pub(crate) fn absorb_at(&mut self, calls: Tally, now: Instant) -> Option<Window> {
        // The clock may have been turned back.
        self.opened = self.opened.min(now);
        self.first = self.first.min(now);
        let overdue = self.is_overdue_at(now).then(|| self.close_at(now));
        if self.tally.calls() == 0 {
            self.first = now;
        }
        self.tally.add(calls);
        overdue.or_else(|| self.is_complete_at(now).then(|| self.close_at(now)))
    }

    /// Whether a timer would have closed it by now; so what comes after a pause is not of this window.
    fn is_overdue_at(&self, now: Instant) -> bool {
        let most = self.longest_nanos.max(self.round_trips_nanos());
        self.tally.calls() > 0 && now.saturating_nanos_since(self.first) >= most
    }

    fn is_complete_at(&self, now: Instant) -> bool {
        if self.tally.calls() == 0 {
            return false;
        }
        // A few, unless they go on: one alone is no outage.
        let are_enough = self.tally.calls() >= ENOUGH_DROPS || self.was_dropped;
        if self.tally.dropped > self.tally.answered && are_enough {
            // In an outage calls are few, and each tells as much as all of them.
            return now.saturating_nanos_since(self.opened) >= self.shortest_nanos;
        }
        let least = self.shortest_nanos.max(self.round_trips_nanos());
        self.tally.calls() >= self.calls && now.saturating_nanos_since(self.first) >= least
    }

    /// Two of them, as the calls of the first were admitted under the limit before.
    fn round_trips_nanos(&self) -> u64 {
        2 * self.tally.mean_nanos().min(SLOWEST_NANOS)
    }

    fn close_at(&mut self, now: Instant) -> Window {
        let tally = std::mem::replace(&mut self.tally, Tally::NONE);
        self.opened = now;
        self.was_dropped = tally.dropped > tally.answered;
        Window {
            calls: tally.calls(),
            max_in_flight: tally.max_in_flight,
            rtt_nanos: (!tally.is_overload(self.tolerated)).then(|| tally.mean_nanos()),
        }
    }
}
