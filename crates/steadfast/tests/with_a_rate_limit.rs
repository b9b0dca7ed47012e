//! A rate limit among the other policies: what retries, breakers and timeouts make of a refusal.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{future::ready, time::Duration};

use steadfast::{
    AdaptiveRate, CallOptions, CircuitBreaker, Error, Jitter, Pipeline, RateLimit, Rejection,
    RejectionKind, Retry, RetryBuilder, StopReason, Timeout, Verdict, VirtualRuntime,
    circuit_breaker::State,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Answer = Result<u32, &'static str>;

fn retry() -> RetryBuilder {
    Retry::constant(ms(10)).jitter(Jitter::None)
}

fn tenth() -> RateLimit {
    RateLimit::per_second(10).burst(1).build().unwrap()
}

#[test]
fn a_retry_comes_back_when_the_refusal_says() {
    let runtime = VirtualRuntime::new(1);
    let limit = tenth();
    let retry = retry().max_attempts(3).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), (retry, &limit));
    limit.try_acquire(&runtime, 1).unwrap();
    let report = runtime.block_on(calls.call(|| ready(Answer::Ok(1))).reported());
    assert_eq!((report.result, report.attempts), (Ok(1), 1));
    assert_eq!(runtime.elapsed(), ms(100));
}

#[test]
fn a_retry_whose_deadline_is_sooner_gives_up_at_once() {
    let runtime = VirtualRuntime::new(1);
    let limit = tenth();
    let retry = retry().max_attempts(3).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), (Timeout::new(ms(100)), retry, &limit));
    limit.try_acquire(&runtime, 1).unwrap();
    let result = runtime.block_on(calls.call(|| ready(Answer::Ok(1))));
    let kind = result
        .as_ref()
        .err()
        .and_then(Error::rejection)
        .map(Rejection::kind);
    assert_eq!(kind, Some(RejectionKind::RateLimited));
    assert_eq!(runtime.elapsed(), Duration::ZERO);
}

#[test]
fn a_cost_that_never_fits_is_not_retried() {
    let runtime = VirtualRuntime::new(1);
    let retry = retry().max_attempts(3).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), (retry, tenth()));
    let call = calls
        .call(|| ready(Answer::Ok(1)))
        .options(CallOptions::new().cost(2))
        .reported();
    let report = runtime.block_on(call);
    let kind = RejectionKind::Other("it costs more than there ever is at once");
    assert_eq!(report.result.unwrap_err().rejection().unwrap().kind(), kind);
    assert_eq!(
        (report.attempts, report.stop),
        (0, StopReason::NotRetryable)
    );
    assert_eq!(runtime.elapsed(), Duration::ZERO);
}

#[test]
fn refusals_do_not_trip_a_breaker_around_it() {
    let runtime = VirtualRuntime::new(1);
    let breaker = CircuitBreaker::consecutive_failures(1).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), (&breaker, tenth()));
    assert!(
        runtime
            .block_on(calls.call(|| ready(Answer::Ok(1))))
            .is_ok()
    );
    for cost in [1, 2] {
        let call = calls
            .call(|| ready(Answer::Ok(1)))
            .options(CallOptions::new().cost(cost));
        assert!(runtime.block_on(call).is_err());
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn the_wait_for_a_turn_is_not_taken_from_the_time_of_the_attempt() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(1)
        .burst(1)
        .wait(ms(5_000))
        .build()
        .unwrap();
    let stack = (Timeout::new(ms(3_000)), &limit, Timeout::new(ms(50)));
    let calls = Pipeline::on(runtime.clone(), stack);
    limit.try_acquire(&runtime, 1).unwrap();
    let clock = runtime.clone();
    let call = calls.call(|| async {
        clock.sleep(ms(40)).await;
        Answer::Ok(1)
    });
    assert_eq!(runtime.block_on(call), Ok(1));
    assert_eq!(runtime.elapsed(), ms(1_040));
}

#[test]
fn a_timeout_outside_that_is_sooner_than_the_turn_refuses_at_once() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(1)
        .burst(1)
        .wait(ms(5_000))
        .build()
        .unwrap();
    let calls = Pipeline::on(runtime.clone(), (Timeout::new(ms(500)), &limit));
    limit.try_acquire(&runtime, 1).unwrap();
    let report = runtime.block_on(calls.call(|| ready(Answer::Ok(1))).reported());
    assert!(report.result.is_err() && !report.verdict.may_have_executed());
    assert_eq!(runtime.elapsed(), Duration::ZERO);
    assert_eq!(limit.waiting(), 0);
}

#[test]
fn a_rate_that_adapts_sees_each_attempt_and_a_retry_comes_back_when_it_says() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::adaptive(AdaptiveRate::new()).build().unwrap();
    let retry = retry().max_attempts(3).build().unwrap();
    let server = RateLimit::per_second(10).burst(1).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), (retry, &limit))
        .classify_errors(|_: &&str| Verdict::overloaded());
    let call = || {
        let taken = server.try_acquire(&runtime, 1);
        ready(taken.map(|()| 1).map_err(|_| "too many"))
    };
    let report = runtime.block_on(calls.call(call).reported());
    assert_eq!((report.result, report.attempts), (Ok(1), 1));
    // Throttled; and its retry is refused by its own limit and comes back when that says.
    let report = runtime.block_on(calls.call(call).reported());
    assert_eq!((report.result, report.attempts), (Ok(1), 2));
    // Two in half a second were too many: seven tenths of that are one in 357 ms.
    assert_eq!(runtime.elapsed().as_millis(), 357);
    // And that it went well has let it grow.
    assert!(limit.rate_per_second().is_some_and(|rate| rate > 2.8));
}
