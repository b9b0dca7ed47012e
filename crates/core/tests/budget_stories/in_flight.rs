//! The form of Envoy: retries under way as a share of the calls under way.

use steadfast_core::{BudgetedCall, Ratio, RetryBudget};

use crate::{OVERLOADED, TRANSIENT, ZERO};

fn budget(percent: u32) -> RetryBudget {
    let budget = RetryBudget::share_of_in_flight(Ratio::percent(percent)).build();
    budget.expect("a valid share")
}

fn begin(budget: &RetryBudget, calls: usize) -> Vec<BudgetedCall<'_>> {
    (0..calls).map(|_| budget.enter_at(ZERO)).collect()
}

/// How many of these calls get a retry reserved, each asking once.
fn reserve(calls: &mut [BudgetedCall<'_>]) -> usize {
    let granted = calls
        .iter_mut()
        .map(|call| call.try_reserve_at(ZERO, &TRANSIENT));
    granted.filter(|granted| *granted).count()
}

#[test]
fn three_retries_are_allowed_however_few_calls_there_are() {
    let budget = budget(20);
    assert_eq!(budget.available_at(ZERO), 3);
    let mut calls = begin(&budget, 4);
    assert_eq!(reserve(&mut calls), 3);
}

#[test]
fn above_the_minimum_they_are_the_share_of_the_calls_under_way() {
    for (calls, retries) in [(15, 3), (19, 3), (20, 4), (24, 4), (25, 5), (100, 20)] {
        let budget = budget(20);
        let mut calls = begin(&budget, calls);
        assert_eq!(reserve(&mut calls), retries, "of {} calls", calls.len());
        assert_eq!(budget.available_at(ZERO), 0);
    }
}

#[test]
fn the_minimum_can_be_set_down_to_none() {
    let settings = RetryBudget::share_of_in_flight(Ratio::percent(20));
    let budget = settings.min_concurrent(0).build().unwrap();
    let mut calls = begin(&budget, 4);
    assert_eq!(reserve(&mut calls), 0);
    calls.push(budget.enter_at(ZERO));
    assert_eq!(reserve(&mut calls), 1);
}

#[test]
fn the_minimum_can_be_raised() {
    let settings = RetryBudget::share_of_in_flight(Ratio::percent(20));
    let budget = settings.min_concurrent(7).build().unwrap();
    assert_eq!(reserve(&mut begin(&budget, 30)), 7);
    assert_eq!(reserve(&mut begin(&budget, 40)), 8);
}

#[test]
fn a_retry_in_its_backoff_counts_as_one_that_runs() {
    let budget = budget(20);
    let mut calls = begin(&budget, 4);
    assert!(calls[0].try_reserve_at(ZERO, &TRANSIENT)); // sleeps
    assert!(calls[1].try_reserve_at(ZERO, &OVERLOADED)); // sleeps
    assert!(calls[2].try_reserve_at(ZERO, &TRANSIENT));
    calls[2].spend(); // runs
    assert!(!calls[3].try_reserve_at(ZERO, &TRANSIENT));
}

#[test]
fn a_retry_that_runs_is_counted_until_its_call_ends() {
    let budget = budget(20);
    let mut calls = begin(&budget, 3);
    assert_eq!(reserve(&mut calls), 3);
    calls.iter_mut().for_each(BudgetedCall::spend);
    assert_eq!(budget.available_at(ZERO), 0);
    calls.pop();
    assert_eq!(budget.available_at(ZERO), 1);
    drop(calls);
    assert_eq!(budget.available_at(ZERO), 3);
}

#[test]
fn the_next_retry_of_a_call_takes_the_place_of_its_last_one() {
    let budget = budget(20);
    let mut calls = begin(&budget, 3);
    assert_eq!(reserve(&mut calls), 3);
    calls.iter_mut().for_each(BudgetedCall::spend);
    for _ in 0..10 {
        assert!(calls[0].try_reserve_at(ZERO, &TRANSIENT));
        calls[0].spend();
        assert_eq!(budget.available_at(ZERO), 0);
    }
}

#[test]
fn the_share_follows_the_calls_that_end_and_takes_nothing_back() {
    let budget = budget(20);
    let mut calls = begin(&budget, 50);
    assert_eq!(reserve(&mut calls[..10]), 10);
    calls.truncate(10); // ten retries under way for ten calls, where three are allowed
    assert_eq!(budget.available_at(ZERO), 0);
    calls.truncate(3);
    assert_eq!(budget.available_at(ZERO), 0);
    calls.truncate(2);
    assert_eq!(budget.available_at(ZERO), 1);
}

#[test]
fn when_all_calls_have_ended_nothing_is_left_behind() {
    let settings = RetryBudget::share_of_in_flight(Ratio::percent(100));
    let budget = settings.min_concurrent(0).build().unwrap();
    for round in 1..20 {
        let mut calls = begin(&budget, round);
        assert_eq!(reserve(&mut calls), round);
        calls.iter_mut().step_by(2).for_each(BudgetedCall::spend);
    }
    assert_eq!(budget.available_at(ZERO), 0);
    let _only = budget.enter_at(ZERO);
    assert_eq!(budget.available_at(ZERO), 1);
}
