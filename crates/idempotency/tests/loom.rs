//! Every interleaving of a few threads on one flight; beside each model a broken twin that it must catch.
//!
//! `RUSTFLAGS="--cfg steadfast_loom" cargo test -p steadfast-idempotency --test loom --release --target-dir target/loom`

#![cfg(steadfast_loom)]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "of what is private to the crate, the models use a part"
)]
#[path = "../src/flights/mod.rs"]
mod flights;
#[path = "loom/models.rs"]
mod models;
#[path = "loom/real.rs"]
mod real;
#[allow(dead_code, unused_imports, reason = "as above")]
#[path = "../src/sync.rs"]
mod sync;
#[path = "loom/twin.rs"]
mod twin;

// What the flights are made of, where they look for it.
pub(crate) use steadfast_idempotency::{Fingerprint, Id, Refusal, Stored};

use self::{
    models::{
        a_dropped_heir_is_passed_over, a_dropped_lead_hands_over, a_landing_is_heard,
        nobody_is_left_behind, of_two_leads_one_lands,
    },
    real::real,
    twin::{Fault, Twin, twin},
};

/// The twin without its fault: what it fails at, it fails at because of the fault.
fn sound() -> Twin {
    twin(Fault::None)
}

#[test]
fn a_follower_that_begins_to_wait_while_the_lead_lands_hears_of_it() {
    a_landing_is_heard(real);
    a_landing_is_heard(sound);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_follower_that_looks_and_then_waits_sleeps_for_ever() {
    a_landing_is_heard(|| twin(Fault::LooksThenWaits));
}

#[test]
fn a_lead_that_is_dropped_or_panics_is_followed_by_one() {
    a_dropped_lead_hands_over(real);
    a_dropped_lead_hands_over(sound);
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_lead_that_is_dropped_and_wakes_nobody_hangs_the_others() {
    a_dropped_lead_hands_over(|| twin(Fault::DropsInSilence));
}

#[test]
#[should_panic(expected = "two lead")]
fn a_lead_that_is_looked_for_and_then_taken_is_taken_twice() {
    a_dropped_lead_hands_over(|| twin(Fault::LooksThenLeads));
}

#[test]
fn an_heir_that_is_dropped_before_its_poll_is_passed_over() {
    a_dropped_heir_is_passed_over(real);
    a_dropped_heir_is_passed_over(sound);
}

#[test]
#[should_panic(expected = "deadlock")]
fn an_heir_that_takes_its_wake_up_along_hangs_the_others() {
    a_dropped_heir_is_passed_over(|| twin(Fault::KeepsTheHeirsTurn));
}

#[test]
fn a_lead_that_was_given_up_lands_nothing_any_more() {
    of_two_leads_one_lands(real);
    of_two_leads_one_lands(sound);
}

#[test]
#[should_panic(expected = "two lead")]
fn a_lead_without_a_number_lands_for_its_successor() {
    of_two_leads_one_lands(|| twin(Fault::ForgetsTheNumber));
}

#[test]
fn a_flight_that_everybody_leaves_is_gone() {
    nobody_is_left_behind(real);
    nobody_is_left_behind(sound);
}

#[test]
#[should_panic(expected = "a flight is left behind")]
fn a_flight_that_only_the_lead_closes_is_left_behind() {
    nobody_is_left_behind(|| twin(Fault::StaysVacant));
}
