//! Each form of the retry budget gives the same answers as a naive account that keeps every event.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

mod history;
mod invariants;
mod oracles;

use std::time::Duration;

use proptest::prelude::*;
use steadfast_core::{Ratio, RetryBudget};

use self::{
    history::{forward_steps, replay, start},
    oracles::{InFlightOracle, Price, RatioOracle, Refill, TokenOracle},
};

/// Every ratio that a budget takes, in fractions with denominators up to a thousand. Mostly below
/// one, so that budgets run dry.
fn any_ratio() -> impl Strategy<Value = Ratio> {
    fn up_to(times: u32) -> impl Strategy<Value = (u32, u32)> {
        (1..=1_000_u32).prop_flat_map(move |denominator| {
            (1..=times * denominator).prop_map(move |numerator| (numerator, denominator))
        })
    }
    let percent = (1..=100_u32).prop_map(|percent| (percent, 100));
    prop_oneof![3 => percent, 2 => up_to(1), 1 => up_to(10)]
        .prop_map(|(numerator, denominator)| Ratio::new(numerator, denominator).unwrap())
}

fn any_ttl() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::from_secs(10)),
        (1..=60_u64).prop_map(Duration::from_secs),
        (1_000_000_000..=60_000_000_000_u64).prop_map(Duration::from_nanos),
    ]
}

fn any_floor() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 0..=3_u32, 0..=1_000_000_u32]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_ratio_budget_answers_as_the_list_of_its_events_does(
        ratio in any_ratio(),
        ttl in any_ttl(),
        floor in any_floor(),
        start in start(),
        steps in forward_steps(),
    ) {
        let budget = RetryBudget::ratio(ratio).ttl(ttl).min_per_second(floor).build().unwrap();
        replay(&budget, RatioOracle::new(ratio, ttl, floor), start, &steps)?;
    }

    #[test]
    fn a_success_token_budget_answers_as_the_list_of_its_events_does(
        tokens in prop_oneof![1..=10_u32, 1..=1_000_u32],
        per_success in any_ratio(),
        start in start(),
        steps in forward_steps(),
    ) {
        let budget = RetryBudget::success_tokens(tokens, per_success).build().unwrap();
        let oracle = TokenOracle::new(tokens, Price::PerFailure, Refill::PerSuccess(per_success));
        replay(&budget, oracle, start, &steps)?;
    }

    #[test]
    fn a_token_bucket_answers_as_the_list_of_its_events_does(
        capacity in prop_oneof![1..=10_u32, 1..=1_000_000_u32],
        per_success in any_ratio(),
        start in start(),
        steps in forward_steps(),
    ) {
        let budget = RetryBudget::token_bucket(capacity, per_success).build().unwrap();
        let price = Price::PerRetry { transient: 1, overloaded: 1 };
        let oracle = TokenOracle::new(capacity, price, Refill::PerSuccess(per_success));
        replay(&budget, oracle, start, &steps)?;
    }

    #[test]
    fn a_cost_aware_budget_answers_as_the_list_of_its_events_does(
        (capacity, transient, overloaded) in
            (1..=100_u32).prop_flat_map(|capacity| (Just(capacity), 1..=capacity, 1..=capacity)),
        start in start(),
        steps in forward_steps(),
    ) {
        let settings = RetryBudget::cost_aware().capacity(capacity);
        let settings = settings.transient_cost(transient).overloaded_cost(overloaded);
        let price = Price::PerRetry { transient, overloaded };
        let oracle = TokenOracle::new(capacity, price, Refill::LastCost);
        replay(&settings.build().unwrap(), oracle, start, &steps)?;
    }

    #[test]
    fn a_share_of_in_flight_answers_as_the_list_of_its_calls_does(
        share in any_ratio(),
        min in 0..=5_u32,
        start in start(),
        steps in forward_steps(),
    ) {
        let settings = RetryBudget::share_of_in_flight(share).min_concurrent(min);
        let oracle = InFlightOracle::new(share, min);
        replay(&settings.build().unwrap(), oracle, start, &steps)?;
    }
}
