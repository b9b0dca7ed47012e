//! What observers are told, and what they may do meanwhile.

use std::{
    future::{Ready, ready},
    sync::{Arc, Mutex},
};

use steadfast_circuit_breaker::{CircuitBreaker, State};
use steadfast_core::{
    Error, Event, Observed, Pipeline, Policies, Ratio, Runtime, Verdict, VirtualRuntime,
};

use crate::common::{Answer, BAD, ByItself, Rig, brittle, panics, secs};

/// What an observer noted, a line an event.
type Notes = Arc<Mutex<Vec<String>>>;

fn line(event: &Event<'_>) -> String {
    match event {
        Event::Transition {
            policy,
            from,
            to,
            cause,
            ..
        } => format!("{policy}: {from} to {to}: {cause}"),
        Event::Rejected { policy, .. } => format!("{policy} refused"),
        other => format!("{other:?}"),
    }
}

fn say(answer: Answer) -> impl FnOnce() -> Ready<Answer> {
    move || ready(answer)
}

#[test]
fn transitions_are_told_in_order_and_once() {
    let rig = Rig::new(brittle().named("db"));
    let notes = Notes::default();
    let noted = Arc::clone(&notes);
    let calls = Pipeline::on(rig.runtime.clone(), &rig.breaker)
        .classify(ByItself)
        .observe(move |event: &Event<'_>| noted.lock().unwrap().push(line(event)));
    let call = |answer| {
        let _ = rig.runtime.block_on(calls.call(say(answer)));
    };
    call(Ok(()));
    call(Err(BAD));
    call(Ok(()));
    rig.pass(secs(5));
    call(Err(BAD));
    rig.pass(secs(10));
    call(Ok(()));
    call(Ok(()));
    assert_eq!(
        *notes.lock().unwrap(),
        [
            "db: closed to open: consecutive failures",
            "db refused",
            "db: open to half-open: open time over",
            "db: half-open to open: probes failed",
            "db: open to half-open: open time over",
            "db: half-open to closed: probes succeeded",
        ]
    );
}

#[test]
fn the_end_of_the_half_open_time_and_of_the_ramp_are_told() {
    let rig = Rig::new(brittle().ramp([Ratio::percent(50)], secs(1)));
    let notes = Notes::default();
    let noted = Arc::clone(&notes);
    let observed = Observed::new(rig.runtime.clone(), move |event: &Event<'_>| {
        if matches!(event, Event::Transition { .. }) {
            noted.lock().unwrap().push(line(event));
        }
    });
    let acquire = || rig.breaker.try_acquire(&observed);
    acquire().unwrap().record(&BAD);
    rig.pass(secs(5));
    let lost = acquire().unwrap();
    rig.pass(secs(5));
    assert!(acquire().is_err());
    rig.pass(secs(10));
    acquire().unwrap().record(&Verdict::success());
    rig.pass(secs(1));
    acquire().unwrap().record(&Verdict::success());
    drop(lost);
    assert_eq!(
        *notes.lock().unwrap(),
        [
            "breaker: closed to open: consecutive failures",
            "breaker: open to half-open: open time over",
            "breaker: half-open to open: half-open time over",
            "breaker: open to half-open: open time over",
            "breaker: half-open to ramping: probes succeeded",
            "breaker: ramping to closed: ramp over",
        ]
    );
}

#[test]
fn an_observer_may_call_the_breaker() {
    let rig = Rig::new(brittle());
    let breaker = rig.breaker.clone();
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    let observed = Observed::new(rig.runtime.clone(), move |event: &Event<'_>| {
        if let Event::Transition { to: "open", .. } = event {
            let state = breaker.state();
            let mut transitions = breaker.subscribe();
            breaker.isolate();
            let isolated = transitions.try_recv().unwrap().to;
            let snapshot = breaker.snapshot_at(steadfast_core::Instant::from_nanos(0));
            breaker.restore_at(steadfast_core::Instant::from_nanos(0), &snapshot);
            let text = format!("{breaker:?}");
            *note.lock().unwrap() = Some((state, isolated, snapshot.state, text));
        }
    });
    rig.breaker.try_acquire(&observed).unwrap().record(&BAD);
    assert_eq!(rig.state(), State::Isolated);
    let seen = seen.lock().unwrap().clone().unwrap();
    assert_eq!(
        (seen.0, seen.1, seen.2),
        (State::Open, State::Isolated, State::Isolated)
    );
    assert!(seen.3.contains("Isolated"));
}

/// Follows each opening with a call that finds the dependency well again.
fn heal(runtime: &VirtualRuntime, breaker: &CircuitBreaker, event: &Event<'_>) {
    if matches!(event, Event::Transition { to: "open", .. }) {
        runtime.set_now(runtime.now() + secs(5));
        let probe = breaker.try_acquire(runtime).unwrap();
        assert!(probe.is_probe());
        probe.record(&Verdict::success());
        assert_eq!(breaker.state(), State::Closed);
    }
}

