//! The formulas against their definitions, and what holds for all of them.

use std::time::Duration;

use proptest::prelude::*;
use steadfast_core::{Class, Ratio};

use super::{Backoff, Memory, RetryState};
use crate::Jitter;

const NO_CAP: u64 = u64::MAX;
const MS: u64 = 1_000_000;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn state(retry: u32) -> RetryState {
    RetryState {
        retry,
        class: Class::Transient,
        retry_after: None,
    }
}

/// The waits before the first `n` retries, in milliseconds.
fn series(backoff: &Backoff, n: u32, cap: u64, mut random: impl FnMut() -> u64) -> Vec<u64> {
    let mut memory = Memory::default();
    (1..=n)
        .map(|retry| backoff.delay(&state(retry), cap, &mut memory, random()) / MS)
        .collect()
}

#[test]
fn the_plain_backoffs_follow_their_formulas() {
    let plain = |backoff: Backoff| series(&backoff, 6, NO_CAP, || 0);
    assert_eq!(plain(Backoff::constant(ms(7))), [7; 6]);
    assert_eq!(plain(Backoff::linear(ms(7))), [7, 14, 21, 28, 35, 42]);
    assert_eq!(
        plain(Backoff::exponential(ms(50), 2.0)),
        [50, 100, 200, 400, 800, 1600]
    );
    assert_eq!(
        plain(Backoff::exponential(ms(100), 1.5)),
        [100, 150, 225, 337, 506, 759]
    );
    assert_eq!(plain(Backoff::fibonacci(ms(10))), [10, 10, 20, 30, 50, 80]);
}

#[test]
fn decorrelated_draws_between_the_base_and_three_times_the_last_wait() {
    let backoff = Backoff::decorrelated(ms(10));
    assert_eq!(series(&backoff, 4, NO_CAP, || 0), [10; 4]);
    // The largest draw: 3 times the last wait, up to the cap.
    assert_eq!(
        series(&backoff, 4, 500 * MS, || u64::MAX),
        [30, 90, 270, 500]
    );
    let half = || 1 << 63;
    // base + (3 * previous - base) / 2
    assert_eq!(series(&backoff, 3, NO_CAP, half), [20, 35, 57]);
}

#[test]
fn decorrelated_v2_has_the_published_median_and_mean() {
    let backoff = Backoff::decorrelated_v2(Duration::from_secs(1));
    let n = 100_000_u64;
    let mut first: Vec<u64> = (0..n)
        .map(|i| {
            let evenly = i * (u64::MAX / n);
            backoff.delay(&state(1), NO_CAP, &mut Memory::default(), evenly)
        })
        .collect();
    first.sort_unstable();
    let median = first[first.len() / 2] as f64 / 1e9;
    let mean = first.iter().sum::<u64>() as f64 / n as f64 / 1e9;
    assert!((median - 0.897).abs() < 0.001, "median {median}");
    assert!((mean - 0.871).abs() < 0.001, "mean {mean}");
    assert!(first[0] < 10 * MS, "near-zero draws are possible");
}

#[test]
fn decorrelated_v2_is_the_difference_of_its_curve() {
    let backoff = Backoff::decorrelated_v2(Duration::from_secs(1));
    let curve = |t: f64| t.exp2() * (4.0 * t).sqrt().tanh();
    let waits = series(&backoff, 3, NO_CAP, || 1 << 63); // u = 1/2
    let expected: Vec<u128> = [0.5, 1.5, 2.5]
        .iter()
        .scan(0.0, |previous, t| {
            let f = curve(*t);
            let delay = (f - *previous) / 1.4 * 1000.0;
            *previous = f;
            Some(Duration::from_secs_f64(delay / 1000.0).as_millis())
        })
        .collect();
    let waits: Vec<u128> = waits.into_iter().map(u128::from).collect();
    assert_eq!(waits, expected);
}

fn any_backoff() -> impl Strategy<Value = Backoff> {
    let base = any::<u64>().prop_map(Duration::from_nanos);
    prop_oneof![
        base.clone().prop_map(Backoff::constant),
        base.clone().prop_map(Backoff::linear),
        (base.clone(), 1.0..1000.0).prop_map(|(b, f)| Backoff::exponential(b, f)),
        base.clone().prop_map(Backoff::fibonacci),
        base.clone().prop_map(Backoff::decorrelated),
        base.prop_map(Backoff::decorrelated_v2),
        any::<u64>().prop_map(|ns| Backoff::custom(move |_| Duration::from_nanos(ns))),
    ]
}

fn any_jitter() -> impl Strategy<Value = Jitter> {
    prop_oneof![
        Just(Jitter::None),
        Just(Jitter::Full),
        Just(Jitter::Equal),
        (0..=100_u32).prop_map(|p| Jitter::Proportional(Ratio::percent(p))),
    ]
}

proptest! {
    #[test]
    fn the_cap_holds_after_jitter_whatever_the_numbers(
        backoff in any_backoff(),
        jitter in any_jitter(),
        cap in any::<u64>(),
        draws in prop::collection::vec(any::<u64>(), 1..20),
        late in 0..=u32::MAX - 20,
    ) {
        let mut memory = Memory::default();
        for (retry, draw) in (late + 1..).zip(draws) {
            let delay = backoff.delay(&state(retry), cap, &mut memory, draw);
            prop_assert!(delay <= cap);
            prop_assert!(jitter.spread(delay, cap, draw.rotate_left(17)) <= cap);
        }
    }

    #[test]
    fn jitter_stays_in_its_range_and_reaches_both_ends(
        delay in 0..u64::MAX / 4,
        percent in 0..=100_u32,
        draw in any::<u64>(),
    ) {
        let share = Ratio::percent(percent);
        let around = share.of(delay);
        for (jitter, low, high) in [
            (Jitter::None, delay, delay),
            (Jitter::Full, 0, delay),
            (Jitter::Equal, delay / 2, delay),
            (Jitter::Proportional(share), delay - around, delay + around),
        ] {
            let spread = jitter.spread(delay, u64::MAX, draw);
            prop_assert!((low..=high).contains(&spread), "{jitter:?} {spread}");
            prop_assert_eq!(jitter.spread(delay, u64::MAX, 0), low);
            prop_assert_eq!(jitter.spread(delay, u64::MAX, u64::MAX), high);
        }
    }

    #[test]
    fn the_exponential_agrees_with_exact_arithmetic(
        base in 0..10_000_000_000_u64,
        retry in 1..40_u32,
        cap in any::<u64>(),
    ) {
        let exact = u128::from(base) << (retry - 1);
        let expected = u64::try_from(exact.min(u128::from(cap))).unwrap();
        let backoff = Backoff::exponential(Duration::from_nanos(base), 2.0);
        prop_assert_eq!(backoff.delay(&state(retry), cap, &mut Memory::default(), 0), expected);
    }
}
