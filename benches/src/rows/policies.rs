//! The settings that all rows share, and the policies made from them in each crate's own terms.
//!
//! Three attempts, delays that double from 50 ms and are jittered, at most 20 s. Circuit breakers open at 50 % failures.

use std::{sync::Arc, time::Duration};

use seatbelt::ResilienceContext;
use steadfast::{
    Bulkhead, CircuitBreaker, CircuitBreakerBuilder, RateLimit, Ratio, Retry, RetryBudget,
};
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

/// How many calls a circuit breaker looks back on, where it counts calls.
pub(super) const WINDOW: u32 = 100;
/// How far it looks back, where it can only do so in time.
pub(super) const PERIOD: Duration = Duration::from_secs(10);
/// The fewest calls it judges.
pub(super) const MIN_CALLS: u32 = 20;
/// How long it stays open: longer than anybody measures.
pub(super) const OPEN_FOR: Duration = Duration::from_secs(24 * 60 * 60);

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

/// Ours, once `window` has said what it looks back on.
pub(super) fn steadfast_breaker(
    window: impl FnOnce(CircuitBreakerBuilder) -> CircuitBreakerBuilder,
) -> CircuitBreaker {
    window(CircuitBreaker::failure_rate(Ratio::percent(50)))
        .min_calls(MIN_CALLS)
        .open_for(OPEN_FOR)
        .build()
        .expect("half of at least 20 calls, and a day, are valid")
}

/// Ours; nobody may wait.
pub(super) fn steadfast_bulkhead(calls: usize) -> Bulkhead {
    let calls = u32::try_from(calls).expect("a few calls at a time");
    let bulkhead = Bulkhead::max_concurrent(calls).build();
    bulkhead.expect("more than none is valid")
}

/// tower-resilience's bulkhead; nobody may wait.
pub(super) fn tower_resilience_bulkhead(calls: usize) -> tower_resilience::bulkhead::BulkheadLayer {
    tower_resilience::bulkhead::BulkheadLayer::builder()
        .max_concurrent_calls(calls)
        .reject_when_full()
        .build()
        .expect("more than none is valid")
}

/// So many calls in so much time, and as many at once.
#[derive(Clone, Copy)]
pub(super) struct Rate {
    pub(super) units: u32,
    pub(super) per: Duration,
}

impl Rate {
    /// More than anybody calls.
    pub(super) const NEVER_OUT: Rate = Rate {
        units: 1_000_000_000,
        per: Duration::from_secs(1),
    };
    /// Used up by the first call, for longer than anybody measures.
    pub(super) const ONCE: Rate = Rate {
        units: 1,
        per: Duration::from_secs(24 * 60 * 60),
    };
}

/// Ours; nobody waits.
pub(super) fn steadfast_rate_limit(rate: Rate) -> RateLimit {
    let limit = RateLimit::new(rate.units, rate.per).build();
    limit.expect("it fits the arithmetic")
}

/// governor's, with its default clock.
pub(super) fn governor(rate: Rate) -> governor::DefaultDirectRateLimiter {
    governor::RateLimiter::direct(governor_quota(rate))
}

pub(super) fn governor_quota(rate: Rate) -> governor::Quota {
    let units = rate.units.try_into().expect("more than none");
    let quota = governor::Quota::with_period(rate.per / rate.units).expect("it takes some time");
    quota.allow_burst(units)
}

/// leaky-bucket's, which begins full. It refills every millisecond or once in the whole time.
pub(super) fn leaky_bucket(rate: Rate) -> leaky_bucket::RateLimiter {
    let units = rate.units as usize;
    let interval = rate.per.min(Duration::from_millis(1));
    let parts = rate.per.as_millis() as usize;
    let (refill, interval) = if units >= parts {
        (units / parts, interval)
    } else {
        (units, rate.per)
    };
    leaky_bucket::RateLimiter::builder()
        .initial(units)
        .max(units)
        .refill(refill)
        .interval(interval)
        .build()
}

/// tower-resilience's rate limit, in fixed windows as is its default.
pub(super) fn tower_resilience_rate_limit(
    rate: Rate,
) -> tower_resilience::ratelimiter::RateLimiterLayer {
    tower_resilience::ratelimiter::RateLimiterLayer::builder()
        .limit_for_period(rate.units as usize)
        .refresh_period(rate.per)
        .timeout_duration(Duration::ZERO)
        .build()
        .expect("more than none is valid")
}

/// recloser's circuit breaker. It counts the last 100 calls, and judges none before there are so many.
pub(super) fn recloser() -> recloser::Recloser {
    recloser::Recloser::custom()
        .error_rate(0.5)
        .closed_len(WINDOW as usize)
        .open_wait(OPEN_FOR)
        .build()
}

/// failsafe's circuit breaker, of two rules, as in its own default.
///
/// It counts no calls: its rate is a moving average over time, in which calls of one millisecond weigh as one, and which
/// judges nothing in its first 10 s. So the second rule is what opens it here, at 100 failures in a row.
pub(super) fn failsafe() -> failsafe::StateMachine<impl failsafe::FailurePolicy + Send, ()> {
    use failsafe::{
        Config, FailurePolicy, backoff,
        failure_policy::{consecutive_failures, success_rate_over_time_window},
    };
    let open = backoff::constant(OPEN_FOR);
    let rate = success_rate_over_time_window(0.5, MIN_CALLS, PERIOD, open.clone());
    let policy = rate.or_else(consecutive_failures(WINDOW, open));
    Config::new().failure_policy(policy).build()
}

/// tower-resilience's circuit breaker. Its count window never slides: it counts all calls since the breaker closed, and
/// judges none before they are 100.
pub(super) fn tower_resilience_breaker() -> tower_resilience::circuitbreaker::CircuitBreakerLayer {
    tower_resilience::circuitbreaker::CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(WINDOW as usize)
        .minimum_number_of_calls(MIN_CALLS as usize)
        .wait_duration_in_open(OPEN_FOR)
        .build()
        .expect("a rate of 0.5 over 100 calls is valid")
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

/// seatbelt's circuit breaker. It looks back in time only: 10 s, in ten slices.
pub(super) fn seatbelt_breaker(
    context: &SeatbeltContext,
) -> seatbelt::breaker::BreakerLayer<Request, <Op as Future>::Output> {
    use seatbelt::RecoveryInfo;
    seatbelt::breaker::Breaker::layer("breaker", context)
        .recovery_with(|result, _| match result {
            Ok(_) => RecoveryInfo::never(),
            Err(_) => RecoveryInfo::retry(),
        })
        .rejected_input_error(|_, _| Failure::Open)
        .failure_threshold(0.5)
        .min_throughput(MIN_CALLS)
        .sampling_duration(PERIOD)
        .break_duration(OPEN_FOR)
}
