//! When the clock is read, and where chance comes from.

use std::{
    future::ready,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use steadfast_core::{
    Attempt, AttemptInfo, CallOptions, Instant, Runtime, Seeded, Timer, VirtualRuntime,
};

use crate::{
    Failed, SECOND, on_virtual_time,
    policies::{Again, Asks, Bounds, Log, Mark, Pass},
};

#[test]
fn a_stack_that_needs_no_time_reads_no_clock() {
    let token_bucket = steadfast_core::RetryBudget::cost_aware().build().unwrap();
    let again = Again {
        budget: token_bucket,
        wait: SECOND,
    };
    let policies = (Pass, Mark("mark", Log::default()), Some(Pass), again);
    let (runtime, pipeline) = on_virtual_time(policies);
    let call = pipeline.call(|| ready(Ok::<_, Failed>(())));
    assert_eq!(runtime.block_on(call), Ok(()));
    let options = CallOptions::new().idempotent().cost(3);
    let told = pipeline.call_with(|_| ready(Ok::<_, Failed>(())));
    assert_eq!(runtime.block_on(told.options(options)), Ok(()));
    assert_eq!(runtime.clock_reads(), 0);
    assert_eq!(runtime.sleeps_started(), 0);
}

#[test]
fn a_stack_of_which_many_ask_reads_the_clock_once_an_attempt() {
    let asks = Asks::default();
    let policies = (
        asks.clone(),
        Pass,
        asks.clone(),
        Bounds(SECOND),
        (asks.clone(), Bounds(SECOND)),
    );
    let (runtime, pipeline) = on_virtual_time(policies);
    let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info.remaining)));
    assert_eq!(runtime.block_on(call), Ok(Some(SECOND)));
    assert_eq!(runtime.clock_reads(), 1);
    assert_eq!(asks.answers(), [runtime.now(); 3]);
}

#[test]
fn a_repeated_attempt_reads_the_clock_anew() {
    let asks = Asks::default();
    let again = Again {
        budget: crate::a_retry_per_call_under_way(),
        wait: SECOND * 3,
    };
    let (runtime, pipeline) = on_virtual_time((again, asks.clone(), asks.clone()));
    let start = runtime.now();
    let call = pipeline.call(|| ready(Err::<(), _>(Failed)));
    assert!(runtime.block_on(call).is_err());
    let later = start + SECOND * 3;
    assert_eq!(asks.answers(), [start, start, later, later]);
    // One of this test, one of each attempt, and one of the wait between them.
    assert_eq!(runtime.clock_reads(), 4);
}

#[test]
fn an_attempt_keeps_the_time_that_it_was_first_told() {
    let runtime = VirtualRuntime::new(1);
    let mut attempt = Attempt::first(&runtime);
    let began = attempt.now();
    runtime.advance(SECOND);
    assert_eq!(attempt.now(), began);
    let mut handed_on = attempt;
    assert_eq!(handed_on.now(), began);
    assert_eq!(attempt.repeated(1).now(), began + SECOND);
    assert_eq!(runtime.clock_reads(), 2);
}

#[test]
fn a_deadline_only_tightens_on_the_way_in() {
    let runtime = VirtualRuntime::new(1);
    let mut attempt = Attempt::first(&runtime);
    assert_eq!(attempt.deadline(), Instant::MAX);
    let deadlines = [(50, 50), (70, 50), (20, 20), (20, 20), (u64::MAX, 20)];
    for (asked, kept) in deadlines {
        attempt.tighten_deadline(Instant::from_nanos(asked));
        assert_eq!(attempt.deadline(), Instant::from_nanos(kept));
    }
    assert_eq!(attempt.repeated(1).deadline(), Instant::from_nanos(20));
}

#[test]
fn what_remains_is_nothing_and_not_less_once_the_deadline_has_passed() {
    let (runtime, pipeline) = on_virtual_time(Pass);
    let past = runtime.now().saturating_sub(SECOND);
    let call = pipeline.call_with(|info: AttemptInfo| ready(Ok::<_, Failed>(info.remaining)));
    let call = call.options(CallOptions::new().deadline(past));
    assert_eq!(runtime.block_on(call), Ok(Some(Duration::ZERO)));
}

#[test]
fn a_seeded_runtime_gives_the_same_stream_twice() {
    fn draw<R: Runtime>(runtime: &R) -> Vec<u64> {
        (0..16).map(|_| runtime.random()).collect()
    }
    let virtual_time = VirtualRuntime::new(3);
    let seeded = |seed| Seeded::new(virtual_time.clone(), seed);
    let stream = draw(&seeded(7));
    assert_eq!(draw(&seeded(7)), stream);
    assert_ne!(draw(&seeded(8)), stream);
    // Clones and loans share the stream; what one took the other does not get.
    let (one, clone) = (seeded(7), seeded(7).clone());
    let together: Vec<u64> = (0..8)
        .flat_map(|_| [one.random(), one.lend().random()])
        .collect();
    assert_eq!(together, stream);
    assert_eq!(draw(&clone), stream);
    // The runtime inside keeps its own, and its clock.
    assert_eq!(draw(&virtual_time), draw(&VirtualRuntime::new(3)));
    virtual_time.advance(SECOND);
    assert_eq!(one.now(), virtual_time.now());
}

#[test]
fn a_seeded_stream_is_spread_over_all_its_bits() {
    let seeded = Seeded::new(VirtualRuntime::new(0), 0);
    let mut ones = [0_u32; 64];
    for _ in 0..4_096 {
        let bits = seeded.random();
        for (bit, count) in ones.iter_mut().enumerate() {
            *count += u32::from(bits >> bit & 1 == 1);
        }
    }
    // Half of 4,096, within six standard deviations.
    assert!(
        ones.iter().all(|count| (1_856..=2_240).contains(count)),
        "{ones:?}"
    );
}

#[test]
fn a_timer_sleeps_from_its_first_poll_and_fires_when_its_time_has_come() {
    let runtime = VirtualRuntime::new(1);
    let now = runtime.now();
    let mut timer = pin!(Timer::new(now, now + SECOND));
    let mut poll = || {
        let mut context = Context::from_waker(Waker::noop());
        timer.as_mut().poll(&runtime, &mut context)
    };
    assert_eq!(runtime.sleeps_started(), 0);
    assert_eq!(poll(), Poll::Pending);
    assert_eq!(runtime.sleeps_started(), 1);
    runtime.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(poll(), Poll::Pending);
    runtime.advance(Duration::from_nanos(1));
    assert_eq!(poll(), Poll::Ready(()));
    assert_eq!(runtime.sleeps_started(), 1);
}

#[test]
fn a_timer_for_what_has_passed_or_never_comes_starts_no_sleep() {
    let runtime = VirtualRuntime::new(1);
    let now = runtime.now();
    let poll = |timer: Timer<_>| {
        let mut context = Context::from_waker(Waker::noop());
        pin!(timer).poll(&runtime, &mut context)
    };
    for passed in [now, Instant::from_nanos(0)] {
        assert_eq!(poll(Timer::new(now, passed)), Poll::Ready(()));
    }
    assert_eq!(poll(Timer::new(now, Instant::MAX)), Poll::Pending);
    assert_eq!(poll(Timer::never()), Poll::Pending);
    assert_eq!(runtime.sleeps_started(), 0);
}
