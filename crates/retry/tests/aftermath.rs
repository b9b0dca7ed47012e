//! What is left after an attempt, a call, or a wait that took too long.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod common;

use common::{Refuse, Script, fail, ms, pipeline, secs, transient};
use steadfast_core::{
    CallOptions, Error, Ratio, Rejection, RejectionKind, RetryBudget, Runtime, StopReason, Verdict,
    VirtualRuntime,
};
use steadfast_retry::{Backoff, Hints, Jitter, Retry, RetryBuilder, Safety};

fn every(delay: std::time::Duration, attempts: u32) -> RetryBuilder {
    Retry::constant(delay)
        .jitter(Jitter::None)
        .max_attempts(attempts)
}

#[test]
fn a_wait_that_ends_too_late_returns_the_last_real_error() {
    let late = |retry: Retry, options: CallOptions, runtime: &VirtualRuntime| {
        let script = Script::new(runtime, [transient()]);
        let calls = pipeline(runtime, retry);
        let call = calls.call_with(|info| script.run(info)).options(options);
        let mut call = runtime.drive(call.reported());
        assert!(call.poll().is_pending());
        runtime.set_now(runtime.now() + secs(60)); // the machine slept
        let std::task::Poll::Ready(report) = call.poll() else {
            panic!("it is over");
        };
        assert!(matches!(report.result, Err(Error::Operation(_))));
        assert_eq!(script.starts().len(), 1, "no attempt begins after the end");
        report.stop
    };
    let runtime = VirtualRuntime::new(1);
    let budget = RetryBudget::token_bucket(5, Ratio::percent(10))
        .build()
        .unwrap();
    let retry = every(secs(5), 3).budget(&budget).build().unwrap();
    let options = CallOptions::new().deadline(runtime.now() + secs(10));
    assert_eq!(late(retry, options, &runtime), StopReason::Deadline);
    assert_eq!(budget.available_at(runtime.now()), 5, "it was not spent");
    let retry = every(secs(5), 3).max_elapsed(secs(10)).build().unwrap();
    let stop = late(retry, CallOptions::new(), &runtime);
    assert_eq!(stop, StopReason::MaxElapsed);
}

#[test]
fn a_call_may_have_executed_when_any_of_its_attempts_may_have() {
    let runtime = VirtualRuntime::new(1);
    let refused = fail(Verdict::transient().not_executed());
    for (script, executed) in [
        (vec![transient(), refused], true),
        (vec![refused, refused], false),
    ] {
        let script = Script::new(&runtime, script);
        let calls = pipeline(&runtime, every(ms(1), 2).build().unwrap());
        let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
        assert_eq!(report.verdict.may_have_executed(), executed);
    }
}

#[test]
fn an_outer_rule_of_safety_sees_what_happened_inside() {
    let runtime = VirtualRuntime::new(1);
    let refused = fail(Verdict::transient().not_executed());
    let script = Script::new(&runtime, [transient(), refused]);
    let careful = every(ms(1), 3)
        .safety(Safety::WhenIdempotent)
        .build()
        .unwrap();
    let calls = pipeline(&runtime, (careful, every(ms(1), 2).build().unwrap()));
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!(
        (report.attempts, report.stop),
        (2, StopReason::NotRetryable)
    );
}

#[test]
fn nested_retries_do_not_multiply_where_the_last_failure_is_not_retryable_inside() {
    let runtime = VirtualRuntime::new(1);
    let refused = fail(Verdict::transient().not_executed());
    let script = Script::new(&runtime, [refused, refused, transient()]);
    let careful = every(ms(1), 3)
        .safety(Safety::WhenIdempotent)
        .build()
        .unwrap();
    let calls = pipeline(&runtime, (every(ms(1), 3).build().unwrap(), careful));
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!(report.attempts, 5);
}

#[test]
fn many_attempts_without_a_wait_let_others_have_their_turn() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient()]);
    let calls = pipeline(&runtime, every(ms(0), 100).build().unwrap());
    let mut call = runtime.drive(calls.call_with(|info| script.run(info)));
    assert!(call.poll().is_pending());
    assert!(call.is_woken(), "it asks for its next turn");
    let first = script.starts().len();
    assert!(first < 50, "{first} attempts in one poll");
    while call.poll().is_pending() {
        assert!(call.is_woken());
    }
    assert_eq!(script.starts().len(), 100);
    assert!(call.polls() < 10, "{}", call.polls());
    assert_eq!(runtime.sleeps_started(), 0);
}

#[test]
fn an_open_breaker_is_not_tried_before_its_time_whatever_the_hints() {
    let runtime = VirtualRuntime::new(1);
    let open = Rejection::new("breaker", RejectionKind::CircuitOpen).with_retry_after(secs(30));
    for hints in [Hints::Ignore, Hints::Clamp(secs(1)), Hints::default()] {
        let script = Script::new(&runtime, [Ok("done")]);
        let retry = every(ms(1), 5).hints(hints).build().unwrap();
        let calls = pipeline(&runtime, (retry, Refuse::first(9, open)));
        let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
        assert_eq!((report.attempts, report.stop), (0, StopReason::Pushback));
        assert_eq!(common::refusals(&calls.policies().1), 8, "asked once");
    }
}

#[test]
fn a_cost_aware_budget_gets_each_cost_back_from_nested_retries() {
    let runtime = VirtualRuntime::new(1);
    for nested in [false, true] {
        let budget = RetryBudget::cost_aware().build().unwrap();
        let before = budget.available_at(runtime.now());
        let outer = every(ms(1), 2).budget(&budget).build().unwrap();
        let inner = every(ms(1), 1).budget(&budget).build().unwrap();
        let calls = pipeline(&runtime, (outer, nested.then_some(inner)));
        for _ in 0..100 {
            let script = Script::new(&runtime, [transient(), Ok("done")]);
            let result = runtime.block_on(calls.call_with(|info| script.run(info)));
            assert_eq!(result, Ok("done"));
        }
        assert_eq!(
            budget.available_at(runtime.now()),
            before,
            "nested: {nested}"
        );
    }
}

#[test]
fn what_a_call_holds_of_a_budget_is_free_when_it_is_over() {
    let runtime = VirtualRuntime::new(1);
    let budget = RetryBudget::share_of_in_flight(Ratio::percent(1))
        .build()
        .unwrap();
    let calls = pipeline(&runtime, every(ms(0), 2).budget(&budget).build().unwrap());
    let before = format!("{budget:?}");
    for last in [Ok("done"), transient()] {
        let script = Script::new(&runtime, [transient(), last]);
        let mut call = runtime.drive(calls.call_with(|info| script.run(info)));
        assert!(call.poll().is_ready());
        assert_eq!(
            format!("{budget:?}"),
            before,
            "although the future is still there"
        );
    }
}

#[test]
fn a_function_of_your_own_says_how_long_and_means_it() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient(), Ok("done")]);
    let retry = Retry::with_backoff(Backoff::custom(|_| secs(1)))
        .build()
        .unwrap();
    let calls = pipeline(&runtime, retry);
    let _ = runtime.block_on(calls.call_with(|info| script.run(info)));
    assert_eq!(script.starts(), [secs(0), secs(1)]);
}

#[test]
fn a_decorrelated_v2_of_nothing_waits_for_nothing() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient()]);
    let backoff = Backoff::decorrelated_v2(ms(0));
    let retry = Retry::with_backoff(backoff)
        .max_attempts(2000)
        .build()
        .unwrap();
    let calls = pipeline(&runtime, retry);
    let _ = runtime.block_on(calls.call_with(|info| script.run(info)));
    assert_eq!(runtime.elapsed(), ms(0));
}
