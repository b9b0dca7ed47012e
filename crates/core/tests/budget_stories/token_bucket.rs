//! The token bucket of M. Brooker: retries take tokens, successes return a share.

use steadfast_core::{Ratio, RetryBudget, Verdict};

use crate::{OVERLOADED, TRANSIENT, ZERO, retries_until_refused};

fn budget(capacity: u32, per_success: Ratio) -> RetryBudget {
    let budget = RetryBudget::token_bucket(capacity, per_success).build();
    budget.expect("valid settings")
}

#[test]
fn it_starts_full_and_each_retry_takes_one_whatever_the_failure() {
    let budget = budget(10, Ratio::percent(10));
    let mut call = budget.enter_at(ZERO);
    for (verdict, left) in [(TRANSIENT, 9), (OVERLOADED, 8)] {
        assert!(call.try_reserve_at(ZERO, &verdict));
        call.spend();
        assert_eq!(budget.available_at(ZERO), left);
    }
    assert_eq!(retries_until_refused(&mut call, ZERO, &TRANSIENT), 8);
}

#[test]
fn failures_take_nothing() {
    let budget = budget(3, Ratio::percent(10));
    let mut call = budget.enter_at(ZERO);
    for _ in 0..100 {
        call.record(&TRANSIENT);
        call.record(&OVERLOADED.with_pushback());
    }
    assert_eq!(retries_until_refused(&mut call, ZERO, &TRANSIENT), 3);
}

#[test]
fn ten_successes_at_a_tenth_are_exactly_one_retry() {
    let budget = budget(3, Ratio::percent(10));
    let mut call = budget.enter_at(ZERO);
    assert_eq!(retries_until_refused(&mut call, ZERO, &TRANSIENT), 3);
    for _ in 0..9 {
        call.record(&Verdict::success());
        assert!(!call.try_reserve_at(ZERO, &TRANSIENT));
    }
    call.record(&Verdict::success());
    assert_eq!(retries_until_refused(&mut call, ZERO, &TRANSIENT), 1);
}

#[test]
fn it_never_holds_more_than_its_capacity() {
    let budget = budget(3, Ratio::percent(70));
    let mut call = budget.enter_at(ZERO);
    for _ in 0..100 {
        call.record(&Verdict::success());
    }
    assert_eq!(retries_until_refused(&mut call, ZERO, &TRANSIENT), 3);
    for _ in 0..100 {
        call.record(&Verdict::success()); // 0.7 at a time ends at 3, not at 3.5
    }
    assert_eq!(retries_until_refused(&mut call, ZERO, &TRANSIENT), 3);
    call.record(&Verdict::success()); // so there is no half that this would make a whole
    assert!(!call.try_reserve_at(ZERO, &TRANSIENT));
}

#[test]
fn the_largest_bucket_grants_all_of_its_million_and_not_one_more() {
    let budget = budget(1_000_000, Ratio::per_mille(1));
    let mut call = budget.enter_at(ZERO);
    assert_eq!(
        retries_until_refused(&mut call, ZERO, &TRANSIENT),
        1_000_000
    );
}
