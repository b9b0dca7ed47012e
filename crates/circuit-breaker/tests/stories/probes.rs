//! A probe's place: when it is taken, and that it always comes back.

use std::{future::pending, task::Poll};

use steadfast_circuit_breaker::{Cancelled, CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::{
    CallOptions, Pipeline, Policies, Ratio, Rejection, RejectionKind, Runtime, Verdict,
};

use crate::common::{BAD, ByItself, CutOff, DropUnpolled, Refuse, Rig, ms, panics, secs};

/// A breaker with two places for probes, and a long time to use them.
fn two_probes() -> CircuitBreakerBuilder {
    CircuitBreaker::failure_rate(Ratio::percent(100))
        .probes(2)
        .open_for(secs(3600))
}

#[track_caller]
fn assert_all_places_are_free(rig: &Rig) {
    assert_eq!((rig.state(), rig.free_probes()), (State::HalfOpen, 2));
}

#[test]
fn a_call_that_is_never_polled_takes_no_place() {
    let rig = Rig::half_open(two_probes());
    let calls: Vec<_> = (0..10)
        .map(|_| rig.calls.call(|| std::future::ready(Ok(()))))
        .collect();
    assert_all_places_are_free(&rig);
    drop(calls);
    assert_all_places_are_free(&rig);
}

#[test]
fn a_call_that_is_never_polled_does_not_end_the_open_time() {
    let rig = Rig::opened(two_probes());
    rig.pass(secs(3600));
    drop(rig.calls.call(|| std::future::ready(Ok(()))));
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_probe_that_is_dropped_before_its_first_poll_gives_its_place_back() {
    let rig = Rig::half_open(two_probes());
    let calls = Pipeline::on(rig.runtime.clone(), (DropUnpolled, &rig.breaker)).classify(ByItself);
    for _ in 0..10 {
        let result = rig
            .runtime
            .block_on(calls.call(|| std::future::ready(Ok(()))));
        let rejection = *result.unwrap_err().rejection().unwrap();
        assert_eq!(rejection.policy(), "drop", "it was let through");
    }
    assert_all_places_are_free(&rig);
}

#[test]
fn a_probe_that_is_cancelled_at_any_await_gives_its_place_back() {
    let rig = Rig::half_open(two_probes());
    let mut cancelled = 0;
    let call = || {
        rig.calls.call(|| async {
            for _ in 0..4 {
                rig.runtime.sleep(ms(10)).await;
            }
            Err(Verdict::caller())
        })
    };
    rig.runtime.cancel_at_every_await(call, |polls| {
        assert_all_places_are_free(&rig);
        cancelled = polls;
    });
    assert_eq!(cancelled, 5, "it got to its end");
}

#[test]
fn a_permit_that_is_dropped_gives_its_place_back() {
    let rig = Rig::half_open(two_probes());
    let (one, two) = (rig.probe(), rig.probe());
    rig.refused();
    drop(one);
    let three = rig.probe();
    rig.refused();
    drop((two, three));
    assert_all_places_are_free(&rig);
}

#[test]
fn a_probe_whose_closure_panics_gives_its_place_back() {
    let rig = Rig::half_open(two_probes());
    for _ in 0..5 {
        panics(|| {
            let call = rig
                .calls
                .call(|| -> std::future::Ready<Result<(), Verdict>> {
                    panic!("before there is a future")
                });
            let _ = rig.runtime.block_on(call);
        });
    }
    assert_all_places_are_free(&rig);
}

#[test]
fn a_probe_whose_future_panics_gives_its_place_back() {
    let rig = Rig::half_open(two_probes());
    for _ in 0..5 {
        panics(|| {
            let call = rig.calls.call(|| async {
                rig.runtime.sleep(ms(1)).await;
                panic!("in the middle")
            });
            let _ = rig.runtime.block_on(call);
        });
    }
    assert_all_places_are_free(&rig);
}

#[test]
fn a_probe_whose_classifier_panics_gives_its_place_back() {
    let rig = Rig::half_open(two_probes());
    let calls = rig.breaker.on(rig.runtime.clone());
    let calls = calls.classify(|_: &Result<(), Verdict>| -> Verdict { panic!("at the end") });
    for _ in 0..5 {
        panics(|| {
            rig.runtime
                .block_on(calls.call(|| std::future::ready(Ok(()))))
        });
    }
    assert_all_places_are_free(&rig);
}

#[test]
fn a_probe_that_an_outer_timeout_drops_gives_its_place_back() {
    let rig = Rig::half_open(two_probes());
    let calls = Pipeline::on(rig.runtime.clone(), (CutOff, &rig.breaker)).classify(ByItself);
    for _ in 0..5 {
        let result = rig
            .runtime
            .block_on(calls.call(pending::<Result<(), Verdict>>));
        assert!(result.unwrap_err().is_timed_out());
    }
    assert_all_places_are_free(&rig);
}

#[test]
fn a_probe_that_the_calls_own_timeout_drops_gives_its_place_back() {
    let rig = Rig::half_open(two_probes());
    for _ in 0..5 {
        let call = rig.calls.call(pending::<Result<(), Verdict>>);
        let options = CallOptions::new().timeout(ms(50));
        let result = rig.runtime.block_on(call.options(options));
        assert!(result.unwrap_err().is_timed_out());
    }
    assert_all_places_are_free(&rig);
}

#[test]
fn a_probe_that_an_inner_timeout_cuts_off_has_failed() {
    let rig = Rig::half_open(two_probes().probes(1));
    let calls = Pipeline::on(rig.runtime.clone(), (&rig.breaker, CutOff)).classify(ByItself);
    let result = rig
        .runtime
        .block_on(calls.call(pending::<Result<(), Verdict>>));
    assert!(result.unwrap_err().is_timed_out());
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_probe_that_another_policy_refuses_gives_its_place_back() {
    for kind in [
        RejectionKind::CircuitOpen,
        RejectionKind::RateLimited,
        RejectionKind::Other("not today"),
        RejectionKind::BulkheadFull {
            running: 1,
            waiting: 0,
        },
    ] {
        let rig = Rig::half_open(two_probes());
        let inner = Refuse(Rejection::new("inner", kind));
        let calls = Pipeline::on(rig.runtime.clone(), (&rig.breaker, inner)).classify(ByItself);
        for _ in 0..5 {
            let result = rig
                .runtime
                .block_on(calls.call(|| std::future::ready(Ok(()))));
            assert_eq!(result.unwrap_err().rejection().unwrap().policy(), "inner");
        }
        assert_all_places_are_free(&rig);
    }
}

#[test]
fn a_cancelled_probe_has_failed_where_cancellation_is_a_failure() {
    let rig = Rig::half_open(two_probes().cancelled_as(Cancelled::Failure));
    let mut call = rig
        .runtime
        .drive(rig.calls.call(pending::<Result<(), Verdict>>));
    assert_eq!(call.poll(), Poll::Pending);
    drop(call);
    assert_eq!(rig.state(), State::HalfOpen, "1 of 2");
    drop(rig.probe());
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_place_that_came_back_is_used_for_the_verdict() {
    let rig = Rig::half_open(two_probes());
    for _ in 0..50 {
        drop(rig.probe());
    }
    rig.bad(1);
    rig.good(1);
    assert_eq!(rig.state(), State::Closed, "1 of 2, and the threshold is 2");
}

#[test]
fn a_place_that_comes_back_after_the_half_open_time_is_not_one_of_the_next() {
    let rig = Rig::half_open(two_probes().half_open_for(secs(1)));
    let lost = [rig.probe(), rig.probe()];
    rig.pass(secs(1));
    rig.pass(rig.retry_after());
    let held = [rig.probe(), rig.probe()];
    drop(lost);
    rig.refused();
    assert_eq!(rig.state(), State::HalfOpen, "both of its own are out");
    for probe in held {
        probe.record(&Verdict::success());
    }
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn a_refused_call_that_is_dropped_gives_nothing_back() {
    let rig = Rig::half_open(two_probes());
    let held = [rig.probe(), rig.probe()];
    for _ in 0..10 {
        let mut refused = rig
            .runtime
            .drive(rig.calls.call(|| std::future::ready(Ok(()))));
        assert!(refused.poll().is_ready());
        drop(refused);
    }
    rig.refused();
    let [one, two] = held;
    one.record(&BAD);
    two.record(&BAD);
    assert_eq!(rig.state(), State::Open);
    assert!(rig.runtime.now() < rig.runtime.now() + rig.retry_after());
}
