//! One test for each known defect of another library.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{
    future::{Future, pending, ready},
    pin::Pin,
};

use steadfast_bulkhead::{Bulkhead, BulkheadBuilder};
use steadfast_core::{Driven, Error, Pipeline, VirtualRuntime};

type Answer = Result<u32, ()>;
type Call = Driven<Pin<Box<dyn Future<Output = Result<u32, Error<()>>>>>>;

struct Bench {
    runtime: VirtualRuntime,
    bulkhead: Bulkhead,
}

impl Bench {
    fn new(settings: BulkheadBuilder) -> Bench {
        Bench {
            runtime: VirtualRuntime::new(3),
            bulkhead: settings.build().unwrap(),
        }
    }

    /// A call that runs for ever.
    fn call(&self) -> Call {
        let calls = Pipeline::on(self.runtime.clone(), self.bulkhead.clone());
        let call = async move { calls.call(pending::<Answer>).await };
        self.runtime.drive(Box::pin(call))
    }

    fn polled(&self) -> Call {
        let mut call = self.call();
        assert!(call.poll().is_pending());
        call
    }
}

fn one() -> BulkheadBuilder {
    Bulkhead::max_concurrent(1).max_waiting(100)
}

/// embassy-sync's `FairSemaphore`: a waiter that was woken and is then dropped takes the wake-up with it, and
/// whoever is behind it sleeps for ever.
#[test]
fn embassy_a_waiter_that_is_dropped_after_it_was_woken_does_not_take_the_wake_up_along() {
    let bench = Bench::new(one());
    let first = bench.polled();
    let (second, third) = (bench.polled(), bench.polled());
    drop(first);
    assert!(second.is_woken() && !third.is_woken());
    drop(second);
    assert!(third.is_woken());
}

/// tower's `ConcurrencyLimit`: a clone that is ready holds a permit until it is called or dropped, so idle
/// clones use the limit up.
#[test]
fn tower_what_is_ready_and_does_not_call_pins_no_permit() {
    let bench = Bench::new(one());
    let clones: Vec<Bulkhead> = (0..10).map(|_| bench.bulkhead.clone()).collect();
    let unpolled: Vec<Call> = (0..10).map(|_| bench.call()).collect();
    assert_eq!(bench.bulkhead.in_flight(), 0);
    let calls = Pipeline::on(bench.runtime.clone(), &bench.bulkhead);
    let answer = bench.runtime.block_on(calls.call(|| ready(Answer::Ok(1))));
    assert_eq!(answer, Ok(1));
    drop((clones, unpolled));
}

/// resilience4j's `SemaphoreBulkhead` and rama's limit: who waits has no place, and whoever asks at the right
/// moment is served, a newcomer before one that has waited for long.
#[test]
fn resilience4j_and_rama_a_newcomer_is_not_served_before_those_who_wait() {
    let bench = Bench::new(one());
    let first = bench.polled();
    let waits = bench.polled();
    drop(first);
    // The permit is back, and who waits has not been polled: the right moment.
    for _ in 0..10 {
        assert!(bench.bulkhead.try_acquire(&bench.runtime, 1).is_err());
    }
    let late = bench.polled();
    assert_eq!(bench.bulkhead.waiting(), 1);
    drop(waits);
    assert!(late.is_woken());
}
