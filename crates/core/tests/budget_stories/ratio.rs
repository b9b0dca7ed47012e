//! The ratio form: retries as an exact share of the calls in a sliding window.

use std::time::Duration;

use steadfast_core::{Ratio, RetryBudget};

use crate::{TRANSIENT, ZERO, at, bare_ratio, just_before, make_calls, retries_until_refused};

#[test]
fn by_default_it_allows_a_fifth_of_the_calls_and_ten_retries_a_second() {
    let built = RetryBudget::ratio(Ratio::percent(20)).build().unwrap();
    for budget in [RetryBudget::default(), built] {
        // Ten a second over a window of ten seconds.
        assert_eq!(budget.available_at(ZERO), 100);
        make_calls(&budget, 9, ZERO);
        assert_eq!(budget.available_at(ZERO), 101);
        let mut tenth = budget.enter_at(ZERO);
        assert_eq!(retries_until_refused(&mut tenth, ZERO, &TRANSIENT), 102);
        assert_eq!(budget.available_at(ZERO), 0);
        assert_eq!(budget.available_at(just_before(at(10))), 0);
        assert_eq!(budget.available_at(at(10)), 100);
    }
}

#[test]
fn a_fifth_of_five_calls_is_exactly_one_retry_and_of_fourteen_exactly_two() {
    for (calls, retries) in [(0, 0), (4, 0), (5, 1), (9, 1), (10, 2), (14, 2), (15, 3)] {
        let budget = bare_ratio(Ratio::percent(20));
        make_calls(&budget, calls, ZERO);
        assert_eq!(budget.available_at(ZERO), retries, "of {calls} calls");
    }
}

/// The defect is that of tower's `TpsBudget`, which grants 100 % when it is asked for 60 to 90.
#[test]
fn ratios_above_half_are_exact_and_not_rounded_up() {
    for percent in 51..=99 {
        let budget = bare_ratio(Ratio::percent(percent));
        make_calls(&budget, 99, ZERO);
        let mut hundredth = budget.enter_at(ZERO);
        let granted = retries_until_refused(&mut hundredth, ZERO, &TRANSIENT);
        assert_eq!(granted, u64::from(percent), "at {percent} %");
    }
}

#[test]
fn one_call_does_not_pay_for_a_retry_below_a_hundred_percent() {
    for percent in [50, 60, 90, 99] {
        let budget = bare_ratio(Ratio::percent(percent));
        let mut call = budget.enter_at(ZERO);
        assert!(!call.try_reserve_at(ZERO, &TRANSIENT), "at {percent} %");
        make_calls(&budget, 1, ZERO);
        assert!(call.try_reserve_at(ZERO, &TRANSIENT), "at {percent} %");
    }
}

#[test]
fn fractions_are_kept_from_call_to_call_and_never_rounded() {
    let settings = [
        (Ratio::per_mille(1), 10_000, 10),
        (Ratio::per_mille(999), 1_001, 999), // 999.999
        (Ratio::new(1, 3).unwrap(), 3_000, 1_000),
        (Ratio::new(2, 7).unwrap(), 13, 3), // 3.71
        (Ratio::percent(250), 3, 7),        // 7.5
        (Ratio::percent(1000), 3, 30),
    ];
    for (ratio, calls, retries) in settings {
        let budget = bare_ratio(ratio);
        make_calls(&budget, calls - 1, ZERO);
        let mut last = budget.enter_at(ZERO);
        let granted = retries_until_refused(&mut last, ZERO, &TRANSIENT);
        assert_eq!(granted, retries, "{ratio} of {calls} calls");
    }
}

#[test]
fn the_floor_is_what_min_per_second_allows_over_the_window() {
    let settings = [
        (Duration::from_secs(1), 1, 1),
        (Duration::from_secs(2), 10, 20),
        (Duration::from_millis(1_500), 1, 1), // 1.5: a retry is whole or not at all
        (Duration::from_secs(60), 1_000_000, 60_000_000),
    ];
    for (ttl, min_per_second, floor) in settings {
        let budget = RetryBudget::ratio(Ratio::percent(1))
            .ttl(ttl)
            .min_per_second(min_per_second)
            .build()
            .unwrap();
        let available = budget.available_at(ZERO);
        assert_eq!(available, floor, "{min_per_second} a second over {ttl:?}");
    }
}

