//! Settings out of range are refused, with the field, the value and what would be allowed.

use std::time::Duration;

use steadfast_core::{InvalidConfig, Ratio, RetryBudget};

const RATIO_RANGE: &str = "0.1 % to 1000 %, as a fraction with a denominator of at most 1000";

fn assert_refused(
    built: Result<RetryBudget, InvalidConfig>,
    field: &str,
    value: &str,
    allowed: &str,
) {
    let error = built.expect_err(field);
    assert_eq!(error.field(), field);
    assert_eq!(error.value(), value);
    assert_eq!(error.allowed(), allowed);
    let message = format!("`{field}` is {value}; allowed: {allowed}");
    assert_eq!(error.to_string(), message);
}

fn seconds(ttl: f64) -> Result<RetryBudget, InvalidConfig> {
    let settings = RetryBudget::ratio(Ratio::percent(20));
    settings.ttl(Duration::from_secs_f64(ttl)).build()
}

#[test]
fn a_ratio_of_nothing_of_more_than_ten_or_finer_than_a_thousandth_is_refused() {
    let refused = [
        (Ratio::percent(0), "0 %"),
        (Ratio::percent(1001), "1001 %"),
        (Ratio::per_mille(10_001), "1000.1 %"),
        (Ratio::new(1, 1600).unwrap(), "0.0625 %"),
        (Ratio::new(801, 1600).unwrap(), "50.0625 %"),
        (Ratio::new(u32::MAX, 1).unwrap(), "429496729500 %"),
    ];
    for (ratio, value) in refused {
        let built = RetryBudget::ratio(ratio).build();
        assert_refused(built, "ratio", value, RATIO_RANGE);
        let built = RetryBudget::success_tokens(10, ratio).build();
        assert_refused(built, "per_success", value, RATIO_RANGE);
        let built = RetryBudget::token_bucket(10, ratio).build();
        assert_refused(built, "per_success", value, RATIO_RANGE);
        let built = RetryBudget::share_of_in_flight(ratio).build();
        assert_refused(built, "share", value, RATIO_RANGE);
    }
}

#[test]
fn the_ratios_at_the_ends_of_the_range_are_taken() {
    let ends = [
        Ratio::per_mille(1),
        Ratio::percent(1000),
        Ratio::new(999, 1000).unwrap(),
        Ratio::new(2_000, 2_000_000).unwrap(), // a thousandth, in lowest terms
    ];
    for ratio in ends {
        assert!(RetryBudget::ratio(ratio).build().is_ok(), "{ratio}");
        assert!(RetryBudget::success_tokens(1, ratio).build().is_ok());
        assert!(RetryBudget::token_bucket(1, ratio).build().is_ok());
        assert!(RetryBudget::share_of_in_flight(ratio).build().is_ok());
    }
}

#[test]
fn a_window_shorter_than_a_second_or_longer_than_a_minute_is_refused() {
    let refused = [(0.0, "0ns"), (0.999, "999ms"), (61.0, "61s")];
    for (ttl, value) in refused {
        assert_refused(seconds(ttl), "ttl", value, "1s to 60s");
    }
    let longest = RetryBudget::ratio(Ratio::percent(20)).ttl(Duration::MAX);
    let value = format!("{:?}", Duration::MAX);
    assert_refused(longest.build(), "ttl", &value, "1s to 60s");
    assert!(seconds(1.0).is_ok());
    assert!(seconds(60.0).is_ok());
}

#[test]
fn a_floor_of_more_than_a_million_a_second_is_refused() {
    for floor in [1_000_001, u32::MAX] {
        let settings = RetryBudget::ratio(Ratio::percent(20)).min_per_second(floor);
        let value = floor.to_string();
        assert_refused(settings.build(), "min_per_second", &value, "0 to 1000000");
    }
    let settings = RetryBudget::ratio(Ratio::percent(20)).min_per_second(1_000_000);
    assert!(settings.build().is_ok());
}

#[test]
fn no_tokens_or_more_than_the_form_allows_are_refused() {
    let tenth = Ratio::percent(10);
    for tokens in [0, 1001, u32::MAX] {
        let built = RetryBudget::success_tokens(tokens, tenth).build();
        assert_refused(built, "tokens", &tokens.to_string(), "1 to 1000");
    }
    for tokens in [0, 1_000_001, u32::MAX] {
        let built = RetryBudget::token_bucket(tokens, tenth).build();
        assert_refused(built, "tokens", &tokens.to_string(), "1 to 1000000");
    }
    assert!(RetryBudget::success_tokens(1000, tenth).build().is_ok());
    assert!(RetryBudget::token_bucket(1_000_000, tenth).build().is_ok());
}

#[test]
fn a_capacity_out_of_range_is_refused() {
    for capacity in [0, 1_000_001] {
        let built = RetryBudget::cost_aware().capacity(capacity).build();
        assert_refused(built, "capacity", &capacity.to_string(), "1 to 1000000");
    }
    assert!(RetryBudget::cost_aware().capacity(14).build().is_ok());
}

#[test]
fn a_cost_of_nothing_or_above_the_capacity_is_refused() {
    for cost in [0, 501, u32::MAX] {
        let built = RetryBudget::cost_aware().transient_cost(cost).build();
        assert_refused(built, "transient_cost", &cost.to_string(), "1 to 500");
        let built = RetryBudget::cost_aware().overloaded_cost(cost).build();
        assert_refused(built, "overloaded_cost", &cost.to_string(), "1 to 500");
    }
    // The default cost of 14 does not fit this one.
    let built = RetryBudget::cost_aware().capacity(13).build();
    assert_refused(built, "transient_cost", "14", "1 to 13");
    let whole = RetryBudget::cost_aware().transient_cost(500);
    assert!(whole.overloaded_cost(500).build().is_ok());
}

#[test]
fn a_ratio_without_a_denominator_is_refused() {
    let error = Ratio::new(1, 0).unwrap_err();
    assert_eq!(error.field(), "denominator");
    assert_eq!(error.value(), "0");
    assert_eq!(error.allowed(), "1 to 4294967295");
}
