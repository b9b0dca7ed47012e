//! Drives rate limits of every shape through arbitrary histories, on a clock that stands still, jumps and goes
//! backwards: what they say holds, and a bucket says what a leaky bucket says that rounds nothing.

#![no_main]

mod meter;

use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use steadfast_core::{Instant, RejectionKind};
use steadfast_rate_limit::{RateLimit, RateLimitBuilder};

use self::meter::Meter;

#[derive(Arbitrary, Debug)]
struct Case {
    shape: Shape,
    n: u32,
    per_nanos: u64,
    burst: u32,
    start: u64,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Shape {
    Bucket,
    Sliding,
    Fixed,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Take {
        cost: u32,
    },
    /// A share of what there may be at once.
    TakePart {
        part: u8,
    },
    Refund {
        cost: u32,
    },
    Rate {
        n: u32,
        per_nanos: u64,
    },
    Burst {
        units: u32,
    },
    Pass {
        nanos: u64,
    },
    /// Until what was refused last is due.
    PassUntilDue,
    Jump {
        to: u64,
    },
}

fuzz_target!(|case: Case| {
    if let Ok(limit) = case.settings().build() {
        run(&limit, &case);
    }
});

impl Case {
    fn settings(&self) -> RateLimitBuilder {
        let limit = RateLimit::new(self.n, Duration::from_nanos(self.per_nanos));
        match self.shape {
            Shape::Bucket => limit.burst(self.burst),
            Shape::Sliding => limit.sliding(),
            Shape::Fixed => limit.fixed(),
        }
    }
}

fn run(limit: &RateLimit, case: &Case) {
    // A leaky bucket knows of no other rate, and of no time before the last.
    let meter = Meter::new(case.n, case.per_nanos, case.burst);
    let mut meter = (case.shape == Shape::Bucket).then_some(meter);
    let (mut now, mut due) = (before_never(case.start), case.start);
    for step in &case.steps {
        match *step {
            Step::Take { cost } => due = take(limit, meter.as_mut(), now, cost).unwrap_or(due),
            Step::TakePart { part } => {
                let cost = limit.burst() / u32::from(part.max(1));
                due = take(limit, meter.as_mut(), now, cost).unwrap_or(due);
            }
            Step::Refund { cost } => {
                limit.refund_at(Instant::from_nanos(now), cost);
                if let Some(meter) = &mut meter {
                    meter.refund_at(now, cost);
                }
            }
            Step::Rate { n, per_nanos } => {
                let per = Duration::from_nanos(per_nanos);
                if limit.set_rate_at(Instant::from_nanos(now), n, per).is_ok() {
                    meter = None;
                }
            }
            Step::Burst { units } => {
                if limit.set_burst_at(Instant::from_nanos(now), units).is_ok() {
                    meter = None;
                }
            }
            Step::Pass { nanos } => now = before_never(now.saturating_add(nanos)),
            Step::PassUntilDue => now = before_never(now.max(due)),
            Step::Jump { to } => {
                if to < now {
                    meter = None;
                }
                now = before_never(to);
            }
        }
    }
}

/// The last instant means never.
fn before_never(nanos: u64) -> u64 {
    nanos.min(u64::MAX - 1)
}

/// Takes units, and holds the limit to what it says; when it is due where it was refused.
fn take(limit: &RateLimit, meter: Option<&mut Meter>, now: u64, cost: u32) -> Option<u64> {
    let at = Instant::from_nanos;
    let available = limit.available_at(at(now));
    let asked = limit.retry_after_at(at(now), cost);
    let taken = limit.try_acquire_at(at(now), cost);
    if let Some(meter) = meter {
        assert_eq!(available, meter.available_at(now));
        assert_eq!(taken.is_ok(), meter.try_acquire_at(now, cost).is_ok());
    }
    let Err(refused) = taken else {
        assert_eq!(asked, Some(Duration::ZERO));
        assert!(cost == 0 || cost <= available);
        return None;
    };
    // As long as the clock lasts means that a rejection says nothing of it.
    let said = asked.filter(|wait| wait.as_secs() < u64::MAX / 1_000_000_000);
    assert_eq!(refused.retry_after(), said);
    if refused.kind() != RejectionKind::RateLimited {
        assert!(cost > limit.burst() && asked.is_none());
        return None;
    }
    assert!(cost > available);
    let wait = said?;
    let due = at(now) + wait;
    let nanosecond = Duration::from_nanos(1);
    let before = due.saturating_sub(nanosecond);
    assert_eq!(limit.retry_after_at(before, cost), Some(nanosecond));
    assert_eq!(limit.retry_after_at(due, cost), Some(Duration::ZERO));
    Some(due.as_nanos())
}
