//! A breaker among the other policies: what a retry around it and a timeout inside it make of it.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{cell::Cell, future::pending, future::ready, time::Duration};

use steadfast::{
    CircuitBreaker, Error, Hints, Jitter, Keyed, Pipeline, RejectionKind, Retry, RetryBuilder,
    Runtime, StopReason, Throttle, Timeout, VirtualRuntime, circuit_breaker::State,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

type Answer = Result<u32, &'static str>;

fn retry() -> RetryBuilder {
    Retry::constant(ms(10)).jitter(Jitter::None)
}

fn breaker(failures: u32) -> CircuitBreaker {
    CircuitBreaker::consecutive_failures(failures)
        .open_for(ms(500))
        .build()
        .unwrap()
}

#[test]
fn a_breaker_inside_a_retry_sees_every_attempt() {
    let runtime = VirtualRuntime::new(1);
    let breaker = breaker(3);
    let retry = retry().max_attempts(3).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), (retry, &breaker));
    let report = runtime.block_on(calls.call(|| ready(Answer::Err("down"))).reported());
    assert_eq!(report.attempts, 3);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_retry_ends_at_once_where_it_may_not_wait_for_the_breaker() {
    let runtime = VirtualRuntime::new(1);
    let breaker = breaker(2);
    let retry = retry()
        .max_attempts(10)
        .hints(Hints::Within(ms(100)))
        .build()
        .unwrap();
    let calls = Pipeline::on(runtime.clone(), (retry, &breaker));
    let report = runtime.block_on(calls.call(|| ready(Answer::Err("down"))).reported());
    // Two attempts reach the operation; the third is refused, for 490 ms.
    assert_eq!((report.attempts, report.stop), (2, StopReason::Pushback));
    let error = report.result.unwrap_err();
    assert_eq!(
        error.rejection().unwrap().kind(),
        RejectionKind::CircuitOpen
    );
    assert_eq!(runtime.elapsed(), ms(20));
}

#[test]
fn a_retry_comes_back_when_the_breaker_lets_it_through() {
    let runtime = VirtualRuntime::new(1);
    let breaker = breaker(2);
    let retry = retry().max_attempts(10).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), (retry, &breaker));
    let starts = Cell::new(0);
    let report = runtime.block_on(
        calls
            .call(|| {
                starts.set(starts.get() + 1);
                ready(if starts.get() > 2 {
                    Answer::Ok(starts.get())
                } else {
                    Err("down")
                })
            })
            .reported(),
    );
    assert_eq!(report.result, Ok(3));
    assert_eq!(report.attempts, 3, "none was wasted on the open breaker");
    // Open at 10 ms for 500 ms; the attempt at 20 ms was told to wait for the rest.
    assert_eq!(runtime.elapsed(), ms(510));
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_retry_does_not_wait_for_a_breaker_past_the_deadline() {
    let runtime = VirtualRuntime::new(1);
    let breaker = breaker(2);
    let retry = retry().max_attempts(10).build().unwrap();
    let total = Timeout::new(ms(400));
    let calls = Pipeline::on(runtime.clone(), (total, retry, &breaker));
    let report = runtime.block_on(calls.call(|| ready(Answer::Err("down"))).reported());
    assert_eq!((report.attempts, report.stop), (2, StopReason::Deadline));
    assert_eq!(runtime.elapsed(), ms(20));
}

/// How long a call takes that finds a breaker of the default `open_for` open, whose dependency has recovered.
fn past_an_open_breaker(
    hints: Option<Hints>,
    max_hint: Option<Duration>,
) -> (Duration, StopReason) {
    let runtime = VirtualRuntime::new(1);
    let breaker = CircuitBreaker::consecutive_failures(1).build().unwrap();
    let mut retry = Retry::exponential(ms(50)).max_attempts(4);
    if let Some(hints) = hints {
        retry = retry.hints(hints);
    }
    if let Some(max_hint) = max_hint {
        retry = retry.max_hint(max_hint);
    }
    let total = Timeout::new(ms(10_000));
    let calls = Pipeline::on(runtime.clone(), (total, retry.build().unwrap(), &breaker));
    breaker.open_for_at(runtime.now(), ms(5_000));
    let report = runtime.block_on(calls.call(|| ready(Answer::Ok(1))).reported());
    (runtime.elapsed(), report.stop)
}

#[test]
fn by_default_a_call_waits_for_an_open_breaker() {
    let waited = past_an_open_breaker(None, None);
    assert_eq!(waited, (ms(5_000), StopReason::Succeeded));
    let waited = past_an_open_breaker(Some(Hints::Ignore), None);
    assert_eq!(waited, (ms(5_000), StopReason::Succeeded));
}

