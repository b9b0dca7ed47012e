//! Every interleaving of two threads on one breaker; beside each model a broken twin that it must catch.
//!
//! `RUSTFLAGS="--cfg steadfast_loom" cargo test -p steadfast-circuit-breaker --test loom --release --target-dir target/loom`

#![cfg(steadfast_loom)]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

#[path = "loom/forms.rs"]
mod forms;
#[path = "loom/models.rs"]
mod models;
#[path = "loom/twin.rs"]
mod twin;

use self::{
    forms::{in_a_row, register, ring, time},
    models::{
        Calls, a_new_period_has_its_own_calls, a_probe_is_given_back,
        failures_are_kept_in_a_full_window, late_results_are_stale_when_it_closes,
        late_results_are_stale_when_it_is_reset, late_results_are_stale_when_it_opens_and_closes,
        outcomes_are_kept, probes_are_lent, reopens_once, trips_once, trips_together,
    },
    twin::{Fault, Twin, twin},
};

/// The twin without its fault: what it fails at, it fails at because of the fault.
fn sound(rules: forms::Rules) -> Twin {
    twin(rules, Fault::None)
}

#[test]
fn two_failures_that_are_each_enough_open_it_once() {
    trips_once(register);
    trips_once(ring);
    trips_once(time);
    trips_once(in_a_row);
    trips_once(sound);
}

#[test]
#[should_panic(expected = "it opened twice")]
fn two_failures_that_look_and_then_open_it_open_it_twice() {
    trips_once(|rules| twin(rules, Fault::LooksThenOpens));
}

#[test]
fn outcomes_that_race_are_all_counted() {
    outcomes_are_kept(register);
    outcomes_are_kept(ring);
    outcomes_are_kept(time);
    outcomes_are_kept(sound);
}

#[test]
#[should_panic(expected = "an outcome was lost")]
fn outcomes_that_load_and_store_are_lost() {
    outcomes_are_kept(|rules| twin(rules, Fault::LoadsThenStores));
}

#[test]
fn failures_that_race_in_a_full_window_are_all_counted() {
    failures_are_kept_in_a_full_window(register);
    failures_are_kept_in_a_full_window(ring);
    failures_are_kept_in_a_full_window(time);
    failures_are_kept_in_a_full_window(sound);
}

#[test]
#[should_panic(expected = "an outcome was lost")]
fn failures_that_load_and_store_in_a_full_window_are_lost() {
    failures_are_kept_in_a_full_window(|rules| twin(rules, Fault::LoadsThenStores));
}

#[test]
fn two_failures_that_are_enough_together_open_it() {
    trips_together(register, Calls::TwoFailures);
    trips_together(ring, Calls::TwoFailures);
    trips_together(time, Calls::TwoFailures);
    trips_together(in_a_row, Calls::TwoFailures);
    trips_together(sound, Calls::TwoFailures);
}

#[test]
#[should_panic(expected = "enough, and it did not open")]
fn two_failures_that_load_and_store_do_not_open_it() {
    trips_together(
        |rules| twin(rules, Fault::LoadsThenStores),
        Calls::TwoFailures,
    );
}

#[test]
#[should_panic(expected = "enough, and it did not open")]
fn two_failures_that_count_before_they_are_counted_do_not_open_it() {
    trips_together(
        |rules| twin(rules, Fault::CountsThenWrites),
        Calls::TwoFailures,
    );
}

#[test]
fn a_failure_and_a_success_that_are_calls_enough_together_open_it() {
    trips_together(register, Calls::FailureAndSuccess);
    trips_together(ring, Calls::FailureAndSuccess);
    trips_together(time, Calls::FailureAndSuccess);
    trips_together(sound, Calls::FailureAndSuccess);
}

#[test]
#[should_panic(expected = "enough, and it did not open")]
fn a_success_that_is_not_judged_leaves_it_closed() {
    trips_together(
        |rules| twin(rules, Fault::JudgesFailuresOnly),
        Calls::FailureAndSuccess,
    );
}

#[test]
fn a_failure_and_two_successes_that_race_open_it() {
    trips_together(register, Calls::TwoSuccesses);
    trips_together(ring, Calls::TwoSuccesses);
    trips_together(time, Calls::TwoSuccesses);
    trips_together(sound, Calls::TwoSuccesses);
}

#[test]
#[should_panic(expected = "enough, and it did not open")]
fn successes_that_count_before_they_are_counted_leave_it_closed() {
    trips_together(
        |rules| twin(rules, Fault::CountsThenWrites),
        Calls::TwoSuccesses,
    );
}

#[test]
fn calls_that_race_where_older_ones_leave_the_window_open_it() {
    trips_together(time, Calls::InALaterSlot);
    trips_together(sound, Calls::InALaterSlot);
}

#[test]
#[should_panic(expected = "enough, and it did not open")]
fn successes_that_are_not_judged_where_older_ones_leave_the_window_leave_it_closed() {
    trips_together(
        |rules| twin(rules, Fault::JudgesFailuresOnly),
        Calls::InALaterSlot,
    );
}

#[test]
fn a_failure_and_a_success_that_race_are_judged_with_the_next_success() {
    trips_together(time, Calls::BeforeOneMore);
    trips_together(sound, Calls::BeforeOneMore);
}

