//! What a call costs: clock reads, sleeps and polls.

use std::{future::poll_fn, task::Poll};

use steadfast_circuit_breaker::{CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::{Attempt, Operation, Pipeline, Policies, Policy, Ratio};

use crate::common::{BAD, ByItself, Rig, brittle, half_fail, ms, secs};

/// How often the clock was read for one call that is answered at once, and one that has to wait.
fn reads(settings: CircuitBreakerBuilder) -> (u64, u64) {
    let rig = Rig::new(settings.min_calls(40));
    rig.good(2);
    rig.bad(2);
    let before = rig.runtime.clock_reads();
    rig.good(1);
    let ready = rig.runtime.clock_reads();
    rig.takes(ms(1), Ok(()));
    (ready - before, rig.runtime.clock_reads() - ready)
}

#[test]
fn a_closed_window_of_calls_reads_no_clock() {
    for size in [50, 64, 65, 500] {
        let settings = CircuitBreaker::failure_rate(Ratio::percent(50)).over_last(size);
        assert_eq!(reads(settings), (0, 0), "a window of {size}");
    }
    assert_eq!(reads(CircuitBreaker::consecutive_failures(5)), (0, 0));
    let no_rate = CircuitBreaker::consecutive_failures(5).over(secs(10));
    assert_eq!(
        reads(no_rate),
        (0, 0),
        "there is no rate that needs the window"
    );
}

#[test]
fn a_failure_that_does_not_open_it_reads_no_clock() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(50)));
    rig.good(30);
    rig.bad(20);
    assert_eq!((rig.state(), rig.runtime.clock_reads()), (State::Closed, 0));
}

#[test]
fn a_window_of_time_reads_the_clock_once_for_a_ready_call() {
    let settings = CircuitBreaker::failure_rate(Ratio::percent(50)).over(secs(10));
    assert_eq!(reads(settings), (1, 2));
}

#[test]
fn slow_calls_are_measured_with_a_read_before_and_one_after() {
    let settings = CircuitBreaker::slow_calls(Ratio::percent(50), ms(100));
    assert_eq!(reads(settings.over_last(50)), (2, 2));
    let both = CircuitBreaker::slow_calls(Ratio::percent(50), ms(100)).over(secs(10));
    assert_eq!(reads(both), (2, 2), "no more than for one of them");
}

/// A policy that asks for the time.
struct Asks;

impl Policies for Asks {}

impl<'p, O: Operation> Policy<'p, O> for Asks {
    type Future = O::Future;

    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> O::Future {
        let _ = attempt.now();
        operation.start(attempt)
    }
}

#[test]
fn the_clock_is_read_once_for_the_whole_pipeline() {
    let settings = CircuitBreaker::failure_rate(Ratio::percent(50)).over(secs(10));
    let rig = Rig::new(settings);
    let policies = (Asks, &rig.breaker, Asks);
    let calls = Pipeline::on(rig.runtime.clone(), policies).classify(ByItself);
    let call = calls.call(|| std::future::ready(Ok(())));
    assert_eq!(rig.runtime.block_on(call), Ok(()));
    assert_eq!(rig.runtime.clock_reads(), 1);
}

#[test]
fn a_refusal_reads_the_clock_once() {
    let rig = Rig::opened(brittle());
    let before = rig.runtime.clock_reads();
    rig.refused();
    assert_eq!(rig.runtime.clock_reads() - before, 1);
}

#[test]
fn it_never_starts_a_sleep() {
    for settings in half_fail() {
        let rig = Rig::new(settings.ramp([Ratio::percent(50)], secs(1)).probes(1));
        rig.bad(10);
        rig.pass(rig.retry_after());
        rig.good(1);
        let _ = rig.call(Ok(()));
        rig.pass(secs(1));
        rig.good(1);
        assert_eq!(rig.state(), State::Closed);
        assert_eq!(rig.runtime.sleeps_started(), 0);
    }
}

#[test]
fn the_operation_is_polled_once_a_poll() {
    for settings in half_fail() {
        let rig = Rig::new(settings);
        let mut polls = 0;
        let mut call = rig.runtime.drive(rig.calls.call(|| {
            poll_fn(|_| {
                polls += 1;
                if polls < 5 {
                    Poll::Pending
                } else {
                    Poll::Ready(Ok(()))
                }
            })
        }));
        let pending = (0..5).filter(|_| call.poll().is_pending()).count();
        assert_eq!((pending, call.wakes()), (4, 0));
        drop(call);
        assert_eq!((polls, rig.counts().0), (5, 1));
    }
}

#[test]
fn a_refused_call_is_ready_at_its_first_poll() {
    for rig in [Rig::opened(brittle()), Rig::half_open(brittle())] {
        let probe = (rig.state() == State::HalfOpen).then(|| rig.probe());
        let mut call = rig.runtime.drive(rig.calls.call(|| async { Err(BAD) }));
        assert!(call.poll().is_ready());
        assert_eq!(call.wakes(), 0);
        drop(probe);
    }
}

#[test]
fn an_idle_poll_counts_nothing() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(50)));
    let mut call = rig.runtime.drive(rig.calls.call(|| async {
        rig.runtime.sleep(secs(1)).await;
        Err(BAD)
    }));
    for _ in 0..10 {
        assert!(call.poll().is_pending());
        assert_eq!(rig.counts(), (0, 0, 0));
    }
    rig.pass(secs(1));
    assert!(call.poll().is_ready());
    assert_eq!(rig.counts(), (1, 1, 0));
}
