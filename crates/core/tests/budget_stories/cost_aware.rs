//! The form of the AWS SDKs: what a retry costs depends on the failure, and a success returns it.

use steadfast_core::{BudgetedCall, Outcome, RetryBudget, Verdict};

use crate::{OVERLOADED, TRANSIENT, ZERO, retries_until_refused};

fn budget() -> RetryBudget {
    let budget = RetryBudget::cost_aware().build();
    budget.expect("the defaults are valid")
}

fn retry(call: &mut BudgetedCall<'_>, failure: &Verdict) {
    assert!(call.try_reserve_at(ZERO, failure));
    call.spend();
}

/// How many single tokens are left, found by taking all of them.
fn tokens_left(budget: &RetryBudget) -> u64 {
    let mut call = budget.enter_at(ZERO);
    let transient = retries_until_refused(&mut call, ZERO, &TRANSIENT);
    let overloaded = retries_until_refused(&mut call, ZERO, &OVERLOADED);
    // What is left cannot be seen; it is below the price of an overloaded retry. Fill it up to one.
    let mut first_try_successes = 0;
    while !call.try_reserve_at(ZERO, &OVERLOADED) {
        budget.enter_at(ZERO).record(&Verdict::success());
        first_try_successes += 1;
    }
    transient * 14 + overloaded * 5 + 5 - first_try_successes
}

#[test]
fn by_default_there_are_500_tokens_and_a_retry_costs_14_or_5_when_overloaded() {
    let by_transient = budget();
    let mut call = by_transient.enter_at(ZERO);
    assert_eq!(retries_until_refused(&mut call, ZERO, &TRANSIENT), 35); // 490
    assert_eq!(retries_until_refused(&mut call, ZERO, &OVERLOADED), 2); // 500
    let by_overload = budget();
    let mut call = by_overload.enter_at(ZERO);
    assert_eq!(retries_until_refused(&mut call, ZERO, &OVERLOADED), 100);
    assert_eq!(tokens_left(&budget()), 500);
}

#[test]
fn failures_alone_take_nothing() {
    let budget = budget();
    let mut call = budget.enter_at(ZERO);
    for _ in 0..1_000 {
        call.record(&TRANSIENT);
        call.record(&OVERLOADED.with_pushback());
    }
    assert_eq!(tokens_left(&budget), 500);
}

#[test]
fn a_success_returns_what_its_last_retry_cost() {
    for (retries, left) in [
        (vec![TRANSIENT], 500),
        (vec![OVERLOADED], 500),
        (vec![TRANSIENT, OVERLOADED], 486),
        (vec![OVERLOADED, TRANSIENT], 495),
        (vec![TRANSIENT, TRANSIENT, TRANSIENT], 472),
    ] {
        let budget = budget();
        let mut call = budget.enter_at(ZERO);
        for failure in &retries {
            retry(&mut call, failure);
        }
        call.record(&Verdict::success());
        drop(call);
        assert_eq!(tokens_left(&budget), left, "after {retries:?}");
    }
}

#[test]
fn a_success_that_is_told_once_returns_what_each_retry_around_it_cost() {
    let budget = budget();
    let (mut outer, mut inner) = (budget.enter_at(ZERO), budget.enter_at(ZERO));
    retry(&mut outer, &TRANSIENT);
    retry(&mut inner, &OVERLOADED);
    let mut outcome = Outcome::<_, ()>::new(Ok(()), Verdict::success());
    inner.record_outcome(&mut outcome);
    outer.record_outcome(&mut outcome);
    drop((outer, inner));
    assert_eq!(tokens_left(&budget), 500);
}

#[test]
fn a_success_at_the_first_try_returns_one_token() {
    let budget = budget();
    let mut spender = budget.enter_at(ZERO);
    retries_until_refused(&mut spender, ZERO, &TRANSIENT); // 10 are left
    for _ in 0..3 {
        budget.enter_at(ZERO).record(&Verdict::success());
        assert!(!spender.try_reserve_at(ZERO, &TRANSIENT));
    }
    budget.enter_at(ZERO).record(&Verdict::success());
    assert!(spender.try_reserve_at(ZERO, &TRANSIENT));
}

#[test]
fn a_call_that_fails_for_good_returns_nothing() {
    let budget = budget();
    let mut call = budget.enter_at(ZERO);
    retry(&mut call, &TRANSIENT);
    call.record(&Verdict::permanent());
    drop(call);
    assert_eq!(tokens_left(&budget), 486);
}

#[test]
fn a_retry_that_was_refused_does_not_raise_what_a_success_returns() {
    let budget = RetryBudget::cost_aware().capacity(16).build().unwrap();
    let mut call = budget.enter_at(ZERO);
    retry(&mut call, &OVERLOADED); // 11 are left
    assert!(!call.try_reserve_at(ZERO, &TRANSIENT));
    call.record(&Verdict::success()); // returns the 5
    drop(call);
    assert_eq!(tokens_left(&budget), 16);
}

#[test]
fn it_never_holds_more_than_its_capacity() {
    let budget = budget();
    let mut call = budget.enter_at(ZERO);
    retry(&mut call, &TRANSIENT); // 486
    for _ in 0..10 {
        budget.enter_at(ZERO).record(&Verdict::success()); // 496
    }
    call.record(&Verdict::success()); // 14 more would be 510
    drop(call);
    for _ in 0..1_000 {
        budget.enter_at(ZERO).record(&Verdict::success());
    }
    assert_eq!(tokens_left(&budget), 500);
}

#[test]
fn available_counts_transient_retries() {
    let budget = budget();
    assert_eq!(budget.available_at(ZERO), 35);
    let mut call = budget.enter_at(ZERO);
    retry(&mut call, &OVERLOADED); // 495
    assert_eq!(budget.available_at(ZERO), 35);
    retry(&mut call, &OVERLOADED); // 490
    retry(&mut call, &OVERLOADED); // 485
    assert_eq!(budget.available_at(ZERO), 34);
}

#[test]
fn capacity_and_costs_can_be_set() {
    let budget = RetryBudget::cost_aware()
        .capacity(10)
        .transient_cost(10)
        .overloaded_cost(3)
        .build()
        .unwrap();
    let mut call = budget.enter_at(ZERO);
    assert_eq!(retries_until_refused(&mut call, ZERO, &OVERLOADED), 3);
    assert!(!call.try_reserve_at(ZERO, &TRANSIENT));
    call.record(&Verdict::success()); // 1 and the 3 of the last retry
    assert!(!call.try_reserve_at(ZERO, &TRANSIENT));
    for _ in 0..6 {
        budget.enter_at(ZERO).record(&Verdict::success());
    }
    assert!(call.try_reserve_at(ZERO, &TRANSIENT));
}
