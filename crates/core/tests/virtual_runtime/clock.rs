//! The clock: it moves when it is told to or when nothing else can happen.

use std::{task::Poll, time::Duration};

use steadfast_core::{Instant, Runtime, VirtualRuntime};

use crate::{MILLI, SECOND, Trace, Yield};

#[test]
fn time_stands_still_while_something_can_run() {
    let runtime = VirtualRuntime::new(1);
    let start = runtime.now();
    let clock = runtime.clone();
    let busy = runtime.spawn(async move {
        Yield(1_000).await;
        clock.elapsed()
    });
    let slept = runtime.sleep(MILLI);
    let elapsed = runtime.block_on(async {
        let elapsed = busy.await;
        slept.await;
        elapsed
    });
    assert_eq!(elapsed, Duration::ZERO);
    assert_eq!(runtime.now() - start, MILLI);
}

#[test]
fn time_moves_only_when_it_is_told_to_outside_of_block_on() {
    let runtime = VirtualRuntime::new(1);
    let mut sleep = runtime.drive(runtime.sleep(SECOND));
    assert!(sleep.poll().is_pending());
    runtime.run_ready();
    assert_eq!(runtime.elapsed(), Duration::ZERO);
    assert!(!sleep.is_woken());
    runtime.advance(SECOND - MILLI);
    assert_eq!(runtime.elapsed(), SECOND - MILLI);
    assert!(!sleep.is_woken());
    runtime.advance(MILLI);
    assert!(sleep.is_woken());
    assert_eq!(sleep.poll(), Poll::Ready(()));
}

#[test]
fn an_hour_passes_at_once_and_so_does_a_century() {
    let runtime = VirtualRuntime::new(1);
    for length in [SECOND * 3_600, SECOND * 3_600 * 24 * 365 * 100] {
        let start = runtime.now();
        runtime.block_on(runtime.sleep(length));
        assert_eq!(runtime.now() - start, length);
    }
    assert_eq!(runtime.sleeps_started(), 2);
}

#[test]
fn the_clock_goes_from_deadline_to_deadline_and_no_further_than_needed() {
    let runtime = VirtualRuntime::new(1);
    let mut later = runtime.drive(runtime.sleep(SECOND * 5));
    assert!(later.poll().is_pending());
    runtime.block_on(runtime.sleep(SECOND * 2));
    assert_eq!(runtime.elapsed(), SECOND * 2);
    assert!(!later.is_woken());
    assert!(runtime.step());
    assert_eq!(runtime.elapsed(), SECOND * 5);
    assert!(later.is_woken());
}

#[test]
fn a_sleep_is_ready_at_its_deadline_and_not_a_nanosecond_earlier() {
    let runtime = VirtualRuntime::new(1);
    let at = runtime.now() + SECOND;
    let mut sleep = runtime.drive(runtime.sleep_until(at));
    assert!(sleep.poll().is_pending());
    runtime.set_now(at.saturating_sub(Duration::from_nanos(1)));
    assert!(!sleep.is_woken());
    assert!(sleep.poll().is_pending());
    runtime.set_now(at);
    assert!(sleep.is_woken());
    assert!(sleep.poll().is_ready());
}

#[test]
fn a_sleep_until_the_present_or_the_past_is_ready_at_once() {
    let runtime = VirtualRuntime::new(1);
    let now = runtime.now();
    for at in [now, now.saturating_sub(SECOND), Instant::from_nanos(0)] {
        let mut sleep = runtime.drive(runtime.sleep_until(at));
        assert!(sleep.poll().is_ready());
    }
    assert_eq!(runtime.sleeps_waiting(), 0);
}

#[test]
fn sleeps_of_one_instant_are_woken_in_the_order_in_which_they_were_asked_for() {
    let runtime = VirtualRuntime::new(1);
    let trace = Trace::new();
    let at = runtime.now() + SECOND;
    let sleeps: Vec<_> = (0..100).map(|_| runtime.sleep_until(at)).collect();
    // Polled the other way round, and among others of earlier and later instants.
    for (number, sleep) in sleeps.into_iter().enumerate().rev() {
        let (trace, runtime) = (trace.clone(), runtime.clone());
        let earlier = runtime.sleep_until(at.saturating_sub(MILLI));
        drop(runtime.clone().spawn(async move {
            if number % 2 == 0 {
                earlier.await;
            }
            sleep.await;
            trace.add((number, runtime.elapsed()));
        }));
    }
    runtime.advance(SECOND * 2);
    let expected: Vec<_> = (0..100).map(|number| (number, SECOND)).collect();
    assert_eq!(trace.events(), expected);
}

#[test]
fn advance_runs_the_tasks_of_each_deadline_at_that_deadline() {
    let runtime = VirtualRuntime::new(1);
    let trace = Trace::new();
    for millis in [30, 10, 20] {
        let (trace, runtime) = (trace.clone(), runtime.clone());
        drop(runtime.clone().spawn(async move {
            for _ in 0..2 {
                runtime.sleep(MILLI * millis).await;
                trace.add((millis, runtime.elapsed()));
            }
        }));
    }
    runtime.advance(MILLI * 45);
    assert_eq!(runtime.elapsed(), MILLI * 45);
    let expected = [(10, 10), (20, 20), (10, 20), (30, 30), (20, 40)];
    let expected = expected.map(|(task, at)| (task, MILLI * at));
    assert_eq!(trace.events(), expected);
    runtime.advance(Duration::ZERO);
    assert_eq!(trace.events().len(), 5);
    runtime.advance(MILLI * 15);
    assert_eq!(trace.events().last(), Some(&(30, MILLI * 60)));
}

