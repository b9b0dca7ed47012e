//! The failure rate, over windows of calls; and of each window what it remembers.

use steadfast_circuit_breaker::{Cause, CircuitBreaker, State};
use steadfast_core::{Ratio, Verdict};

use crate::common::{BAD, OVERLOADED, Rig, half_fail, read};

/// Sizes of windows: those of one word, the first above it, and those that divide badly.
const SIZES: [u32; 12] = [1, 2, 10, 63, 64, 65, 95, 96, 100, 127, 1000, 4096];

#[test]
fn it_opens_at_the_threshold_and_not_below() {
    for settings in half_fail() {
        let rig = Rig::new(settings);
        let mut transitions = rig.breaker.subscribe();
        rig.good(6);
        rig.bad(5);
        assert_eq!(rig.state(), State::Closed, "5 of 11");
        rig.bad(1);
        assert_eq!(rig.state(), State::Open, "6 of 12");
        let opened = (State::Closed, State::Open, Cause::FailureRate);
        assert_eq!(read(&mut transitions), [opened]);
    }
}

#[test]
fn thresholds_are_exact() {
    // Of 30 calls: just below a third, and a third.
    for (failures, state) in [(9, State::Closed), (10, State::Open)] {
        let third = Ratio::new(1, 3).unwrap();
        let settings = CircuitBreaker::failure_rate(third).over_last(30);
        let rig = Rig::new(settings.min_calls(30));
        rig.bad(failures);
        rig.good(30 - failures);
        assert_eq!(rig.state(), state, "{failures} of 30");
    }
}

#[test]
fn a_rate_of_100_percent_opens_it_only_when_all_failed() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(100)).over_last(10));
    rig.good(1);
    rig.bad(9);
    assert_eq!(rig.state(), State::Closed);
    rig.bad(1);
    assert_eq!(rig.state(), State::Open, "the good one has left the window");
}

#[test]
fn the_smallest_rate_opens_it_for_one_failure_and_never_for_none() {
    let least = Ratio::new(1, u32::MAX).unwrap();
    let rig = Rig::new(CircuitBreaker::failure_rate(least).over_last(64));
    rig.good(200);
    assert_eq!(rig.state(), State::Closed);
    rig.bad(1);
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_rate_means_nothing_before_there_are_min_calls() {
    for settings in half_fail() {
        let rig = Rig::new(settings.min_calls(20));
        rig.bad(19);
        assert_eq!(rig.state(), State::Closed);
        rig.bad(1);
        assert_eq!(rig.state(), State::Open);
    }
}

#[test]
fn a_success_that_is_the_min_calls_th_call_opens_it() {
    for settings in half_fail() {
        let rig = Rig::new(settings.min_calls(20));
        rig.bad(10);
        rig.good(9);
        assert_eq!(rig.state(), State::Closed);
        rig.good(1);
        assert_eq!(rig.state(), State::Open, "10 of 20");
    }
}

#[test]
fn min_calls_may_be_the_whole_window() {
    for size in SIZES {
        let settings = CircuitBreaker::failure_rate(Ratio::percent(50)).over_last(size);
        let rig = Rig::new(settings.min_calls(size));
        rig.bad(size - 1);
        assert_eq!(rig.state(), State::Closed, "one is missing of {size}");
        rig.bad(1);
        assert_eq!(rig.state(), State::Open, "{size} of {size} failed");
    }
}

#[test]
fn a_full_window_is_enough_calls_for_ever() {
    for size in SIZES {
        let settings = CircuitBreaker::failure_rate(Ratio::percent(100)).over_last(size);
        let rig = Rig::new(settings.min_calls(size));
        rig.good(3 * size + 1);
        let failures = failures_until_open(&rig, size);
        let least = size - if size > 64 { size / 16 } else { 0 };
        assert!(failures >= least, "{failures} of {size}");
    }
}

/// How many failures in a row open it, which are at most so many.
fn failures_until_open(rig: &Rig, most: u32) -> u32 {
    for failures in 1..=most {
        rig.bad(1);
        if rig.state() == State::Open {
            return failures;
        }
    }
    panic!("it is still closed after {most} failures");
}

#[test]
fn a_failure_leaves_a_window_of_up_to_64_with_the_call_that_comes_so_much_later() {
    for size in 2..=64 {
        let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(100)).over_last(size));
        rig.bad(1);
        rig.good(size - 1);
        assert_eq!(rig.counts(), (size.into(), 1, 0), "of {size}");
        rig.good(1);
        assert_eq!(rig.counts(), (size.into(), 0, 0), "of {size}");
    }
}

