//! Windows of time.

use steadfast_circuit_breaker::{CircuitBreaker, CircuitBreakerBuilder, State};
use steadfast_core::Ratio;

use crate::common::{BAD, Rig, ms, ns, secs};

/// Ten slots of a second; the clock of the tests begins with a slot.
fn ten_seconds() -> CircuitBreakerBuilder {
    CircuitBreaker::failure_rate(Ratio::percent(50)).over(secs(10))
}

#[test]
fn a_failure_counts_until_its_slot_leaves_and_not_a_nanosecond_longer() {
    for (after, state) in [(secs(10) - ns(1), State::Open), (secs(10), State::Closed)] {
        let rig = Rig::new(ten_seconds());
        rig.bad(9);
        rig.pass(after);
        rig.bad(1);
        assert_eq!(rig.state(), state, "after {after:?}");
    }
}

#[test]
fn a_slot_leaves_as_a_whole() {
    let rig = Rig::new(ten_seconds());
    rig.bad(3);
    rig.pass(secs(1) - ns(1));
    rig.bad(3);
    rig.pass(ns(1));
    rig.bad(3);
    rig.pass(secs(9) - ns(1));
    assert_eq!(rig.counts(), (9, 9, 0));
    rig.pass(ns(1));
    assert_eq!(rig.counts(), (3, 3, 0), "both of the first slot have left");
}

#[test]
fn slots_leave_one_by_one_without_traffic() {
    let rig = Rig::new(ten_seconds().min_calls(100));
    for _ in 0..10 {
        rig.bad(1);
        rig.pass(secs(1));
    }
    for left in (0..10).rev() {
        assert_eq!(rig.counts(), (left, left, 0));
        rig.pass(secs(1));
    }
}

#[test]
fn a_good_call_opens_it_when_older_good_ones_have_left() {
    let rig = Rig::new(ten_seconds());
    rig.good(90);
    rig.pass(secs(5));
    rig.bad(20);
    assert_eq!(rig.state(), State::Closed, "20 of 110");
    rig.pass(secs(5) - ns(1));
    rig.good(1);
    assert_eq!(rig.state(), State::Closed, "20 of 111");
    rig.pass(ns(1));
    rig.good(1);
    assert_eq!(rig.state(), State::Open, "20 of 22");
}

#[test]
fn min_calls_are_those_in_the_window() {
    let rig = Rig::new(ten_seconds());
    for _ in 0..50 {
        rig.bad(1);
        rig.pass(secs(2));
    }
    assert_eq!(rig.state(), State::Closed, "never more than five at a time");
    rig.bad(6);
    assert_eq!(rig.state(), State::Open, "4 and 6");
}

#[test]
fn a_success_that_comes_later_may_be_the_min_calls_th() {
    let rig = Rig::new(ten_seconds());
    rig.bad(9);
    rig.pass(secs(3));
    rig.good(1);
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_rate_that_waits_for_min_calls_goes_when_its_failures_leave() {
    let rig = Rig::new(ten_seconds());
    rig.bad(9);
    rig.pass(secs(10));
    rig.good(50);
    assert_eq!((rig.state(), rig.counts()), (State::Closed, (50, 0, 0)));
}

#[test]
fn a_call_belongs_to_the_slot_in_which_it_ended() {
    let rig = Rig::new(ten_seconds().min_calls(100));
    rig.takes(secs(5), Err(BAD));
    rig.pass(secs(10) - ns(1));
    assert_eq!(
        rig.counts(),
        (1, 1, 0),
        "it began more than ten seconds ago"
    );
    rig.pass(ns(1));
    assert_eq!(rig.counts(), (0, 0, 0));
}

#[test]
fn the_number_of_slots_may_be_chosen() {
    for (buckets, width) in [(2, ms(800)), (5, ms(320)), (16, ms(100))] {
        let settings = CircuitBreaker::failure_rate(Ratio::percent(50));
        let rig = Rig::new(settings.over(ms(1600)).buckets(buckets).min_calls(100));
        rig.bad(1);
        rig.pass(width);
        rig.bad(1);
        rig.pass(ms(1600) - width - ns(1));
        assert_eq!(rig.counts().1, 2, "{buckets} slots");
        rig.pass(ns(1));
        assert_eq!(rig.counts().1, 1, "{buckets} slots");
        rig.pass(width);
        assert_eq!(rig.counts().1, 0, "{buckets} slots");
    }
}

#[test]
fn a_busy_window_is_as_exact_as_a_quiet_one() {
    let rig = Rig::new(ten_seconds());
    for _ in 0..30 {
        rig.good(100);
        rig.bad(99);
        rig.pass(secs(1));
    }
    assert_eq!(rig.state(), State::Closed);
    assert_eq!(
        rig.counts(),
        (1791, 891, 0),
        "nine seconds, the tenth is empty"
    );
    // What brings 891 + x of 1791 + x to a half.
    rig.bad(8);
    assert_eq!(rig.state(), State::Closed);
    rig.bad(1);
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn the_window_of_one_period_is_not_seen_in_the_next() {
    let rig = Rig::new(ten_seconds().open_for(ms(1)).probes(1));
    rig.bad(10);
    rig.pass(ms(1));
    rig.close();
    assert_eq!(rig.counts(), (0, 0, 0), "their slot has not left yet");
    rig.bad(9);
    assert_eq!(rig.state(), State::Closed);
}

#[test]
fn a_call_that_blocks_for_longer_than_the_window_does_not_empty_it() {
    let rig = Rig::new(ten_seconds().min_calls(3));
    let blocking = rig.calls.call(|| async {
        rig.pass(secs(60));
        for other in [rig.start(), rig.start()] {
            other.record(&BAD);
        }
        Err(BAD)
    });
    let _ = rig.runtime.block_on(blocking);
    assert_eq!(rig.state(), State::Open, "all three are in the window");
}

#[test]
fn a_breaker_that_a_blocking_call_opens_is_open_from_its_end_on() {
    let rig = Rig::new(ten_seconds().min_calls(1).open_for(secs(5)));
    let blocking = rig.calls.call(|| async {
        rig.pass(secs(7));
        Err(BAD)
    });
    let _ = rig.runtime.block_on(blocking);
    assert_eq!(rig.retry_after(), secs(5));
}
