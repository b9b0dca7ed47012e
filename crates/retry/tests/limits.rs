//! When a retry stops although another attempt might help: deadlines, time limits, budgets, nesting.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    clippy::cast_possible_truncation,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod common;

use common::{Script, fail, ms, pipeline, secs, transient};
use steadfast_core::{
    Attempt, CallOptions, Error, Operation, Policies, Policy, Ratio, RejectionKind, RetryBudget,
    Runtime, StopReason, Verdict, VirtualRuntime,
};
use steadfast_retry::{Jitter, Retry, RetryBuilder};

fn every(delay: std::time::Duration, attempts: u32) -> RetryBuilder {
    Retry::constant(delay)
        .jitter(Jitter::None)
        .max_attempts(attempts)
}

#[test]
fn no_attempt_is_made_that_would_begin_at_or_after_the_deadline() {
    for (deadline, attempts) in [(ms(299), 3), (ms(300), 3), (ms(301), 4)] {
        let runtime = VirtualRuntime::new(1);
        let script = Script::new(&runtime, [transient()]);
        let calls = pipeline(&runtime, every(ms(100), 10).build().unwrap());
        let options = CallOptions::new().deadline(runtime.now() + deadline);
        let call = calls.call_with(|info| script.run(info)).options(options);
        let report = runtime.block_on(call.reported());
        assert_eq!(report.attempts, attempts, "{deadline:?}");
        assert_eq!(report.stop, StopReason::Deadline);
        assert_eq!(
            runtime.elapsed(),
            ms(100) * (attempts - 1),
            "it does not wait for the deadline"
        );
        assert!(
            matches!(report.result, Err(Error::Operation(_))),
            "the last real error is returned"
        );
    }
}

#[test]
fn an_attempt_needs_its_minimum_time_before_the_deadline() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient()]);
    let retry = every(ms(100), 10)
        .min_attempt_time(ms(250))
        .build()
        .unwrap();
    let calls = pipeline(&runtime, retry);
    let options = CallOptions::new().deadline(runtime.now() + ms(500));
    let call = calls.call_with(|info| script.run(info)).options(options);
    let report = runtime.block_on(call.reported());
    assert_eq!((report.attempts, report.stop), (3, StopReason::Deadline));
}

#[test]
fn a_zero_delay_knows_the_deadline_too() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::slow(&runtime, [(ms(40), transient())]);
    let calls = pipeline(&runtime, every(ms(0), 10).build().unwrap());
    let options = CallOptions::new().deadline(runtime.now() + ms(100));
    let call = calls.call_with(|info| script.run(info)).options(options);
    let report = runtime.block_on(call.reported());
    assert_eq!((report.attempts, report.stop), (3, StopReason::Deadline));
}

#[test]
fn max_elapsed_counts_attempts_and_waits() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::slow(&runtime, [(ms(400), transient())]);
    let retry = every(ms(100), 10).max_elapsed(ms(1000)).build().unwrap();
    let calls = pipeline(&runtime, retry);
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!(
        script.starts(),
        [ms(0), ms(500)],
        "the third would begin at 1 s"
    );
    assert_eq!(report.stop, StopReason::MaxElapsed);
    assert_eq!(runtime.elapsed(), ms(900));
}

#[test]
fn max_elapsed_counts_from_the_first_poll_of_each_call() {
    let runtime = VirtualRuntime::new(1);
    let retry = every(ms(100), 10).max_elapsed(ms(250)).build().unwrap();
    let calls = pipeline(&runtime, retry);
    for _ in 0..2 {
        let script = Script::new(&runtime, [transient()]);
        let call = calls.call_with(|info| script.run(info));
        runtime.advance(secs(5));
        let _ = runtime.block_on(call);
        assert_eq!(script.starts().len(), 3);
    }
}

#[test]
fn a_clock_that_goes_backwards_neither_panics_nor_stops_the_call() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient(), transient(), Ok("done")]);
    let retry = every(ms(100), 5).max_elapsed(secs(1)).build().unwrap();
    let calls = pipeline(&runtime, retry);
    let mut call = runtime.drive(calls.call_with(|info| script.run(info)));
    assert!(call.poll().is_pending());
    let now = runtime.now();
    runtime.step();
    runtime.set_now(steadfast_core::Instant::from_nanos(now.as_nanos() / 2));
    assert!(
        call.poll().is_pending(),
        "the wait is not over on this clock"
    );
    while call.poll().is_pending() {
        runtime.step();
    }
    assert_eq!(script.starts().len(), 3);
}

