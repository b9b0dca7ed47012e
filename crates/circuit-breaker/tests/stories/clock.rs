//! Clocks that jump, stand still, or are turned back.

use std::time::Duration;

use steadfast_circuit_breaker::{CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::{Instant, Ratio, Verdict};

use crate::common::{BAD, Rig, brittle, ms, ns, of_each_window, secs};

const HOUR: Duration = secs(3600);

fn ten_seconds() -> CircuitBreakerBuilder {
    CircuitBreaker::failure_rate(Ratio::percent(50)).over(secs(10))
}

#[test]
fn a_clock_that_stands_still_expires_nothing_and_opens_it_all_the_same() {
    let rig = Rig::new(ten_seconds());
    rig.good(1000);
    rig.bad(999);
    assert_eq!(rig.state(), State::Closed);
    rig.bad(1);
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_jump_forwards_empties_a_window_of_time() {
    for jump in [secs(10), HOUR, HOUR * 24 * 365 * 100] {
        let rig = Rig::new(ten_seconds());
        rig.bad(9);
        rig.pass(jump);
        assert_eq!(rig.counts(), (0, 0, 0));
        rig.bad(9);
        assert_eq!(rig.state(), State::Closed, "after a jump of {jump:?}");
        rig.bad(1);
        assert_eq!(rig.state(), State::Open);
    }
}

#[test]
fn a_clock_turned_back_within_the_window_loses_nothing() {
    let rig = Rig::new(ten_seconds());
    rig.bad(4);
    rig.pass(secs(9));
    rig.bad(1);
    rig.turn_back(secs(6));
    rig.bad(4);
    assert_eq!(rig.counts(), (9, 9, 0));
    rig.bad(1);
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_clock_turned_back_by_more_than_the_window_begins_an_empty_one() {
    for back in [secs(11), secs(600)] {
        let rig = Rig::new(ten_seconds());
        rig.good(1000);
        rig.bad(9);
        rig.turn_back(back);
        rig.bad(9);
        assert_eq!(rig.counts(), (9, 9, 0), "turned back by {back:?}");
        rig.bad(1);
        assert_eq!(rig.state(), State::Open);
    }
}

#[test]
fn a_look_after_the_clock_was_turned_back_sees_what_the_next_call_would_find() {
    let rig = Rig::new(ten_seconds());
    rig.bad(9);
    rig.turn_back(secs(9));
    assert_eq!(rig.counts(), (9, 9, 0));
    rig.turn_back(secs(1));
    assert_eq!(rig.snapshot().window, []);
    rig.pass(secs(10));
    assert_eq!(rig.counts(), (9, 9, 0), "a look forgets nothing");
}

#[test]
fn a_window_that_was_turned_back_slides_on() {
    let rig = Rig::new(ten_seconds());
    rig.bad(9);
    rig.turn_back(secs(600));
    rig.bad(9);
    rig.pass(secs(10));
    assert_eq!(rig.counts(), (0, 0, 0));
    rig.bad(5);
    rig.pass(secs(5));
    rig.bad(4);
    assert_eq!((rig.state(), rig.counts()), (State::Closed, (9, 9, 0)));
    rig.bad(1);
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_clock_turned_back_does_not_bring_back_the_period_before() {
    for back in 0..25 {
        let rig = Rig::new(ten_seconds());
        rig.bad(9);
        rig.breaker.reset();
        rig.turn_back(secs(back));
        rig.bad(1);
        let expected = (State::Closed, (1, 1, 0));
        assert_eq!(
            (rig.state(), rig.counts()),
            expected,
            "turned back by {back} s"
        );
    }
}

#[test]
fn a_clock_turned_back_during_a_call_makes_it_short() {
    let settings = CircuitBreaker::slow_calls(Ratio::percent(100), ms(100)).over_last(1);
    let rig = Rig::new(settings);
    let call = rig.start();
    rig.turn_back(secs(60));
    call.record(&Verdict::success());
    assert_eq!((rig.state(), rig.counts()), (State::Closed, (1, 0, 0)));
}

#[test]
fn a_jump_forwards_ends_the_open_time() {
    let rig = Rig::opened(brittle());
    rig.pass(HOUR);
    rig.good(1);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn a_clock_turned_back_never_keeps_it_open_for_longer_than_the_open_time() {
    for back in [secs(1), secs(4), secs(5), HOUR] {
        let rig = Rig::opened(brittle());
        rig.pass(secs(3));
        rig.turn_back(back);
        let remaining = (secs(2) + back).min(secs(5));
        assert_eq!(rig.retry_after(), remaining, "turned back by {back:?}");
        assert_eq!(rig.snapshot().remaining, remaining);
        rig.pass(remaining - ns(1));
        assert_eq!(rig.retry_after(), ns(1));
        rig.pass(ns(1));
        assert!(rig.start().is_probe());
    }
}

#[test]
fn a_clock_that_is_turned_back_again_and_again_starts_the_open_time_anew_at_most() {
    let rig = Rig::opened(brittle());
    for _ in 0..5 {
        rig.turn_back(secs(100));
        assert_eq!(rig.retry_after(), secs(5));
    }
    rig.pass(secs(5));
    rig.good(1);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn a_jump_forwards_ends_the_half_open_time() {
    let rig = Rig::half_open(brittle());
    let _probe = rig.probe();
    rig.pass(HOUR);
    rig.refused();
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_clock_turned_back_keeps_it_half_open_for_its_time_at_most() {
    for back in [secs(1), HOUR] {
        let rig = Rig::half_open(brittle().half_open_for(secs(3)));
        let _probe = rig.probe();
        rig.turn_back(back);
        rig.refused();
        assert_eq!(rig.state(), State::HalfOpen);
        rig.pass(secs(3) - ns(1));
        rig.refused();
        assert_eq!(rig.state(), State::HalfOpen);
        // When turned back by less, it began a second later than where the clock stood.
        rig.pass(ns(1));
        rig.refused();
        assert_eq!(rig.state(), State::Open, "turned back by {back:?}");
    }
}

#[test]
fn a_clock_turned_back_does_not_hold_up_the_ramp() {
    let ramp = [Ratio::percent(1), Ratio::percent(50)];
    let rig = Rig::half_open(brittle().ramp(ramp, secs(10)));
    rig.good(1);
    assert_eq!(rig.state(), State::Ramping);
    rig.turn_back(HOUR);
    let _ = rig.call(Ok(()));
    rig.pass(secs(20));
    rig.good(1);
    assert_eq!(rig.state(), State::Closed, "both steps have had their time");
}

#[test]
fn a_clock_turned_back_does_not_stop_probes() {
    let rig = Rig::half_open(brittle().probes(2));
    rig.good(1);
    rig.turn_back(HOUR);
    rig.good(1);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn no_instant_stops_it() {
    let instants = [
        0,
        1,
        u64::MAX,
        u64::MAX - 1,
        1_000_000_000_000,
        u64::MAX / 2,
        u64::MAX / 2 + 1,
        1_000_000_000_000 + 30_000_000_000,
        0,
        u64::MAX - 10_000_000_000,
    ];
    let windows = of_each_window(|| CircuitBreaker::failure_rate(Ratio::percent(50)));
    let long = ten_seconds().over(secs(60));
    let longest = ten_seconds().over(HOUR * 24).buckets(2);
    for settings in windows.into_iter().chain([long, longest]) {
        let settings = settings
            .slow_calls(Ratio::percent(50), ms(1))
            .ramp([Ratio::percent(50)], secs(1))
            .probes(2)
            .open_for(secs(1));
        let rig = Rig::new(settings);
        for first in instants {
            for second in instants {
                visit(
                    &rig,
                    Instant::from_nanos(first),
                    Instant::from_nanos(second),
                );
            }
        }
    }
}

/// Has it go through what it can do, between two instants.
fn visit(rig: &Rig, first: Instant, second: Instant) {
    rig.breaker.reset();
    rig.runtime.set_now(first);
    let permit = rig.start();
    rig.good(1);
    rig.runtime.set_now(second);
    permit.record(&BAD);
    let seen = rig.breaker.snapshot_at(second);
    let _ = rig.breaker.snapshot_at(first);
    rig.breaker.restore_at(second, &seen);
    rig.breaker.reset();
    let opens = (0..1000).any(|_| {
        let _ = rig.call(Err(BAD));
        rig.state() == State::Open
    });
    assert!(opens, "{first:?} then {second:?}");
    let _ = rig.breaker.snapshot_at(second);
    for now in [first, second, second, first] {
        rig.runtime.set_now(now);
        let _ = rig.call(Ok(()));
        let _ = rig.call(Err(BAD));
    }
}
