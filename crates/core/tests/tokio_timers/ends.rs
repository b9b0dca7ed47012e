//! Runtimes and threads that end, with sleeps and kept timers alive.

use std::{
    panic,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use steadfast_core::{Instant, Runtime as _, TokioRuntime};
use tokio::{
    runtime::{Builder, Runtime},
    time::{advance, pause},
};

use crate::{ByHand, ROUNDING, SECOND, current_thread, keep, keep_one, on_tokio};

#[test]
fn a_runtime_gets_no_timer_of_another() {
    let first = current_thread();
    first.block_on(async { keep(3, SECOND) });
    // Nobody drives the first any more, so its timers would never fire.
    let second = current_thread();
    second.block_on(async {
        pause();
        let mut sleep = ByHand::armed(2 * SECOND);
        advance(2 * SECOND + ROUNDING).await;
        assert!(sleep.is_ready());
    });
    drop(second);
    first.block_on(async {
        pause();
        let mut sleep = ByHand::armed(2 * SECOND);
        advance(2 * SECOND + ROUNDING).await;
        assert!(sleep.is_ready());
    });
}

#[test]
fn a_sleep_may_outlive_its_runtime() {
    let runtime = current_thread();
    let mut sleeps: Vec<_> = {
        let _entered = runtime.enter();
        (0..3).map(|_| ByHand::after(SECOND)).collect()
    };
    let polled = sleeps.split_at_mut(2).0;
    assert!(polled.iter_mut().all(ByHand::is_pending));
    drop(runtime);
    // A panic would be caught, yet printed.
    let panicked = Arc::new(AtomicU32::new(0));
    let (count, here) = (panicked.clone(), thread::current().id());
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        count.fetch_add(u32::from(thread::current().id() == here), Ordering::Relaxed);
        print(info);
    }));
    drop(sleeps);
    drop(panic::take_hook());
    assert_eq!(panicked.load(Ordering::Relaxed), 0);
    on_tokio(async { keep_one(SECOND) });
}

#[test]
fn a_sleep_may_be_dropped_where_there_is_no_runtime() {
    let runtime = current_thread();
    let mut sleep = {
        let _entered = runtime.enter();
        ByHand::after(SECOND)
    };
    assert!(sleep.is_pending());
    let woken = Arc::downgrade(&sleep.woken);
    thread::spawn(move || drop(sleep)).join().unwrap();
    assert_eq!(Weak::strong_count(&woken), 0);
}

/// Tells when the runtime is dropped for good: it holds what it was given for its threads.
fn told_when_gone(mut builder: Builder) -> (Runtime, Weak<()>) {
    let held = Arc::new(());
    let gone = Arc::downgrade(&held);
    let runtime = builder
        .enable_all()
        .on_thread_start(move || drop(held.clone()))
        .build()
        .expect("a runtime");
    (runtime, gone)
}

#[test]
fn the_threads_of_a_runtime_keep_nothing_of_it() {
    for _ in 0..20 {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2);
        let (runtime, gone) = told_when_gone(builder);
        let tasks = (0..50).map(|_| runtime.spawn(async { keep(3, SECOND) }));
        let tasks: Vec<_> = tasks.collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        // One that is under way when the runtime is shut down.
        runtime.spawn(async { TokioRuntime.sleep_until(Instant::MAX).await });
        drop(runtime);
        assert_eq!(Weak::strong_count(&gone), 0);
    }
}

#[test]
fn another_thread_keeps_the_handle_until_it_sleeps_elsewhere() {
    let (runtime, gone) = told_when_gone(Builder::new_current_thread());
    runtime.block_on(async { keep(3, SECOND) });
    drop(runtime);
    on_tokio(async { keep_one(SECOND) });
    assert_eq!(Weak::strong_count(&gone), 0);
}

#[test]
fn or_until_it_is_told_to_forget() {
    let (runtime, gone) = told_when_gone(Builder::new_current_thread());
    runtime.block_on(async { keep(3, SECOND) });
    drop(runtime);
    TokioRuntime::forget_timers();
    assert_eq!(Weak::strong_count(&gone), 0);
}

#[test]
fn what_a_runtime_was_given_may_panic_when_a_thread_that_outlived_it_ends() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("as it is meant to");
        }
    }
    let outlives = thread::spawn(|| {
        let panics = Panics;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_start(move || {
                let _held = &panics;
            })
            .build()
            .unwrap();
        runtime.block_on(async { keep(3, SECOND) });
    });
    outlives.join().unwrap();
}
