//! The ramp: from the half-open state to the closed one in steps.

use steadfast_circuit_breaker::{Cause, CircuitBreakerBuilder, State};
use steadfast_core::{Ratio, Verdict};

use crate::common::{BAD, Rig, brittle, half_fail, ms, ns, read, secs};

fn ramp(settings: CircuitBreakerBuilder) -> CircuitBreakerBuilder {
    settings.ramp([10, 50, 90].map(Ratio::percent), secs(10))
}

/// One that begins to ramp now.
fn ramping(settings: CircuitBreakerBuilder) -> Rig {
    let rig = Rig::half_open(ramp(settings).probes(1));
    rig.good(1);
    assert_eq!(rig.state(), State::Ramping);
    rig
}

/// How many of a thousand calls are let through.
fn passed(rig: &Rig) -> u32 {
    (0..1000).map(|_| u32::from(rig.call(Ok(())).is_ok())).sum()
}

#[test]
fn each_step_lets_its_share_through() {
    let rig = ramping(brittle());
    for share in [10, 50, 90] {
        let passed = passed(&rig);
        let right = share * 10 - 50..=share * 10 + 50;
        assert!(right.contains(&passed), "{passed} of 1000 at {share} %");
        assert_eq!(rig.state(), State::Ramping);
        rig.pass(secs(10));
    }
    assert_eq!(passed(&rig), 1000);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn a_step_ends_to_the_nanosecond() {
    let rig = ramping(brittle());
    rig.pass(secs(30) - ns(1));
    let last = passed(&rig);
    assert!(last > 850 && last < 950, "{last} of 1000 at 90 %");
    rig.pass(ns(1));
    let mut transitions = rig.breaker.subscribe();
    assert_eq!(passed(&rig), 1000);
    let closed = (State::Ramping, State::Closed, Cause::RampOver);
    assert_eq!(read(&mut transitions), [closed]);
}

#[test]
fn steps_that_nobody_saw_are_over_all_the_same() {
    let rig = ramping(brittle());
    rig.pass(secs(30));
    assert_eq!(rig.state(), State::Ramping, "until a call comes");
    rig.good(1);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn whom_the_ramp_refuses_it_tells_when_more_calls_pass() {
    let rig = ramping(brittle());
    let rest = || {
        let refused = (0..100).find_map(|_| rig.call(Ok(())).err()).unwrap();
        refused.rejection().unwrap().retry_after()
    };
    assert_eq!(rest(), Some(secs(10)));
    rig.pass(secs(4));
    assert_eq!(rest(), Some(secs(6)));
    rig.pass(secs(16) - ns(1));
    assert_eq!(rest(), Some(ns(1)), "of the second step");
}

#[test]
fn the_good_probes_go_to_the_ramp_first() {
    let rig = Rig::half_open(ramp(brittle()));
    let mut transitions = rig.breaker.subscribe();
    rig.good(1);
    let ramping = (State::HalfOpen, State::Ramping, Cause::ProbesSucceeded);
    assert_eq!(read(&mut transitions), [ramping]);
    assert_eq!(rig.counts(), (0, 0, 0), "its window is empty");
}

#[test]
fn a_failure_during_the_ramp_opens_it_again_for_longer() {
    let rig = Rig::opened(ramp(brittle()));
    rig.pass(secs(5));
    rig.good(1);
    rig.pass(secs(25));
    let mut transitions = rig.breaker.subscribe();
    for _ in 0..100 {
        let _ = rig.call(Err(BAD));
    }
    let opened = (State::Ramping, State::Open, Cause::ConsecutiveFailures);
    assert_eq!(read(&mut transitions), [opened]);
    assert_eq!(rig.retry_after(), secs(10), "a re-opening");
    assert_eq!(rig.snapshot().reopened, 1);
}

#[test]
fn the_rates_are_judged_during_the_ramp() {
    for settings in half_fail() {
        let rig = ramping(settings);
        rig.pass(ms(20_000));
        let failures = (0..100)
            .filter(|_| rig.call(Err(BAD)).unwrap_err().operation().is_some())
            .count();
        assert_eq!((rig.state(), failures), (State::Open, 10));
    }
}

#[test]
fn growth_begins_anew_only_when_the_ramp_is_over() {
    let rig = ramping(brittle());
    assert_eq!(rig.snapshot().reopened, 0);
    let rig = Rig::opened(ramp(brittle()));
    rig.pass(secs(5));
    rig.bad(1);
    assert_eq!(rig.retry_after(), secs(10));
    rig.pass(secs(10));
    rig.good(1);
    assert_eq!((rig.state(), rig.snapshot().reopened), (State::Ramping, 1));
    rig.pass(secs(30));
    rig.good(1);
    assert_eq!((rig.state(), rig.snapshot().reopened), (State::Closed, 0));
    rig.bad(1);
    assert_eq!(rig.retry_after(), secs(5));
}

#[test]
fn ramping_and_closed_are_one_period() {
    for settings in half_fail() {
        let rig = ramping(settings);
        rig.pass(secs(25));
        let under_way: Vec<_> = (0..200)
            .filter_map(|_| rig.breaker.try_acquire(&rig.runtime).ok())
            .take(9)
            .collect();
        assert_eq!(under_way.len(), 9);
        rig.pass(secs(5));
        rig.good(1);
        assert_eq!(rig.state(), State::Closed);
        for permit in under_way {
            permit.record(&BAD);
        }
        assert_eq!(rig.state(), State::Open, "9 of 10");
        assert_eq!(rig.snapshot().stale, 0);
    }
}

#[test]
fn a_call_of_the_ramp_is_no_probe() {
    let rig = ramping(brittle());
    let permit = (0..200).find_map(|_| rig.breaker.try_acquire(&rig.runtime).ok());
    let permit = permit.unwrap();
    assert!(!permit.is_probe());
    permit.record(&Verdict::success());
    assert_eq!(rig.state(), State::Ramping);
}

#[test]
fn there_is_no_ramp_unless_it_is_said() {
    let rig = Rig::half_open(brittle());
    rig.good(1);
    assert_eq!(rig.state(), State::Closed);
    let none: [Ratio; 0] = [];
    let rig = Rig::half_open(brittle().ramp(none, secs(1)));
    rig.good(1);
    assert_eq!(
        rig.state(),
        State::Closed,
        "of no steps there is nothing to wait for"
    );
}
