//! The settings that all rows share, and the policies made from them in each crate's own terms.
//!
//! Three attempts, delays that double from 50 ms and are jittered, at most 20 s.

use std::{sync::Arc, time::Duration};

use seatbelt::ResilienceContext;
use steadfast::{Retry, RetryBudget};
use tower::{
    retry::{
        Policy,
        backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff},
        budget::{Budget, TpsBudget},
    },
    util::rng::HasherRng,
};

use crate::operation::{Failure, Op, Request};

/// How often an operation is tried, the first time included.
pub(super) const ATTEMPTS: u32 = 3;
/// The first delay.
pub(super) const FIRST_DELAY: Duration = Duration::from_millis(50);
/// The longest delay.
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(20);
/// The timeout where there is only one.
pub(super) const LIMIT: Duration = Duration::from_secs(1);
/// The timeout of a whole call, retries included.
pub(super) const TOTAL: Duration = Duration::from_secs(10);
/// The timeout of each attempt.
pub(super) const EACH: Duration = Duration::from_secs(2);

/// Ours, with a budget or without; full jitter and at most 20 s are its defaults.
pub(super) fn steadfast_retry(budget: Option<&RetryBudget>) -> Retry {
    let retry = Retry::exponential(FIRST_DELAY).max_attempts(ATTEMPTS);
    match budget {
        Some(budget) => retry.budget(budget),
        None => retry,
    }
    .build()
    .expect("three attempts from 50 ms on are valid")
}

/// backon, built per call as its README does: the builder is `Copy` and cheap.
pub(super) fn backon() -> backon::ExponentialBuilder {
    backon::ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_max_times(ATTEMPTS as usize - 1)
}

/// tokio-retry2's strategy, an iterator that each call uses up.
///
/// Not its `ExponentialBackoff`: that one takes the delay itself to the n-th power.
pub(super) fn tokio_retry2() -> impl Iterator<Item = Duration> {
    use tokio_retry2::strategy::{ExponentialFactorBackoff, jitter};
    ExponentialFactorBackoff::from_millis(FIRST_DELAY.as_millis() as u64, 2.0)
        .max_delay(LONGEST_DELAY)
        .map(jitter)
        .take(ATTEMPTS as usize - 1)
}

/// tower has no policy of its own to take: this is the one of its documentation, with the backoff it ships.
#[derive(Clone)]
pub(super) struct Attempts {
    left: u32,
    backoff: ExponentialBackoff,
}

impl Attempts {
    pub(super) fn new() -> Self {
        let mut delays =
            ExponentialBackoffMaker::new(FIRST_DELAY, LONGEST_DELAY, 0.99, HasherRng::new())
                .expect("50 ms is less than 20 s, and 0.99 is a ratio");
        Self {
            left: ATTEMPTS - 1,
            backoff: delays.make_backoff(),
        }
    }
}

impl<T, E> Policy<Request, T, E> for Attempts {
    type Future = tokio::time::Sleep;

    fn retry(&mut self, _: &mut Request, result: &mut Result<T, E>) -> Option<Self::Future> {
        if result.is_ok() || self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(self.backoff.next_backoff())
    }

    fn clone_request(&mut self, request: &Request) -> Option<Request> {
        Some(*request)
    }
}

/// The same with tower's budget, paid into by each success as its documentation does.
#[derive(Clone)]
pub(super) struct Budgeted {
    attempts: Attempts,
    budget: Arc<TpsBudget>,
}

impl Budgeted {
    pub(super) fn new() -> Self {
        Self {
            attempts: Attempts::new(),
            budget: Arc::default(),
        }
    }
}

impl<T, E> Policy<Request, T, E> for Budgeted {
    type Future = tokio::time::Sleep;

    fn retry(&mut self, request: &mut Request, result: &mut Result<T, E>) -> Option<Self::Future> {
        if result.is_ok() {
            self.budget.deposit();
            return None;
        }
        if !self.budget.withdraw() {
            return None;
        }
        self.attempts.retry(request, result)
    }

    fn clone_request(&mut self, request: &Request) -> Option<Request> {
        Some(*request)
    }
}

/// tower-resilience's retry, still open for a budget.
pub(super) fn tower_resilience_retry<E>()
-> tower_resilience::retry::RetryConfigBuilder<Request, u64, E> {
    use tower_resilience::retry::{ExponentialRandomBackoff, RetryLayer};
    RetryLayer::builder()
        .max_attempts(ATTEMPTS as usize)
        .backoff(
            ExponentialRandomBackoff::new(FIRST_DELAY, 0.5)
                .expect("0.5 is a ratio")
                .max_interval(LONGEST_DELAY),
        )
}

/// tower-resilience's timeout.
pub(super) fn tower_resilience_timeout(
    limit: Duration,
) -> tower_resilience::timelimiter::TimeLimiterLayer {
    tower_resilience::timelimiter::TimeLimiterLayer::builder()
        .timeout_duration(limit)
        .build()
}

type SeatbeltContext = ResilienceContext<Request, <Op as Future>::Output>;

/// What seatbelt's middleware shares, on a clock that tokio drives. Its logs and metrics are features, and off.
///
/// The clock keeps timers of its own, and a task that sleeps until the next one. That task runs between rounds, so what
/// it costs is in no measurement.
pub(super) fn seatbelt_context() -> SeatbeltContext {
    ResilienceContext::new(tick::Clock::new_tokio())
}

/// seatbelt's retry; exponential with jitter is its default.
pub(super) fn seatbelt_retry(
    context: &SeatbeltContext,
) -> seatbelt::retry::RetryLayer<Request, <Op as Future>::Output> {
    use seatbelt::RecoveryInfo;
    seatbelt::retry::Retry::layer("retry", context)
        .clone_input()
        .recovery_with(|result, _| match result {
            Ok(_) => RecoveryInfo::never(),
            Err(_) => RecoveryInfo::retry(),
        })
        .max_retry_attempts(ATTEMPTS - 1)
        .base_delay(FIRST_DELAY)
        .max_delay(LONGEST_DELAY)
}

/// seatbelt's timeout. It reads no clock before the operation was pending once, and counts from there.
pub(super) fn seatbelt_timeout(
    context: &SeatbeltContext,
    limit: Duration,
) -> seatbelt::timeout::TimeoutLayer<Request, <Op as Future>::Output> {
    seatbelt::timeout::Timeout::layer("timeout", context)
        .timeout_error(|_| Failure::TimedOut)
        .timeout(limit)
}
