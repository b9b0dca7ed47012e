//! Shadow mode: it decides and reports, and admits all.

use std::sync::{Arc, Mutex};

use steadfast_circuit_breaker::{CircuitBreakerBuilder, State, Transition};
use steadfast_core::{Event, Pipeline, RejectionKind, Verdict};

use crate::common::{Answer, BAD, ByItself, Rig, brittle, half_fail, panics, read, secs};

#[test]
fn it_lets_every_call_through_in_every_state() {
    let rig = Rig::opened(brittle().shadow());
    rig.bad(10);
    assert_eq!(rig.state(), State::Open);
    rig.pass(secs(5));
    let _probe = rig.probe();
    rig.bad(10);
    assert_eq!(rig.state(), State::HalfOpen);
    rig.breaker.isolate();
    rig.good(10);
    assert!(rig.breaker.try_acquire(&rig.runtime).is_ok());
    assert_eq!(rig.state(), State::Isolated);
}

#[test]
fn what_it_would_have_refused_counts_for_nothing() {
    let rig = Rig::opened(brittle().shadow());
    let mut transitions = rig.breaker.subscribe();
    rig.bad(10);
    rig.pass(secs(5));
    let probe = rig.probe();
    rig.bad(10);
    rig.good(10);
    assert_eq!(rig.state(), State::HalfOpen, "only the probe decides");
    probe.record(&Verdict::success());
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(read(&mut transitions).len(), 2);
    assert_eq!(rig.snapshot().stale, 0);
}

#[test]
fn it_says_what_it_would_have_refused() {
    let rig = Rig::opened(brittle().shadow().named("shadow"));
    let events = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&events);
    let calls = Pipeline::on(rig.runtime.clone(), &rig.breaker)
        .classify(ByItself)
        .observe(move |event: &Event<'_>| {
            let Event::WouldReject { policy, kind, .. } = event else {
                panic!("no call is refused: {event:?}");
            };
            noted.lock().unwrap().push(((*policy).to_owned(), *kind));
        });
    for answer in [Ok(()), Err(BAD), Err(Verdict::caller())] {
        let result = rig
            .runtime
            .block_on(calls.call(|| std::future::ready(answer)));
        assert_eq!(result, answer.map_err(steadfast_core::Error::Operation));
    }
    let would_reject = ("shadow".to_owned(), RejectionKind::CircuitOpen);
    assert_eq!(*events.lock().unwrap(), vec![would_reject; 3]);
}

/// Sends the same calls through, whether or not they are refused, and notes each transition.
fn transitions_of(settings: CircuitBreakerBuilder) -> Vec<(usize, Transition)> {
    let rig = Rig::new(settings);
    let mut transitions = rig.breaker.subscribe();
    let mut noted = Vec::new();
    let mut chance = 99_u32;
    for call in 0..3000 {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Bad times and good times.
        let is_bad = if call / 100 % 2 == 0 { 7 } else { 1 };
        let answer: Answer = if (chance >> 16) % 10 < is_bad {
            Err(BAD)
        } else {
            Ok(())
        };
        let _ = rig.call(answer);
        rig.pass(secs(1) / 4);
        noted.extend(std::iter::from_fn(|| transitions.try_recv()).map(|step| (call, step)));
    }
    noted
}

#[test]
fn it_goes_through_the_same_states_as_one_that_refuses() {
    for settings in half_fail() {
        let real = transitions_of(settings.clone());
        assert!(real.len() > 30, "{}", real.len());
        assert_eq!(transitions_of(settings.shadow()), real);
    }
}

#[test]
fn a_panic_of_a_call_that_would_have_been_refused_changes_nothing() {
    let rig = Rig::opened(brittle().shadow());
    panics(|| {
        rig.runtime
            .block_on(rig.calls.call(|| async { panic!("oh") }))
    });
    assert_eq!((rig.state(), rig.snapshot().stale), (State::Open, 0));
}