#[test]
fn a_spent_budget_stops_retries_and_returns_the_last_real_outcome() {
    let runtime = VirtualRuntime::new(1);
    let budget = RetryBudget::ratio(Ratio::percent(10))
        .min_per_second(0)
        .build()
        .unwrap();
    let calls = pipeline(&runtime, every(ms(10), 4).budget(&budget).build().unwrap());
    let mut attempts = Vec::new();
    for _ in 0..20 {
        let script = Script::new(&runtime, [transient()]);
        let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
        assert!(matches!(report.result, Err(Error::Operation(_))));
        assert_eq!(report.stop, StopReason::Budget);
        attempts.push(report.attempts);
    }
    assert_eq!(attempts.iter().sum::<u32>(), 22, "{attempts:?}");
    assert_eq!(
        (attempts[8], attempts[9]),
        (1, 2),
        "the tenth call pays for a retry"
    );
}

#[test]
fn a_total_outage_never_costs_more_than_the_ratio() {
    let runtime = VirtualRuntime::new(3);
    let budget = RetryBudget::ratio(Ratio::percent(20))
        .min_per_second(0)
        .build()
        .unwrap();
    let retry = Retry::exponential(ms(50))
        .max_attempts(4)
        .budget(&budget)
        .build()
        .unwrap();
    let calls = std::sync::Arc::new(pipeline(&runtime, retry));
    let script = Script::new(&runtime, [transient()]);
    let mut tasks = Vec::new();
    for i in 0..5_000_u64 {
        let (calls, script, clock) = (calls.clone(), script.clone(), runtime.clone());
        tasks.push(runtime.spawn(async move {
            clock.sleep(ms(i * 7)).await;
            let _ = calls.call_with(|info| script.run(info)).await;
        }));
    }
    runtime.block_on(async {
        for task in tasks {
            task.await;
        }
    });
    let sent = script.starts().len();
    assert!(sent <= 6_000, "load factor {}", sent as f64 / 5_000.0);
    assert!(sent >= 5_900, "the budget is used: {sent}");
}

#[test]
fn cancelling_at_every_await_leaves_the_budget_as_it_was() {
    let runtime = VirtualRuntime::new(1);
    let budget = RetryBudget::token_bucket(10, Ratio::percent(10))
        .build()
        .unwrap();
    let in_flight = RetryBudget::share_of_in_flight(Ratio::percent(1))
        .build()
        .unwrap();
    for (budget, spends) in [(&budget, true), (&in_flight, false)] {
        let calls = pipeline(&runtime, every(ms(10), 3).budget(budget).build().unwrap());
        let mut points = Vec::new();
        let before = std::cell::Cell::new(budget.available_at(runtime.now()));
        runtime.cancel_at_every_await(
            || {
                before.set(budget.available_at(runtime.now()));
                let script = Script::slow(&runtime, [(ms(5), transient())]);
                calls.call_with(move |info| script.run(info))
            },
            |polls| {
                let spent = before.get() - budget.available_at(runtime.now());
                points.push(polls);
                // Polls: attempt, wait, attempt, wait, attempt, end. A wait that is dropped pays
                // nothing; an attempt that began is paid for.
                let begun = if spends {
                    [0, 0, 0, 1, 1, 2, 2]
                } else {
                    [0; 7]
                };
                let index = usize::try_from(polls).unwrap();
                assert_eq!(spent, begun[index], "after {polls} polls");
            },
        );
        assert_eq!(points, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(runtime.sleeps_waiting(), 0);
    }
}

/// Counts how often it was run.
struct Passes(std::sync::atomic::AtomicU32);

impl Policies for Passes {}

impl<'p, O: Operation> Policy<'p, O> for Passes {
    type Future = O::Future;

    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> O::Future {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        operation.start(attempt)
    }
}

#[test]
fn nested_retries_do_not_multiply() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient()]);
    let retry = || every(ms(10), 3).build().unwrap();
    let between = Passes(0.into());
    let calls = pipeline(&runtime, (retry(), &between, retry()));
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!(
        report.attempts, 5,
        "three by the inner one, then one a retry of the outer one"
    );
    assert_eq!(between.0.into_inner(), 3);
    let numbers: Vec<u32> = script.told().iter().map(|info| info.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn three_nested_retries_do_not_multiply_either() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient()]);
    let retry = || every(ms(10), 3).build().unwrap();
    let calls = pipeline(&runtime, (retry(), retry(), retry()));
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!(report.attempts, 7);
}

