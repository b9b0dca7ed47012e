//! Arbitrary settings.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*, sample::select};
use steadfast_circuit_breaker::{Cancelled, CircuitBreaker, CircuitBreakerBuilder};
use steadfast_core::Ratio;

pub(crate) const MILLI: u64 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Calls(u64),
    /// In nanoseconds, and in how many slots.
    Time(u64, u64),
}

/// The settings of a breaker, in numbers. Times are nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) failure_rate: Option<Ratio>,
    pub(crate) slow: Option<(Ratio, u64)>,
    pub(crate) consecutive: Option<u32>,
    pub(crate) extent: Extent,
    pub(crate) min_calls: u64,
    pub(crate) open_for: u64,
    pub(crate) max_open_for: u64,
    pub(crate) factor_milli: u64,
    pub(crate) jitter: Ratio,
    pub(crate) max_retry_after: u64,
    pub(crate) probes: u64,
    pub(crate) half_open_for: u64,
    pub(crate) ramp: Vec<Ratio>,
    pub(crate) ramp_step: u64,
    pub(crate) cancelled_is_failed: bool,
    pub(crate) shadow: bool,
}

impl Setup {
    pub(crate) fn has_rates(&self) -> bool {
        self.failure_rate.is_some() || self.slow.is_some()
    }

    pub(crate) fn build(&self) -> CircuitBreaker {
        let rules: [Option<CircuitBreakerBuilder>; 3] = [
            self.failure_rate.map(CircuitBreaker::failure_rate),
            self.slow
                .map(|(rate, after)| CircuitBreaker::slow_calls(rate, Duration::from_nanos(after))),
            self.consecutive.map(CircuitBreaker::consecutive_failures),
        ];
        let mut builder = rules.into_iter().flatten().next().unwrap();
        if let Some((rate, after)) = self.slow {
            builder = builder.slow_calls(rate, Duration::from_nanos(after));
        }
        if let Some(failures) = self.consecutive {
            builder = builder.consecutive_failures(failures);
        }
        builder = match self.extent {
            Extent::Calls(calls) => builder.over_last(u32::try_from(calls).unwrap()),
            Extent::Time(length, slots) => builder
                .over(Duration::from_nanos(length))
                .buckets(u32::try_from(slots).unwrap()),
        };
        if self.cancelled_is_failed {
            builder = builder.cancelled_as(Cancelled::Failure);
        }
        if self.shadow {
            builder = builder.shadow();
        }
        let builder = builder
            .min_calls(u32::try_from(self.min_calls).unwrap())
            .open_for(Duration::from_nanos(self.open_for))
            .max_open_for(Duration::from_nanos(self.max_open_for))
            .factor(f64::from(u32::try_from(self.factor_milli).unwrap()) / 1000.0)
            .jitter(self.jitter)
            .max_retry_after(Duration::from_nanos(self.max_retry_after))
            .probes(u32::try_from(self.probes).unwrap())
            .half_open_for(Duration::from_nanos(self.half_open_for))
            .ramp(
                self.ramp.iter().copied(),
                Duration::from_nanos(self.ramp_step),
            );
        builder.build().unwrap()
    }
}

/// More than none and up to all.
fn share() -> impl Strategy<Value = Ratio> {
    let any = (1..=1000_u32).prop_flat_map(|whole| (1..=whole, Just(whole)));
    let small = (1..=8_u32).prop_flat_map(|whole| (1..=whole, Just(whole)));
    let ratio = prop_oneof![2 => Just((1, 2)), 2 => small, 2 => any, 1 => Just((1, 50))];
    ratio.prop_map(|(part, whole)| Ratio::new(part, whole).unwrap())
}

/// More than none and less than all.
fn step_of_ramp() -> impl Strategy<Value = Ratio> {
    (1..=99_u32).prop_map(Ratio::percent)
}

