//! Settings are in their ranges, and the defaults those that the pages state.

use std::time::Duration;

use steadfast_core::Ratio;

use crate::{
    adaptive::{AdaptiveLimit, Aimd, Gradient2, Vegas},
    ms, secs,
};

#[track_caller]
fn refused(limit: impl Into<AdaptiveLimit>, said: &str) {
    assert_eq!(limit.into().check().unwrap_err().to_string(), said);
}

#[track_caller]
fn fine(limit: impl Into<AdaptiveLimit>) {
    limit.into().check().unwrap();
}

fn limit() -> AdaptiveLimit {
    AdaptiveLimit::new(Vegas::new())
}

#[test]
fn the_defaults_are_fine() {
    fine(Aimd::new());
    fine(Vegas::new());
    fine(Gradient2::new());
    assert_eq!(Aimd::default(), Aimd::new());
    assert_eq!(Vegas::default(), Vegas::new());
    assert_eq!(Gradient2::default(), Gradient2::new());
}

#[test]
fn the_floor_is_1_to_the_ceiling_and_that_at_most_a_million() {
    refused(limit().min(0), "`min` is 0; allowed: 1 to 1000");
    refused(limit().min(11).max(10), "`min` is 11; allowed: 1 to 10");
    refused(limit().max(0), "`max` is 0; allowed: 1 to 1000000");
    refused(
        limit().max(1_000_001),
        "`max` is 1000001; allowed: 1 to 1000000",
    );
    fine(limit().min(10).max(10));
    fine(limit().max(1_000_000));
}

#[test]
fn it_begins_between_floor_and_ceiling() {
    refused(
        limit().initial(4).min(5),
        "`initial` is 4; allowed: 5 to 1000",
    );
    refused(
        limit().initial(11).max(10),
        "`initial` is 11; allowed: 1 to 10",
    );
    fine(limit().initial(5).min(5).max(5));
    let begins = |limit: AdaptiveLimit| crate::control(limit).limit();
    assert_eq!(begins(limit()), 20);
    assert_eq!(begins(limit().max(10)), 10);
    assert_eq!(begins(limit().min(30)), 30);
    assert_eq!(begins(limit().initial(7)), 7);
}

#[test]
fn a_window_lasts_1_ms_to_an_hour() {
    let hour = secs(3600);
    let tick = Duration::from_nanos(1);
    refused(
        limit().window(ms(1) - tick),
        "`window` is 999.999µs; allowed: 1ms to 3600s",
    );
    refused(
        limit().window(hour + ms(1)),
        "`window` is 3600.001s; allowed: 1ms to 3600s",
    );
    refused(
        limit().max_window(ms(99)),
        "`max_window` is 99ms; allowed: 100ms to 3600s",
    );
    refused(
        limit().max_window(hour + ms(1)),
        "`max_window` is 3600.001s; allowed: 100ms to 3600s",
    );
    refused(
        limit().window_calls(0),
        "`window_calls` is 0; allowed: 1 to 1000000",
    );
    fine(limit().window(ms(1)).max_window(ms(1)).window_calls(1));
    fine(limit().window(hour));
    fine(limit().window_calls(1_000_000));
}

#[test]
fn not_everything_can_be_tolerated() {
    refused(
        limit().tolerated_drops(Ratio::percent(100)),
        "`tolerated_drops` is 100 %; allowed: 0 % to less than 100 %",
    );
    fine(limit().tolerated_drops(Ratio::per_mille(999)));
    fine(limit().tolerated_drops(Ratio::percent(0)));
}

#[test]
fn aimd_has_its_ranges() {
    let aimd = Aimd::new;
    refused(
        aimd().backoff(Ratio::percent(9)),
        "`backoff` is 9 %; allowed: 10 % to 99.9 %",
    );
    refused(
        aimd().backoff(Ratio::percent(100)),
        "`backoff` is 100 %; allowed: 10 % to 99.9 %",
    );
    refused(
        aimd().timeout(Duration::ZERO),
        "`timeout` is 0ns; allowed: 1ns or more",
    );
    fine(aimd().backoff(Ratio::percent(10)).timeout(Duration::MAX));
    fine(aimd().backoff(Ratio::per_mille(999)));
}

