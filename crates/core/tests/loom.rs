//! Every interleaving of two threads on one budget, or on one map of policies; beside each model a
//! broken twin that it must catch.
//!
//! `RUSTFLAGS="--cfg steadfast_loom" cargo test -p steadfast-core --test loom --release --target-dir target/loom`

#![cfg(steadfast_loom)]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

#[path = "loom/forms.rs"]
mod forms;
#[path = "loom/keyed/mod.rs"]
mod keyed;
#[path = "loom/models.rs"]
mod models;
#[path = "loom/twin.rs"]
mod twin;

use self::{
    forms::{cost_aware, floor, half, in_flight, success_tokens, token_bucket, whole},
    models::{
        abandoned_ones_can_be_taken, abandoned_ones_come_back, counts_return_to_zero,
        deposits_are_kept, failures_are_kept, only_one_holds, refund_races_expiry,
        refund_races_takeover, slices_expire_once, takers_share_nothing,
    },
    twin::{Fault, Twin},
};

/// The twin without its fault: what it fails at, it fails at because of the fault.
fn sound() -> Twin {
    Twin::new(Fault::None)
}

#[test]
fn two_withdrawals_never_share_a_token() {
    takers_share_nothing(floor);
    takers_share_nothing(token_bucket);
    takers_share_nothing(cost_aware);
    takers_share_nothing(|| Twin::with_floor(1, Fault::None));
}

#[test]
#[should_panic(expected = "two took one token")]
fn two_withdrawals_that_check_and_then_act_share_a_token() {
    takers_share_nothing(|| Twin::with_floor(1, Fault::ChecksThenTakes));
}

#[test]
fn two_calls_that_pay_half_a_retry_each_get_one_between_them() {
    deposits_are_kept(half, 1);
}

#[test]
fn two_retries_are_never_under_way_where_one_is_allowed() {
    only_one_holds(in_flight);
    only_one_holds(floor);
    only_one_holds(token_bucket);
    only_one_holds(|| Twin::with_floor(1, Fault::None));
}

#[test]
#[should_panic(expected = "two are under way")]
fn two_retries_that_check_and_then_act_are_under_way_at_once() {
    only_one_holds(|| Twin::with_floor(1, Fault::ChecksThenTakes));
}

#[test]
fn a_dropped_reservation_is_refunded() {
    abandoned_ones_come_back(floor);
    abandoned_ones_come_back(token_bucket);
    abandoned_ones_come_back(cost_aware);
    abandoned_ones_come_back(in_flight);
    abandoned_ones_come_back(|| Twin::with_floor(1, Fault::None));
}

#[test]
#[should_panic(expected = "a reservation leaked")]
fn a_dropped_reservation_whose_refund_loads_and_stores_leaks() {
    abandoned_ones_come_back(|| Twin::with_floor(1, Fault::LoadsThenStores));
}

#[test]
fn a_refund_that_races_a_withdrawal_is_neither_lost_nor_doubled() {
    abandoned_ones_can_be_taken(floor);
    abandoned_ones_can_be_taken(token_bucket);
    abandoned_ones_can_be_taken(cost_aware);
    abandoned_ones_can_be_taken(|| Twin::with_floor(1, Fault::None));
}

#[test]
#[should_panic(expected = "lost or doubled")]
fn a_refund_that_loads_and_stores_is_lost_or_doubled() {
    abandoned_ones_can_be_taken(|| Twin::with_floor(1, Fault::LoadsThenStores));
}

#[test]
fn deposits_that_race_a_withdrawal_are_not_lost() {
    deposits_are_kept(whole, 2);
    deposits_are_kept(sound, 2);
}

#[test]
#[should_panic(expected = "do not add up")]
fn deposits_that_load_and_store_are_lost() {
    deposits_are_kept(|| Twin::new(Fault::LoadsThenStores), 2);
}

#[test]
fn failures_that_race_each_other_and_a_success_are_all_counted() {
    failures_are_kept(success_tokens);
    failures_are_kept(|| Twin::with_floor(4, Fault::None));
}

#[test]
#[should_panic(expected = "an outcome was lost")]
fn failures_that_load_and_store_are_lost() {
    failures_are_kept(|| Twin::with_floor(4, Fault::LoadsThenStores));
}

#[test]
fn a_slice_that_two_threads_expire_expires_once() {
    slices_expire_once(whole);
    slices_expire_once(sound);
}

#[test]
#[should_panic(expected = "a slice expired twice")]
fn a_slice_that_is_summed_up_before_it_is_emptied_expires_twice() {
    slices_expire_once(|| Twin::new(Fault::ExpiresWithoutClaiming));
}

#[test]
fn a_slice_that_expires_while_a_refund_races_is_not_granted_twice() {
    refund_races_expiry(whole);
    refund_races_expiry(sound);
}

#[test]
#[should_panic(expected = "only the call of the present counts")]
fn a_refund_that_does_not_check_its_slice_is_granted_twice() {
    refund_races_expiry(|| Twin::new(Fault::RefundsWithoutChecking));
}

#[test]
fn a_slice_that_is_taken_over_while_a_refund_races_holds_its_own_calls_only() {
    refund_races_takeover(whole);
    refund_races_takeover(sound);
}

#[test]
#[should_panic(expected = "only the call of the present counts")]
fn a_refund_that_does_not_check_its_slice_ends_up_in_another() {
    refund_races_takeover(|| Twin::new(Fault::RefundsWithoutChecking));
}

#[test]
fn counts_of_calls_and_retries_under_way_return_to_zero() {
    counts_return_to_zero(forms::all_in_flight);
    counts_return_to_zero(|| Twin::counting(Fault::None));
}

#[test]
#[should_panic(expected = "a count did not return to zero")]
fn counts_that_load_and_store_do_not_return_to_zero() {
    counts_return_to_zero(|| Twin::counting(Fault::LoadsThenStores));
}
