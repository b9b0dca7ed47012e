//! The breaker decides as a naive one does, which keeps every call in a list and counts them anew each time.
//!
//! In a window of up to 64 calls these are the last calls. A larger one of n calls has buckets of n / 32
//! calls, rounded down, and as many of them as go into n: when it begins one, the oldest is gone as a
//! whole. A good call that meets a window of good calls only is not written down. In a window of time a
//! call belongs to the slot in which it ended, a slot leaves as a whole, and the window does not move back
//! with the clock; one that is turned back by a whole window begins anew.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may do as the tests do"
)]

mod list;
mod naive;
mod replay;
mod runtime;
mod setup;
mod steps;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use steadfast_circuit_breaker::Cause;
use steadfast_core::{Ratio, Verdict};

use self::{
    replay::{Reached, replay},
    setup::{Extent, Setup, of_few_calls, of_many_calls, of_time},
    steps::{End, Happening, Move, calls, only, start, steps},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_window_of_up_to_64_calls_decides_as_the_list_of_calls_does(
        setup in of_few_calls(),
        start in start(),
        steps in steps(70),
    ) {
        replay(&setup, start, &steps)?;
    }

    #[test]
    fn a_window_of_time_decides_as_the_list_of_calls_in_their_slots_does(
        setup in of_time(),
        start in start(),
        steps in steps(10),
    ) {
        replay(&setup, start, &steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_window_of_time_goes_on_when_the_numbers_of_slots_come_round(
        setup in of_time(),
        before in 0..20_u64,
        steps in steps(10),
    ) {
        let mut history = Vec::new();
        for slots in [0, 0, 0, before] {
            history.push(only(Happening::Move(Move::ToQuarter(slots))));
            history.push(calls(1, GOOD));
        }
        for _ in 0..before {
            history.push(calls(1, GOOD));
            history.push(only(Happening::Move(Move::ToSlot(1, 0))));
        }
        history.extend(steps);
        replay(&setup, 0, &history)?;
    }

    #[test]
    fn a_window_of_many_calls_decides_as_the_list_of_calls_in_their_buckets_does(
        setup in of_many_calls(),
        start in start(),
        steps in steps(200),
    ) {
        replay(&setup, start, &steps)?;
    }
}

const GOOD: End = End::Said(Verdict::success());
const BAD: End = End::Said(Verdict::transient());

/// A window of 65 calls: 32 buckets of two.
fn of_65_calls(part: u32, whole: u32) -> Setup {
    let second = 1_000_000_000;
    Setup {
        failure_rate: Some(Ratio::new(part, whole).unwrap()),
        slow: None,
        consecutive: None,
        extent: Extent::Calls(65),
        min_calls: 10,
        open_for: second,
        max_open_for: second,
        factor_milli: 1000,
        jitter: Ratio::percent(0),
        max_retry_after: 0,
        probes: 1,
        half_open_for: second,
        ramp: Vec::new(),
        ramp_step: second,
        cancelled_is_failed: false,
        shadow: false,
    }
}

#[test]
fn a_good_call_that_pushes_out_good_ones_may_raise_the_rate_to_the_threshold() {
    let setup = of_65_calls(32, 63);
    let history = [calls(32, GOOD), calls(32, BAD), calls(1, GOOD)];
    let reached = replay(&setup, 0, &history).unwrap();
    assert_eq!(reached.causes, [Cause::FailureRate]);
}

#[test]
fn a_window_that_needs_all_its_calls_is_judged_when_they_are_in() {
    for size in 65..200 {
        let setup = Setup {
            extent: Extent::Calls(size),
            min_calls: size,
            ..of_65_calls(1, 1)
        };
        let calls = [calls(u32::try_from(size).unwrap(), BAD)];
        let reached = replay(&setup, 0, &calls).unwrap();
        assert_eq!(reached.causes, [Cause::FailureRate], "{size}");
    }
}

/// Generations of buckets have eight bits.
#[test]
fn what_buckets_held_many_periods_ago_is_forgotten() {
    let mut history = vec![calls(20, GOOD), calls(6, BAD)];
    for _ in 0..130 {
        history.extend([only(Happening::Isolate), only(Happening::Reset)]);
        history.push(calls(30, GOOD));
    }
    let reached = replay(&of_65_calls(1, 2), 0, &history).unwrap();
    assert!(reached.causes.iter().all(|cause| *cause == Cause::ByHand));
}

/// Without this the properties might hold because nothing ever happens.
#[test]
fn the_histories_reach_every_transition_and_late_results_and_growing_open_times() {
    fn reach<S: Strategy<Value = Setup>>(setups: S, burst: u32) -> Reached {
        let mut runner = TestRunner::deterministic();
        let histories = (setups, start(), steps(burst));
        let mut all = Reached::default();
        for _ in 0..100 {
            let (setup, start, steps) = histories.new_tree(&mut runner).unwrap().current();
            let reached = replay(&setup, start, &steps).unwrap();
            all.causes.extend(reached.causes);
            all.stale += reached.stale;
            all.reopened = all.reopened.max(reached.reopened);
        }
        all
    }
    let causes = [
        Cause::FailureRate,
        Cause::SlowCallRate,
        Cause::ConsecutiveFailures,
        Cause::OpenTimeOver,
        Cause::ProbesFailed,
        Cause::HalfOpenTimeOver,
        Cause::ProbesSucceeded,
        Cause::RampOver,
        Cause::ByHand,
    ];
    for all in [
        reach(of_few_calls(), 70),
        reach(of_time(), 10),
        reach(of_many_calls(), 200),
    ] {
        for cause in causes {
            let times = all.causes.iter().filter(|reached| **reached == cause);
            assert!(times.count() > 3, "no history reaches {cause}");
        }
        assert!(all.stale > 100, "{} late results", all.stale);
        assert!(all.reopened > 2, "{} re-openings in a row", all.reopened);
    }
}
