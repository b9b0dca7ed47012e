//! What a retry policy promises: how often, after how long, and when it stops.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod common;

use std::sync::{Arc, Mutex};

use common::{Failure, Refuse, Script, fail, ms, pipeline, secs, transient};
use steadfast_core::{
    CallOptions, Class, Error, Event, IdempotencyKey, Rejection, RejectionKind, StopReason,
    Verdict, VirtualRuntime,
};
use steadfast_retry::{Hints, Jitter, Retry, RetryBuilder, Safety};

fn exact(attempts: u32) -> RetryBuilder {
    Retry::exponential(ms(100))
        .jitter(Jitter::None)
        .max_attempts(attempts)
}

#[test]
fn max_attempts_counts_the_first_call() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient()]);
    let calls = pipeline(&runtime, exact(4).build().unwrap());
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!(report.attempts, 4);
    assert_eq!(report.stop, StopReason::Attempts);
    assert_eq!(script.starts(), [ms(0), ms(100), ms(300), ms(700)]);
    let numbers: Vec<u32> = script.told().iter().map(|info| info.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn the_default_is_three_attempts_from_50_ms_with_full_jitter() {
    let runtime = VirtualRuntime::new(1);
    let retry = Retry::default();
    let mut longest = [ms(0); 2];
    for _ in 0..200 {
        let script = Script::new(&runtime, [transient()]);
        let calls = pipeline(&runtime, &retry);
        let _ = runtime.block_on(calls.call_with(|info| script.run(info)));
        let starts = script.starts();
        assert_eq!(starts.len(), 3);
        for i in 0..2 {
            longest[i] = longest[i].max(starts[i + 1] - starts[i]);
        }
    }
    assert!(longest[0] <= ms(50) && longest[0] > ms(45), "{longest:?}");
    assert!(longest[1] <= ms(100) && longest[1] > ms(90), "{longest:?}");
}

#[test]
fn a_success_reads_no_clock_and_starts_no_sleep() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [Ok("done")]);
    let calls = pipeline(&runtime, Retry::default());
    let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
    assert_eq!(report.result, Ok("done"));
    assert_eq!((report.attempts, report.stop), (1, StopReason::Succeeded));
    assert_eq!((runtime.clock_reads(), runtime.sleeps_started()), (0, 0));
}

#[test]
fn a_zero_delay_never_touches_the_timer() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient(), transient(), Ok("done")]);
    let calls = pipeline(&runtime, Retry::constant(ms(0)).build().unwrap());
    let mut call = runtime.drive(calls.call_with(|info| script.run(info)));
    assert!(call.poll().is_ready(), "all three attempts in one poll");
    assert_eq!((runtime.clock_reads(), runtime.sleeps_started()), (0, 0));
}

#[test]
fn a_wait_is_polled_once_when_it_begins_and_once_when_it_ends() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient(), transient(), Ok("done")]);
    let calls = pipeline(&runtime, exact(3).build().unwrap());
    let mut call = runtime.drive(calls.call_with(|info| script.run(info)));
    while call.poll().is_pending() {
        assert!(!call.is_woken(), "it never wakes itself");
        assert_eq!(runtime.sleeps_waiting(), 1);
        runtime.step();
        assert!(call.is_woken());
    }
    assert_eq!((call.polls(), call.wakes()), (3, 2));
    assert_eq!(runtime.sleeps_started(), 2);
}

#[test]
fn an_idle_poll_during_a_wait_changes_nothing() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient(), Ok("done")]);
    let calls = pipeline(&runtime, exact(3).build().unwrap());
    let mut call = runtime.drive(calls.call_with(|info| script.run(info)));
    for _ in 0..5 {
        assert!(call.poll().is_pending());
    }
    assert_eq!((runtime.sleeps_started(), script.starts().len()), (1, 1));
}

#[test]
fn the_operation_is_cloned_for_all_but_the_last_permitted_attempt() {
    struct Counted(Arc<Mutex<u32>>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            *self.0.lock().unwrap() += 1;
            Counted(Arc::clone(&self.0))
        }
    }
    let runtime = VirtualRuntime::new(1);
    for attempts in 1..5 {
        let clones = Arc::new(Mutex::new(0));
        let body = Counted(Arc::clone(&clones));
        let calls = pipeline(&runtime, exact(attempts).build().unwrap());
        let result = runtime.block_on(calls.call(move || async move {
            let _body = body;
            transient()
        }));
        assert!(result.is_err());
        assert_eq!(*clones.lock().unwrap(), attempts - 1);
    }
}

