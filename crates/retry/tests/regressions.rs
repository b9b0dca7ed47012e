//! One test for each known defect of another retry library that this one must not have.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod common;

use common::{Script, fail, ms, pipeline, secs, transient};
use steadfast_core::{
    CallOptions, Error, Ratio, RetryBudget, Runtime, StopReason, Verdict, VirtualRuntime,
};
use steadfast_retry::{Hints, Jitter, Retry, Safety};

/// The waits that one call made, with a script that fails for ever.
fn waits(runtime: &VirtualRuntime, retry: &Retry) -> Vec<std::time::Duration> {
    let script = Script::new(runtime, [transient()]);
    let calls = pipeline(runtime, retry);
    let _ = runtime.block_on(calls.call_with(|info| script.run(info)));
    script
        .starts()
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect()
}

/// tower, linkerd and rama: jitter of a whole number of seconds lost its fraction, so a base of one
/// second got none at all.
#[test]
fn a_base_of_one_second_is_jittered_below_the_second() {
    let runtime = VirtualRuntime::new(1);
    for jitter in [
        Jitter::Full,
        Jitter::Equal,
        Jitter::Proportional(Ratio::percent(50)),
    ] {
        let retry = Retry::constant(secs(1))
            .jitter(jitter)
            .max_attempts(50)
            .build()
            .unwrap();
        let fractions: std::collections::BTreeSet<u32> = waits(&runtime, &retry)
            .iter()
            .map(std::time::Duration::subsec_millis)
            .collect();
        assert!(fractions.len() > 40, "{jitter:?}: {fractions:?}");
    }
}

/// backon: jitter on top of the cap reached twice the maximal delay.
#[test]
fn the_cap_holds_after_jitter() {
    let runtime = VirtualRuntime::new(1);
    for jitter in [
        Jitter::Full,
        Jitter::Equal,
        Jitter::Proportional(Ratio::percent(100)),
    ] {
        let retry = Retry::exponential(secs(1))
            .jitter(jitter)
            .max_delay(secs(4))
            .max_attempts(60)
            .build()
            .unwrap();
        let longest = waits(&runtime, &retry).into_iter().max().unwrap();
        assert!(
            longest <= secs(4) && longest > ms(3500),
            "{jitter:?}: {longest:?}"
        );
    }
}

/// tower: each request cloned the policy and with it the generator, so all of them waited alike.
#[test]
fn two_calls_of_one_policy_wait_differently() {
    let runtime = VirtualRuntime::new(1);
    let retry = Retry::exponential(secs(1)).build().unwrap();
    let copy = retry.clone();
    let calls = [
        waits(&runtime, &retry),
        waits(&runtime, &retry),
        waits(&runtime, &copy),
    ];
    assert_ne!(calls[0], calls[1]);
    assert_ne!(calls[1], calls[2]);
}

/// backoff: a Retry-After went past every limit.
#[test]
fn a_hint_bypasses_neither_max_elapsed_nor_the_deadline() {
    let runtime = VirtualRuntime::new(1);
    let retry = Retry::constant(ms(10))
        .hints(Hints::Within(secs(3600)))
        .max_elapsed(secs(30))
        .build()
        .unwrap();
    let calls = pipeline(&runtime, retry);
    let hinted = [fail(Verdict::overloaded().with_retry_after(secs(60)))];
    let script = Script::new(&runtime, hinted);
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!((report.attempts, report.stop), (1, StopReason::MaxElapsed));

    let options = CallOptions::new().deadline(runtime.now() + secs(20));
    let script = Script::new(&runtime, hinted);
    let call = calls.call_with(|info| script.run(info)).options(options);
    let report = runtime.block_on(call.reported());
    assert_eq!((report.attempts, report.stop), (1, StopReason::Deadline));
    assert_eq!(runtime.elapsed(), ms(0), "both refused at once");
}

/// tokio-retry2: a Retry-After was not looked at.
#[test]
fn a_hint_that_is_longer_is_waited_for() {
    let runtime = VirtualRuntime::new(1);
    let hinted = fail(Verdict::overloaded().with_retry_after(secs(2)));
    let script = Script::new(&runtime, [hinted, Ok("done")]);
    let calls = pipeline(&runtime, Retry::default());
    let _ = runtime.block_on(calls.call_with(|info| script.run(info)));
    assert_eq!(script.starts()[1], secs(2));
}

/// backon: the total delay was a sum of sleeps, so slow attempts did not count.
#[test]
fn the_time_limit_counts_slow_attempts() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::slow(&runtime, [(secs(20), transient())]);
    let retry = Retry::constant(ms(1))
        .max_attempts(100)
        .max_elapsed(secs(50))
        .build()
        .unwrap();
    let calls = pipeline(&runtime, retry);
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!((report.attempts, report.stop), (3, StopReason::MaxElapsed));
}

