//! The limit decides as naive ones do: a leaky bucket that keeps its level, and lists of all admissions that
//! are looked through each time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "helpers of tests may do as the tests do"
)]

mod changes;
mod drill;
mod lists;
mod meter;
mod replay;
mod steps;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use self::{
    changes::{changes, counts_all},
    drill::{drill, orders},
    meter::{asks, meets, settings},
    replay::{Reached, replay},
    steps::{Shape, setup, steps},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_bucket_decides_as_the_leaky_bucket_does_whatever_its_settings_and_its_pauses(
        settings in settings(),
        asks in asks(60),
    ) {
        meets(&settings, &asks)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_window_of_a_bucket_has_more_than_its_burst_and_its_rate_whoever_waits_and_leaves(
        setup in setup(Shape::Bucket),
        steps in steps(80),
    ) {
        replay(&setup, &steps)?;
    }

    #[test]
    fn no_window_of_a_sliding_window_has_more_than_it_says_whoever_waits_and_leaves(
        setup in setup(Shape::Sliding),
        steps in steps(80),
    ) {
        replay(&setup, &steps)?;
    }

    #[test]
    fn no_fixed_window_has_more_than_it_says_whoever_waits_and_leaves(
        setup in setup(Shape::Fixed),
        steps in steps(80),
    ) {
        replay(&setup, &steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nobody_is_forgotten_or_overtaken_while_rates_change_and_units_come_back(
        setup in prop_oneof![setup(Shape::Bucket), setup(Shape::Sliding), setup(Shape::Fixed)],
        orders in orders(),
    ) {
        drill(&setup, &orders)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_window_counts_all_that_was_taken_in_it_whatever_its_number_was_in_between(
        shape in prop_oneof![Just(Shape::Sliding), Just(Shape::Fixed)],
        per in 9..=40_u64,
        changes in changes(),
    ) {
        counts_all(shape, per, &changes)?;
    }
}

/// Without this the properties might hold because nothing ever happens.
#[test]
fn the_histories_reach_waits_turns_cancels_and_refusals() {
    for shape in [Shape::Bucket, Shape::Sliding, Shape::Fixed] {
        let mut runner = TestRunner::deterministic();
        let mut all = Reached::default();
        for _ in 0..300 {
            let histories = (setup(shape), steps(80));
            let (setup, steps) = histories.new_tree(&mut runner).unwrap().current();
            all += replay(&setup, &steps).unwrap();
        }
        let enough = [
            ("ran at once", all.at_once),
            ("had their turn", all.turns),
            ("were refused", all.refused),
            ("cost too much", all.too_costly),
            ("left in time", all.left_in_time),
            ("left too late", all.left_late),
            ("moved up", all.moved),
        ];
        for (what, times) in enough {
            assert!(times > 50, "{shape:?}: only {times} {what}");
        }
    }
}