#[test]
fn vegas_has_its_ranges() {
    let vegas = Vegas::new;
    refused(vegas().alpha(0), "`alpha` is 0; allowed: 1 to 6");
    refused(vegas().alpha(9), "`alpha` is 9; allowed: 1 to 6");
    refused(vegas().beta(2), "`alpha` is 3; allowed: 1 to 2");
    refused(vegas().beta(0), "`beta` is 0; allowed: 1 to 1000");
    refused(vegas().beta(1001), "`beta` is 1001; allowed: 1 to 1000");
    fine(vegas().alpha(6));
    refused(
        vegas().probe_multiplier(0),
        "`probe_multiplier` is 0; allowed: 1 to 1000000",
    );
    fine(vegas().alpha(1000).beta(1000).probe_multiplier(1_000_000));
}

#[test]
fn gradient2_has_its_ranges() {
    let gradient = Gradient2::new;
    refused(
        gradient().tolerance(Ratio::percent(99)),
        "`tolerance` is 99 %; allowed: 100 % to 1000 %",
    );
    refused(
        gradient().tolerance(Ratio::percent(1001)),
        "`tolerance` is 1001 %; allowed: 100 % to 1000 %",
    );
    refused(
        gradient().smoothing(Ratio::percent(0)),
        "`smoothing` is 0 %; allowed: 0.1 % to 100 %",
    );
    refused(
        gradient().smoothing(Ratio::percent(101)),
        "`smoothing` is 101 %; allowed: 0.1 % to 100 %",
    );
    refused(
        gradient().queue_size(0),
        "`queue_size` is 0; allowed: 1 to 10000",
    );
    refused(
        gradient().long_window(0),
        "`long_window` is 0; allowed: 1 to 1000000",
    );
    refused(
        gradient().probe_multiplier(1_000_001),
        "`probe_multiplier` is 1000001; allowed: 1 to 1000000",
    );
    fine(gradient().tolerance(Ratio::percent(100)).long_window(1));
}

/// The row of a page, and the value that it states by its name.
#[track_caller]
fn assert_stated(page: &str, row: &str) {
    assert!(page.contains(row), "the page lacks {row:?}");
}

#[test]
fn the_pages_state_the_defaults() {
    let stated = |page: &str, rows: &[&str]| rows.iter().for_each(|row| assert_stated(page, row));
    stated(
        include_str!("../../src/adaptive/mod.rs"),
        &[
            "| `initial` | 20, or the nearest of the floor and the ceiling |",
            "| `min`, the floor | 1 |",
            "| `max`, the ceiling | 1000 |",
            "| `window`, at least | 100ms |",
            "| `max_window`, at most | 5s, or `window` where that is longer |",
            "| `window_calls`, at least | 250 |",
            "| `tolerated_drops` | 1 % |",
        ],
    );
    let built = format!("{:?}", AdaptiveLimit::new(Vegas::new()));
    for field in [
        "min: 1,",
        "max: 1000,",
        "window: 100ms,",
        "window_calls: 250,",
        "numerator: 1, denominator: 100 }",
        "alpha: 3, beta: 6, probe_multiplier: 30",
    ] {
        assert!(built.contains(field), "{built} lacks {field}");
    }
    stated(
        include_str!("../../src/adaptive/vegas.rs"),
        &[
            "| `alpha` | 3 |",
            "| `beta` | 6 |",
            "| `probe_multiplier` | 30 |",
        ],
    );
    stated(
        include_str!("../../src/adaptive/aimd.rs"),
        &["| `backoff` | 90 % |", "| `timeout` | 5s |"],
    );
    let aimd = Aimd::new().backoff(Ratio::percent(90)).timeout(secs(5));
    assert_eq!(Aimd::new(), aimd);
    stated(
        include_str!("../../src/adaptive/gradient.rs"),
        &[
            "| `tolerance` | 150 % |",
            "| `smoothing` | 20 % |",
            "| `queue_size` | 4 |",
            "| `long_window` | 600 |",
            "| `probe_multiplier` | 30 |",
        ],
    );
    let gradient = Gradient2::new()
        .tolerance(Ratio::percent(150))
        .smoothing(Ratio::percent(20))
        .queue_size(4)
        .long_window(600)
        .probe_multiplier(30);
    assert_eq!(Gradient2::new(), gradient);
}