#[test]
fn transient_and_overloaded_are_repeated_and_nothing_else() {
    let runtime = VirtualRuntime::new(1);
    let calls = pipeline(&runtime, exact(3).build().unwrap());
    for (verdict, attempts, stop) in [
        (Verdict::transient(), 3, StopReason::Attempts),
        (Verdict::overloaded(), 3, StopReason::Attempts),
        (Verdict::permanent(), 1, StopReason::NotRetryable),
        (Verdict::caller(), 1, StopReason::NotRetryable),
        (
            Verdict::transient().with_pushback(),
            1,
            StopReason::Pushback,
        ),
        (Verdict::success(), 1, StopReason::Succeeded),
    ] {
        let script = Script::new(&runtime, [fail(verdict)]);
        let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
        assert_eq!(
            (report.attempts, report.stop),
            (attempts, stop),
            "{verdict:?}"
        );
        assert_eq!(report.verdict, verdict);
        let Err(Error::Operation(Failure { verdict: seen, .. })) = report.result else {
            panic!("the last real outcome is returned: {:?}", report.result);
        };
        assert_eq!(seen, verdict);
    }
}

#[test]
fn an_unsafe_repetition_needs_a_key_or_a_word_or_proof() {
    let runtime = VirtualRuntime::new(1);
    let careful = exact(3).safety(Safety::WhenIdempotent).build().unwrap();
    let calls = pipeline(&runtime, careful);
    let attempts = |verdict: Verdict, options: CallOptions| {
        let script = Script::new(&runtime, [fail(verdict)]);
        let call = calls.call_with(|info| script.run(info)).options(options);
        let report = runtime.block_on(call.reported());
        (report.attempts, report.stop)
    };
    let plain = CallOptions::new();
    assert_eq!(
        attempts(Verdict::transient(), plain),
        (1, StopReason::NotRetryable)
    );
    let thrice = (3, StopReason::Attempts);
    let key = IdempotencyKey::from_u128(9);
    assert_eq!(attempts(Verdict::transient(), plain.key(key)), thrice);
    assert_eq!(attempts(Verdict::transient(), plain.idempotent()), thrice);
    assert_eq!(attempts(Verdict::transient().not_executed(), plain), thrice);
}

#[test]
fn the_key_is_the_same_on_every_attempt() {
    let runtime = VirtualRuntime::new(1);
    let script = Script::new(&runtime, [transient()]);
    let calls = pipeline(&runtime, exact(3).build().unwrap());
    let key = IdempotencyKey::from_u128(42);
    let options = CallOptions::new().key(key);
    let call = calls.call_with(|info| script.run(info)).options(options);
    let _ = runtime.block_on(call);
    assert_eq!(script.told().len(), 3);
    assert!(script.told().iter().all(|info| info.key == Some(key)));
}

#[test]
fn a_refusal_from_inside_is_repeated_only_when_it_says_when_to_come_back() {
    let runtime = VirtualRuntime::new(1);
    let starts = |rejection: Rejection| {
        let began = runtime.elapsed();
        let script = Script::new(&runtime, [Ok("done")]);
        let calls = pipeline(
            &runtime,
            (exact(3).build().unwrap(), Refuse::first(1, rejection)),
        );
        let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
        let waited = script.starts().first().map(|start| *start - began);
        (waited, report.attempts, report.stop)
    };
    let open = Rejection::new("breaker", RejectionKind::CircuitOpen);
    let not = (None, 0, StopReason::NotRetryable);
    assert_eq!(starts(open), not);
    assert_eq!(
        starts(Rejection::new("limit", RejectionKind::RateLimited)),
        not
    );
    assert_eq!(
        starts(open.with_retry_after(secs(2))),
        (Some(secs(2)), 1, StopReason::Succeeded)
    );
    assert_eq!(
        starts(open.with_retry_after(secs(30))),
        (None, 0, StopReason::Pushback),
        "it would still be open by then"
    );
}

