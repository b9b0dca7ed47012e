//! What is done by hand.

use std::time::Duration;

use steadfast_circuit_breaker::{Cause, CircuitBreaker, State};
use steadfast_core::{Instant, Ratio, Verdict};

use crate::common::{BAD, Rig, brittle, half_fail, ns, read, secs};

const GOOD: Verdict = Verdict::success();

#[test]
fn isolated_it_refuses_until_somebody_resets_it() {
    let rig = Rig::new(brittle());
    rig.breaker.isolate();
    for _ in 0..3 {
        assert_eq!(rig.refused().retry_after(), None);
        rig.pass(secs(1_000_000));
    }
    assert_eq!(rig.state(), State::Isolated);
    rig.breaker.reset();
    rig.good(1);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn isolated_it_hears_no_results() {
    let rig = Rig::half_open(brittle().probes(2));
    let (one, two) = (rig.probe(), rig.probe());
    rig.breaker.isolate();
    one.record(&GOOD);
    two.record(&GOOD);
    assert_eq!(rig.state(), State::Isolated);
}

#[test]
fn forced_closed_it_lets_all_calls_through_and_counts_none() {
    for settings in half_fail() {
        let rig = Rig::new(settings.consecutive_failures(1));
        rig.breaker.force_closed();
        rig.bad(500);
        rig.takes(secs(100), Err(BAD));
        assert_eq!(rig.state(), State::ForcedClosed);
        rig.breaker.reset();
        assert_eq!((rig.state(), rig.counts()), (State::Closed, (0, 0, 0)));
        rig.bad(1);
        assert_eq!(rig.state(), State::Open, "it counts again");
    }
}

#[test]
fn forced_closed_it_opens_no_more_for_calls_from_before() {
    let rig = Rig::new(brittle());
    let call = rig.start();
    rig.breaker.force_closed();
    call.record(&BAD);
    assert_eq!(rig.state(), State::ForcedClosed);
}

#[test]
fn an_open_breaker_can_be_forced_closed() {
    let rig = Rig::opened(brittle());
    rig.breaker.force_closed();
    rig.bad(5);
    assert_eq!(rig.state(), State::ForcedClosed);
}

#[test]
fn reset_closes_it_and_forgets_all_calls() {
    for settings in half_fail() {
        let rig = Rig::new(settings.consecutive_failures(10));
        rig.bad(9);
        rig.breaker.reset();
        assert_eq!((rig.state(), rig.counts()), (State::Closed, (0, 0, 0)));
        rig.bad(9);
        assert_eq!(rig.state(), State::Closed);
        rig.bad(1);
        assert_eq!(rig.state(), State::Open);
        rig.breaker.reset();
        rig.good(1);
        assert_eq!(rig.counts(), (1, 0, 0));
    }
}

#[test]
fn reset_begins_growth_anew() {
    let rig = Rig::opened(brittle());
    rig.pass(secs(5));
    rig.bad(1);
    assert_eq!(rig.retry_after(), secs(10));
    rig.breaker.reset();
    rig.bad(1);
    assert_eq!(rig.retry_after(), secs(5));
}

#[test]
fn it_can_be_opened_for_a_time() {
    let rig = Rig::new(brittle());
    rig.breaker.open_for_at(rig.now(), secs(70));
    assert_eq!(rig.retry_after(), secs(70));
    rig.pass(secs(70) - ns(1));
    assert_eq!(rig.retry_after(), ns(1));
    rig.pass(ns(1));
    rig.probe().record(&GOOD);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn opened_by_hand_it_grows_as_if_it_had_opened_by_itself() {
    let rig = Rig::new(brittle());
    rig.breaker.open_for_at(rig.now(), secs(70));
    rig.pass(secs(70));
    rig.bad(1);
    assert_eq!(rig.retry_after(), secs(10), "the first re-opening");
}

#[test]
fn opened_for_no_time_the_next_call_is_a_probe() {
    let rig = Rig::new(brittle());
    rig.breaker.open_for_at(rig.now(), Duration::ZERO);
    assert_eq!(rig.state(), State::Open);
    assert!(rig.start().is_probe());
}

#[test]
fn opened_for_ever_it_refuses_as_long_as_the_clock_runs() {
    let rig = Rig::new(brittle());
    rig.breaker.open_for_at(rig.now(), Duration::MAX);
    rig.runtime.set_now(Instant::from_nanos(u64::MAX - 1));
    assert_eq!(rig.retry_after(), ns(1));
}

#[test]
fn an_open_breaker_can_be_opened_for_less_and_for_more() {
    let rig = Rig::opened(brittle());
    rig.breaker.open_for_at(rig.now(), secs(60));
    assert_eq!(rig.retry_after(), secs(60));
    rig.breaker.open_for_at(rig.now(), secs(1));
    assert_eq!(rig.retry_after(), secs(1));
}

#[test]
fn transitions_by_hand_are_transitions() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    rig.breaker.isolate();
    rig.breaker.force_closed();
    rig.breaker.open_for_at(rig.now(), secs(1));
    rig.breaker.reset();
    assert_eq!(
        read(&mut transitions),
        [
            (State::Closed, State::Isolated, Cause::ByHand),
            (State::Isolated, State::ForcedClosed, Cause::ByHand),
            (State::ForcedClosed, State::Open, Cause::ByHand),
            (State::Open, State::Closed, Cause::ByHand),
        ]
    );
}

#[test]
fn what_changes_nothing_is_no_transition() {
    let rig = Rig::new(brittle());
    let mut transitions = rig.breaker.subscribe();
    rig.breaker.reset();
    assert_eq!(read(&mut transitions), []);
    rig.breaker.isolate();
    read(&mut transitions);
    rig.breaker.isolate();
    assert_eq!(read(&mut transitions), []);
}

#[test]
fn clones_are_one_breaker() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(50)));
    let clone = rig.breaker.clone();
    assert!(clone.is_shared_with(&rig.breaker));
    clone.isolate();
    rig.refused();
    let other = CircuitBreaker::default();
    assert!(!other.is_shared_with(&rig.breaker));
    assert_eq!(other.state(), State::Closed);
}

#[test]
fn one_breaker_serves_several_pipelines() {
    let rig = Rig::new(CircuitBreaker::consecutive_failures(2));
    let other = Rig::of(rig.runtime.clone(), rig.breaker.clone());
    rig.bad(1);
    other.bad(1);
    rig.refused();
    other.refused();
}
