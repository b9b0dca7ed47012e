//! Every interleaving of a few threads on one store; beside each model a broken twin that it must catch.
//!
//! `RUSTFLAGS="--cfg steadfast_loom" cargo test -p steadfast-idempotency --test loom --release --target-dir target/loom`

#![cfg(steadfast_loom)]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

#[path = "loom/memory.rs"]
mod memory;
#[path = "loom/memory_twin.rs"]
mod memory_twin;

use self::{
    memory::{
        one_gets_the_last_place, one_gets_the_place_of_what_is_over, one_is_granted_a_key, real,
    },
    memory_twin::{Fault, twin},
};

#[test]
fn one_of_two_claimants_is_granted_a_key() {
    one_is_granted_a_key(real);
    one_is_granted_a_key(twin(Fault::None));
}

#[test]
#[should_panic(expected = "a key was granted twice or to nobody")]
fn claimants_that_look_and_then_write_are_both_granted() {
    one_is_granted_a_key(twin(Fault::LooksThenWrites));
}

#[test]
fn one_of_two_new_keys_gets_the_last_place() {
    one_gets_the_last_place(real);
    one_gets_the_last_place(twin(Fault::None));
}

#[test]
#[should_panic(expected = "the last place was given twice or to nobody")]
fn keys_that_count_and_then_enter_share_the_last_place() {
    one_gets_the_last_place(twin(Fault::CountsThenEnters));
}

#[test]
fn one_of_two_new_keys_gets_the_place_of_what_is_over() {
    one_gets_the_place_of_what_is_over(real);
    one_gets_the_place_of_what_is_over(twin(Fault::None));
}

#[test]
#[should_panic(expected = "the place of what is over was given twice or to nobody")]
fn a_place_that_is_given_back_by_each_who_sees_it_free_is_given_twice() {
    one_gets_the_place_of_what_is_over(twin(Fault::GivesBackTwice));
}