#[test]
fn hints_lengthen_the_wait_and_never_shorten_it() {
    let runtime = VirtualRuntime::new(1);
    let wait = |builder: RetryBuilder, hint| {
        let began = runtime.elapsed();
        let hinted = fail(Verdict::overloaded().with_retry_after(hint));
        let script = Script::new(&runtime, [hinted, Ok("done")]);
        let calls = pipeline(&runtime, builder.build().unwrap());
        let report = runtime.block_on(calls.call_with(|info| script.run(info)).reported());
        match report.stop {
            StopReason::Succeeded => Ok(script.starts()[1] - began),
            stop => Err(stop),
        }
    };
    // Own wait 100 ms, slack 5 s.
    assert_eq!(wait(exact(3), ms(20)), Ok(ms(100)));
    assert_eq!(wait(exact(3), secs(3)), Ok(secs(3)));
    assert_eq!(wait(exact(3), ms(5100)), Ok(ms(5100)));
    assert_eq!(wait(exact(3), ms(5101)), Err(StopReason::Pushback));
    let clamped = || exact(3).hints(Hints::Clamp(secs(5)));
    assert_eq!(wait(clamped(), secs(3600)), Ok(ms(5100)));
    assert_eq!(
        wait(clamped().max_hint(secs(60)), secs(61)),
        Err(StopReason::Pushback)
    );
    assert_eq!(wait(exact(3).hints(Hints::Ignore), secs(3600)), Ok(ms(100)));
    let patient = exact(3).hints(Hints::Within(secs(7200)));
    assert_eq!(wait(patient.clone(), secs(3600)), Ok(secs(3600)));
    assert_eq!(
        wait(patient.max_elapsed(secs(600)), secs(3600)),
        Err(StopReason::MaxElapsed)
    );
}

#[test]
fn every_event_is_seen_in_order_with_what_it_says() {
    let runtime = VirtualRuntime::new(1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let calls = pipeline(&runtime, exact(2).named("charge").build().unwrap()).observe(
        move |event: &Event<'_>| {
            let line = match event {
                Event::Retrying {
                    policy,
                    attempts,
                    delay,
                    class,
                    ..
                } => format!("{policy} {attempts} {delay:?} {class:?}"),
                Event::GaveUp {
                    policy,
                    attempts,
                    reason,
                    ..
                } => format!("{policy} {attempts} {reason:?}"),
                other => format!("{other:?}"),
            };
            sink.lock().unwrap().push(line);
        },
    );
    let script = Script::new(&runtime, [fail(Verdict::overloaded())]);
    let _ = runtime.block_on(calls.call_with(|info| script.run(info)));
    assert_eq!(
        *seen.lock().unwrap(),
        ["charge 1 100ms Overloaded", "charge 2 Attempts"]
    );
}

#[test]
fn what_cannot_work_cannot_be_built_and_says_why() {
    let says = |builder: RetryBuilder| builder.build().unwrap_err().to_string();
    assert_eq!(
        says(exact(0)),
        "`max_attempts` is 0; allowed: 1 to 4294967295"
    );
    assert_eq!(
        says(exact(3).factor(0.5)),
        "`factor` is 0.5; allowed: 1 to 1000"
    );
    assert_eq!(
        says(exact(3).factor(f64::NAN)),
        "`factor` is NaN; allowed: 1 to 1000"
    );
    assert_eq!(
        says(Retry::linear(ms(1)).factor(2.0)),
        "`factor` is 2; allowed: only with an exponential backoff"
    );
    assert_eq!(
        says(exact(3).jitter(Jitter::Proportional(steadfast_core::Ratio::percent(101)))),
        "`jitter` is 101 %; allowed: a proportion of 0 % to 100 %"
    );
    assert_eq!(
        says(Retry::decorrelated(ms(1)).jitter(Jitter::Full)),
        "`jitter` is Full; allowed: None with a decorrelated backoff, which is random by itself"
    );
    assert_eq!(
        says(exact(3).max_elapsed(ms(0))),
        "`max_elapsed` is 0ns; allowed: more than zero"
    );
}

#[test]
fn a_custom_backoff_is_told_what_happened() {
    let runtime = VirtualRuntime::new(1);
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let backoff = steadfast_retry::Backoff::custom(move |state| {
        sink.lock()
            .unwrap()
            .push((state.retry, state.class, state.retry_after));
        ms(10) * state.retry
    });
    let retry = Retry::with_backoff(backoff)
        .jitter(Jitter::None)
        .build()
        .unwrap();
    let hinted = fail(Verdict::overloaded().with_retry_after(ms(1)));
    let script = Script::new(&runtime, [transient(), hinted, Ok("done")]);
    let calls = pipeline(&runtime, retry);
    let _ = runtime.block_on(calls.call_with(|info| script.run(info)));
    assert_eq!(script.starts(), [ms(0), ms(10), ms(30)]);
    assert_eq!(
        *told.lock().unwrap(),
        [
            (1, Class::Transient, None),
            (2, Class::Overloaded, Some(ms(1)))
        ]
    );
}
