//! Events: what a policy does reaches the observers outside, in order.

use std::{
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};

use steadfast_core::{
    Class, Event, Observed, Observer, Pipeline, RejectionKind, Runtime, VirtualRuntime,
};

use crate::{
    Failed, SECOND, a_retry_per_call, on_virtual_time,
    policies::{Again, Log, Pass, Refuses},
};

fn again() -> Again {
    Again {
        budget: a_retry_per_call(),
        wait: SECOND,
    }
}

#[test]
fn events_reach_an_observer_outside_with_all_that_they_say() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let (runtime, pipeline) = on_virtual_time((Pass, again(), Refuses::because("closed")));
    let pipeline = pipeline.observe(move |event: &Event<'_>| {
        let told = match event {
            Event::Retrying {
                policy,
                attempts,
                delay,
                class,
                ..
            } => format!("{policy} {attempts} {delay:?} {class:?}"),
            Event::Rejected { policy, kind, .. } => format!("{policy} {kind}"),
            _ => format!("{event:?}"),
        };
        sink.lock().unwrap().push((event.policy().to_owned(), told));
    });
    let call = pipeline.call(|| ready(Ok::<(), Failed>(())));
    assert!(runtime.block_on(call).is_err());
    let refused = ("gate".into(), "gate refused the call: closed".into());
    let retried = ("again".into(), "again 1 1s Transient".into());
    let expected: [(String, String); 3] = [refused.clone(), retried, refused];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn without_an_observer_events_go_nowhere_and_cost_no_clock_read() {
    let (runtime, pipeline) = on_virtual_time(Refuses::because("closed"));
    let call = pipeline.call(|| ready(Ok::<(), Failed>(())));
    assert!(runtime.block_on(call).is_err());
    assert_eq!(runtime.clock_reads(), 0);
}

/// An observer of a type of its own.
struct Counts(Log, &'static str);

impl Observer for Counts {
    fn on(&self, event: &Event<'_>) {
        self.0.add(format!("{}:{}", self.1, event.policy()));
    }
}

#[test]
fn every_observer_hears_every_event_and_the_last_one_added_hears_it_first() {
    let log = Log::default();
    let (runtime, pipeline) = on_virtual_time(Refuses::because("closed"));
    let pipeline = pipeline
        .observer(Counts(log.clone(), "first"))
        .observer(Counts(log.clone(), "second"));
    let call = pipeline.call(|| ready(Ok::<(), Failed>(())));
    assert!(runtime.block_on(call).is_err());
    assert_eq!(log.take(), "second:gate first:gate");
}

#[test]
fn an_observed_runtime_shows_what_is_emitted_through_its_clones_and_loans() {
    let log = Log::default();
    let inner = VirtualRuntime::new(1);
    let runtime = Observed::new(inner.clone(), Counts(log.clone(), "seen"));
    let event = Event::rejected("direct", RejectionKind::CircuitOpen);
    runtime.emit(&event);
    runtime.clone().emit(&event);
    runtime.lend().emit(&event);
    inner.emit(&event); // the runtime inside is not observed
    assert_eq!(log.take(), "seen:direct seen:direct seen:direct");
    inner.advance(SECOND);
    assert_eq!(runtime.now(), inner.now());
}

#[test]
fn a_pipeline_of_an_observed_runtime_is_observed_too() {
    let log = Log::default();
    let inner = VirtualRuntime::new(1);
    let runtime = Observed::new(inner.clone(), Counts(log.clone(), "runtime"));
    let pipeline = Pipeline::on(runtime, again());
    let call = pipeline.call(|| ready(Err::<(), _>(Failed)));
    assert!(inner.block_on(call).is_err());
    assert_eq!(log.take(), "runtime:again");
}

#[test]
fn events_compare_by_what_they_say() {
    let event = |attempts| Event::retrying("p", attempts, Duration::ZERO, Class::Overloaded);
    assert_eq!(event(1), event(1));
    assert_ne!(event(1), event(2));
}

#[test]
fn a_note_is_a_word_of_the_policy_that_speaks() {
    let event = Event::noted("idempotency", "replayed");
    assert_eq!(event.policy(), "idempotency");
    assert!(matches!(
        event,
        Event::Noted {
            note: "replayed",
            ..
        }
    ));
    assert_ne!(event, Event::noted("idempotency", "executed"));
}