fn rules() -> impl Strategy<Value = (Option<Ratio>, Option<(Ratio, u64)>, Option<u32>)> {
    let slow = || (share(), prop_oneof![1..200 * MILLI, 1..MILLI]);
    prop_oneof![
        3 => share().prop_map(|rate| (Some(rate), None, None)),
        1 => slow().prop_map(|slow| (None, Some(slow), None)),
        1 => (1..6_u32).prop_map(|failures| (None, None, Some(failures))),
        3 => (share(), slow(), 1..12_u32).prop_map(|(rate, slow, failures)| {
            (Some(rate), Some(slow), Some(failures))
        }),
        1 => (slow(), 1..12_u32).prop_map(|(slow, failures)| (None, Some(slow), Some(failures))),
        1 => (share(), slow()).prop_map(|(rate, slow)| (Some(rate), Some(slow), None)),
    ]
}

/// A window, and how many calls it takes to judge it.
fn small_window() -> impl Strategy<Value = (Extent, u64)> {
    let calls = prop_oneof![1..=8_u64, 1..=64_u64, Just(64_u64)];
    calls.prop_flat_map(|calls| (Just(Extent::Calls(calls)), 1..=calls))
}

fn large_window() -> impl Strategy<Value = (Extent, u64)> {
    let calls = prop_oneof![
        3 => 65..=130_u64,
        1 => select(vec![65_u64, 95, 96, 127, 128, 1000, 1023, 1024]),
        1 => 65..=1200_u64,
    ];
    calls.prop_flat_map(|calls| {
        let min = prop_oneof![3 => 1..=10_u64, 1 => 1..=calls, 1 => Just(calls)];
        (Just(Extent::Calls(calls)), min)
    })
}

fn window_of_time() -> impl Strategy<Value = (Extent, u64)> {
    let length = prop_oneof![
        3 => Just(1000 * MILLI),
        1 => Just(100 * MILLI),
        1 => 100 * MILLI..10_000 * MILLI,
    ];
    (length, 2..=16_u64, 1..=8_u64)
        .prop_map(|(length, slots, min_calls)| (Extent::Time(length, slots), min_calls))
}

fn setup(window: impl Strategy<Value = (Extent, u64)>) -> impl Strategy<Value = Setup> {
    let open = (
        MILLI..2000 * MILLI,
        prop_oneof![Just(0), 0..10_000 * MILLI],
        prop_oneof![Just(1000), Just(2000), 1000..5000_u64, Just(1_000_000)],
        (0..=100_u32).prop_map(Ratio::percent),
        prop_oneof![Just(0), 0..5000 * MILLI],
    );
    let half_open = (
        1..=5_u64,
        prop_oneof![1 => 1..3 * MILLI, 3 => MILLI..3000 * MILLI],
        prop_oneof![Just(Vec::new()), vec(step_of_ramp(), 1..4)],
        1..200 * MILLI,
    );
    let ways = (any::<bool>(), option::weighted(0.1, Just(())));
    (rules(), window, open, half_open, ways).prop_map(|(rules, window, open, half_open, ways)| {
        let (failure_rate, slow, consecutive) = rules;
        let (extent, min_calls) = window;
        let (open_for, longer, factor_milli, jitter, max_retry_after) = open;
        let (probes, half_open_for, ramp, ramp_step) = half_open;
        Setup {
            failure_rate,
            slow,
            consecutive,
            extent,
            min_calls,
            open_for,
            max_open_for: open_for + longer,
            factor_milli,
            jitter,
            max_retry_after,
            probes,
            half_open_for,
            ramp,
            ramp_step,
            cancelled_is_failed: ways.0,
            shadow: ways.1.is_some(),
        }
    })
}

pub(crate) fn of_few_calls() -> impl Strategy<Value = Setup> {
    setup(small_window())
}

pub(crate) fn of_many_calls() -> impl Strategy<Value = Setup> {
    setup(large_window())
}

pub(crate) fn of_time() -> impl Strategy<Value = Setup> {
    setup(window_of_time())
}
