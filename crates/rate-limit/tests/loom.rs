//! Every interleaving of a few threads on one limit; beside each model a broken twin that it must catch.
//!
//! `RUSTFLAGS="--cfg steadfast_loom" cargo test -p steadfast-rate-limit --test loom --release --target-dir target/loom`

#![cfg(steadfast_loom)]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "of what is private to the crate, the twins use a part"
)]
#[path = "../src/adaptive/mod.rs"]
mod adaptive;
#[path = "loom/models.rs"]
mod models;
#[path = "loom/rates.rs"]
mod rates;
#[path = "loom/real.rs"]
mod real;
#[path = "loom/twin.rs"]
mod twin;

use self::{
    models::{
        a_change_keeps_what_is_taken, a_moved_waiter_is_woken, a_word_of_before_is_none_of_now,
        an_answer_is_of_one_rate, racers_share_no_unit, racers_share_no_unit_after_a_pause,
        slots_come_back,
    },
    rates::{Flaw, free, limited, the_last_rate_is_given, what_is_sent_is_counted_once},
    real::real,
    twin::{Fault, twin},
};

#[test]
fn racers_never_share_a_unit() {
    racers_share_no_unit(real);
    racers_share_no_unit(|| twin(Fault::None));
}

#[test]
#[should_panic(expected = "a unit was shared or lost")]
fn racers_that_load_and_then_store_share_a_unit() {
    racers_share_no_unit(|| twin(Fault::LoadsThenStores));
}

#[test]
fn racers_after_a_pause_that_moves_the_mark_never_share_a_unit() {
    racers_share_no_unit_after_a_pause(real);
    racers_share_no_unit_after_a_pause(|| twin(Fault::None));
}

#[test]
#[should_panic(expected = "refused though there was a unit")]
fn a_mark_that_is_moved_beside_an_open_word_takes_units_away() {
    racers_share_no_unit_after_a_pause(|| twin(Fault::MovesTheMarkAlone));
}

#[test]
fn a_change_of_rate_neither_loses_nor_doubles_what_is_taken_meanwhile() {
    a_change_keeps_what_is_taken(real);
    a_change_keeps_what_is_taken(|| twin(Fault::None));
}

#[test]
#[should_panic(expected = "a unit was shared or lost")]
fn a_change_of_rate_beside_an_open_word_forgets_who_came_meanwhile() {
    a_change_keeps_what_is_taken(|| twin(Fault::ChangesAnOpenWord));
}

#[test]
fn an_answer_while_the_rate_changes_is_of_the_one_or_the_other() {
    an_answer_is_of_one_rate(real);
    an_answer_is_of_one_rate(|| twin(Fault::None));
}

#[test]
#[should_panic(expected = "an answer of two rates")]
fn an_answer_that_is_read_in_two_parts_is_of_neither() {
    an_answer_is_of_one_rate(|| twin(Fault::AsksTwice));
}

#[test]
fn a_word_of_an_earlier_rate_is_not_taken_for_one_of_the_present() {
    a_word_of_before_is_none_of_now(real);
    a_word_of_before_is_none_of_now(|| twin(Fault::None));
}

#[test]
#[should_panic(expected = "a unit was shared or lost")]
fn a_word_that_is_compared_without_its_rate_takes_at_the_earlier_one() {
    a_word_of_before_is_none_of_now(|| twin(Fault::ComparesTheWordAlone));
}

#[test]
fn waiters_that_come_and_leave_at_once_have_a_slot_each_and_give_it_back() {
    slots_come_back(real);
    slots_come_back(|| twin(Fault::None));
}

#[test]
#[should_panic(expected = "a slot was shared or lost")]
fn waiters_that_look_and_then_reserve_share_a_slot() {
    slots_come_back(|| twin(Fault::LooksThenReserves));
}

#[test]
fn a_waiter_that_moves_up_while_it_is_polled_hears_of_it() {
    a_moved_waiter_is_woken(real);
    a_moved_waiter_is_woken(|| twin(Fault::None));
}

#[test]
#[should_panic(expected = "it sleeps longer than it has to")]
fn a_waiter_that_looks_and_then_leaves_its_waker_sleeps_too_long() {
    a_moved_waiter_is_woken(|| twin(Fault::LooksThenLeavesItsWaker));
}

/// A twin that is not limited until a call is throttled.
fn rate_twin(flaw: Flaw) -> rates::Twin {
    rates::twin(&adaptive::AdaptiveRate::new(), flaw)
}

#[test]
fn a_call_that_is_sent_while_another_hands_over_is_counted_once() {
    what_is_sent_is_counted_once(free);
    what_is_sent_is_counted_once(|| rate_twin(Flaw::None));
}

#[test]
#[should_panic(expected = "a call was lost, or came twice")]
fn a_count_that_is_loaded_and_then_cleared_loses_a_call() {
    what_is_sent_is_counted_once(|| rate_twin(Flaw::LoadsThenStores));
}

#[test]
fn of_calls_that_are_throttled_at_once_the_last_rate_is_given() {
    the_last_rate_is_given(limited);
    the_last_rate_is_given(|| rate_twin(Flaw::None));
}

#[test]
#[should_panic(expected = "it gives what it does not say")]
fn whoever_hands_on_its_own_rate_undoes_a_later_one() {
    the_last_rate_is_given(|| rate_twin(Flaw::HandsOnItsOwn));
}
