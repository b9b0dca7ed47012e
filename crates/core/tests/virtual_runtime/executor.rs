//! The executor: tasks in the order in which they were woken, the same on every run.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};
use steadfast_core::{Runtime, Spawn, VirtualRuntime};

use crate::{MILLI, SECOND, Trace, Yield};

#[test]
fn a_task_runs_whether_or_not_anybody_awaits_it() {
    let runtime = VirtualRuntime::new(1);
    let trace = Trace::new();
    let (dropped, detached) = (trace.clone(), trace.clone());
    drop(runtime.spawn(async move { dropped.add("its handle was dropped") }));
    runtime.spawn_detached(async move { detached.add("it was detached") });
    assert!(
        trace.events().is_empty(),
        "nothing runs before it is driven"
    );
    runtime.block_on(Yield(1));
    assert_eq!(
        trace.events(),
        ["its handle was dropped", "it was detached"]
    );
}

#[test]
fn a_handle_is_a_future_of_the_output() {
    let runtime = VirtualRuntime::new(1);
    let clock = runtime.clone();
    let slow = runtime.spawn(async move {
        clock.sleep(SECOND).await;
        "slow"
    });
    let quick = runtime.spawn(async { "quick" });
    let outputs = runtime.block_on(async { (slow.await, quick.await) });
    assert_eq!(outputs, ("slow", "quick"));
    assert_eq!(runtime.elapsed(), SECOND);
    assert_eq!(runtime.tasks_alive(), 0);
}

#[test]
fn tasks_start_in_the_order_in_which_they_were_spawned() {
    let runtime = VirtualRuntime::new(1);
    let trace = Trace::new();
    for number in 0..50 {
        let trace = trace.clone();
        runtime.spawn_detached(async move {
            trace.add(number);
            Yield(1).await;
            trace.add(100 + number);
        });
    }
    runtime.run_ready();
    let expected: Vec<_> = (0..50).chain(100..150).collect();
    assert_eq!(trace.events(), expected);
}

#[test]
fn a_task_may_spawn_and_await_another() {
    let runtime = VirtualRuntime::new(1);
    let inner = runtime.clone();
    let outer = runtime.spawn(async move {
        let task = inner.spawn(async { 20 });
        task.await + 1
    });
    assert_eq!(runtime.block_on(outer), 21);
}

#[test]
fn tasks_wake_each_other_through_ordinary_channels() {
    let runtime = VirtualRuntime::new(1);
    let (sender, mut receiver) = mpsc::unbounded();
    let (done, finished) = oneshot::channel();
    let clock = runtime.clone();
    runtime.spawn_detached(async move {
        let mut received = Vec::new();
        while let Some(message) = receiver.next().await {
            received.push(message);
        }
        done.send(received).unwrap();
    });
    runtime.spawn_detached(async move {
        for message in 0..3 {
            clock.sleep(SECOND).await;
            sender.unbounded_send((message, clock.elapsed())).unwrap();
        }
    });
    let received = runtime.block_on(finished).unwrap();
    assert_eq!(received, [(0, SECOND), (1, SECOND * 2), (2, SECOND * 3)]);
}

#[test]
fn a_task_that_is_woken_several_times_is_polled_once() {
    let runtime = VirtualRuntime::new(1);
    let trace = Trace::new();
    let (wakers, polls) = (Trace::new(), trace.clone());
    let told = wakers.clone();
    runtime.spawn_detached(std::future::poll_fn(move |cx| {
        told.add(cx.waker().clone());
        polls.add(());
        std::task::Poll::Pending
    }));
    runtime.run_ready();
    assert_eq!(trace.events().len(), 1);
    for waker in wakers.events() {
        for _ in 0..10 {
            waker.wake_by_ref();
        }
    }
    runtime.run_ready();
    assert_eq!(trace.events().len(), 2);
    runtime.run_ready();
    assert_eq!(trace.events().len(), 2);
    assert_eq!(runtime.tasks_alive(), 1);
}

