//! Windows that did not slide, or did not forget.

use steadfast_circuit_breaker::{Cause, CircuitBreaker, State};
use steadfast_core::{Ratio, Verdict};

use crate::common::{BAD, Rig, ms, ns, of_each_window, read, secs};

/// Failures until it opens, after so many successes.
fn failures_to_open(size: u32, successes: u32) -> u32 {
    let settings = CircuitBreaker::failure_rate(Ratio::percent(50)).over_last(size);
    let rig = Rig::new(settings);
    for _ in 0..successes {
        rig.start().record(&Verdict::success());
    }
    (1..=size)
        .find(|_| {
            rig.start().record(&BAD);
            rig.state() == State::Open
        })
        .expect("half of the window is enough")
}

/// tower-resilience 0.13: its window of calls never slid, so after 10,000 successes it took 10,000
/// failures to open.
#[test]
fn half_a_window_of_failures_opens_it_after_ten_thousand_successes() {
    assert_eq!(failures_to_open(20, 10_000), 10);
    assert_eq!(failures_to_open(64, 10_000), 32);
    assert!((47..=50).contains(&failures_to_open(100, 10_000)));
    assert!((468..=500).contains(&failures_to_open(1000, 10_000)));
}

/// The same after a million.
#[test]
fn half_a_window_of_failures_opens_it_after_a_million_successes() {
    assert_eq!(failures_to_open(20, 1_000_000), 10);
    assert!((47..=50).contains(&failures_to_open(100, 1_000_000)));
}

/// tower-resilience 0.13: the other way round, failures of long ago stayed in the rate.
#[test]
fn failures_of_long_ago_do_not_count_in_a_window_of_calls() {
    for size in [20, 100] {
        let rate = CircuitBreaker::failure_rate(Ratio::percent(50)).over_last(size);
        let rig = Rig::new(rate);
        for _ in 0..1000 {
            rig.good(11);
            rig.bad(9);
        }
        rig.good(size);
        assert_eq!(rig.counts().1, 0);
        rig.bad(size / 2 - size / 16 - 1);
        assert_eq!(rig.state(), State::Closed);
    }
}

/// cockatiel: its sampling window kept what was in it over an idle gap, and judged it with the first call
/// afterwards.
#[test]
fn an_idle_gap_empties_a_window_of_time() {
    for gap in [secs(10), secs(11), secs(15), secs(25), secs(3600)] {
        let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(50)).over(secs(10)));
        rig.bad(9);
        rig.pass(gap);
        rig.bad(1);
        assert_eq!(
            (rig.state(), rig.counts()),
            (State::Closed, (1, 1, 0)),
            "{gap:?}"
        );
    }
}

/// The same for a gap that is shorter than the window.
#[test]
fn an_idle_gap_drops_the_oldest_slots_and_only_those() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(50)).over(secs(10)));
    for failures in [1, 2, 1, 2, 1] {
        rig.bad(failures);
        rig.pass(secs(1));
    }
    rig.pass(secs(7) - ns(1));
    assert_eq!(rig.counts().1, 4, "the last three slots of the five");
    rig.pass(ns(1));
    assert_eq!(rig.counts().1, 3);
    rig.good(1);
    assert_eq!(rig.counts(), (4, 3, 0));
}

/// A slow call that succeeded was not slow, or counted as a failure.
#[test]
fn slow_successes_open_it_by_the_rule_of_slow_calls() {
    for settings in of_each_window(|| CircuitBreaker::failure_rate(Ratio::percent(50))) {
        let rig = Rig::new(settings.slow_calls(Ratio::percent(50), ms(10)));
        let mut transitions = rig.breaker.subscribe();
        for _ in 0..10 {
            rig.takes(ms(20), Ok(()));
        }
        let opened = (State::Closed, State::Open, Cause::SlowCallRate);
        assert_eq!(read(&mut transitions), [opened]);
    }
}
