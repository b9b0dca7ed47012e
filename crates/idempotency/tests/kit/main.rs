//! The kit lets a right store pass, and finds each mistake that stores have been seen to make: in the stories that it
//! makes untrue, and in no other.

#![cfg(feature = "conformance")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

mod bent;
mod fault;
mod mistakes;
mod plain;
mod tx;

use std::collections::BTreeSet;

use futures::executor::block_on;
use steadfast_idempotency::conformance::{Report, run, run_tx};

use self::{fault::Fault, mistakes::MISTAKES, plain::Wrong};

/// Both parts of the kit, on stores with this fault.
fn reports(fault: Fault) -> [Report; 2] {
    let wrong = Wrong::with(fault);
    block_on(async { [run(&wrong).await, run_tx(&wrong).await] })
}

#[test]
fn a_store_that_keeps_the_rules_passes() {
    for report in reports(Fault::None) {
        report.assert_passed();
        assert_eq!(
            report.to_string(),
            format!("0 of {} promises are broken", report.verdicts().count())
        );
    }
}

#[test]
fn each_mistake_is_found_in_the_stories_about_it_and_in_no_other() {
    let mut otherwise = Vec::new();
    for &(fault, expected) in MISTAKES {
        let broken = reports(fault).map(|report| report.broken()).concat();
        if broken != expected {
            otherwise.push(format!("{fault:?}: {broken:?}"));
        }
    }
    assert!(otherwise.is_empty(), "{otherwise:#?}");
}

#[test]
fn each_story_finds_a_mistake() {
    let found: BTreeSet<_> = MISTAKES.iter().flat_map(|(_, stories)| *stories).collect();
    for report in reports(Fault::None) {
        for (story, _) in report.verdicts() {
            assert!(found.contains(&story), "{story} lets everything pass");
        }
    }
}

#[test]
fn a_failure_names_the_story_and_says_what_was_expected_and_what_came() {
    let [report, _] = reports(Fault::RepeatDoesNotHold);
    assert_eq!(
        report.to_string(),
        format!(
            "1 of {} promises are broken\n\
             a_repeated_claim_holds_from_then_on: claim what was just claimed again\n  \
             expected Claim::InFlight {{ lease_left }} if lease_left > LEASE / 2\n  \
             came     Granted {{ fence: Fence(2), taken_over: true, step: None }}",
            report.verdicts().count()
        )
    );
}

#[test]
#[should_panic(expected = "a_result_is_never_replaced")]
fn a_report_with_a_broken_promise_panics_where_it_is_asserted() {
    let [report, _] = reports(Fault::CompletesTwice);
    report.assert_passed();
}