#[test]
fn without_a_floor_and_without_calls_nothing_is_granted() {
    let budget = bare_ratio(Ratio::percent(1000));
    assert_eq!(budget.available_at(ZERO), 0);
    make_calls(&budget, 1, ZERO);
    assert_eq!(budget.available_at(ZERO), 10);
}

#[test]
fn a_call_stops_funding_retries_when_its_slice_leaves_the_window() {
    let budget = bare_ratio(Ratio::percent(100));
    make_calls(&budget, 1, at(20));
    make_calls(&budget, 1, just_before(at(21))); // the same slice of a second
    make_calls(&budget, 1, at(21));
    assert_eq!(budget.available_at(just_before(at(30))), 3);
    assert_eq!(budget.available_at(at(30)), 1);
    assert_eq!(budget.available_at(just_before(at(31))), 1);
    assert_eq!(budget.available_at(at(31)), 0);
}

#[test]
fn the_window_moves_on_in_tenths_of_the_ttl() {
    let budget = RetryBudget::ratio(Ratio::percent(100))
        .ttl(Duration::from_secs(60))
        .min_per_second(0)
        .build()
        .unwrap();
    for second in 0..60 {
        make_calls(&budget, 1, at(second));
    }
    for (second, calls) in [(59, 60), (60, 54), (65, 54), (66, 48), (114, 0)] {
        assert_eq!(budget.available_at(at(second)), calls, "at {second} s");
    }
}

#[test]
fn retries_leave_the_window_as_calls_do() {
    let budget = RetryBudget::ratio(Ratio::percent(20))
        .min_per_second(1)
        .build()
        .unwrap();
    let mut call = budget.enter_at(at(0));
    assert_eq!(retries_until_refused(&mut call, at(5), &TRANSIENT), 10);
    assert_eq!(budget.available_at(just_before(at(15))), 0);
    assert_eq!(budget.available_at(at(15)), 10);
}

#[test]
fn a_retry_weighs_on_the_budget_for_longer_than_the_older_calls_that_paid_for_it() {
    let budget = bare_ratio(Ratio::percent(20));
    make_calls(&budget, 4, at(0));
    let mut call = budget.enter_at(at(0));
    assert_eq!(retries_until_refused(&mut call, at(9), &TRANSIENT), 1);
    make_calls(&budget, 5, at(10)); // the first five have left, the retry has not
    assert_eq!(budget.available_at(at(10)), 0);
    make_calls(&budget, 5, at(11));
    assert_eq!(budget.available_at(at(11)), 1);
    assert_eq!(budget.available_at(at(19)), 2); // the retry has left, ten calls are there
}

#[test]
fn steady_traffic_gets_its_share_second_by_second() {
    let budget = bare_ratio(Ratio::percent(20));
    let mut granted = 0;
    for second in 0..1_000 {
        make_calls(&budget, 6, at(second));
        let mut call = budget.enter_at(at(second));
        granted += retries_until_refused(&mut call, at(second), &TRANSIENT);
    }
    assert_eq!(granted, 1_400); // of 7,000 calls
}

#[test]
fn the_largest_floor_is_granted_to_the_last_retry_and_not_one_more() {
    // More than an i32 of thousandths can hold in one slice.
    let budget = RetryBudget::ratio(Ratio::per_mille(1))
        .ttl(Duration::from_secs(1))
        .min_per_second(1_000_000)
        .build()
        .unwrap();
    let mut call = budget.enter_at(ZERO);
    let granted = retries_until_refused(&mut call, ZERO, &TRANSIENT);
    assert_eq!(granted, 1_000_000);
}

#[test]
fn a_slice_that_can_hold_no_more_refuses_rather_than_granting_without_end() {
    let budget = RetryBudget::ratio(Ratio::per_mille(1))
        .ttl(Duration::from_secs(3))
        .min_per_second(1_000_000)
        .build()
        .unwrap();
    let mut call = budget.enter_at(ZERO);
    let mut granted = 0_u32;
    while granted <= 3_000_000 && call.try_reserve_at(ZERO, &TRANSIENT) {
        call.spend();
        granted += 1;
    }
    assert!(granted > 2_000_000, "{granted}");
    assert!(granted <= 3_000_000, "more than the floor");
    // Nothing of it is forgotten before its time.
    assert!(budget.available_at(ZERO) <= 3_000_000 - u64::from(granted));
    assert_eq!(budget.available_at(at(3)), 3_000_000);
}
