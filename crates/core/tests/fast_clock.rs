//! What the fast clock promises, but for how fast it is: that is in the benchmark.

#![cfg(all(feature = "fast-clock", feature = "tokio", feature = "test-util"))]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{
    mem::size_of,
    sync::{Arc, Mutex},
    time::Duration,
};

use static_assertions::assert_impl_all;
use steadfast_core::{
    Event, FastClock, Instant, Observed, Runtime, Spawn, TokioRuntime, VirtualRuntime,
};

assert_impl_all!(FastClock<TokioRuntime>: Send, Sync, Copy, Spawn);

#[test]
fn it_goes_on_and_never_back() {
    let runtime = FastClock::new(TokioRuntime);
    let mut last = runtime.now();
    for _ in 0..100_000 {
        let now = runtime.now();
        assert!(now >= last);
        last = now;
    }
    let begin = runtime.now();
    while runtime.now() == begin {}
    assert!(begin > Instant::from_nanos(0));
}

#[test]
fn it_is_one_clock_on_every_thread() {
    let runtime = FastClock::new(TokioRuntime);
    let before = runtime.now();
    let there = std::thread::spawn(move || runtime.now()).join().unwrap();
    assert!(before <= there && there <= runtime.now());
}

#[test]
fn a_sleep_is_one_of_the_runtime_inside_and_a_little_longer() {
    let inner = VirtualRuntime::new(1);
    let runtime = FastClock::new(inner.clone());
    let second = Duration::from_secs(1);
    inner.block_on(runtime.sleep_until(runtime.now() + second));
    assert!(inner.elapsed() <= second + second / 1000);
    let before = inner.elapsed();
    inner.block_on(runtime.sleep_until(Instant::from_nanos(0)));
    assert_eq!(inner.elapsed(), before, "it was over already");
    let mut never = inner.drive(runtime.sleep_until(Instant::MAX));
    assert!(never.poll().is_pending());
    assert_eq!(inner.next_deadline(), None);
}

#[test]
fn the_rest_is_that_of_the_runtime_inside() {
    let (one, other) = (VirtualRuntime::new(5), VirtualRuntime::new(5));
    assert_eq!(FastClock::new(one.clone()).random(), other.random());
    assert_eq!(FastClock::new(one.clone()).wall(), one.wall());
    let told = Arc::new(Mutex::new(0));
    let note = Arc::clone(&told);
    let observed = Observed::new(one, move |_: &Event<'_>| *note.lock().unwrap() += 1);
    let runtime = FastClock::new(observed);
    runtime
        .lend()
        .emit(&Event::transition("policy", "a", "b", "none"));
    assert_eq!(*told.lock().unwrap(), 1);
}

#[test]
fn it_adds_nothing_to_what_a_call_carries() {
    assert_eq!(size_of::<FastClock<TokioRuntime>>(), 0);
    type Lent<'p> = <FastClock<TokioRuntime> as Runtime>::Lent<'p>;
    assert_eq!(size_of::<Lent<'_>>(), 0);
}