/// Ten thousand tasks that sleep by chance, three times each.
fn crowd(seed: u64) -> (Vec<(u32, Duration, u64)>, Duration) {
    let runtime = VirtualRuntime::new(seed);
    let trace = Trace::new();
    for task in 0..10_000 {
        let (trace, runtime) = (trace.clone(), runtime.clone());
        runtime.clone().spawn_detached(async move {
            for _ in 0..3 {
                let chance = runtime.random();
                runtime.sleep(MILLI * (chance % 1_000) as u32).await;
                trace.add((task, runtime.elapsed(), chance));
            }
        });
    }
    runtime.advance(SECOND * 3);
    assert_eq!(runtime.tasks_alive(), 0);
    assert_eq!(runtime.sleeps_waiting(), 0);
    (trace.events(), runtime.elapsed())
}

#[test]
fn ten_thousand_tasks_run_the_same_way_on_every_run_of_one_seed() {
    let (trace, elapsed) = crowd(42);
    assert_eq!(trace.len(), 30_000);
    assert_eq!(elapsed, SECOND * 3);
    assert!(trace.is_sorted_by_key(|(_, at, _)| *at));
    // Not `assert_eq!`, which would print both.
    assert!(crowd(42).0 == trace, "two runs of one seed differ");
    assert!(crowd(43).0 != trace, "the seed changes nothing");
}

#[test]
#[should_panic(expected = "virtual deadlock: nothing is ready and no sleep waits")]
fn waiting_for_what_never_comes_is_a_deadlock_and_not_a_hang() {
    let runtime = VirtualRuntime::new(1);
    let (_sender, never) = oneshot::channel::<()>();
    let clock = runtime.clone();
    runtime.spawn_detached(async move { clock.sleep(SECOND).await });
    let _ = runtime.block_on(never);
}

#[test]
fn after_a_deadlock_everything_that_could_run_has_run() {
    let runtime = VirtualRuntime::new(1);
    let trace = Trace::new();
    let (clock, events) = (runtime.clone(), trace.clone());
    runtime.spawn_detached(async move {
        clock.sleep(SECOND).await;
        events.add(clock.elapsed());
    });
    let deadlock = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(std::future::pending::<()>());
    }));
    assert!(deadlock.is_err());
    assert_eq!(trace.events(), [SECOND]);
}

#[test]
fn a_panic_in_a_task_reaches_whoever_drives_it_and_spares_the_others() {
    let runtime = VirtualRuntime::new(1);
    runtime.spawn_detached(async { panic!("the task of this story") });
    let spared = runtime.spawn(async { 7 });
    let panic = catch_unwind(AssertUnwindSafe(|| runtime.block_on(Yield(1))));
    let message = panic.unwrap_err();
    assert_eq!(
        message.downcast_ref(),
        Some(&"the task of this story"),
        "another panic"
    );
    assert_eq!(runtime.block_on(spared), 7);
    assert_eq!(runtime.tasks_alive(), 0);
}

#[test]
#[should_panic(expected = "virtual deadlock: nothing is ready and no sleep waits")]
fn the_handle_of_a_task_that_panicked_is_never_ready() {
    let runtime = VirtualRuntime::new(1);
    let lost = runtime.spawn(async { panic!("the task of this story") });
    let panic = catch_unwind(AssertUnwindSafe(|| runtime.run_ready()));
    assert!(panic.is_err());
    runtime.block_on(lost);
}

#[test]
fn a_task_that_has_ended_has_dropped_what_it_held() {
    let runtime = VirtualRuntime::new(1);
    let (held, freed) = oneshot::channel::<()>();
    let task = runtime.spawn(async move {
        let _held = held;
        Yield(3).await;
    });
    runtime.block_on(async {
        assert!(freed.await.is_err());
        task.await;
    });
}

#[test]
fn block_on_returns_as_soon_as_its_future_is_ready() {
    let runtime = VirtualRuntime::new(1);
    let clock = runtime.clone();
    runtime.spawn_detached(async move { clock.sleep(SECOND * 60).await });
    runtime.block_on(runtime.sleep(SECOND));
    assert_eq!(runtime.elapsed(), SECOND);
    assert_eq!(runtime.tasks_alive(), 1);
    runtime.block_on(async {});
    assert_eq!(runtime.elapsed(), SECOND);
}

#[test]
fn block_on_takes_futures_that_cannot_be_sent() {
    let runtime = VirtualRuntime::new(1);
    let local = std::rc::Rc::new(std::cell::Cell::new(0));
    runtime.block_on(async {
        runtime.sleep(SECOND).await;
        local.set(local.get() + 1);
    });
    assert_eq!(local.get(), 1);
}
