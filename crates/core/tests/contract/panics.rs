//! However a call ends - result, panic, drop at any await - what policies held for it comes back.

use std::{
    cell::Cell,
    future::ready,
    panic::{AssertUnwindSafe, catch_unwind},
};

use steadfast_core::{
    AttemptInfo, Event, Instant, Pipeline, Ratio, RetryBudget, Runtime, Verdict, VirtualRuntime,
};

use crate::{
    Failed, SECOND, a_retry_per_call_under_way, on_virtual_time,
    policies::{Again, Bounds, Pass},
};

/// A budget of one retry, in a form that a call itself does not change.
fn one_token() -> RetryBudget {
    let settings = RetryBudget::token_bucket(1, Ratio::percent(10));
    settings.build().unwrap()
}

fn again(budget: &RetryBudget) -> Again {
    Again {
        budget: budget.clone(),
        wait: SECOND,
    }
}

/// Whether nothing of an in-flight budget is taken: no call, no retry.
fn is_idle(budget: &RetryBudget, now: Instant) -> bool {
    let no_calls = budget.available_at(now) == 0;
    let one_call = budget.enter_at(now);
    let one_retry = budget.available_at(now) == 1;
    drop(one_call);
    no_calls && one_retry
}

fn unwinds(run: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    let message = panic.downcast_ref::<&str>().copied();
    assert_eq!(message, Some("on purpose"), "another panic");
}

#[test]
fn a_panicking_operation_unwinds_and_its_call_is_no_longer_counted() {
    let budget = a_retry_per_call_under_way();
    let (runtime, pipeline) = on_virtual_time((Pass, again(&budget), Bounds(SECOND)));
    let now = runtime.now();
    for panics_in_attempt in [1, 2] {
        unwinds(|| {
            let call = pipeline.call_with(|info: AttemptInfo| async move {
                assert!(info.number != panics_in_attempt, "on purpose");
                Err::<(), _>(Failed)
            });
            let _ = runtime.block_on(call);
        });
        assert!(is_idle(&budget, now), "attempt {panics_in_attempt}");
    }
    let call = pipeline.call(|| ready(Ok::<_, Failed>(())));
    assert_eq!(runtime.block_on(call), Ok(()));
}

#[test]
fn a_closure_that_panics_before_there_is_a_future_gives_back_as_much() {
    let budget = a_retry_per_call_under_way();
    let (runtime, pipeline) = on_virtual_time(again(&budget));
    let now = runtime.now();
    unwinds(|| {
        let call = pipeline.call(|| -> std::future::Ready<Result<(), Failed>> {
            panic!("on purpose");
        });
        let _ = runtime.block_on(call);
    });
    assert!(is_idle(&budget, now));
}

#[test]
fn a_classifier_that_panics_gives_back_as_much() {
    let budget = a_retry_per_call_under_way();
    let runtime = VirtualRuntime::new(1);
    let now = runtime.now();
    let pipeline = Pipeline::on(runtime.clone(), again(&budget))
        .classify(|_: &Result<(), Failed>| -> Verdict { panic!("on purpose") });
    unwinds(|| {
        let _ = runtime.block_on(pipeline.call(|| ready(Ok(()))));
    });
    assert!(is_idle(&budget, now));
}

#[test]
fn an_observer_that_panics_gives_back_the_reservation() {
    let (bucket, under_way) = (one_token(), a_retry_per_call_under_way());
    for budget in [&bucket, &under_way] {
        let (runtime, pipeline) = on_virtual_time(again(budget));
        // The event is emitted after the retry was reserved and before its wait begins.
        let pipeline = pipeline.observe(|_: &Event<'_>| panic!("on purpose"));
        unwinds(|| {
            let _ = runtime.block_on(pipeline.call(|| ready(Err::<(), _>(Failed))));
        });
    }
    let now = Instant::from_nanos(0);
    assert_eq!(bucket.available_at(now), 1);
    assert!(is_idle(&under_way, now));
}

#[test]
fn a_call_that_is_dropped_in_its_backoff_gives_back_the_reservation() {
    let budget = one_token();
    let (runtime, pipeline) = on_virtual_time(again(&budget));
    let now = runtime.now();
    let mut call = runtime.drive(pipeline.call(|| ready(Err::<(), _>(Failed))));
    assert!(call.poll().is_pending());
    assert_eq!(budget.available_at(now), 0);
    assert_eq!(runtime.sleeps_waiting(), 1);
    drop(call);
    assert_eq!(budget.available_at(now), 1);
    assert_eq!(runtime.sleeps_waiting(), 0);
}

#[test]
fn a_call_that_is_dropped_in_its_retry_has_spent_it() {
    let budget = one_token();
    let (runtime, pipeline) = on_virtual_time(again(&budget));
    let now = runtime.now();
    let slow = || async {
        runtime.sleep(SECOND).await;
        Err::<(), _>(Failed)
    };
    let mut call = runtime.drive(pipeline.call(slow));
    for _ in 0..3 {
        assert!(call.poll().is_pending()); // the attempt, the wait, the retry
        assert!(runtime.step());
    }
    drop(call);
    assert_eq!(budget.available_at(now), 0);
}

#[test]
fn a_stack_that_is_dropped_at_any_await_leaves_everything_as_it_was() {
    let (outer, inner) = (a_retry_per_call_under_way(), a_retry_per_call_under_way());
    let bucket = one_token();
    let policies = (again(&outer), Bounds(SECOND * 60), again(&inner));
    let (runtime, pipeline) = on_virtual_time(policies);
    let now = runtime.now();
    let under_operation = Cell::new(0_i32);
    let held = || {
        under_operation.set(under_operation.get() + 1);
        scopeguard(|| under_operation.set(under_operation.get() - 1))
    };
    let mut polls = Vec::new();
    let make = || {
        pipeline.call(|| async {
            let _held = held();
            let mut call = bucket.enter_at(now);
            assert!(call.try_reserve_at(now, &Verdict::transient()));
            runtime.sleep(SECOND).await;
            Err::<(), _>(Failed)
        })
    };
    runtime.cancel_at_every_await(make, |made| {
        polls.push(made);
        assert!(is_idle(&outer, now), "after {made} polls");
        assert!(is_idle(&inner, now), "after {made} polls");
        assert_eq!(bucket.available_at(now), 1, "after {made} polls");
        assert_eq!(under_operation.get(), 0, "after {made} polls");
        assert_eq!(runtime.sleeps_waiting(), 0, "after {made} polls");
    });
    // Two policies that try twice: four attempts with three waits between them, and the last poll.
    assert_eq!(polls, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

/// Runs something when it goes out of scope.
fn scopeguard<F: FnMut()>(run: F) -> impl Drop {
    struct Guard<F: FnMut()>(F);
    impl<F: FnMut()> Drop for Guard<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    Guard(run)
}
