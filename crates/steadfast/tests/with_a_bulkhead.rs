//! A bulkhead among the other policies: what retries, breakers and timeouts make of a full one.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{
    future::{pending, ready},
    time::Duration,
};

use steadfast::{
    Bulkhead, CircuitBreaker, Error, Jitter, Keyed, Pipeline, RejectionKind, Retry, RetryBuilder,
    StopReason, Timeout, VirtualRuntime, circuit_breaker::State,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Answer = Result<u32, &'static str>;

fn retry() -> RetryBuilder {
    Retry::constant(ms(10)).jitter(Jitter::None)
}

/// It opens at the first failure.
fn brittle() -> CircuitBreaker {
    CircuitBreaker::consecutive_failures(1)
        .open_for(ms(500))
        .build()
        .unwrap()
}

fn one() -> Bulkhead {
    Bulkhead::max_concurrent(1).build().unwrap()
}

fn one_with_a_queue() -> Bulkhead {
    Bulkhead::max_concurrent(1)
        .max_waiting(10)
        .max_wait(ms(5000))
        .build()
        .unwrap()
}

fn is_full<T: std::fmt::Debug>(result: &Result<T, Error<&str>>) -> bool {
    let rejection = result.as_ref().err().and_then(Error::rejection);
    rejection.is_some_and(|one| matches!(one.kind(), RejectionKind::BulkheadFull { .. }))
}

#[test]
fn a_full_bulkhead_inside_a_breaker_does_not_trip_it() {
    let runtime = VirtualRuntime::new(1);
    let (breaker, bulkhead) = (brittle(), one());
    let retry = retry().max_attempts(3).build().unwrap();
    let stack = (retry, &breaker, &bulkhead, Timeout::new(ms(50)));
    let calls = Pipeline::on(runtime.clone(), stack);
    let held = bulkhead.try_acquire(&runtime, 1).unwrap();
    let report = runtime.block_on(calls.call(|| ready(Answer::Ok(1))).reported());
    assert!(is_full(&report.result));
    // Nor is it repeated: nobody knows when there is room, and to ask again and again is what filled it.
    assert_eq!(
        (report.attempts, report.stop),
        (0, StopReason::NotRetryable)
    );
    assert_eq!(breaker.state(), State::Closed);
    drop(held);
    assert_eq!(runtime.block_on(calls.call(|| ready(Answer::Ok(1)))), Ok(1));
}

#[test]
fn a_wait_that_a_timeout_outside_bounds_does_not_trip_a_breaker_around_it() {
    let runtime = VirtualRuntime::new(1);
    let (breaker, bulkhead) = (brittle(), one_with_a_queue());
    let stack = (&breaker, Timeout::new(ms(50)), &bulkhead);
    let calls = Pipeline::on(runtime.clone(), stack);
    let _held = bulkhead.try_acquire(&runtime, 1).unwrap();
    let report = runtime.block_on(calls.call(|| ready(Answer::Ok(1))).reported());
    assert!(is_full(&report.result), "{:?}", report.result);
    assert!(!report.verdict.may_have_executed());
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!((runtime.elapsed(), runtime.sleeps_started()), (ms(50), 1));
}

#[test]
fn a_retry_that_waits_holds_no_permit() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = one();
    let retry = retry().max_attempts(2).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), (retry, &bulkhead));
    let mut call = runtime.drive(calls.call(|| ready(Answer::Err("down"))));
    assert!(call.poll().is_pending());
    assert_eq!(bulkhead.in_flight(), 0);
    assert!(bulkhead.try_acquire(&runtime, 1).is_ok());
}

#[test]
fn the_wait_for_a_turn_is_not_taken_from_the_time_of_the_attempt() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = one_with_a_queue();
    let stack = (Timeout::new(ms(1000)), &bulkhead, Timeout::new(ms(50)));
    let calls = Pipeline::on(runtime.clone(), stack);
    let held = bulkhead.try_acquire_owned(runtime.clone(), 1).unwrap();
    let clock = runtime.clone();
    drop(runtime.spawn(async move {
        clock.sleep(ms(200)).await;
        drop(held);
    }));
    let clock = runtime.clone();
    let call = calls.call(|| async {
        clock.sleep(ms(40)).await;
        Answer::Ok(1)
    });
    assert_eq!(runtime.block_on(call), Ok(1));
    assert_eq!(runtime.elapsed(), ms(240));
}

#[test]
fn a_timeout_inside_frees_the_permit_of_what_hangs() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = one_with_a_queue();
    let calls = Pipeline::on(runtime.clone(), (&bulkhead, Timeout::new(ms(50))));
    let mut hangs = runtime.drive(calls.call(pending::<Answer>));
    let mut waits = runtime.drive(calls.call(|| ready(Answer::Ok(1))));
    assert!(hangs.poll().is_pending() && waits.poll().is_pending());
    runtime.advance(ms(50));
    assert!(hangs.is_woken() && !waits.is_woken());
    assert!(hangs.poll().is_ready());
    assert!(waits.is_woken());
    assert_eq!(waits.poll(), std::task::Poll::Ready(Ok(1)));
    drop(hangs);
    assert_eq!(bulkhead.in_flight(), 0);
}

#[test]
fn a_permit_comes_back_wherever_a_call_of_a_stack_is_cancelled() {
    let runtime = VirtualRuntime::new(1);
    let bulkhead = one_with_a_queue();
    let retry = retry().max_attempts(2).build().unwrap();
    let stack = (
        Timeout::new(ms(1000)),
        retry,
        brittle(),
        &bulkhead,
        Timeout::new(ms(50)),
    );
    let calls = Pipeline::on(runtime.clone(), stack);
    let mut points = 0;
    runtime.cancel_at_every_await(
        || {
            let before = bulkhead.try_acquire_owned(runtime.clone(), 1);
            let (clock, held) = (runtime.clone(), before.unwrap());
            drop(runtime.spawn(async move {
                clock.sleep(ms(5)).await;
                drop(held);
            }));
            calls.call(|| async {
                runtime.sleep(ms(5)).await;
                Answer::Ok(1)
            })
        },
        |_| {
            points += 1;
            runtime.advance(ms(10));
            assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (0, 0));
            assert_eq!(runtime.sleeps_waiting(), 0);
        },
    );
    assert_eq!(points, 4);
}

#[test]
fn one_bulkhead_for_each_tenant() {
    let runtime = VirtualRuntime::new(1);
    let template = one();
    let tenants = Keyed::new(2, move |_tenant: &String| template.fresh()).unwrap();
    let loud = tenants.get("loud", &runtime).unwrap();
    let _held = loud.try_acquire(&runtime, 1).unwrap();
    let call = |tenant: &str| {
        let bulkhead = tenants.get(tenant, &runtime)?;
        let calls = Pipeline::on(&runtime, &bulkhead);
        runtime.block_on(calls.call(|| ready(Answer::Ok(1))))
    };
    assert!(is_full(&call("loud")));
    assert_eq!(call("quiet"), Ok(1));
    // The one that is empty gives its place up, the one in use does not.
    assert_eq!(call("another"), Ok(1));
    assert!(tenants.contains("loud") && !tenants.contains("quiet"));
}
