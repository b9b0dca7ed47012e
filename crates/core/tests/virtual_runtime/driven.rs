//! Futures in the hands of a test: polled when told, counted, dropped at every await.

use std::task::Poll;

use futures::channel::oneshot;
use steadfast_core::VirtualRuntime;

use crate::{MILLI, SECOND, Trace, Yield};

#[test]
fn a_driven_future_is_polled_when_told_and_never_otherwise() {
    let runtime = VirtualRuntime::new(1);
    let trace = Trace::new();
    let events = trace.clone();
    let mut driven = runtime.drive(async move {
        events.add("first poll");
        Yield(1).await;
        events.add("second poll");
        5
    });
    assert!(trace.events().is_empty());
    assert!(driven.poll().is_pending());
    runtime.advance(SECOND);
    assert_eq!(trace.events(), ["first poll"]);
    assert_eq!(driven.poll(), Poll::Ready(5));
    assert_eq!(driven.polls(), 2);
}

#[test]
fn polls_and_wakes_are_counted() {
    let runtime = VirtualRuntime::new(1);
    let mut driven = runtime.drive(async {
        Yield(2).await;
        runtime.sleep(SECOND).await;
    });
    assert_eq!((driven.polls(), driven.wakes()), (0, 0));
    for wakes in 1..=2 {
        assert!(driven.poll().is_pending());
        assert!(driven.is_woken());
        assert_eq!(driven.wakes(), wakes);
    }
    assert!(driven.poll().is_pending()); // begins to sleep
    assert!(!driven.is_woken());
    assert_eq!((driven.polls(), driven.wakes()), (3, 2));
    assert!(runtime.step());
    assert!(driven.is_woken());
    assert_eq!((driven.polls(), driven.wakes()), (3, 3));
    assert!(driven.poll().is_ready());
    assert!(!driven.is_woken());
    assert_eq!((driven.polls(), driven.wakes()), (4, 3));
}

#[test]
fn dropping_a_driven_future_drops_what_it_waited_for() {
    let runtime = VirtualRuntime::new(1);
    let mut driven = runtime.drive(runtime.sleep(SECOND));
    assert!(driven.poll().is_pending());
    assert_eq!(runtime.sleeps_waiting(), 1);
    drop(driven);
    assert_eq!(runtime.sleeps_waiting(), 0);
}

/// Says when it is dropped.
struct Guard(Trace<&'static str>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.add("dropped");
    }
}

#[test]
fn each_await_of_a_future_is_cancelled_once_and_what_it_held_is_dropped_each_time() {
    let runtime = VirtualRuntime::new(1);
    let trace = Trace::new();
    let make = || {
        trace.add("made");
        let (guard, events, runtime) = (Guard(trace.clone()), trace.clone(), runtime.clone());
        async move {
            let _guard = guard;
            events.add("first");
            runtime.sleep(SECOND).await;
            events.add("second");
            Yield(1).await;
            events.add("third");
            runtime.sleep(MILLI).await;
            events.add("ended");
        }
    };
    let mut runs = Vec::new();
    let mut seen = 0;
    runtime.cancel_at_every_await(make, |polls| {
        let events = trace.events();
        runs.push((polls, events[seen..].to_vec()));
        seen = events.len();
        assert_eq!(runtime.sleeps_waiting(), 0);
    });
    let expected = [
        (0, vec!["made", "dropped"]),
        (1, vec!["made", "first", "dropped"]),
        (2, vec!["made", "first", "second", "dropped"]),
        (3, vec!["made", "first", "second", "third", "dropped"]),
        (
            4,
            vec!["made", "first", "second", "third", "ended", "dropped"],
        ),
    ];
    assert_eq!(runs, expected);
}

#[test]
fn a_future_that_is_ready_at_once_is_dropped_before_and_after_its_only_poll() {
    let runtime = VirtualRuntime::new(1);
    let mut polls = Vec::new();
    runtime.cancel_at_every_await(|| async {}, |made| polls.push(made));
    assert_eq!(polls, [0, 1]);
}

#[test]
fn spawned_tasks_run_between_the_polls_of_a_future_that_is_cancelled() {
    let runtime = VirtualRuntime::new(1);
    let mut polls = Vec::new();
    let make = || {
        let (sender, receiver) = oneshot::channel();
        let clock = runtime.clone();
        drop(runtime.spawn(async move {
            clock.sleep(SECOND).await;
            sender.send(9)
        }));
        receiver
    };
    runtime.cancel_at_every_await(make, |made| polls.push(made));
    assert_eq!(polls, [0, 1, 2]);
}

#[test]
#[should_panic(expected = "nothing will ever wake this future")]
fn a_future_that_nothing_will_wake_is_named_and_not_waited_for() {
    let runtime = VirtualRuntime::new(1);
    runtime.cancel_at_every_await(std::future::pending::<()>, |_| {});
}
