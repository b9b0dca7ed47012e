//! What may happen, and the small breakers that it happens to.

use std::time::Duration;

use steadfast_circuit_breaker::{CircuitBreaker, CircuitBreakerBuilder};
use steadfast_core::{Ratio, Verdict};

pub(crate) const BIT: u64 = 1;
pub(crate) const OPEN: u64 = 10;
pub(crate) const CAP: u64 = 7;
pub(crate) const STEP: u64 = 5;

/// What may happen. Times are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A call comes and ends at once.
    Call(End),
    /// A call comes and stays.
    Begin,
    /// The oldest call under way ends.
    Oldest(End),
    /// The newest one does, where it is not the oldest too.
    Newest(End),
    /// The oldest call under way is cancelled.
    Cancel,
    Pass(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Good,
    Bad,
    Overloaded,
    Neutral,
}

impl End {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            End::Good => Verdict::success(),
            End::Bad => Verdict::transient(),
            End::Overloaded => Verdict::overloaded(),
            End::Neutral => Verdict::caller(),
        }
    }
}

pub(crate) const ALPHABET: [Event; 13] = [
    Event::Call(End::Good),
    Event::Call(End::Bad),
    Event::Begin,
    Event::Oldest(End::Good),
    Event::Oldest(End::Bad),
    Event::Oldest(End::Overloaded),
    Event::Oldest(End::Neutral),
    Event::Newest(End::Good),
    Event::Newest(End::Bad),
    Event::Cancel,
    Event::Pass(BIT),
    Event::Pass(CAP),
    Event::Pass(OPEN),
];

/// A small breaker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Small {
    /// The window, how many calls it needs, and the rate in parts of a whole.
    pub(crate) rate: Option<(usize, usize, (u32, u32))>,
    /// Whether calls that take longer than no time are slow, and how many of the window may be.
    pub(crate) slow: Option<(u32, u32)>,
    pub(crate) consecutive: Option<usize>,
    pub(crate) probes: usize,
    pub(crate) ramps: bool,
}

impl Small {
    pub(crate) const PLAIN: Small = Small {
        rate: None,
        slow: None,
        consecutive: None,
        probes: 1,
        ramps: false,
    };

    pub(crate) fn build(self) -> CircuitBreaker {
        let ratio = |(part, whole)| Ratio::new(part, whole).unwrap();
        let rules: [Option<CircuitBreakerBuilder>; 2] = [
            self.rate
                .map(|(_, _, rate)| CircuitBreaker::failure_rate(ratio(rate))),
            self.consecutive
                .map(|limit| CircuitBreaker::consecutive_failures(limit.try_into().unwrap())),
        ];
        let mut builder = rules.into_iter().flatten().next().unwrap();
        if let Some((window, min_calls, _)) = self.rate {
            builder = builder.over_last(window.try_into().unwrap());
            builder = builder.min_calls(min_calls.try_into().unwrap());
        }
        if let Some(rate) = self.slow {
            builder = builder.slow_calls(ratio(rate), Duration::from_nanos(1));
        }
        if let Some(limit) = self.consecutive {
            builder = builder.consecutive_failures(limit.try_into().unwrap());
        }
        if self.ramps {
            builder = builder.ramp([Ratio::percent(50)], Duration::from_millis(STEP));
        }
        let builder = builder
            .probes(self.probes.try_into().unwrap())
            .open_for(Duration::from_millis(OPEN))
            .half_open_for(Duration::from_millis(CAP))
            .factor(1.0)
            .jitter(Ratio::percent(0));
        builder.build().unwrap()
    }
}
