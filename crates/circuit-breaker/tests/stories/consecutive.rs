//! Failures in a row.

use steadfast_circuit_breaker::{Cause, CircuitBreaker, State};
use steadfast_core::{Ratio, Verdict};

use crate::common::{BAD, OVERLOADED, Rig, ms, of_each_window, read};

#[test]
fn so_many_failures_in_a_row_open_it() {
    let rig = Rig::new(CircuitBreaker::consecutive_failures(3));
    let mut transitions = rig.breaker.subscribe();
    rig.bad(2);
    assert_eq!(rig.state(), State::Closed);
    rig.bad(1);
    let opened = (State::Closed, State::Open, Cause::ConsecutiveFailures);
    assert_eq!(read(&mut transitions), [opened]);
}

#[test]
fn a_good_call_ends_the_row() {
    let rig = Rig::new(CircuitBreaker::consecutive_failures(3));
    for _ in 0..50 {
        rig.bad(2);
        rig.good(1);
    }
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.snapshot().consecutive_failures, 0);
}

#[test]
fn overloaded_neither_counts_nor_ends_the_row() {
    let rig = Rig::new(CircuitBreaker::consecutive_failures(3));
    rig.answer(100, Err(OVERLOADED));
    rig.bad(2);
    rig.answer(100, Err(OVERLOADED));
    assert_eq!(rig.state(), State::Closed, "it does not count");
    rig.bad(1);
    assert_eq!(rig.state(), State::Open, "it does not end the row");
}

#[test]
fn a_permanent_failure_counts() {
    let rig = Rig::new(CircuitBreaker::consecutive_failures(3));
    rig.answer(3, Err(Verdict::permanent()));
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_slow_good_call_ends_the_row() {
    let settings = CircuitBreaker::consecutive_failures(2).slow_calls(Ratio::percent(100), ms(10));
    let rig = Rig::new(settings.over_last(100).min_calls(100));
    rig.bad(1);
    rig.takes(ms(50), Ok(()));
    rig.bad(1);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn the_row_needs_no_min_calls() {
    for settings in of_each_window(|| CircuitBreaker::failure_rate(Ratio::percent(100))) {
        let rig = Rig::new(settings.consecutive_failures(2).min_calls(40));
        rig.bad(2);
        assert_eq!(rig.state(), State::Open);
    }
}

#[test]
fn each_rule_opens_it_alone() {
    for settings in of_each_window(|| CircuitBreaker::failure_rate(Ratio::percent(50))) {
        let rig = Rig::new(settings.consecutive_failures(5).probes(1));
        let mut transitions = rig.breaker.subscribe();
        for _ in 0..5 {
            rig.good(1);
            rig.bad(1);
        }
        let by_rate = (State::Closed, State::Open, Cause::FailureRate);
        assert_eq!(read(&mut transitions), [by_rate], "never two in a row");
        rig.breaker.reset();
        read(&mut transitions);
        rig.good(40);
        rig.bad(4);
        assert_eq!(rig.state(), State::Closed);
        rig.bad(1);
        let by_row = (State::Closed, State::Open, Cause::ConsecutiveFailures);
        assert_eq!(read(&mut transitions), [by_row], "5 of 45");
    }
}

#[test]
fn a_row_begins_anew_in_each_closed_period() {
    let rig = Rig::new(CircuitBreaker::consecutive_failures(3));
    rig.bad(2);
    rig.breaker.reset();
    assert_eq!(rig.snapshot().consecutive_failures, 0);
    rig.bad(2);
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.snapshot().consecutive_failures, 2);
    rig.answer(1, Err(BAD));
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_row_of_failures_that_overlap_counts_in_the_order_in_which_they_end() {
    let rig = Rig::new(CircuitBreaker::consecutive_failures(2));
    let (first, second, third) = (rig.start(), rig.start(), rig.start());
    third.record(&BAD);
    second.record(&Verdict::success());
    first.record(&BAD);
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(rig.snapshot().consecutive_failures, 1);
}
