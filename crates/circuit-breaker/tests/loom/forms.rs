//! The real breakers, in the sizes of the models.

use std::{
    future::{Ready, ready},
    sync::Mutex,
    time::{Duration, SystemTime},
};

use steadfast_circuit_breaker::{
    CircuitBreaker, CircuitBreakerBuilder, Permit as RealPermit, State, Transitions,
};
use steadfast_core::{Instant, Ratio, Runtime, Verdict};

use crate::models::{Breaker, Permit, Seen};

const SLOT_NANOS: u64 = 500_000_000;
const OPEN_FOR: Duration = Duration::from_secs(20);

/// When it opens, and how many probes it lends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) min_calls: u32,
    pub(crate) rate: (u32, u32),
    pub(crate) probes: u32,
}

impl Rules {
    pub(crate) fn new(min_calls: u32, rate: (u32, u32)) -> Self {
        Rules {
            min_calls,
            rate,
            probes: 1,
        }
    }

    pub(crate) fn probes(self, probes: u32) -> Self {
        Rules { probes, ..self }
    }
}

/// A clock that stands still, and does not even sleep.
#[derive(Clone, Copy)]
pub(crate) struct At(Instant);

fn at(slot: u64) -> At {
    // It can be turned back from there.
    At(Instant::from_nanos((1000 + slot) * SLOT_NANOS))
}

impl Runtime for At {
    type Sleep = Ready<()>;
    type Lent<'p> = At;

    fn lend(&self) -> At {
        *self
    }

    fn now(&self) -> Instant {
        self.0
    }

    fn sleep_until(&self, _at: Instant) -> Ready<()> {
        ready(())
    }

    fn random(&self) -> u64 {
        0
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

pub(crate) struct Real {
    breaker: CircuitBreaker,
    transitions: Mutex<(Transitions, u64)>,
}

impl Breaker for Real {
    type Permit<'b> = RealPermit<'b, At>;

    fn admit(&self, slot: u64) -> Option<RealPermit<'_, At>> {
        self.breaker.try_acquire(at(slot)).ok()
    }

    fn open(&self, slot: u64) {
        self.breaker.open_for_at(at(slot).0, OPEN_FOR);
    }

    fn reset(&self) {
        self.breaker.reset();
    }

    fn look(&self, slot: u64) -> Seen {
        let mut transitions = self.transitions.lock().unwrap();
        let (subscription, opened) = &mut *transitions;
        while let Some(transition) = subscription.try_recv() {
            *opened += u64::from(transition.to == State::Open);
        }
        let snapshot = self.breaker.snapshot_at(at(slot).0);
        Seen {
            is_open: snapshot.state == State::Open,
            is_closed: snapshot.state == State::Closed,
            calls: snapshot.calls(),
            failures: snapshot.failures(),
            in_a_row: snapshot.consecutive_failures.into(),
            opened: *opened,
            reopened: snapshot.reopened.into(),
        }
    }
}

impl Permit for RealPermit<'_, At> {
    fn succeeds(self) {
        self.record(&Verdict::success());
    }

    fn fails(self) {
        self.record(&Verdict::transient());
    }
}

fn real(builder: CircuitBreakerBuilder, rules: Rules) -> Real {
    let breaker = builder
        .probes(rules.probes)
        .open_for(OPEN_FOR)
        .half_open_for(OPEN_FOR)
        .build()
        .unwrap();
    Real {
        transitions: Mutex::new((breaker.subscribe(), 0)),
        breaker,
    }
}

fn by_rate(rules: Rules) -> CircuitBreakerBuilder {
    let rate = Ratio::new(rules.rate.0, rules.rate.1).unwrap();
    CircuitBreaker::failure_rate(rate).min_calls(rules.min_calls)
}

/// A window of a few calls.
pub(crate) fn register(rules: Rules) -> Real {
    real(by_rate(rules).over_last(4), rules)
}

/// The smallest window of many calls.
pub(crate) fn ring(rules: Rules) -> Real {
    real(by_rate(rules).over_last(65), rules)
}

/// A window of two slots of time.
pub(crate) fn time(rules: Rules) -> Real {
    let length = Duration::from_nanos(2 * SLOT_NANOS);
    real(by_rate(rules).over(length).buckets(2), rules)
}

/// No window: as many failures in a row as it takes calls for the rate.
pub(crate) fn in_a_row(rules: Rules) -> Real {
    real(CircuitBreaker::consecutive_failures(rules.min_calls), rules)
}
