//! One breaker per key.

use std::{sync::Arc, time::Duration};

use steadfast_circuit_breaker::{CircuitBreaker, State};
use steadfast_core::{Idle, Keyed, Pipeline, Ratio, Runtime, Verdict, VirtualRuntime};

use crate::common::{BAD, ByItself, Rig, brittle, half_fail, secs};

#[test]
fn each_key_has_its_own() {
    let runtime = VirtualRuntime::new(1);
    let hosts = Keyed::new(10, |_: &&str| brittle().build().unwrap()).unwrap();
    let call = |host, answer| {
        let breaker = hosts.get(host, &runtime).unwrap();
        let calls = Pipeline::on(&runtime, &breaker).classify(ByItself);
        runtime.block_on(calls.call(|| std::future::ready(answer)))
    };
    assert!(call(&"a", Err(BAD)).unwrap_err().operation().is_some());
    assert!(call(&"a", Ok(())).unwrap_err().rejection().is_some());
    assert_eq!(call(&"b", Ok(())), Ok(()));
}

#[test]
fn a_fresh_one_has_the_settings_and_nothing_else() {
    let rig = Rig::opened(brittle().named("db"));
    let fresh = Rig::of(rig.runtime.clone(), rig.breaker.fresh());
    assert!(!fresh.breaker.is_shared_with(&rig.breaker));
    assert_eq!((fresh.breaker.name(), fresh.state()), ("db", State::Closed));
    assert_eq!(fresh.counts(), (0, 0, 0));
    fresh.bad(1);
    assert_eq!(fresh.retry_after(), secs(5));
    rig.breaker.reset();
    assert_eq!(fresh.state(), State::Open);
}

#[test]
fn one_that_knows_something_is_kept_and_one_that_knows_nothing_is_not() {
    let runtime = VirtualRuntime::new(1);
    let hosts = Keyed::new(1, |_: &&str| brittle().build().unwrap()).unwrap();
    hosts.get(&"a", &runtime).unwrap().isolate();
    assert!(
        hosts.get(&"b", &runtime).is_err(),
        "there is no place for it"
    );
    hosts.get(&"a", &runtime).unwrap().reset();
    let b = hosts.get(&"b", &runtime).unwrap();
    assert_eq!(b.state(), State::Closed);
    assert_eq!(Arc::strong_count(&b), 2, "the map has it, and the test");
}

/// What the map asks: whether the only handle there is is of no use any more.
fn is_idle(breaker: &CircuitBreaker, runtime: &VirtualRuntime) -> bool {
    breaker.is_idle_at(runtime.now())
}

/// A call of that length.
fn call(breaker: &CircuitBreaker, runtime: &VirtualRuntime, length: Duration, verdict: &Verdict) {
    let permit = breaker.try_acquire(runtime).unwrap();
    runtime.advance(length);
    permit.record(verdict);
}

#[test]
fn closed_and_without_failures_it_is_idle() {
    for settings in half_fail() {
        let settings = settings.slow_calls(Ratio::percent(90), secs(1));
        let breaker = settings.consecutive_failures(5).build().unwrap();
        let runtime = VirtualRuntime::new(1);
        let is_idle = || is_idle(&breaker, &runtime);
        let call = |length, verdict: Verdict| call(&breaker, &runtime, length, &verdict);
        assert!(is_idle());
        call(secs(0), Verdict::success());
        assert!(is_idle(), "good calls are soon made again");
        call(secs(0), BAD);
        assert!(!is_idle());
        for _ in 0..500 {
            call(secs(0), Verdict::success());
        }
        runtime.advance(secs(10));
        assert!(is_idle(), "it has left the window");
        call(secs(2), Verdict::success());
        assert!(!is_idle(), "a slow one");
    }
}

#[test]
fn in_no_other_state_it_is_idle() {
    let runtime = VirtualRuntime::new(1);
    let settings = brittle().ramp([Ratio::percent(50)], secs(1));
    let breaker = settings.build().unwrap();
    let is_idle = || is_idle(&breaker, &runtime);
    call(&breaker, &runtime, secs(0), &BAD);
    assert!(!is_idle());
    runtime.advance(secs(500));
    assert!(!is_idle(), "it has to probe first");
    let probe = breaker.try_acquire(&runtime).unwrap();
    assert_eq!((breaker.state(), is_idle()), (State::HalfOpen, false));
    probe.record(&Verdict::success());
    assert_eq!((breaker.state(), is_idle()), (State::Ramping, false));
    breaker.force_closed();
    assert!(!is_idle());
    breaker.isolate();
    assert!(!is_idle());
    breaker.reset();
    assert!(is_idle());
}

#[test]
fn a_row_of_failures_is_something_to_know() {
    let runtime = VirtualRuntime::new(1);
    let breaker = CircuitBreaker::consecutive_failures(5).build().unwrap();
    call(&breaker, &runtime, secs(0), &BAD);
    assert!(!is_idle(&breaker, &runtime));
    call(&breaker, &runtime, secs(0), &Verdict::success());
    assert!(is_idle(&breaker, &runtime));
}

#[test]
fn one_that_somebody_else_holds_or_follows_is_not_idle() {
    let runtime = VirtualRuntime::new(1);
    let breaker = CircuitBreaker::default();
    let held = breaker.clone();
    assert!(!is_idle(&breaker, &runtime));
    drop(held);
    assert!(is_idle(&breaker, &runtime));
    let follows = breaker.subscribe();
    assert!(!is_idle(&breaker, &runtime));
    drop(follows);
    assert!(is_idle(&breaker, &runtime));
}