#[test]
fn a_call_that_is_to_fail_fast_does_not_wait_for_an_open_breaker() {
    let at_once = (Duration::ZERO, StopReason::Pushback);
    let zero = Some(Duration::ZERO);
    assert_eq!(past_an_open_breaker(zero.map(Hints::Within), None), at_once);
    assert_eq!(past_an_open_breaker(Some(Hints::Ignore), zero), at_once);
}

#[test]
fn what_the_timeout_inside_cuts_off_is_a_failure_and_outside_it_is_not() {
    let runtime = VirtualRuntime::new(1);
    let (inside, outside) = (breaker(1), breaker(1));
    let timeout = Timeout::new(ms(10));
    let calls = Pipeline::on(runtime.clone(), (&inside, &timeout));
    assert!(runtime.block_on(calls.call(pending::<Answer>)).is_err());
    assert_eq!(inside.state(), State::Open);
    let calls = Pipeline::on(runtime.clone(), (&timeout, &outside));
    assert!(runtime.block_on(calls.call(pending::<Answer>)).is_err());
    assert_eq!(outside.state(), State::Closed);
}

#[test]
fn an_outer_breaker_does_not_count_the_refusals_of_an_inner_one() {
    let runtime = VirtualRuntime::new(1);
    let (outer, inner) = (breaker(1), breaker(1));
    inner.isolate();
    let calls = Pipeline::on(runtime.clone(), (&outer, &inner));
    for _ in 0..10 {
        assert!(
            runtime
                .block_on(calls.call(|| ready(Answer::Ok(1))))
                .is_err()
        );
    }
    assert_eq!(outer.state(), State::Closed);
}

#[test]
fn a_probe_that_is_cancelled_at_any_await_of_a_stack_gives_its_place_back() {
    let runtime = VirtualRuntime::new(1);
    let breaker = CircuitBreaker::consecutive_failures(1)
        .open_for(ms(500))
        .half_open_for(Duration::from_secs(3600))
        .build()
        .unwrap();
    breaker.open_for_at(runtime.now(), ms(1));
    runtime.advance(ms(1));
    let retry = retry().build().unwrap();
    let stack = (
        Timeout::new(ms(1000)),
        retry,
        &breaker,
        Timeout::new(ms(50)),
    );
    let calls = Pipeline::on(runtime.clone(), stack);
    let mut points = 0;
    runtime.cancel_at_every_await(
        || {
            let clock = runtime.clone();
            calls.call(move || async move {
                for _ in 0..3 {
                    clock.sleep(ms(5)).await;
                }
                Answer::Ok(1)
            })
        },
        |_| {
            points += 1;
            let permit = breaker.try_acquire(&runtime);
            // The last of them was not cancelled, and closed it.
            assert!(permit.is_ok(), "the only place is free again");
            assert_eq!(runtime.sleeps_waiting(), 0);
        },
    );
    assert!(points >= 3, "{points}");
}

#[test]
fn one_breaker_for_each_host() {
    let runtime = VirtualRuntime::new(1);
    let hosts = Keyed::new(2, |_host: &String| breaker(1)).unwrap();
    let call = |host: &str, answer: Answer| {
        let breaker = hosts.get(host, &runtime)?;
        let calls = Pipeline::on(&runtime, &breaker);
        runtime.block_on(calls.call(|| ready(answer)))
    };
    assert_eq!(call("down", Err("down")), Err(Error::Operation("down")));
    assert_eq!(call("well", Ok(1)), Ok(1));
    assert!(call("down", Ok(1)).is_err(), "its breaker is open");
    // The one that knows nothing bad gives its place up, the open one does not.
    assert_eq!(call("another", Ok(2)), Ok(2));
    assert!(!hosts.contains("well"));
    assert!(call("down", Ok(1)).is_err());
}

#[test]
fn a_fresh_one_has_the_settings_and_nothing_else() {
    let runtime = VirtualRuntime::new(1);
    let one = breaker(1);
    one.isolate();
    let other = one.fresh();
    assert!(!one.is_shared_with(&other));
    assert!(one.is_shared_with(&one.clone()));
    assert_eq!(other.state(), State::Closed);
    let calls = Pipeline::on(runtime.clone(), &other);
    let _ = runtime.block_on(calls.call(|| ready(Answer::Err("down"))));
    assert_eq!(
        other.state(),
        State::Open,
        "one failure is enough for it too"
    );

    let one = Throttle::over(Duration::from_secs(10))
        .named("shedder")
        .build()
        .unwrap();
    let calls = Pipeline::on(runtime.clone(), &one);
    for _ in 0..10 {
        let _ = runtime.block_on(calls.call(|| ready(Answer::Err("down"))));
    }
    let other = one.fresh();
    assert!(one.shedding_at(runtime.now()) > 0.5);
    assert!(other.shedding_at(runtime.now()).abs() < 1e-9);
    assert_eq!(other.name(), "shedder");
}
