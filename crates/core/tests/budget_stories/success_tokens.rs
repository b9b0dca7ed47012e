//! The form of gRPC: failures take tokens, successes return a share, retries need more than half.

use steadfast_core::{BudgetedCall, Ratio, RetryBudget, Verdict};

use crate::{OVERLOADED, TRANSIENT, ZERO};

fn budget(max: u32, per_success: Ratio) -> RetryBudget {
    let budget = RetryBudget::success_tokens(max, per_success).build();
    budget.expect("valid settings")
}

fn record(call: &mut BudgetedCall<'_>, times: usize, verdict: Verdict) {
    for _ in 0..times {
        call.record(&verdict);
    }
}

fn allows(call: &mut BudgetedCall<'_>) -> bool {
    call.try_reserve_at(ZERO, &TRANSIENT)
}

#[test]
fn retries_are_allowed_only_while_more_than_half_of_the_tokens_are_left() {
    for (max, failures_allowed) in [(10, 4), (5, 2), (4, 1), (1, 0), (1000, 499)] {
        let budget = budget(max, Ratio::percent(10));
        let mut call = budget.enter_at(ZERO);
        record(&mut call, failures_allowed, TRANSIENT);
        assert!(allows(&mut call), "{failures_allowed} of {max} taken");
        record(&mut call, 1, TRANSIENT);
        assert!(!allows(&mut call), "one more of {max} taken");
    }
}

#[test]
fn a_retry_itself_takes_nothing_only_its_failure_does() {
    let budget = budget(10, Ratio::percent(10));
    let mut call = budget.enter_at(ZERO);
    for _ in 0..100 {
        assert!(allows(&mut call));
        call.spend();
    }
    assert_eq!(budget.available_at(ZERO), 5);
    record(&mut call, 1, TRANSIENT);
    assert_eq!(budget.available_at(ZERO), 4);
}

#[test]
fn available_says_how_many_retries_may_fail_one_after_another() {
    let budget = budget(10, Ratio::percent(10));
    let mut call = budget.enter_at(ZERO);
    for left in [5, 4, 3, 2, 1] {
        assert_eq!(budget.available_at(ZERO), left);
        assert!(allows(&mut call));
        record(&mut call, 1, TRANSIENT);
    }
    assert_eq!(budget.available_at(ZERO), 0);
    assert!(!allows(&mut call));
    record(&mut call, 1, Verdict::success()); // a tenth of a token above half is one more retry
    assert_eq!(budget.available_at(ZERO), 1);
}

#[test]
fn a_thousandth_of_a_token_counts() {
    let budget = budget(10, Ratio::per_mille(1));
    let mut call = budget.enter_at(ZERO);
    record(&mut call, 5, TRANSIENT);
    assert!(!allows(&mut call));
    record(&mut call, 1, Verdict::success());
    assert!(allows(&mut call));
}

#[test]
fn what_is_finer_than_a_thousandth_is_cut_off_as_in_grpc() {
    // A seventh is 0.142: 352 of them are 49.984 tokens, 353 are 50.126.
    let budget = budget(100, Ratio::new(1, 7).unwrap());
    let mut call = budget.enter_at(ZERO);
    record(&mut call, 100, TRANSIENT);
    record(&mut call, 352, Verdict::success());
    assert!(!allows(&mut call));
    record(&mut call, 1, Verdict::success());
    assert!(allows(&mut call));
}

#[test]
fn a_success_may_return_more_than_a_token() {
    let budget = budget(10, Ratio::percent(250));
    let mut call = budget.enter_at(ZERO);
    record(&mut call, 10, TRANSIENT);
    record(&mut call, 2, Verdict::success());
    assert!(!allows(&mut call)); // five tokens are half
    record(&mut call, 1, Verdict::success());
    assert_eq!(budget.available_at(ZERO), 3); // 7.5 tokens
}

#[test]
fn tokens_never_exceed_the_maximum() {
    let budget = budget(10, Ratio::percent(1000));
    let mut call = budget.enter_at(ZERO);
    record(&mut call, 1, TRANSIENT);
    record(&mut call, 1_000, Verdict::success()); // ten at a time
    record(&mut call, 4, TRANSIENT);
    assert!(allows(&mut call));
    record(&mut call, 1, TRANSIENT);
    assert!(!allows(&mut call));
}

#[test]
fn tokens_never_fall_below_zero() {
    let budget = budget(2, Ratio::percent(50));
    let mut call = budget.enter_at(ZERO);
    record(&mut call, 1_000, TRANSIENT);
    record(&mut call, 2, Verdict::success());
    assert!(!allows(&mut call)); // one of two
    record(&mut call, 1, Verdict::success());
    assert!(allows(&mut call));
}

#[test]
fn failures_that_may_pass_and_pushback_take_a_token_and_no_others_do() {
    let takes_one = [
        TRANSIENT,
        OVERLOADED,
        Verdict::permanent().with_pushback(),
        Verdict::caller().with_pushback(),
        TRANSIENT.with_pushback(),
    ];
    for verdict in takes_one {
        let budget = budget(10, Ratio::percent(10));
        record(&mut budget.enter_at(ZERO), 1, verdict);
        assert_eq!(budget.available_at(ZERO), 4, "{verdict:?}");
    }
    for verdict in [Verdict::permanent(), Verdict::caller()] {
        let budget = budget(10, Ratio::percent(10));
        record(&mut budget.enter_at(ZERO), 1, verdict);
        assert_eq!(budget.available_at(ZERO), 5, "{verdict:?}");
    }
}

#[test]
fn a_call_that_ends_keeps_what_its_failures_took() {
    let budget = budget(10, Ratio::percent(10));
    for left in [4, 3, 2, 1, 0] {
        let mut call = budget.enter_at(ZERO);
        record(&mut call, 1, TRANSIENT);
        assert_eq!(allows(&mut call), left > 0);
        drop(call);
        assert_eq!(budget.available_at(ZERO), left);
    }
}