#[test]
fn transitions_that_an_observer_causes_are_told_after_the_one_it_looks_at() {
    let rig = Rig::new(brittle());
    let notes = Notes::default();
    let (runtime, breaker, noted) = (rig.runtime.clone(), rig.breaker.clone(), Arc::clone(&notes));
    let calls = Pipeline::on(rig.runtime.clone(), &rig.breaker)
        .classify(ByItself)
        .observe(move |event: &Event<'_>| {
            heal(&runtime, &breaker, event);
            noted.lock().unwrap().push(line(event));
        });
    let result = rig.runtime.block_on(calls.call(say(Err(BAD))));
    assert_eq!(result, Err(Error::Operation(BAD)));
    assert_eq!(
        *notes.lock().unwrap(),
        [
            "breaker: closed to open: consecutive failures",
            "breaker: open to half-open: open time over",
            "breaker: half-open to closed: probes succeeded",
        ]
    );
}

#[test]
fn a_panicking_observer_does_not_hold_up_what_comes_after() {
    let rig = Rig::new(brittle());
    let notes = Notes::default();
    let noted = Arc::clone(&notes);
    let calls = Pipeline::on(rig.runtime.clone(), &rig.breaker)
        .classify(ByItself)
        .observe(move |event: &Event<'_>| {
            noted.lock().unwrap().push(line(event));
            assert!(
                !matches!(event, Event::Transition { to: "open", .. }),
                "an observer that does not like this"
            );
        });
    panics(|| rig.runtime.block_on(calls.call(say(Err(BAD)))));
    assert_eq!(rig.state(), State::Open, "it has opened all the same");
    rig.pass(secs(5));
    assert_eq!(rig.runtime.block_on(calls.call(say(Ok(())))), Ok(()));
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(
        *notes.lock().unwrap(),
        [
            "breaker: closed to open: consecutive failures",
            "breaker: open to half-open: open time over",
            "breaker: half-open to closed: probes succeeded",
        ],
        "none is missing, none comes twice"
    );
}

#[test]
fn a_panicking_observer_costs_no_place_of_a_probe() {
    let rig = Rig::opened(brittle().probes(2));
    rig.pass(secs(5));
    let calls = rig.breaker.on(rig.runtime.clone()).classify(ByItself);
    let calls = calls.observe(|event: &Event<'_>| panic!("{event:?}"));
    panics(|| rig.runtime.block_on(calls.call(say(Ok(())))));
    assert_eq!(rig.state(), State::HalfOpen);
    assert_eq!(rig.free_probes(), 2);
}

#[test]
fn a_call_is_counted_once_though_its_observer_panics() {
    let rig = Rig::new(CircuitBreaker::consecutive_failures(1).probes(2));
    let calls = rig.breaker.on(rig.runtime.clone()).classify(ByItself);
    let calls = calls.observe(|event: &Event<'_>| panic!("{event:?}"));
    panics(|| rig.runtime.block_on(calls.call(say(Err(BAD)))));
    assert_eq!((rig.state(), rig.snapshot().stale), (State::Open, 0));
}

#[test]
fn what_is_done_by_hand_is_told_with_the_next_call() {
    let rig = Rig::new(brittle());
    let notes = Notes::default();
    let noted = Arc::clone(&notes);
    let calls = Pipeline::on(rig.runtime.clone(), &rig.breaker)
        .classify(ByItself)
        .observe(move |event: &Event<'_>| noted.lock().unwrap().push(line(event)));
    let call = || {
        let _ = rig.runtime.block_on(calls.call(say(Ok(()))));
        std::mem::take(&mut *notes.lock().unwrap())
    };
    rig.breaker.isolate();
    assert_eq!(notes.lock().unwrap().len(), 0, "it belongs to no call");
    let isolated = "breaker: closed to isolated: by hand";
    assert_eq!(call(), [isolated, "breaker refused"]);
    assert_eq!(call(), ["breaker refused"], "once");
    rig.breaker.force_closed();
    assert_eq!(call(), ["breaker: isolated to forced closed: by hand"]);
    rig.breaker.reset();
    rig.breaker.reset();
    assert_eq!(call(), ["breaker: forced closed to closed: by hand"]);
    rig.breaker.open_for_at(rig.now(), secs(1));
    rig.pass(secs(1));
    assert_eq!(
        call(),
        [
            "breaker: closed to open: by hand",
            "breaker: open to half-open: open time over",
            "breaker: half-open to closed: probes succeeded",
        ]
    );
    rig.breaker.isolate();
    rig.breaker.reset();
    assert_eq!(call(), [isolated, "breaker: isolated to closed: by hand"]);
    assert_eq!(call().len(), 0);
}

#[test]
fn a_closed_breaker_says_nothing() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(50)));
    let calls = rig.breaker.on(rig.runtime.clone()).classify(ByItself);
    let calls = calls.observe(|event: &Event<'_>| panic!("{event:?}"));
    for answer in [Ok(()), Err(Verdict::caller()), Ok(()), Err(BAD)] {
        let result = rig.runtime.block_on(calls.call(say(answer)));
        assert_eq!(result, answer.map_err(Error::Operation));
    }
}