/// icerpc: it slept for 15 s with 9.9 s left.
#[test]
fn it_does_not_sleep_15_seconds_with_9_point_9_left() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::slow(&runtime, [(ms(100), transient())]);
    let retry = Retry::constant(secs(15))
        .jitter(Jitter::None)
        .build()
        .unwrap();
    let calls = pipeline(&runtime, retry);
    let options = CallOptions::new().deadline(runtime.now() + secs(10));
    let call = calls.call_with(|info| script.run(info)).options(options);
    let report = runtime.block_on(call.reported());
    assert_eq!(report.stop, StopReason::Deadline);
    assert_eq!(runtime.elapsed(), ms(100));
    assert!(matches!(report.result, Err(Error::Operation(_))));
}

/// Polly's standard handler: it repeated POST.
#[test]
fn a_post_is_repeated_only_with_a_key_or_proof_that_nothing_happened() {
    let runtime = VirtualRuntime::new(1);
    let retry = Retry::default();
    assert_eq!(
        attempts(&runtime, &retry, Verdict::transient()),
        3,
        "whoever asks for it gets it"
    );
    let post = Retry::exponential(ms(50))
        .safety(Safety::WhenIdempotent)
        .build()
        .unwrap();
    assert_eq!(attempts(&runtime, &post, Verdict::transient()), 1);
    assert_eq!(
        attempts(&runtime, &post, Verdict::transient().not_executed()),
        3
    );
}

fn attempts(runtime: &VirtualRuntime, retry: &Retry, verdict: Verdict) -> usize {
    let script = Script::new(runtime, [fail(verdict)]);
    let calls = pipeline(runtime, retry);
    let _ = runtime.block_on(calls.call_with(|info| script.run(info)));
    script.starts().len()
}

/// tower's `TpsBudget`: it granted 100 % when asked for 60 to 90 %.
#[test]
fn a_budget_of_60_to_90_percent_grants_exactly_that() {
    for percent in [60, 70, 80, 90] {
        let runtime = VirtualRuntime::new(1);
        let budget = RetryBudget::ratio(Ratio::percent(percent))
            .min_per_second(0)
            .build()
            .unwrap();
        let retry = Retry::constant(ms(0))
            .max_attempts(2)
            .budget(&budget)
            .build()
            .unwrap();
        let sent: usize = (0..100)
            .map(|_| attempts(&runtime, &retry, Verdict::transient()))
            .sum();
        assert_eq!(sent, 100 + percent as usize);
    }
}

/// tower's `TpsBudget`: two racers could spend one deposit. failsafe-go: it checked and then acted.
/// (The model in steadfast-core's `loom` tests searches all interleavings; this one runs real threads.)
#[test]
fn racers_never_spend_more_than_was_deposited() {
    let budget = RetryBudget::ratio(Ratio::percent(10))
        .min_per_second(0)
        .build()
        .unwrap();
    let retry = Retry::constant(ms(0))
        .max_attempts(2)
        .budget(&budget)
        .build()
        .unwrap();
    let sent: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = VirtualRuntime::new(1);
                    (0..250)
                        .map(|_| attempts(&runtime, &retry, Verdict::transient()))
                        .sum::<usize>()
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert!(sent <= 1_100, "{sent}");
}

/// failsafe-go: a panic leaked what was reserved.
#[test]
fn a_panic_in_the_operation_leaks_no_reservation() {
    let runtime = VirtualRuntime::new(1);
    let budget = RetryBudget::share_of_in_flight(Ratio::percent(1))
        .min_concurrent(1)
        .build()
        .unwrap();
    let retry = Retry::constant(ms(10)).budget(&budget).build().unwrap();
    let calls = pipeline(&runtime, &retry);
    for _ in 0..3 {
        let call = calls.call_with(|info| async move {
            assert!(info.number == 1, "the retry panics");
            transient()
        });
        let unwound =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(call)));
        assert!(unwound.is_err(), "each call gets as far as its retry");
    }
    assert_eq!(budget.available_at(runtime.now()), 1);
}

/// failsafe-go: when the budget was spent the caller got that, and not what had gone wrong.
#[test]
fn the_last_real_error_survives_a_spent_budget() {
    let runtime = VirtualRuntime::new(1);
    let budget = RetryBudget::ratio(Ratio::percent(1))
        .min_per_second(0)
        .build()
        .unwrap();
    let retry = Retry::default();
    let stingy = Retry::exponential(ms(50)).budget(&budget).build().unwrap();
    for (retry, stop) in [
        (&retry, StopReason::Attempts),
        (&stingy, StopReason::Budget),
    ] {
        let script = Script::new(&runtime, [transient()]);
        let calls = pipeline(&runtime, retry);
        let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
        assert_eq!(report.stop, stop);
        let error = report.result.unwrap_err();
        assert_eq!(error.into_operation().unwrap().name, "scripted");
    }
}
