//! What survives a restart.

use std::time::Duration;

use steadfast_circuit_breaker::{CircuitBreaker, CircuitBreakerBuilder, Snapshot, State};
use steadfast_core::{Instant, Ratio, Verdict, VirtualRuntime};

use crate::common::{BAD, Rig, brittle, half_fail, ms, ns, of_each_window, secs};

/// A breaker of the same settings in another process: its clock shows something else.
fn restored(settings: CircuitBreakerBuilder, kept: &Snapshot) -> Rig {
    let runtime = VirtualRuntime::new(3);
    runtime.set_now(Instant::from_nanos(7_777_000_000_000));
    let rig = Rig::of(runtime, settings.build().unwrap());
    rig.breaker.restore_at(rig.now(), kept);
    rig
}

fn without_stale(mut snapshot: Snapshot) -> Snapshot {
    snapshot.stale = 0;
    snapshot
}

#[test]
fn a_window_comes_back_as_it_was() {
    let settings =
        || CircuitBreaker::failure_rate(Ratio::percent(90)).slow_calls(Ratio::percent(90), ms(10));
    for settings in of_each_window(settings) {
        let rig = Rig::new(settings.clone().consecutive_failures(100));
        rig.good(7);
        rig.takes(ms(20), Ok(()));
        rig.takes(ms(20), Err(BAD));
        rig.pass(secs(2));
        rig.bad(3);
        rig.good(2);
        rig.bad(4);
        let kept = rig.snapshot();
        assert_eq!((kept.calls(), kept.failures(), kept.slow()), (18, 8, 2));
        let again = restored(settings.consecutive_failures(100), &kept);
        let seen = again.snapshot();
        assert_eq!((seen.calls(), seen.failures(), seen.slow()), (18, 8, 2));
        assert_eq!((seen.state, seen.consecutive_failures), (State::Closed, 4));
    }
}

#[test]
fn a_window_of_up_to_64_calls_keeps_each_call() {
    let settings = || CircuitBreaker::failure_rate(Ratio::percent(90)).over_last(20);
    let rig = Rig::new(settings());
    for run in [3, 1, 4, 1, 5] {
        rig.good(run);
        rig.bad(run / 2 + 1);
    }
    let kept = rig.snapshot();
    assert_eq!(restored(settings(), &kept).snapshot(), kept);
}

#[test]
fn a_window_of_time_keeps_each_slot() {
    let settings = || CircuitBreaker::failure_rate(Ratio::percent(90)).over(secs(10));
    let rig = Rig::new(settings());
    for calls in 1..=8 {
        rig.good(calls);
        rig.bad(1);
        rig.pass(secs(1));
    }
    let kept = rig.snapshot();
    let ages: Vec<_> = kept.window.iter().map(|bucket| bucket.age).collect();
    assert_eq!(ages, (1..=8).rev().map(secs).collect::<Vec<_>>());
    let again = restored(settings(), &kept);
    assert_eq!(again.snapshot(), kept);
    again.pass(secs(2) - ns(1));
    assert_eq!(again.snapshot().calls(), kept.calls());
    again.pass(ns(1));
    assert_eq!(
        again.snapshot().calls(),
        kept.calls() - 2,
        "the oldest has left"
    );
}

#[test]
fn what_was_kept_decides_with_what_comes() {
    for settings in half_fail() {
        let rig = Rig::new(settings.clone());
        rig.bad(9);
        let again = restored(settings, &rig.snapshot());
        assert_eq!(again.state(), State::Closed);
        again.good(1);
        assert_eq!(again.state(), State::Open, "9 of 10, the tenth was good");
    }
}

#[test]
fn what_was_kept_leaves_the_window_in_its_turn() {
    for settings in half_fail() {
        let rig = Rig::new(settings.clone());
        rig.good(10);
        rig.bad(9);
        let again = restored(settings, &rig.snapshot());
        again.pass(secs(10));
        again.good(500);
        assert_eq!(again.snapshot().failures(), 0);
        again.bad(1);
        assert_eq!(again.state(), State::Closed);
    }
}

