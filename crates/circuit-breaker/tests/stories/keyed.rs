//! One breaker per key.

use std::{sync::Arc, task::Poll, time::Duration};

use steadfast_circuit_breaker::{CircuitBreaker, State};
use steadfast_core::{Idle, Keyed, Pipeline, Ratio, Runtime, Verdict, VirtualRuntime};

use crate::common::{BAD, ByItself, Rig, brittle, half_fail, ns, secs};

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
fn open_it_is_dispensable_when_its_time_is_over_and_idle_after_as_long_again() {
    let runtime = VirtualRuntime::new(1);
    let breaker = brittle().build().unwrap();
    call(&breaker, &runtime, secs(0), &BAD);
    let asked = |at| {
        let at = runtime.now() + at;
        (breaker.is_dispensable_at(at), breaker.is_idle_at(at))
    };
    assert_eq!(asked(secs(5) - ns(1)), (false, false));
    assert_eq!(asked(secs(5)), (true, false), "it has to probe first");
    assert_eq!(asked(secs(10) - ns(1)), (true, false));
    assert_eq!(asked(secs(10)), (true, true), "nobody has asked for it");
}

#[test]
fn half_open_and_left_alone_it_is_idle_in_the_end() {
    let runtime = VirtualRuntime::new(1);
    let breaker = brittle().build().unwrap();
    call(&breaker, &runtime, secs(0), &BAD);
    runtime.advance(secs(5));
    call(&breaker, &runtime, secs(0), &Verdict::caller());
    assert_eq!(breaker.state(), State::HalfOpen);
    let asked = |at| {
        let at = runtime.now() + at;
        (breaker.is_dispensable_at(at), breaker.is_idle_at(at))
    };
    assert_eq!(asked(secs(5)), (false, false), "it may open again");
    assert_eq!(asked(secs(10) - ns(1)), (false, false));
    assert!(asked(secs(10)).1);
}

#[test]
fn what_was_done_by_hand_is_kept_until_it_is_undone() {
    let runtime = VirtualRuntime::new(1);
    let breaker = brittle().build().unwrap();
    let asked = || {
        let at = runtime.now() + secs(1_000_000);
        (breaker.is_dispensable_at(at), breaker.is_idle_at(at))
    };
    breaker.force_closed();
    assert_eq!(asked(), (false, false));
    breaker.isolate();
    assert_eq!(asked(), (false, false));
    breaker.reset();
    assert_eq!(asked(), (true, true));
}

#[test]
fn closed_with_failures_it_is_dispensable_and_ramping_it_is_not() {
    let runtime = VirtualRuntime::new(1);
    let settings = brittle().ramp([Ratio::percent(50)], secs(1));
    let breaker = settings.build().unwrap();
    breaker.open_for_at(runtime.now(), secs(0));
    call(&breaker, &runtime, secs(0), &Verdict::success());
    let asked = |breaker: &CircuitBreaker| {
        let now = runtime.now();
        (breaker.is_dispensable_at(now), breaker.is_idle_at(now))
    };
    assert_eq!(
        (breaker.state(), asked(&breaker)),
        (State::Ramping, (false, false))
    );
    let breaker = CircuitBreaker::default();
    call(&breaker, &runtime, secs(0), &BAD);
    assert_eq!(asked(&breaker), (true, false));
    let held = breaker.clone();
    assert_eq!(asked(&breaker), (false, false), "somebody holds it");
    drop(held);
    assert_eq!(asked(&breaker), (true, false));
}

/// A map of a thousand hosts, each of which failed once and is gone.
#[test]
fn hosts_that_failed_once_and_are_gone_do_not_fill_the_map() {
    let runtime = VirtualRuntime::new(1);
    let hosts = Keyed::new(1000, |_: &u32| CircuitBreaker::default()).unwrap();
    for host in 0..5000 {
        let breaker = hosts.get(&host, &runtime).expect("a place");
        call(&breaker, &runtime, secs(0), &BAD);
    }
    assert_eq!(hosts.len(), 1000);
}

#[test]
fn hosts_that_are_open_give_way_when_their_time_is_over() {
    let runtime = VirtualRuntime::new(1);
    let hosts = Keyed::new(10, |_: &u32| brittle().build().unwrap()).unwrap();
    for host in 0..10 {
        call(
            &hosts.get(&host, &runtime).unwrap(),
            &runtime,
            secs(0),
            &BAD,
        );
    }
    assert!(
        hosts.get(&10, &runtime).is_err(),
        "none of them may be called"
    );
    runtime.advance(secs(5));
    assert!(hosts.get(&10, &runtime).is_ok());
    assert!(!hosts.contains(&0), "the one that was used least recently");
}

#[test]
fn one_that_is_idle_gives_way_before_one_that_remembers_failures() {
    let runtime = VirtualRuntime::new(1);
    let hosts = Keyed::new(2, |_: &u32| CircuitBreaker::default()).unwrap();
    call(&hosts.get(&0, &runtime).unwrap(), &runtime, secs(0), &BAD);
    hosts.get(&1, &runtime).unwrap();
    hosts.get(&2, &runtime).unwrap();
    assert!(hosts.contains(&0) && !hosts.contains(&1));
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
fn one_that_somebody_else_holds_is_not_idle() {
    let runtime = VirtualRuntime::new(1);
    let breaker = CircuitBreaker::default();
    let held = breaker.clone();
    assert!(!is_idle(&breaker, &runtime));
    drop(held);
    assert!(is_idle(&breaker, &runtime));
    let _follows = breaker.subscribe();
    assert!(is_idle(&breaker, &runtime), "following does not keep it");
}

#[test]
fn who_follows_one_that_is_given_up_is_told() {
    let runtime = VirtualRuntime::new(1);
    let hosts = Keyed::new(1, |_: &u32| CircuitBreaker::default()).unwrap();
    let mut transitions = hosts.get(&0, &runtime).unwrap().subscribe();
    let mut next = runtime.drive(transitions.recv());
    assert!(next.poll().is_pending());
    hosts.get(&1, &runtime).unwrap();
    assert_eq!(next.wakes(), 1);
    assert_eq!(next.poll(), Poll::Ready(None));
}
