//! Every interleaving of a few threads on one bulkhead; beside each model a broken twin that it must catch.
//!
//! `RUSTFLAGS="--cfg steadfast_loom" cargo test -p steadfast-bulkhead --test loom --release --target-dir target/loom`

#![cfg(steadfast_loom)]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "of what is private to the crate, the models use a part"
)]
#[path = "../src/adaptive/mod.rs"]
mod adaptive;
#[allow(dead_code, reason = "as above")]
#[path = "../src/check.rs"]
mod check;
#[allow(dead_code, reason = "as above")]
#[path = "../src/feed.rs"]
mod feed;
#[path = "loom/feeds.rs"]
mod feeds;
#[path = "loom/forms.rs"]
mod forms;
#[path = "loom/models.rs"]
mod models;
#[allow(dead_code, unused_imports, reason = "as above")]
#[path = "../src/sync.rs"]
mod sync;
#[path = "loom/twin.rs"]
mod twin;

use self::{
    feeds::{calls_are_kept, counts_then_dates, loads_then_stores, no_window_ends_early, real},
    forms::{codel, fifo, no_queue},
    models::{
        a_cancelled_turn_is_passed_on, a_given_up_call_is_told, a_late_arrival_stays_behind,
        a_newcomer_hears_of_a_resize, a_newcomer_hears_of_a_return, permits_are_kept,
        three_wait_for_one, three_wait_for_two, turns_come_in_order, two_resizes_are_kept,
        what_both_before_did_is_seen, what_came_before_is_seen,
    },
    twin::{Fault, Twin, twin, unordered},
};

/// The twin without its fault: what it fails at, it fails at because of the fault.
fn sound(limit: u32) -> Twin {
    twin(limit, Fault::None)
}

#[test]
fn racing_calls_take_no_more_permits_than_there_are_and_lose_none() {
    for limit in [1, 2] {
        permits_are_kept(no_queue, limit);
        permits_are_kept(fifo, limit);
        permits_are_kept(codel, limit);
        permits_are_kept(sound, limit);
    }
}

#[test]
#[should_panic(expected = "more run than the limit says")]
fn calls_that_look_and_then_take_are_more_than_the_limit_says() {
    permits_are_kept(|limit| twin(limit, Fault::LooksThenTakes), 1);
}

#[test]
#[should_panic(expected = "a permit was lost or made")]
fn calls_that_load_and_store_to_give_back_lose_permits() {
    permits_are_kept(|limit| twin(limit, Fault::LoadsThenStores), 2);
}

#[test]
#[should_panic(expected = "more run than the limit says")]
fn calls_that_give_back_twice_let_others_in() {
    permits_are_kept(|limit| twin(limit, Fault::GivesBackTwice), 1);
}

