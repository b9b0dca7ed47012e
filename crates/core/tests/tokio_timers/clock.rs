//! Where a clock that is paused stops on its way.

use std::{sync::mpsc, thread, time::Duration};

use steadfast_core::{Runtime as _, TokioRuntime};
use tokio::{
    runtime::Builder,
    sync::oneshot,
    time::{advance, pause},
};

use crate::{ByHand, SECOND, keep, keep_one};

#[test]
fn a_clock_that_begins_paused_stops_at_no_timer_that_was_dropped() {
    let moved = moves_while_it_waits(true, async || keep(3, SECOND));
    assert_eq!(moved, Duration::ZERO);
}

#[test]
fn nor_does_one_that_is_paused_later_once_a_timer_is_made_then() {
    let moved = moves_while_it_waits(false, async || {
        keep(2, 10 * SECOND);
        pause();
        keep_one(SECOND);
    });
    assert_eq!(moved, Duration::ZERO);
}

#[test]
fn or_once_one_that_was_kept_is_armed_anew() {
    let moved = moves_while_it_waits(false, async || {
        // Of two that are kept one goes off, and serves again; the other would be due later.
        let mut at_once = [5, 60].map(|seconds| ByHand::after(seconds * SECOND));
        assert!(at_once.iter_mut().all(ByHand::is_pending));
        drop(at_once);
        pause();
        advance(10 * SECOND).await;
        keep_one(20 * SECOND);
    });
    assert_eq!(moved, Duration::ZERO);
}

#[test]
fn or_once_the_thread_is_told_to_forget() {
    let moved = moves_while_it_waits(false, async || {
        keep_one(30 * SECOND);
        pause();
        TokioRuntime::forget_timers();
        keep_one(30 * SECOND);
    });
    assert_eq!(moved, Duration::ZERO);
}

#[test]
fn a_timer_is_not_kept_that_is_dropped_while_the_clock_is_paused() {
    let moved = moves_while_it_waits(false, async || {
        let _dropped_then = ByHand::armed(SECOND);
        pause();
    });
    assert_eq!(moved, Duration::ZERO);
}

/// How far the clock moves while the runtime waits for another thread, after `before`.
fn moves_while_it_waits(start_paused: bool, before: impl AsyncFnOnce()) -> Duration {
    let (parked, is_parked) = mpsc::channel();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(start_paused)
        .on_thread_park(move || parked.send(()).unwrap_or_default())
        .build()
        .expect("a runtime");
    let (go_on, told) = oneshot::channel();
    // Only once the runtime has nothing to do does it hear from outside: a paused clock would move on
    // to the next timer now.
    let outside = thread::spawn(move || {
        is_parked.recv().unwrap_or_default();
        go_on.send(()).unwrap_or_default();
    });
    let moved = runtime.block_on(async {
        before().await;
        let start = TokioRuntime.now();
        told.await.unwrap_or_default();
        TokioRuntime.now() - start
    });
    drop(outside.join());
    moved
}
