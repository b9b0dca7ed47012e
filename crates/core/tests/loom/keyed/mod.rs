//! Every interleaving of two callers of one map of policies; beside each model a broken twin.

mod models;
mod twin;

use std::hash::{BuildHasherDefault, DefaultHasher};

use steadfast_core::{Instant, Keyed};

use self::{
    models::{
        Handle, Map, Note, counts_add_up, finders_share_a_place, first_calls_share, notes,
        notes_are_kept, places_are_taken_once, two_find_two_places,
    },
    twin::{Fault, twin},
};

/// A hasher without chance: each run of a model has to be the same.
type Real = Keyed<u8, Note, BuildHasherDefault<DefaultHasher>>;

impl Map for Real {
    fn get(&self, key: u8) -> Option<Handle> {
        self.get_at(&key, Instant::from_nanos(0)).ok()
    }

    fn remove(&self, key: u8) -> bool {
        Keyed::remove(self, &key).is_some()
    }

    fn len(&self) -> usize {
        Keyed::len(self)
    }
}

fn real(capacity: usize) -> Real {
    Keyed::with_hasher(capacity, BuildHasherDefault::new(), notes()).unwrap()
}

#[test]
fn two_first_calls_share_one_policy() {
    first_calls_share(real);
    first_calls_share(|capacity| twin(capacity, Fault::None));
}

#[test]
#[should_panic(expected = "one key has two policies")]
fn two_first_calls_that_look_and_then_insert_make_two() {
    first_calls_share(|capacity| twin(capacity, Fault::FindsThenInserts));
}

#[test]
fn two_keys_never_share_a_place() {
    places_are_taken_once(real);
    places_are_taken_once(|capacity| twin(capacity, Fault::None));
}

#[test]
#[should_panic(expected = "two hold one place")]
fn two_keys_that_count_and_then_insert_share_a_place() {
    places_are_taken_once(|capacity| twin(capacity, Fault::CountsThenInserts));
}

#[test]
fn what_is_noted_while_another_looks_for_a_place_is_kept() {
    notes_are_kept(real);
    notes_are_kept(|capacity| twin(capacity, Fault::None));
}

#[test]
#[should_panic(expected = "a note was lost")]
fn what_is_noted_between_a_decision_and_its_eviction_is_lost() {
    notes_are_kept(|capacity| twin(capacity, Fault::DecidesThenEvicts));
}

#[test]
fn two_first_calls_share_the_place_that_one_of_them_finds() {
    finders_share_a_place(real);
    finders_share_a_place(|capacity| twin(capacity, Fault::None));
}

#[test]
#[should_panic(expected = "there was a place")]
fn a_first_call_that_evicts_before_it_says_for_whom_has_the_other_refused() {
    finders_share_a_place(|capacity| twin(capacity, Fault::EvictsThenInserts));
}

#[test]
fn two_keys_find_two_places() {
    two_find_two_places(real);
    two_find_two_places(|capacity| twin(capacity, Fault::None));
}

#[test]
#[should_panic(expected = "there were two places")]
fn a_key_that_holds_what_it_looks_at_hides_it_from_the_other() {
    two_find_two_places(|capacity| twin(capacity, Fault::HoldsWhatItLooksAt));
}

#[test]
fn a_removal_leaves_its_place_to_a_first_call() {
    for capacity in [1, 2] {
        counts_add_up(capacity, real);
        counts_add_up(capacity, |capacity| twin(capacity, Fault::None));
    }
}

#[test]
#[should_panic(expected = "a place was lost")]
fn a_removal_that_loads_and_stores_the_count_loses_a_place() {
    counts_add_up(2, |capacity| twin(capacity, Fault::LoadsThenStores));
}

#[test]
#[should_panic(expected = "there was a place")]
fn a_removal_that_gives_the_place_back_later_has_a_first_call_refused() {
    counts_add_up(1, |capacity| twin(capacity, Fault::LoadsThenStores));
}