#[test]
fn a_call_that_begins_to_wait_while_the_permit_comes_back_is_woken() {
    a_newcomer_hears_of_a_return(fifo);
    a_newcomer_hears_of_a_return(codel);
    a_newcomer_hears_of_a_return(sound);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_call_that_looks_and_then_waits_sleeps_for_ever() {
    a_newcomer_hears_of_a_return(|limit| twin(limit, Fault::LooksThenWaits));
}

#[test]
fn a_call_sees_what_the_one_did_whose_permit_it_has() {
    what_came_before_is_seen(no_queue);
    what_came_before_is_seen(fifo);
    what_came_before_is_seen(codel);
    what_came_before_is_seen(sound);
}

#[test]
fn a_call_sees_what_all_did_whose_permits_made_room_for_it() {
    what_both_before_did_is_seen(fifo);
    what_both_before_did_is_seen(codel);
    what_both_before_did_is_seen(sound);
}

#[test]
#[should_panic(expected = "what came before is not seen")]
fn a_permit_without_an_order_shows_nothing_of_the_one_before() {
    what_came_before_is_seen(unordered);
}

#[test]
fn a_call_that_begins_to_wait_while_the_limit_grows_is_woken() {
    a_newcomer_hears_of_a_resize(fifo);
    a_newcomer_hears_of_a_resize(codel);
    a_newcomer_hears_of_a_resize(sound);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_limit_that_grows_after_the_queue_was_served_wakes_nobody() {
    a_newcomer_hears_of_a_resize(|limit| twin(limit, Fault::ServesThenResizes));
}

#[test]
fn a_turn_that_is_cancelled_between_its_notice_and_its_poll_goes_to_the_next() {
    a_cancelled_turn_is_passed_on(fifo);
    a_cancelled_turn_is_passed_on(codel);
    a_cancelled_turn_is_passed_on(sound);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_turn_that_is_cancelled_and_not_passed_on_is_lost() {
    a_cancelled_turn_is_passed_on(|limit| twin(limit, Fault::KeepsACancelledTurn));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_place_that_is_looked_at_and_then_left_takes_a_turn_along() {
    a_cancelled_turn_is_passed_on(|limit| twin(limit, Fault::LooksThenLeaves));
}

#[test]
fn a_late_arrival_does_not_overtake_one_whose_turn_is_coming() {
    a_late_arrival_stays_behind(fifo);
    a_late_arrival_stays_behind(codel);
    a_late_arrival_stays_behind(sound);
}

#[test]
#[should_panic(expected = "it was overtaken")]
fn a_permit_that_is_left_to_whoever_comes_first_is_taken_by_a_late_arrival() {
    a_late_arrival_stays_behind(|limit| twin(limit, Fault::LeavesThePermitOpen));
}

#[test]
fn turns_come_in_order_whoever_gives_them() {
    turns_come_in_order(fifo);
    turns_come_in_order(codel);
    turns_come_in_order(sound);
}

#[test]
#[should_panic(expected = "out of order")]
fn turns_of_the_last_to_come_are_out_of_order() {
    turns_come_in_order(|limit| twin(limit, Fault::ServesTheNewest));
}

#[test]
fn three_that_wait_for_one_permit_have_it_one_after_another() {
    three_wait_for_one(fifo);
    three_wait_for_one(codel);
    three_wait_for_one(sound);
}

#[test]
#[should_panic(expected = "deadlock")]
fn of_three_that_wait_the_one_behind_a_cancelled_turn_is_stranded() {
    three_wait_for_one(|limit| twin(limit, Fault::KeepsACancelledTurn));
}

#[test]
fn two_permits_that_come_back_at_once_are_two_turns_of_three() {
    three_wait_for_two(fifo);
    three_wait_for_two(codel);
    three_wait_for_two(sound);
}

#[test]
#[should_panic(expected = "a permit was lost or made")]
fn two_permits_that_come_back_by_load_and_store_are_one() {
    three_wait_for_two(|limit| twin(limit, Fault::LoadsThenStores));
}

#[test]
fn a_resize_changes_the_limit_and_nothing_else() {
    two_resizes_are_kept(fifo);
    two_resizes_are_kept(no_queue);
    two_resizes_are_kept(sound);
}

#[test]
#[should_panic(expected = "a permit was lost or made")]
fn a_resize_that_loads_and_stores_forgets_who_came_meanwhile() {
    two_resizes_are_kept(|limit| twin(limit, Fault::LoadsThenStores));
}

#[test]
fn a_call_that_is_given_up_while_it_is_polled_is_told() {
    a_given_up_call_is_told(forms::by_priority);
}

#[test]
fn calls_that_end_at_once_all_come_to_the_adaptive_limit() {
    calls_are_kept(real);
}

#[test]
#[should_panic(expected = "a call was lost, or came twice")]
fn calls_that_load_and_store_are_lost_to_the_adaptive_limit() {
    calls_are_kept(loads_then_stores);
}

#[test]
fn a_look_while_a_call_ends_closes_no_window() {
    no_window_ends_early(real);
}

#[test]
#[should_panic(expected = "a window of 14 ms")]
fn a_look_that_sees_half_of_a_call_closes_a_window() {
    no_window_ends_early(counts_then_dates);
}