#[test]
fn dropping_a_sleep_cancels_it() {
    let runtime = VirtualRuntime::new(1);
    let mut sleep = runtime.drive(runtime.sleep(SECOND));
    assert!(sleep.poll().is_pending());
    assert_eq!(runtime.sleeps_waiting(), 1);
    assert_eq!(runtime.next_deadline(), Some(runtime.now() + SECOND));
    drop(sleep);
    assert_eq!(runtime.sleeps_waiting(), 0);
    assert_eq!(runtime.next_deadline(), None);
    assert!(!runtime.step());
    assert_eq!(runtime.elapsed(), Duration::ZERO);
}

#[test]
fn a_sleep_that_was_never_polled_waits_for_nothing() {
    let runtime = VirtualRuntime::new(1);
    let sleep = runtime.sleep(SECOND);
    assert_eq!(runtime.sleeps_started(), 1);
    assert_eq!(runtime.sleeps_waiting(), 0);
    assert!(!runtime.step());
    drop(sleep);
}

#[test]
fn a_sleep_wakes_whoever_polled_it_last() {
    let runtime = VirtualRuntime::new(1);
    let sleep = std::sync::Mutex::new(runtime.sleep(SECOND));
    let by_hand =
        || std::future::poll_fn(|cx| std::pin::Pin::new(&mut *sleep.lock().unwrap()).poll(cx));
    let mut first = runtime.drive(by_hand());
    let mut second = runtime.drive(by_hand());
    assert!(first.poll().is_pending());
    assert!(second.poll().is_pending());
    assert_eq!(runtime.sleeps_waiting(), 1);
    assert!(runtime.step());
    assert!(!first.is_woken());
    assert!(second.is_woken());
}

#[test]
fn turning_the_clock_back_wakes_nobody_and_loses_nobody() {
    let runtime = VirtualRuntime::new(1);
    let start = runtime.now();
    let mut sleep = runtime.drive(runtime.sleep(SECOND));
    assert!(sleep.poll().is_pending());
    runtime.set_now(start.saturating_sub(SECOND * 100));
    assert!(!sleep.is_woken());
    assert_eq!(runtime.next_deadline(), Some(start + SECOND));
    // Woken in time, but looked at when the clock has been turned back again: it waits once more.
    runtime.set_now(start + SECOND);
    assert!(sleep.is_woken());
    runtime.set_now(start);
    assert!(sleep.poll().is_pending());
    assert!(runtime.step());
    assert_eq!(runtime.now(), start + SECOND);
    assert!(sleep.poll().is_ready());
}

#[test]
fn a_deadline_that_the_clock_has_jumped_over_is_due_now() {
    let runtime = VirtualRuntime::new(1);
    let start = runtime.now();
    let mut sleep = runtime.drive(runtime.sleep(SECOND));
    runtime.set_now(start + SECOND * 9);
    runtime.set_now(start);
    assert!(sleep.poll().is_pending());
    runtime.set_now(start + SECOND * 9);
    assert!(sleep.is_woken());
    assert!(sleep.poll().is_ready());
    assert_eq!(runtime.now(), start + SECOND * 9);
}

#[test]
fn clock_reads_and_sleeps_are_counted_and_looking_is_not_reading() {
    let runtime = VirtualRuntime::new(1);
    assert_eq!(runtime.clock_reads(), 0);
    let _ = runtime.elapsed();
    drop(runtime.sleep(SECOND));
    let _ = runtime.next_deadline();
    let _ = runtime.wall();
    runtime.advance(SECOND);
    assert_eq!(runtime.clock_reads(), 0);
    let _ = runtime.now();
    let _ = runtime.clone().now();
    assert_eq!(runtime.clock_reads(), 2);
    assert_eq!(runtime.sleeps_started(), 1);
}

#[test]
fn the_date_moves_with_the_clock() {
    let runtime = VirtualRuntime::new(1);
    let date = runtime.wall();
    runtime.advance(SECOND * 86_400);
    let passed = runtime.wall().duration_since(date);
    assert_eq!(passed.unwrap(), SECOND * 86_400);
}

#[test]
fn chance_is_the_stream_of_the_seed_which_clones_share() {
    let draw =
        |runtime: &VirtualRuntime| -> Vec<u64> { (0..8).map(|_| runtime.random()).collect() };
    let (one, same, other) = (
        VirtualRuntime::new(7),
        VirtualRuntime::new(7),
        VirtualRuntime::new(8),
    );
    let stream = draw(&one);
    assert_eq!(draw(&same.clone()), stream);
    assert_ne!(draw(&other), stream);
    // The clone took those of `same`, which goes on where it ended.
    assert_eq!(draw(&same), draw(&one));
    let mut distinct = stream.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 8);
}