#[test]
fn a_row_of_failures_goes_on() {
    let settings = || CircuitBreaker::consecutive_failures(5);
    let rig = Rig::new(settings());
    rig.bad(4);
    let again = restored(settings(), &rig.snapshot());
    again.bad(1);
    assert_eq!(again.state(), State::Open);
    let again = restored(settings(), &rig.snapshot());
    again.good(1);
    again.bad(4);
    assert_eq!(again.state(), State::Closed);
}

#[test]
fn an_open_breaker_comes_back_open_with_what_is_left() {
    let rig = Rig::opened(brittle());
    rig.pass(secs(2));
    let kept = rig.snapshot();
    assert_eq!((kept.state, kept.remaining), (State::Open, secs(3)));
    let again = restored(brittle(), &kept);
    assert_eq!(again.retry_after(), secs(3));
    assert_eq!(again.snapshot(), kept);
    again.pass(secs(3) - ns(1));
    assert_eq!(again.retry_after(), ns(1));
    again.pass(ns(1));
    again.good(1);
    assert_eq!(again.state(), State::Closed);
}

#[test]
fn growth_goes_on_where_it_was() {
    let rig = Rig::opened(brittle());
    rig.pass(secs(5));
    rig.bad(1);
    rig.pass(secs(10));
    rig.bad(1);
    let kept = rig.snapshot();
    assert_eq!((kept.reopened, kept.remaining), (2, secs(20)));
    let again = restored(brittle(), &kept);
    again.pass(secs(20));
    again.bad(1);
    assert_eq!(again.retry_after(), secs(40));
}

#[test]
fn half_open_comes_back_open_with_no_time_left() {
    let rig = Rig::half_open(brittle());
    let probe = rig.probe();
    let kept = rig.snapshot();
    assert_eq!(
        (kept.state, kept.remaining),
        (State::HalfOpen, Duration::ZERO)
    );
    let again = restored(brittle(), &kept);
    assert_eq!(again.state(), State::Open);
    again.probe().record(&Verdict::success());
    assert_eq!(again.state(), State::Closed);
    drop(probe);
}

#[test]
fn ramping_comes_back_open_with_no_time_left() {
    let ramp = || brittle().ramp([Ratio::percent(50)], secs(1));
    let rig = Rig::half_open(ramp());
    rig.good(1);
    let kept = rig.snapshot();
    assert_eq!(kept.state, State::Ramping);
    let again = restored(ramp(), &kept);
    assert_eq!(again.state(), State::Open);
    assert!(again.start().is_probe());
}

#[test]
fn what_was_done_by_hand_comes_back() {
    let rig = Rig::new(brittle());
    rig.breaker.isolate();
    let again = restored(brittle(), &rig.snapshot());
    assert_eq!(again.refused().retry_after(), None);
    assert_eq!(again.state(), State::Isolated);
    rig.breaker.force_closed();
    let again = restored(brittle(), &rig.snapshot());
    again.bad(5);
    assert_eq!(again.state(), State::ForcedClosed);
}

#[test]
fn what_was_there_before_is_replaced() {
    for settings in half_fail() {
        let kept = Rig::new(settings.clone()).snapshot();
        let rig = Rig::new(settings.consecutive_failures(30));
        rig.bad(9);
        rig.breaker.restore_at(rig.now(), &kept);
        assert_eq!(without_stale(rig.snapshot()), kept);
        rig.bad(9);
        assert_eq!(rig.state(), State::Closed);
    }
}

#[test]
fn calls_under_way_when_it_is_restored_are_late() {
    for settings in half_fail() {
        let rig = Rig::new(settings);
        let late: Vec<_> = (0..20).map(|_| rig.start()).collect();
        rig.breaker.restore_at(rig.now(), &rig.snapshot());
        for permit in late {
            permit.record(&BAD);
        }
        assert_eq!((rig.state(), rig.counts()), (State::Closed, (0, 0, 0)));
        assert_eq!(rig.snapshot().stale, 20);
    }
}

