//! What a reservation promises in every form: given back when abandoned, final when spent.

use std::panic::{AssertUnwindSafe, catch_unwind};

use steadfast_core::{Instant, Ratio, RetryBudget};

use crate::{OVERLOADED, TRANSIENT, ZERO, at, bare_ratio, make_calls};

/// Every form in which a retry takes something, with two retries to give.
fn forms() -> [(&'static str, RetryBudget); 5] {
    let ratio = bare_ratio(Ratio::percent(100));
    make_calls(&ratio, 2, ZERO);
    let floor = RetryBudget::ratio(Ratio::percent(1)).min_per_second(2);
    let floor = floor.ttl(std::time::Duration::from_secs(1)).build();
    let token_bucket = RetryBudget::token_bucket(2, Ratio::percent(10)).build();
    let cost_aware = RetryBudget::cost_aware().capacity(28).build();
    let in_flight = RetryBudget::share_of_in_flight(Ratio::percent(1)).min_concurrent(2);
    [
        ("ratio", ratio),
        ("floor", floor.unwrap()),
        ("token_bucket", token_bucket.unwrap()),
        ("cost_aware", cost_aware.unwrap()),
        ("in_flight", in_flight.build().unwrap()),
    ]
}

/// Begins a call that deposits nothing that matters here.
macro_rules! call {
    ($form:expr, $budget:expr) => {{
        let before = $budget.available_at(ZERO);
        let call = $budget.enter_at(ZERO);
        // The ratio of the form `ratio` counts the call; take that out of the picture.
        let extra = $budget.available_at(ZERO) - before;
        assert_eq!(extra, u64::from($form == "ratio"));
        (call, $budget.available_at(ZERO))
    }};
}

#[test]
fn a_dropped_reservation_is_refunded() {
    for (form, budget) in forms() {
        let (mut call, full) = call!(form, budget);
        assert!(call.try_reserve_at(ZERO, &TRANSIENT), "{form}");
        assert_eq!(budget.available_at(ZERO), full - 1, "{form}");
        drop(call);
        assert_eq!(budget.available_at(ZERO), full, "{form}");
    }
}

#[test]
fn a_reservation_is_refunded_when_its_call_panics() {
    for (form, budget) in forms() {
        let (mut call, full) = call!(form, budget);
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            assert!(call.try_reserve_at(ZERO, &TRANSIENT));
            panic!("the operation of this story");
        }));
        assert!(panicked.is_err());
        assert_eq!(budget.available_at(ZERO), full, "{form}");
    }
}

#[test]
fn a_spent_reservation_is_not_refunded() {
    for (form, budget) in forms() {
        let (mut call, full) = call!(form, budget);
        assert!(call.try_reserve_at(ZERO, &TRANSIENT));
        call.spend();
        call.spend(); // a second time changes nothing
        assert_eq!(budget.available_at(ZERO), full - 1, "{form}");
        drop(call);
        // Only what counts retries under way gets it back when the retry ends.
        let refunded = u64::from(form == "in_flight");
        assert_eq!(budget.available_at(ZERO), full - 1 + refunded, "{form}");
    }
}

#[test]
fn a_call_holds_one_reservation_at_most() {
    for (form, budget) in forms() {
        let (mut call, full) = call!(form, budget);
        for _ in 0..10 {
            assert!(call.try_reserve_at(ZERO, &TRANSIENT), "{form}");
            assert_eq!(budget.available_at(ZERO), full - 1, "{form}");
        }
        drop(call);
        assert_eq!(budget.available_at(ZERO), full, "{form}");
    }
}

#[test]
fn a_refused_call_has_nothing_to_give_back() {
    for (form, budget) in forms() {
        let (mut refused, full) = call!(form, budget);
        let mut holders: Vec<_> = (0..full).map(|_| budget.enter_at(ZERO)).collect();
        for holder in &mut holders {
            assert!(holder.try_reserve_at(ZERO, &TRANSIENT), "{form}");
        }
        // The ratio form counted the holders, too.
        while refused.try_reserve_at(ZERO, &TRANSIENT) {
            refused.spend();
        }
        drop(refused);
        assert_eq!(budget.available_at(ZERO), 0, "{form}");
    }
}

#[test]
fn spending_without_a_reservation_takes_nothing() {
    for (form, budget) in forms() {
        let (mut call, full) = call!(form, budget);
        call.spend();
        assert_eq!(budget.available_at(ZERO), full, "{form}");
        assert!(call.try_reserve_at(ZERO, &TRANSIENT), "{form}");
        drop(call);
        assert_eq!(budget.available_at(ZERO), full, "{form}");
    }
}

#[test]
fn a_refund_gives_back_what_was_paid_and_not_what_another_retry_costs() {
    let budget = RetryBudget::cost_aware().capacity(28).build().unwrap();
    let mut call = budget.enter_at(ZERO);
    for _ in 0..10 {
        assert!(call.try_reserve_at(ZERO, &OVERLOADED));
        assert!(call.try_reserve_at(ZERO, &TRANSIENT));
    }
    drop(call);
    assert_eq!(budget.available_at(ZERO), 2);
    let mut drain = budget.enter_at(ZERO);
    for _ in 0..2 {
        assert!(drain.try_reserve_at(ZERO, &TRANSIENT));
        drain.spend();
    }
    assert!(!drain.try_reserve_at(ZERO, &OVERLOADED)); // not a token more than 28
}

/// The stories of the ratio form's window: `reserved` and `dropped` say when.
fn after_refund(reserved: Instant, dropped: Instant, looked: Instant) -> u64 {
    let budget = bare_ratio(Ratio::percent(100));
    make_calls(&budget, 3, at(0)); // slice 0
    let mut call = budget.enter_at(at(0));
    assert!(call.try_reserve_at(reserved, &TRANSIENT));
    let _ = budget.available_at(dropped); // expires what has left the window
    drop(call);
    budget.available_at(looked)
}

#[test]
fn a_refund_within_the_window_restores_what_the_calls_paid() {
    assert_eq!(after_refund(at(5), at(9), at(9)), 4);
    assert_eq!(after_refund(at(0), at(9), at(9)), 4);
}

#[test]
fn a_refund_after_the_slice_expired_grants_nothing_twice() {
    // The reservation's own slice has left: its price went with it.
    assert_eq!(after_refund(at(5), at(15), at(15)), 0);
    assert_eq!(after_refund(at(0), at(10), at(10)), 0);
    // The calls have left and the reservation has not: it is worth nothing but must not stay a debt.
    assert_eq!(after_refund(at(5), at(12), at(12)), 0);
    assert_eq!(after_refund(at(5), at(12), at(30)), 0);
}

#[test]
fn a_refund_into_a_slice_that_was_taken_over_changes_nothing() {
    let budget = bare_ratio(Ratio::percent(100));
    let mut old = budget.enter_at(at(0));
    assert!(old.try_reserve_at(at(0), &TRANSIENT));
    make_calls(&budget, 1, at(10)); // the same place in the ring
    drop(old);
    assert_eq!(budget.available_at(at(10)), 1);
    assert_eq!(budget.available_at(at(20)), 0);
}

#[test]
fn a_late_refund_to_a_slice_that_nobody_has_looked_at_yet_grants_nothing() {
    let budget = bare_ratio(Ratio::percent(100));
    let mut calls: Vec<_> = (0..3).map(|_| budget.enter_at(at(0))).collect();
    for call in &mut calls {
        assert!(call.try_reserve_at(at(0), &TRANSIENT));
    }
    drop(calls); // after 30 s, without anything that expired the slice
    assert_eq!(budget.available_at(at(30)), 0);
}