#[test]
fn a_window_of_more_holds_between_fifteen_sixteenths_and_all_of_it() {
    for size in [65, 66, 95, 96, 100, 127, 128, 1000, 4096] {
        let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(100)).over_last(size));
        rig.bad(1);
        let after = (1..=size).find(|after| {
            rig.good(1);
            let (calls, failures, _) = rig.counts();
            assert!(calls <= size.into());
            let is_full = *after >= size;
            assert!(!is_full || calls >= u64::from(size) * 15 / 16, "{calls}");
            failures == 0
        });
        let after = after.expect("it leaves with the whole window at the latest");
        assert!(after >= size * 15 / 16, "{after} of {size}");
    }
}

#[test]
fn each_call_pushes_out_the_oldest_one() {
    let settings = CircuitBreaker::failure_rate(Ratio::percent(50)).over_last(10);
    let rig = Rig::new(settings);
    rig.bad(4);
    rig.good(6);
    for round in 0..4 {
        rig.bad(1);
        assert_eq!(rig.state(), State::Closed, "one came and one went, {round}");
    }
    assert_eq!(rig.counts(), (10, 4, 0));
    rig.bad(1);
    assert_eq!(rig.state(), State::Open, "one came, and a good one went");
}

#[test]
fn many_good_calls_do_not_outweigh_the_last_ones() {
    for size in SIZES {
        let settings = CircuitBreaker::failure_rate(Ratio::percent(50)).over_last(size);
        let rig = Rig::new(settings);
        rig.good(3 * size);
        let failures = failures_until_open(&rig, size);
        let exact = size.div_ceil(2);
        let least = if size > 64 { exact - size / 32 } else { exact };
        assert!((least..=exact).contains(&failures), "{failures} of {size}");
    }
}

#[test]
fn what_the_window_holds_has_always_been_judged() {
    // Of each size a sequence that has failures in the window while buckets leave it.
    for size in SIZES {
        let third = Ratio::new(1, 3).unwrap();
        let settings = CircuitBreaker::failure_rate(third).over_last(size);
        let rig = Rig::new(settings);
        let mut chance = 12_345_u32;
        for call in 0..20 * size.min(200) {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if (chance >> 16) % 10 < 3 {
                rig.bad(1);
            } else {
                rig.good(1);
            }
            if rig.state() == State::Open {
                rig.breaker.reset();
                continue;
            }
            let (calls, failures, _) = rig.counts();
            let enough = calls >= u64::from(size.min(10));
            assert!(
                !enough || 3 * failures < calls,
                "{failures} of {calls} are a third, at call {call} of a window of {size}"
            );
        }
    }
}

#[test]
fn overloaded_and_permanent_failures_count_in_the_rate() {
    for verdict in [BAD, OVERLOADED, Verdict::permanent()] {
        for settings in half_fail() {
            let rig = Rig::new(settings);
            rig.good(10);
            rig.answer(9, Err(verdict));
            assert_eq!(rig.state(), State::Closed);
            rig.answer(1, Err(verdict));
            assert_eq!(rig.state(), State::Open, "{verdict:?}");
        }
    }
}

#[test]
fn the_call_that_opens_it_gets_its_own_answer() {
    let rig = Rig::new(CircuitBreaker::failure_rate(Ratio::percent(50)).min_calls(2));
    rig.good(1);
    rig.bad(1); // Asserts that the error is the operation's.
    assert_eq!(rig.state(), State::Open);
}

#[test]
fn a_closed_period_begins_with_an_empty_window() {
    for settings in half_fail() {
        let rig = Rig::new(settings.probes(1));
        rig.bad(10);
        rig.pass(rig.retry_after());
        rig.close();
        assert_eq!(rig.counts(), (0, 0, 0), "neither the past nor the probe");
        rig.bad(9);
        assert_eq!(rig.state(), State::Closed);
        rig.bad(1);
        assert_eq!(rig.state(), State::Open);
    }
}

#[test]
fn a_window_forgets_earlier_periods_however_many_there_were() {
    for settings in half_fail() {
        let rig = Rig::new(settings);
        rig.bad(9);
        for resets in 1..=600 {
            rig.breaker.reset();
            rig.good(1);
            assert_eq!(rig.counts(), (1, 0, 0), "after {resets} resets");
        }
    }
}
