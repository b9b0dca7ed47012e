//! What each form of the retry budget promises, one story per promise.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

mod clock;
mod cost_aware;
mod in_flight;
mod ratio;
mod reservations;
mod settings;
mod sharing;
mod success_tokens;
mod token_bucket;

use std::time::Duration;

use steadfast_core::{BudgetedCall, Instant, Ratio, RetryBudget, Verdict};

const TRANSIENT: Verdict = Verdict::transient();
const OVERLOADED: Verdict = Verdict::overloaded();

/// The beginning of a clock, where the time plays no part.
const ZERO: Instant = Instant::from_nanos(0);

/// So many seconds after the beginning of the clock.
const fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

/// The last nanosecond before `later`.
fn just_before(later: Instant) -> Instant {
    later.saturating_sub(Duration::from_nanos(1))
}

/// A ratio budget that no floor blurs.
fn bare_ratio(ratio: Ratio) -> RetryBudget {
    let budget = RetryBudget::ratio(ratio).min_per_second(0).build();
    budget.expect("a valid ratio")
}

/// Counts this many calls at `now`, all of which have ended.
fn make_calls(budget: &RetryBudget, calls: usize, now: Instant) {
    for _ in 0..calls {
        drop(budget.enter_at(now));
    }
}

/// Makes retries until one is refused, and says how many were granted.
fn retries_until_refused(call: &mut BudgetedCall<'_>, now: Instant, failure: &Verdict) -> u64 {
    let mut granted = 0;
    while call.try_reserve_at(now, failure) {
        call.spend();
        granted += 1;
        assert!(granted < 5_000_000, "it never refuses");
    }
    granted
}
