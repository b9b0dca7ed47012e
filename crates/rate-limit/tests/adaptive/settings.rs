//! Settings are in their ranges, and the defaults those that the page states.

use std::time::Duration;

use crate::{SECOND, adaptive::AdaptiveRate};

#[track_caller]
fn refused(rate: &AdaptiveRate, said: &str) {
    assert_eq!(rate.check().unwrap_err().to_string(), said);
}

#[track_caller]
fn fine(rate: &AdaptiveRate) {
    rate.check().unwrap();
}

fn rate() -> AdaptiveRate {
    AdaptiveRate::new()
}

#[test]
fn the_defaults_are_fine() {
    fine(&rate());
    assert_eq!(
        format!("{:?}", AdaptiveRate::default()),
        format!("{:?}", rate())
    );
}

#[test]
fn the_floor_is_1_in_1000_s_to_the_ceiling() {
    refused(
        &rate().min(0, SECOND),
        "`min` is 0 in 1s; allowed: 1 in 1000s to 1000000000 in 1s",
    );
    refused(
        &rate().min(1, 1001 * SECOND),
        "`min` is 1 in 1001s; allowed: 1 in 1000s to 1000000000 in 1s",
    );
    refused(
        &rate().min(11, SECOND).max(10, SECOND),
        "`min` is 11 in 1s; allowed: 1 in 1000s to 10 in 1s",
    );
    fine(&rate().min(1, 1000 * SECOND));
    fine(&rate().min(60, 60 * SECOND).max(1, SECOND));
}

#[test]
fn the_ceiling_is_a_billion_a_second_at_most() {
    refused(
        &rate().max(1_000_000_001, SECOND),
        "`max` is 1000000001 in 1s; allowed: 1 in 1000s to 1000000000 in 1s",
    );
    refused(
        &rate().max(2, Duration::from_nanos(1)),
        "`max` is 2 in 1ns; allowed: 1 in 1000s to 1000000000 in 1s",
    );
    refused(
        &rate().max(1, Duration::MAX),
        "`max` is 1 in 18446744073709551615.999999999s; allowed: 1 in 1000s to 1000000000 in 1s",
    );
    fine(&rate().max(1, Duration::from_nanos(1)));
}

#[test]
fn a_rate_of_nothing_in_no_time_is_none() {
    for (n, per, said) in [
        (0, Duration::ZERO, "0 in 0ns"),
        (1, Duration::ZERO, "1 in 0ns"),
    ] {
        for (rate, field) in [(rate().min(n, per), "min"), (rate().max(n, per), "max")] {
            let error = rate.check().unwrap_err();
            assert_eq!((error.field(), error.value()), (field, said));
        }
    }
}

#[test]
fn it_begins_between_floor_and_ceiling() {
    refused(
        &rate().initial(1, 3 * SECOND),
        "`initial` is 1 in 3s; allowed: 1 in 2s to 1000000000 in 1s",
    );
    refused(
        &rate().initial(11, SECOND).max(10, SECOND),
        "`initial` is 11 in 1s; allowed: 1 in 2s to 10 in 1s",
    );
    fine(&rate().initial(10, SECOND).min(10, SECOND).max(10, SECOND));
}

#[test]
fn the_page_states_the_defaults() {
    let page = include_str!("../../src/adaptive/mod.rs");
    for row in [
        "| `initial` | not limited until a call is throttled |",
        "| `min`, the floor | 1 in 2s |",
        "| `max`, the ceiling | 1000000000 in 1s |",
    ] {
        assert!(page.contains(row), "the page lacks {row:?}");
    }
    let set = rate().min(1, 2 * SECOND).max(1_000_000_000, SECOND);
    assert_eq!(format!("{:?}", rate()), format!("{set:?}"));
}
