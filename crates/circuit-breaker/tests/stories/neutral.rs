//! What says nothing of the dependency, and so counts for nothing.

use std::future::pending;

use steadfast_circuit_breaker::{Cancelled, CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::{Pipeline, Ratio, Rejection, RejectionKind, Verdict};

use crate::common::{Answer, BAD, ByItself, CutOff, Refuse, Rig, half_fail, ms, panics, secs};

/// The rates over each kind of window, and failures in a row beside them.
fn all_rules() -> [CircuitBreakerBuilder; 3] {
    half_fail().map(|settings| settings.consecutive_failures(3))
}

/// Nothing was counted: neither in the window nor in the row of two that was there before.
#[track_caller]
fn assert_nothing_counted(rig: &Rig) {
    assert_eq!((rig.state(), rig.counts()), (State::Closed, (2, 2, 0)));
    assert_eq!(rig.snapshot().consecutive_failures, 2);
    assert_eq!(rig.snapshot().stale, 0);
}

/// Drops so many calls under way.
fn cancel(rig: &Rig, calls: u32) {
    for _ in 0..calls {
        let mut call = rig.runtime.drive(rig.calls.call(pending::<Answer>));
        assert!(call.poll().is_pending());
    }
}

#[test]
fn the_callers_own_fault_counts_for_nothing() {
    for settings in all_rules() {
        let rig = Rig::new(settings);
        rig.bad(2);
        rig.answer(100, Err(Verdict::caller()));
        assert_nothing_counted(&rig);
        rig.bad(1);
        assert_eq!(rig.state(), State::Open, "it has not ended the row");
    }
}

#[test]
fn a_slow_call_that_was_the_callers_fault_counts_for_nothing() {
    let settings = CircuitBreaker::slow_calls(Ratio::percent(1), ms(1)).over_last(1);
    let rig = Rig::new(settings);
    rig.takes(secs(1), Err(Verdict::caller()));
    assert_eq!((rig.state(), rig.counts()), (State::Closed, (0, 0, 0)));
}

#[test]
fn a_refusal_by_another_policy_counts_for_nothing() {
    for kind in [
        RejectionKind::CircuitOpen,
        RejectionKind::RateLimited,
        RejectionKind::Other("not today"),
        RejectionKind::BulkheadFull {
            running: 8,
            waiting: 3,
        },
    ] {
        for settings in all_rules() {
            let rig = Rig::new(settings);
            rig.bad(2);
            let inner = Refuse(Rejection::new("inner", kind));
            let calls = Pipeline::on(rig.runtime.clone(), (&rig.breaker, inner)).classify(ByItself);
            for _ in 0..100 {
                let result = rig
                    .runtime
                    .block_on(calls.call(|| std::future::ready(Ok(()))));
                assert_eq!(result.unwrap_err().rejection().unwrap().policy(), "inner");
            }
            assert_nothing_counted(&rig);
        }
    }
}

#[test]
fn an_open_breaker_inside_does_not_open_the_one_outside() {
    let outer = Rig::new(CircuitBreaker::consecutive_failures(1));
    let inner = CircuitBreaker::consecutive_failures(1)
        .named("inner")
        .build()
        .unwrap();
    inner.isolate();
    let calls = Pipeline::on(outer.runtime.clone(), (&outer.breaker, &inner)).classify(ByItself);
    for _ in 0..50 {
        let result = outer
            .runtime
            .block_on(calls.call(|| std::future::ready(Ok(()))));
        assert_eq!(result.unwrap_err().rejection().unwrap().policy(), "inner");
    }
    assert_eq!(outer.state(), State::Closed);
}

#[test]
fn what_a_timeout_inside_cuts_off_is_a_failure() {
    for settings in half_fail() {
        let rig = Rig::new(settings.consecutive_failures(10));
        let calls = Pipeline::on(rig.runtime.clone(), (&rig.breaker, CutOff)).classify(ByItself);
        for call in 1..=10 {
            let result = rig.runtime.block_on(calls.call(pending::<Answer>));
            assert!(result.unwrap_err().is_timed_out());
            let row = rig.snapshot().consecutive_failures;
            assert_eq!(row, if call < 10 { call } else { 0 });
        }
        assert_eq!(rig.state(), State::Open);
    }
}

#[test]
fn a_cancelled_call_counts_for_nothing() {
    for settings in all_rules() {
        let rig = Rig::new(settings);
        rig.bad(2);
        cancel(&rig, 100);
        assert_nothing_counted(&rig);
    }
}

#[test]
fn a_panic_counts_for_nothing() {
    for settings in all_rules() {
        let rig = Rig::new(settings);
        rig.bad(2);
        for _ in 0..5 {
            panics(|| {
                rig.runtime
                    .block_on(rig.calls.call(|| async { panic!("oh") }))
            });
        }
        assert_nothing_counted(&rig);
    }
}

#[test]
fn a_cancelled_call_is_a_failure_where_that_is_asked() {
    for settings in half_fail() {
        let rig = Rig::new(settings.cancelled_as(Cancelled::Failure));
        rig.good(10);
        cancel(&rig, 9);
        assert_eq!((rig.state(), rig.counts()), (State::Closed, (19, 9, 0)));
        cancel(&rig, 1);
        assert_eq!(rig.state(), State::Open, "10 of 20");
    }
    let row = CircuitBreaker::consecutive_failures(3).cancelled_as(Cancelled::Failure);
    let rig = Rig::new(row);
    cancel(&rig, 3);
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_panic_is_a_failure_where_cancellation_is_one() {
    let settings = CircuitBreaker::consecutive_failures(2).cancelled_as(Cancelled::Failure);
    let rig = Rig::new(settings);
    for _ in 0..2 {
        panics(|| {
            rig.runtime
                .block_on(rig.calls.call(|| async { panic!("oh") }))
        });
    }
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_call_that_is_never_polled_counts_for_nothing_even_where_cancellation_is_a_failure() {
    let settings = CircuitBreaker::consecutive_failures(1).cancelled_as(Cancelled::Failure);
    let rig = Rig::new(settings);
    for _ in 0..10 {
        drop(rig.calls.call(pending::<Answer>));
    }
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn a_call_that_ended_is_not_cancelled_by_its_drop() {
    let settings = CircuitBreaker::consecutive_failures(1).cancelled_as(Cancelled::Failure);
    let rig = Rig::new(settings);
    rig.good(5);
    rig.answer(5, Err(Verdict::caller()));
    rig.start().record(&Verdict::success());
    assert_eq!((rig.state(), rig.snapshot().stale), (State::Closed, 0));
}

#[test]
fn a_call_counts_once() {
    for settings in half_fail() {
        let rig = Rig::new(settings);
        rig.takes(ms(5), Err(BAD));
        rig.takes(ms(5), Ok(()));
        rig.start().record(&BAD);
        assert_eq!(rig.counts(), (3, 2, 0));
    }
}

#[test]
fn a_refused_call_is_not_counted() {
    for settings in half_fail() {
        let rig = Rig::new(settings);
        rig.breaker.isolate();
        for _ in 0..50 {
            rig.refused();
        }
        rig.breaker.reset();
        assert_eq!((rig.counts(), rig.snapshot().stale), ((0, 0, 0), 0));
    }
}