#[test]
fn an_independent_retry_multiplies_when_it_is_asked_to() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient()]);
    let outer = every(ms(10), 3).build().unwrap();
    let inner = every(ms(10), 3).independent().build().unwrap();
    let calls = pipeline(&runtime, (outer, inner));
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!(report.attempts, 9);
}

#[test]
fn an_inner_retry_that_was_not_used_keeps_its_attempts() {
    let runtime = VirtualRuntime::new(1);
    // The inner policy is refused before it runs, so it has spent nothing.
    let refusal = steadfast_core::Rejection::new("limit", RejectionKind::RateLimited)
        .with_retry_after(ms(50));
    let script = Script::new(&runtime, [transient()]);
    let retry = || every(ms(10), 3).build().unwrap();
    let calls = pipeline(
        &runtime,
        (retry(), common::Refuse::first(1, refusal), retry()),
    );
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!(
        report.attempts, 4,
        "refused; three by the inner one; one more"
    );
}

#[test]
fn a_panicking_operation_gives_its_reservation_back() {
    let runtime = VirtualRuntime::new(1);
    let budget = RetryBudget::share_of_in_flight(Ratio::percent(1))
        .build()
        .unwrap();
    let calls = pipeline(&runtime, every(ms(10), 3).budget(&budget).build().unwrap());
    let before = budget.available_at(runtime.now());
    let script = Script::new(&runtime, [transient()]);
    let call = calls.call_with(|info| {
        assert!(info.number < 2, "the second attempt panics");
        script.run(info)
    });
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(call)));
    assert!(unwound.is_err());
    assert_eq!(budget.available_at(runtime.now()), before);
}

#[test]
fn a_policy_outside_sees_the_outcome_unchanged() {
    let runtime = VirtualRuntime::new(1);
    let verdict = Verdict::overloaded().with_retry_after(ms(1)).not_executed();
    let script = Script::new(&runtime, [fail(verdict)]);
    let calls = pipeline(&runtime, every(ms(10), 2).build().unwrap());
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!(report.verdict, verdict);
}

#[test]
fn attempts_that_time_out_drain_a_budget_of_success_tokens() {
    let runtime = VirtualRuntime::new(1);
    let budget = RetryBudget::success_tokens(10, Ratio::percent(10))
        .build()
        .unwrap();
    // A timeout further in; its own crate is not needed for that.
    let cut_off =
        steadfast_core::Rejection::new("attempt", RejectionKind::TimedOut { after: ms(9) });
    let calls = pipeline(
        &runtime,
        (
            every(ms(1), 4).budget(&budget).build().unwrap(),
            common::Refuse::first(u32::MAX, cut_off),
        ),
    );
    let mut attempts = 0;
    for _ in 0..100 {
        let script = Script::new(&runtime, [transient()]);
        let before = common::refusals(&calls.policies().1);
        let _ = runtime.block_on(calls.call_with(|info| script.run(info)));
        attempts += before - common::refusals(&calls.policies().1);
    }
    assert_eq!(attempts, 103, "the fifth failure leaves half of the tokens");
}

#[test]
fn nested_retries_with_one_budget_tell_it_of_each_failure_once() {
    let runtime = VirtualRuntime::new(1);
    let budget = RetryBudget::success_tokens(10, Ratio::percent(10))
        .build()
        .unwrap();
    let retry = || every(ms(1), 1).budget(&budget).build().unwrap();
    let calls = pipeline(&runtime, (retry(), retry()));
    let script = Script::new(&runtime, [transient()]);
    let _ = runtime.block_on(calls.call_with(|info| script.run(info)));
    assert_eq!(budget.available_at(runtime.now()), 4, "one of ten is gone");
}

#[test]
fn an_attempt_lets_go_of_what_it_holds_before_the_wait() {
    let runtime = VirtualRuntime::new(1);
    let held = std::sync::Arc::new(());
    let calls = pipeline(&runtime, every(ms(10), 2).build().unwrap());
    let connection = std::sync::Arc::clone(&held);
    let mut call = runtime.drive(calls.call(|| {
        let mut connection = Some(std::sync::Arc::clone(&connection));
        std::future::poll_fn(move |_| {
            // Ready, and still holding on until it is dropped.
            assert!(connection.as_mut().is_some());
            std::task::Poll::Ready(transient())
        })
    }));
    assert!(call.poll().is_pending(), "it waits");
    assert_eq!(
        std::sync::Arc::strong_count(&held),
        2,
        "only ours and the closure's"
    );
}