#[test]
fn a_smaller_window_keeps_the_newest_calls() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(90)).over_last(60));
    rig.good(5);
    rig.bad(20);
    rig.good(35);
    let kept = rig.snapshot();
    let small = CircuitBreaker::failure_rate(Ratio::percent(90)).over_last(50);
    let seen = restored(small, &kept).snapshot();
    assert_eq!((seen.calls(), seen.failures()), (50, 15));
    let shorter = CircuitBreaker::failure_rate(Ratio::percent(90)).over_last(10);
    let seen = restored(shorter, &kept).snapshot();
    assert_eq!((seen.calls(), seen.failures()), (10, 0));
}

#[test]
fn a_shorter_window_of_time_keeps_the_newest_slots() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(90)).over(secs(10)));
    for _ in 0..8 {
        rig.bad(1);
        rig.pass(secs(1));
    }
    let short = CircuitBreaker::failure_rate(Ratio::percent(90)).over(secs(5));
    let seen = restored(short, &rig.snapshot()).snapshot();
    assert_eq!(seen.calls(), 4, "those of the last four seconds");
}

#[test]
fn a_snapshot_changes_nothing() {
    for settings in half_fail() {
        let rig = Rig::new(settings);
        rig.bad(5);
        let first = rig.snapshot();
        for _ in 0..10 {
            assert_eq!(rig.snapshot(), first);
        }
        rig.good(3);
        rig.bad(2);
        assert_eq!(rig.state(), State::Open);
    }
}

#[test]
fn a_window_is_restored_after_the_clock_was_turned_back() {
    let settings = || CircuitBreaker::failure_rate(Ratio::percent(50)).over(secs(10));
    let rig = Rig::new(settings());
    rig.bad(9);
    let kept = rig.snapshot();
    rig.turn_back(secs(600));
    rig.breaker.restore_at(rig.now(), &kept);
    assert_eq!(rig.counts(), (9, 9, 0));
    rig.bad(1);
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn no_snapshot_stops_it() {
    let template = {
        let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(90)));
        rig.bad(2);
        rig.snapshot()
    };
    let values = [0, 1, 9, 10, u64::from(u32::MAX), u64::MAX];
    for settings in half_fail() {
        for state in [
            State::Closed,
            State::Open,
            State::HalfOpen,
            State::Ramping,
            State::Isolated,
            State::ForcedClosed,
        ] {
            for value in values {
                let mut strange = template.clone();
                strange.state = state;
                strange.remaining = ns(value).saturating_mul(1000);
                strange.reopened = u32::try_from(value).unwrap_or(u32::MAX);
                strange.consecutive_failures = strange.reopened;
                let bucket = strange.window[0];
                strange.window.resize(20, bucket);
                for (number, bucket) in strange.window.iter_mut().enumerate() {
                    bucket.age = ns(values[number % 6]).saturating_mul(1_000_000);
                    bucket.calls = values[number % 5];
                    bucket.failures = value;
                    bucket.slow = value;
                }
                let rig = Rig::new(settings.clone().consecutive_failures(5));
                rig.breaker.restore_at(rig.now(), &strange);
                for _ in 0..20 {
                    let _ = rig.call(Err(BAD));
                    let _ = rig.call(Ok(()));
                    rig.pass(secs(1));
                }
                let _ = rig.snapshot();
            }
        }
    }
}

#[test]
fn the_sums_of_a_strange_snapshot_do_not_overflow() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(90)));
    rig.bad(2);
    let mut strange = rig.snapshot();
    let bucket = strange.window[0];
    strange.window.resize(3, bucket);
    for bucket in &mut strange.window {
        bucket.calls = u64::MAX;
        bucket.failures = u64::MAX;
        bucket.slow = u64::MAX;
    }
    let sums = (strange.calls(), strange.failures(), strange.slow());
    assert_eq!(sums, (u64::MAX, u64::MAX, u64::MAX));
}

#[test]
fn closed_nothing_is_left_of_earlier_openings() {
    let rig = Rig::opened(brittle());
    rig.pass(secs(5));
    rig.bad(1);
    let mut kept = rig.snapshot();
    assert_eq!(kept.reopened, 1);
    kept.state = State::Closed;
    let again = Rig::new(brittle());
    again.breaker.restore_at(again.now(), &kept);
    assert_eq!(again.snapshot().reopened, 0);
    again.bad(1);
    assert_eq!(again.retry_after(), secs(5));
}
