//! Snapshots in a format: what is kept over a restart survives the way through it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may do as the tests do"
)]

#[path = "stories/common.rs"]
mod common;

use common::{BAD, Rig, brittle, ms, secs};
use steadfast_circuit_breaker::{CircuitBreaker, Snapshot, State};
use steadfast_core::{Ratio, Verdict};

fn through_json(snapshot: &Snapshot) -> Snapshot {
    let text = serde_json::to_string(snapshot).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_window_survives() {
    let settings = || {
        CircuitBreaker::failure_rate(Ratio::percent(90))
            .slow_calls(Ratio::percent(90), ms(10))
            .consecutive_failures(9)
    };
    for settings in common::of_each_window(settings) {
        let rig = Rig::new(settings.clone());
        rig.good(5);
        rig.takes(ms(20), Err(BAD));
        rig.pass(secs(2));
        rig.bad(3);
        let late = rig.start();
        let kept = through_json(&rig.snapshot());
        assert_eq!(kept, rig.snapshot());
        assert_eq!((kept.calls(), kept.failures(), kept.slow()), (9, 4, 1));
        rig.breaker.restore_at(rig.now(), &kept);
        late.record(&BAD);
        assert_eq!(through_json(&rig.snapshot()).stale, 1);
        assert_eq!(rig.counts(), (9, 4, 1));
        rig.bad(5);
        assert_eq!(rig.state(), State::Open, "nine in a row");
    }
}

#[test]
fn every_state_survives() {
    let ramp = || brittle().ramp([Ratio::percent(50)], secs(1));
    let closed = Rig::new(ramp());
    let open = Rig::opened(ramp());
    open.pass(secs(5));
    open.bad(1);
    open.pass(ms(1500));
    let half_open = Rig::half_open(ramp());
    let ramping = Rig::half_open(ramp());
    ramping.probe().record(&Verdict::success());
    let isolated = Rig::new(ramp());
    isolated.breaker.isolate();
    let forced = Rig::new(ramp());
    forced.breaker.force_closed();
    for (rig, state) in [
        (closed, State::Closed),
        (open, State::Open),
        (half_open, State::HalfOpen),
        (ramping, State::Ramping),
        (isolated, State::Isolated),
        (forced, State::ForcedClosed),
    ] {
        let kept = through_json(&rig.snapshot());
        assert_eq!(kept.state, state);
        assert_eq!(kept, rig.snapshot());
    }
}

#[test]
fn an_open_breaker_goes_on_after_the_restart() {
    let rig = Rig::opened(brittle());
    rig.pass(secs(5));
    rig.bad(1);
    rig.pass(ms(1500));
    let kept = through_json(&rig.snapshot());
    let again = Rig::new(brittle());
    again.breaker.restore_at(again.now(), &kept);
    assert_eq!(again.retry_after(), ms(8500));
    again.pass(ms(8500));
    again.bad(1);
    assert_eq!(again.retry_after(), secs(20));
}

#[test]
fn the_format_is_this() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(90)).over(secs(10)));
    rig.bad(2);
    rig.pass(secs(1));
    rig.good(1);
    assert_eq!(
        serde_json::to_value(rig.snapshot()).unwrap(),
        serde_json::json!({
            "state": "Closed",
            "remaining": {"secs": 0, "nanos": 0},
            "reopened": 0,
            "consecutive_failures": 0,
            "window": [
                {"age": {"secs": 1, "nanos": 0}, "calls": 2, "failures": 2, "slow": 0},
                {"age": {"secs": 0, "nanos": 0}, "calls": 1, "failures": 0, "slow": 0},
            ],
            "stale": 0,
        })
    );
}

#[test]
fn what_is_no_snapshot_is_refused() {
    for text in ["", "{}", "[]", r#"{"state":"Ajar"}"#, "null"] {
        assert!(serde_json::from_str::<Snapshot>(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_not_said_is_nothing() {
    let kept: Snapshot = serde_json::from_str(r#"{"state":"Open"}"#).unwrap();
    assert_eq!((kept.state, kept.remaining), (State::Open, secs(0)));
    assert_eq!((kept.reopened, kept.stale, kept.calls()), (0, 0, 0));
}