#[test]
#[should_panic(expected = "enough, and it did not open")]
fn a_failure_that_a_success_overwrites_is_not_judged_with_the_next_success() {
    trips_together(
        |rules| twin(rules, Fault::LoadsThenStores),
        Calls::BeforeOneMore,
    );
}

#[test]
fn calls_that_race_after_the_clock_was_turned_back_open_it() {
    trips_together(time, Calls::InAnEarlierSlot);
    trips_together(sound, Calls::InAnEarlierSlot);
}

#[test]
#[should_panic(expected = "enough, and it did not open")]
fn a_window_that_is_emptied_twice_when_the_clock_was_turned_back_loses_a_failure() {
    trips_together(
        |rules| twin(rules, Fault::LooksThenTurnsBack),
        Calls::InAnEarlierSlot,
    );
}

#[test]
fn racing_callers_get_the_probes_there_are_and_no_more() {
    probes_are_lent(register);
    probes_are_lent(sound);
}

#[test]
#[should_panic(expected = "more probes than there are")]
fn callers_that_look_and_then_take_get_more_probes_than_there_are() {
    probes_are_lent(|rules| twin(rules, Fault::LooksThenLends));
}

#[test]
#[should_panic(expected = "a probe was refused")]
fn a_caller_that_takes_the_time_of_half_open_for_that_of_open_is_refused() {
    probes_are_lent(|rules| twin(rules, Fault::ReadsTheNextMark));
}

#[test]
fn racing_callers_open_it_again_once_when_half_open_lasts_too_long() {
    reopens_once(register);
    reopens_once(sound);
}

#[test]
#[should_panic(expected = "it opened twice")]
fn callers_that_look_and_then_open_it_again_open_it_twice() {
    reopens_once(|rules| twin(rules, Fault::LooksThenOpens));
}

#[test]
fn a_cancelled_probe_gives_its_place_to_one_caller() {
    a_probe_is_given_back(register);
    a_probe_is_given_back(sound);
}

#[test]
#[should_panic(expected = "a place for one, twice")]
fn a_probe_that_gives_its_place_back_twice_lets_two_callers_in() {
    a_probe_is_given_back(|rules| twin(rules, Fault::GivesBackTwice));
}

#[test]
#[should_panic(expected = "a place was lost")]
fn a_probe_that_loads_and_stores_to_give_its_place_back_loses_it() {
    a_probe_is_given_back(|rules| twin(rules, Fault::LoadsThenStores));
}

#[test]
fn a_late_result_that_races_a_reset_is_not_counted() {
    late_results_are_stale_when_it_is_reset(register);
    late_results_are_stale_when_it_is_reset(ring);
    late_results_are_stale_when_it_is_reset(time);
    late_results_are_stale_when_it_is_reset(in_a_row);
    late_results_are_stale_when_it_is_reset(sound);
}

#[test]
#[should_panic(expected = "a late result was counted")]
fn a_late_result_that_looks_and_is_then_counted_survives_a_reset() {
    late_results_are_stale_when_it_is_reset(|rules| twin(rules, Fault::LooksThenCounts));
}

#[test]
fn a_call_that_races_a_reset_is_the_first_of_the_new_period() {
    a_new_period_has_its_own_calls(register);
    a_new_period_has_its_own_calls(ring);
    a_new_period_has_its_own_calls(time);
    a_new_period_has_its_own_calls(in_a_row);
    a_new_period_has_its_own_calls(sound);
}

#[test]
#[should_panic(expected = "other calls than its own")]
fn a_period_that_begins_before_it_is_emptied_loses_a_call() {
    a_new_period_has_its_own_calls(|rules| twin(rules, Fault::BeginsThenEmpties));
}

#[test]
fn a_late_result_that_races_the_last_probe_is_not_counted() {
    late_results_are_stale_when_it_closes(register);
    late_results_are_stale_when_it_closes(ring);
    late_results_are_stale_when_it_closes(time);
    late_results_are_stale_when_it_closes(in_a_row);
    late_results_are_stale_when_it_closes(sound);
}

#[test]
#[should_panic(expected = "a late result was counted")]
fn a_late_result_without_a_generation_is_counted_when_it_closes() {
    late_results_are_stale_when_it_closes(|rules| twin(rules, Fault::HasNoGeneration));
}

#[test]
fn a_late_result_that_races_a_whole_outage_is_not_counted() {
    late_results_are_stale_when_it_opens_and_closes(register);
    late_results_are_stale_when_it_opens_and_closes(ring);
    late_results_are_stale_when_it_opens_and_closes(time);
    late_results_are_stale_when_it_opens_and_closes(in_a_row);
    late_results_are_stale_when_it_opens_and_closes(sound);
}

#[test]
#[should_panic(expected = "a late result was counted")]
fn a_late_result_that_looks_and_is_then_counted_survives_a_whole_outage() {
    late_results_are_stale_when_it_opens_and_closes(|rules| twin(rules, Fault::LooksThenCounts));
}

#[test]
#[should_panic(expected = "a late result was counted")]
fn a_late_result_that_loads_and_stores_takes_the_next_period_back() {
    late_results_are_stale_when_it_opens_and_closes(|rules| twin(rules, Fault::LoadsThenStores));
}
