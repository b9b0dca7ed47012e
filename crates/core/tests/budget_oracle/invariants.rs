//! What holds over any history whatever the clock does: no form grants more than what was paid in.

use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use steadfast_core::{BudgetedCall, Class, Instant, Ratio, RetryBudget, Verdict};

use crate::{
    any_ratio, any_ttl,
    history::{Step, moved, start, wild_steps},
};

const SECOND: Duration = Duration::from_secs(1);

/// A history's totals: calls, successes among the outcomes, and retries that were not given back.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    calls: u64,
    successes: u64,
    retries: u64,
}

/// Plays a history and tells `check` the totals whenever a retry was granted.
fn play(
    budget: &RetryBudget,
    start: Instant,
    steps: &[Step],
    check: impl Fn(Totals) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut now = start;
    let mut totals = Totals::default();
    // Each call with whether it holds a reservation that would be given back.
    let mut calls: Vec<(BudgetedCall<'_>, bool)> = Vec::new();
    for &step in steps {
        if moved(&mut now, step) {
            continue;
        }
        let picked = |call: usize| call.checked_rem(calls.len());
        match step {
            Step::Record { call, verdict } => {
                if let Some(at) = picked(call) {
                    calls[at].0.record(&verdict);
                    totals.successes += u64::from(verdict.class() == Class::Success);
                }
            }
            Step::Reserve { call, failure } => {
                if let Some(at) = picked(call) {
                    let (call, holds) = &mut calls[at];
                    totals.retries -= u64::from(*holds);
                    *holds = call.try_reserve_at(now, &failure);
                    totals.retries += u64::from(*holds);
                    check(totals)?;
                }
            }
            Step::Spend { call } => {
                if let Some(at) = picked(call) {
                    calls[at].0.spend();
                    calls[at].1 = false;
                }
            }
            Step::End { call } => {
                if let Some(at) = picked(call) {
                    let (_, holds) = calls.swap_remove(at);
                    totals.retries -= u64::from(holds);
                }
            }
            _ => {
                calls.push((budget.enter_at(now), false));
                totals.calls += 1;
            }
        }
    }
    Ok(())
}

/// Calls that come at these intervals, in nanoseconds, into an outage in which each of them wants
/// three retries. Says how many retries they got.
fn outage(budget: &RetryBudget, start: Instant, intervals: &[u64]) -> u64 {
    let mut now = start;
    let mut retries = 0;
    for nanos in intervals {
        now = now + Duration::from_nanos(*nanos);
        let mut call = budget.enter_at(now);
        call.record(&Verdict::transient());
        for _ in 0..3 {
            if !call.try_reserve_at(now, &Verdict::transient()) {
                break;
            }
            call.spend();
            retries += 1;
            call.record(&Verdict::transient());
        }
    }
    retries
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn retries_never_exceed_the_ratio_of_the_calls_whatever_the_clock_does(
        ratio in any_ratio(),
        ttl in any_ttl(),
        start in start(),
        steps in wild_steps(),
    ) {
        let budget = RetryBudget::ratio(ratio).ttl(ttl).min_per_second(0).build().unwrap();
        play(&budget, start, &steps, |totals| {
            let paid = totals.calls * u64::from(ratio.numerator());
            let used = totals.retries * u64::from(ratio.denominator());
            prop_assert!(used <= paid, "{:?}", totals);
            Ok(())
        })?;
    }

    #[test]
    fn a_clock_that_swings_about_has_no_call_paid_for_two_retries(
        ratio in any_ratio(),
        // Where the clock goes, in seconds, and how many calls come there; they retry all they may.
        swings in vec((0..25_u64, 0..4_usize), 1..100),
    ) {
        let budget = RetryBudget::ratio(ratio).min_per_second(0).build().unwrap();
        let (mut calls, mut retries) = (0, 0);
        for (second, new_calls) in swings {
            let now = Instant::from_nanos(second * 1_000_000_000);
            for _ in 0..=new_calls {
                let mut call = budget.enter_at(now);
                calls += 1;
                while call.try_reserve_at(now, &Verdict::transient()) {
                    call.spend();
                    retries += 1;
                }
            }
            prop_assert!(retries <= ratio.of(calls), "{} retries of {} calls", retries, calls);
        }
    }

    #[test]
    fn once_the_clock_moves_on_a_ratio_budget_is_as_new(
        ratio in any_ratio(),
        ttl in any_ttl(),
        floor in 0..=20_u32,
        start in start(),
        steps in wild_steps(),
        settles_at in 0..u64::MAX / 2,
    ) {
        let settings = RetryBudget::ratio(ratio).ttl(ttl).min_per_second(floor);
        let budget = settings.build().unwrap();
        let new = budget.available_at(start);
        play(&budget, start, &steps, |_| Ok(()))?;
        let settled = Instant::from_nanos(settles_at);
        let _ = budget.available_at(settled);
        prop_assert_eq!(budget.available_at(settled + ttl), new);
    }

    #[test]
    fn a_token_bucket_grants_its_capacity_and_what_successes_returned_and_no_more(
        capacity in 1..=20_u32,
        per_success in any_ratio(),
        start in start(),
        steps in wild_steps(),
    ) {
        let budget = RetryBudget::token_bucket(capacity, per_success).build().unwrap();
        play(&budget, start, &steps, |totals| {
            let paid = u64::from(capacity) * u64::from(per_success.denominator())
                + totals.successes * u64::from(per_success.numerator());
            let used = totals.retries * u64::from(per_success.denominator());
            prop_assert!(used <= paid, "{:?}", totals);
            Ok(())
        })?;
    }

    #[test]
    fn in_a_total_outage_the_load_factor_is_at_most_one_and_the_ratio(
        ratio in any_ratio(),
        ttl in any_ttl(),
        start in start(),
        intervals in vec(prop_oneof![0..200_000_000_u64, 0..3_000_000_000_u64], 1..400),
    ) {
        let budget = RetryBudget::ratio(ratio).ttl(ttl).min_per_second(0).build().unwrap();
        let retries = outage(&budget, start, &intervals);
        let calls = intervals.len() as u64;
        prop_assert!(retries <= ratio.of(calls), "{} retries of {} calls", retries, calls);
    }

    #[test]
    fn in_a_total_outage_within_the_window_the_load_factor_is_exactly_one_and_the_ratio(
        per_mille in 1..=1_000_u32,
        calls in 1..2_000_usize,
    ) {
        let ratio = Ratio::per_mille(per_mille);
        let budget = RetryBudget::ratio(ratio).min_per_second(0).build().unwrap();
        let interval = u64::try_from(9 * SECOND.as_nanos()).unwrap() / calls as u64;
        let retries = outage(&budget, Instant::from_nanos(0), &vec![interval; calls]);
        prop_assert_eq!(retries, ratio.of(calls as u64));
    }

    #[test]
    fn in_a_total_outage_tokens_let_through_half_of_themselves_and_no_more(
        tokens in 1..=1_000_u32,
        calls in 600..2_000_usize,
    ) {
        let budget = RetryBudget::success_tokens(tokens, Ratio::percent(10)).build().unwrap();
        let retries = outage(&budget, Instant::from_nanos(0), &vec![0; calls]);
        prop_assert!(retries < u64::from(tokens.div_ceil(2)).max(1));
        prop_assert_eq!(budget.available_at(Instant::MAX), 0);
    }
}
