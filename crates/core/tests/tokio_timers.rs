//! What becomes of tokio's timers when the sleeps on them are dropped: a thread keeps them for its next
//! sleeps.
//!
//! Only timers made while the clock runs are kept, so the stories make some first and pause it then.

#![cfg(feature = "tokio")]
#![expect(
    clippy::disallowed_types,
    reason = "a count of wake-ups, no state of a policy"
)]

use std::{
    future::Future,
    panic,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

use proptest::{collection::vec, prelude::*};
use steadfast_core::{Instant, Runtime as _, TokioRuntime, TokioSleep};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    time::{advance, pause},
};

const SECOND: Duration = Duration::from_secs(1);

/// tokio's timers go by whole milliseconds of the runtime's life, rounded up.
const ROUNDING: Duration = Duration::from_millis(1);

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Woken {
    fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A sleep on tokio, polled by hand.
struct ByHand {
    sleep: Pin<Box<TokioSleep>>,
    woken: Arc<Woken>,
}

impl ByHand {
    fn until(at: Instant) -> Self {
        ByHand {
            sleep: Box::pin(TokioRuntime.sleep_until(at)),
            woken: Arc::default(),
        }
    }

    fn after(wait: Duration) -> Self {
        Self::until(TokioRuntime.now() + wait)
    }

    fn is_ready(&mut self) -> bool {
        let waker = Waker::from(self.woken.clone());
        self.sleep
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
    }

    fn is_pending(&mut self) -> bool {
        !self.is_ready()
    }
}

/// Arms a timer, and needs it no more.
fn keep_one(wait: Duration) {
    assert!(ByHand::after(wait).is_pending());
}

fn keep(many: u32, wait: Duration) {
    let mut sleeps: Vec<_> = (0..many).map(|_| ByHand::after(wait)).collect();
    assert!(sleeps.iter_mut().all(ByHand::is_pending));
}

fn current_thread() -> Runtime {
    let built = Builder::new_current_thread().enable_all().build();
    built.expect("a runtime")
}

fn on_tokio(story: impl Future<Output = ()>) {
    current_thread().block_on(story);
}

#[test]
fn a_sleep_that_is_dropped_holds_no_waker() {
    on_tokio(async {
        let mut sleep = ByHand::after(SECOND);
        assert!(sleep.is_pending());
        let woken = Arc::downgrade(&sleep.woken);
        drop(sleep);
        assert_eq!(Weak::strong_count(&woken), 0);
    });
}

#[test]
fn nor_does_one_whose_task_has_used_up_its_budget() {
    on_tokio(async {
        let mut sleep = ByHand::after(SECOND);
        assert!(sleep.is_pending());
        let woken = Arc::downgrade(&sleep.woken);
        while tokio::task::coop::has_budget_remaining() {
            use_up_some();
        }
        assert!(sleep.is_pending());
        drop(sleep);
        assert_eq!(Weak::strong_count(&woken), 0);
    });
}

/// One unit of the task's budget.
fn use_up_some() {
    let mut nobody = Context::from_waker(Waker::noop());
    let unit = std::pin::pin!(tokio::task::coop::consume_budget());
    assert!(unit.poll(&mut nobody).is_ready());
}

#[test]
fn nor_does_one_that_has_fired() {
    on_tokio(async {
        keep_one(SECOND);
        pause();
        let mut sleep = ByHand::after(2 * SECOND);
        assert!(sleep.is_pending());
        advance(2 * SECOND + ROUNDING).await;
        assert!(sleep.is_ready());
        assert!(sleep.is_ready(), "and it stays ready");
        let woken = Arc::downgrade(&sleep.woken);
        assert_eq!(format!("{:?}", sleep.sleep), "TokioSleep(fired)");
        drop(sleep);
        assert_eq!(Weak::strong_count(&woken), 0);
    });
}

#[test]
fn a_timer_that_is_kept_wakes_nobody() {
    on_tokio(async {
        let mut sleep = ByHand::after(SECOND);
        assert!(sleep.is_pending());
        let woken = sleep.woken.clone();
        drop(sleep);
        pause();
        advance(10 * SECOND).await;
        assert_eq!(woken.times(), 0);
    });
}

#[test]
fn a_later_sleep_on_a_timer_that_was_kept_is_ready_at_its_own_time() {
    on_tokio(async {
        keep_one(5 * SECOND);
        pause();
        let mut sleep = ByHand::after(9 * SECOND);
        assert!(sleep.is_pending());
        advance(9 * SECOND - ROUNDING).await;
        assert!(sleep.is_pending());
        assert_eq!(sleep.woken.times(), 1, "by the kept one, which fired");
        advance(2 * ROUNDING).await;
        assert_eq!(sleep.woken.times(), 2);
        assert!(sleep.is_ready());
    });
}

#[test]
fn of_the_timers_that_were_kept_it_takes_the_one_that_is_put_off_the_least() {
    for (wait, woken_early) in [(2, 1), (4, 3), (6, 5), (8, 7), (9, 7)] {
        on_tokio(async move {
            let mut at_once = [5, 7, 1, 3].map(|kept| ByHand::after(kept * SECOND));
            assert!(at_once.iter_mut().all(ByHand::is_pending));
            drop(at_once);
            pause();
            let mut sleep = ByHand::after(wait * SECOND);
            assert!(sleep.is_pending());
            advance(woken_early * SECOND - SECOND / 2).await;
            assert_eq!(sleep.woken.times(), 0, "{wait} s");
            advance(SECOND).await;
            assert_eq!(sleep.woken.times(), 1, "{wait} s");
        });
    }
}

#[test]
fn an_earlier_sleep_does_not_wait_for_a_timer_that_was_kept() {
    on_tokio(async {
        keep_one(10 * SECOND);
        pause();
        let mut sleep = ByHand::after(SECOND);
        assert!(sleep.is_pending());
        advance(SECOND + ROUNDING).await;
        assert_eq!(sleep.woken.times(), 1);
        assert!(sleep.is_ready());
    });
}

#[test]
fn a_timer_that_fired_while_it_was_kept_serves_again() {
    on_tokio(async {
        keep_one(SECOND);
        pause();
        advance(2 * SECOND).await;
        let mut sleep = ByHand::after(SECOND);
        assert!(sleep.is_pending());
        assert_eq!(sleep.woken.times(), 0);
        advance(SECOND + ROUNDING).await;
        assert_eq!(sleep.woken.times(), 1);
        assert!(sleep.is_ready());
    });
}

#[test]
fn more_than_a_thread_keeps_are_served_all_the_same() {
    on_tokio(async {
        keep(1000, 5 * SECOND);
        keep(1000, 3 * SECOND);
        pause();
        let mut sleeps: Vec<_> = (1..=1000)
            .map(|number| ByHand::after(number * Duration::from_millis(10)))
            .collect();
        assert!(sleeps.iter_mut().all(ByHand::is_pending));
        for number in 0..1000 {
            advance(9 * ROUNDING).await;
            assert!(sleeps[number].is_pending(), "{number}");
            advance(ROUNDING).await;
            assert!(number == 0 || sleeps[number - 1].is_ready(), "{number}");
        }
    });
}

#[test]
fn a_runtime_gets_no_timer_of_another() {
    let first = current_thread();
    first.block_on(async { keep(3, SECOND) });
    // Nobody drives the first any more, so its timers would never fire.
    let second = current_thread();
    second.block_on(async {
        pause();
        let mut sleep = ByHand::after(2 * SECOND);
        assert!(sleep.is_pending());
        advance(2 * SECOND + ROUNDING).await;
        assert!(sleep.is_ready());
    });
    drop(second);
    first.block_on(async {
        pause();
        let mut sleep = ByHand::after(2 * SECOND);
        assert!(sleep.is_pending());
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

#[test]
fn sleeps_that_only_wait_use_up_no_budget() {
    on_tokio(async {
        keep(300, SECOND);
        pause();
        advance(2 * SECOND).await;
        tokio::task::yield_now().await;
        // On timers that have fired while they were kept.
        keep(300, SECOND);
        assert!(tokio::task::coop::has_budget_remaining());
    });
}

#[test]
fn sleeps_that_fire_use_up_as_much_as_those_of_tokio() {
    on_tokio(async {
        pause();
        let mut sleeps: Vec<_> = (0..300).map(|_| ByHand::after(SECOND)).collect();
        assert!(sleeps.iter_mut().all(ByHand::is_pending));
        advance(2 * SECOND).await;
        tokio::task::yield_now().await;
        let has_fired = |sleep: &mut ByHand| {
            tokio::task::coop::has_budget_remaining().then(|| sleep.is_ready())
        };
        let fired = sleeps.iter_mut().map_while(has_fired);
        assert_eq!(fired.filter(|fired| *fired).count(), 128);
    });
}

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
        let mut sleep = ByHand::after(SECOND);
        assert!(sleep.is_pending());
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

#[derive(Clone, Copy, Debug)]
enum Step {
    Sleep(u64),
    Drop(usize),
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..5000_u64).prop_map(Step::Sleep),
        2 => any::<usize>().prop_map(Step::Drop),
        2 => (1..2000_u64).prop_map(Step::Advance),
    ];
    vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is kept, dropped and taken again: each is ready from its own time on, and woken for it.
    #[test]
    fn each_is_ready_at_its_own_time(kept in vec(1..5000_u64, 0..300), steps in steps()) {
        on_tokio(async move {
            let mut at_once: Vec<_> = kept
                .into_iter()
                .map(|wait| ByHand::after(Duration::from_millis(wait)))
                .collect();
            assert!(at_once.iter_mut().all(ByHand::is_pending));
            drop(at_once);
            pause();
            let mut under_way: Vec<(Instant, ByHand)> = Vec::new();
            for step in steps {
                match step {
                    Step::Sleep(wait) => {
                        let at = TokioRuntime.now() + Duration::from_millis(wait);
                        let mut sleep = ByHand::until(at);
                        assert!(sleep.is_pending());
                        under_way.push((at, sleep));
                    }
                    Step::Drop(_) if under_way.is_empty() => {}
                    Step::Drop(which) => drop(under_way.swap_remove(which % under_way.len())),
                    Step::Advance(by) => {
                        advance(Duration::from_millis(by)).await;
                        let now = TokioRuntime.now();
                        under_way.retain_mut(|(at, sleep)| {
                            let must_be = *at + ROUNDING <= now;
                            assert!(!must_be || sleep.woken.times() > 0);
                            let is_ready = sleep.is_ready();
                            assert!(if is_ready { *at <= now } else { !must_be });
                            !is_ready
                        });
                    }
                }
            }
        });
    }
}
