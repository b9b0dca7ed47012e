//! What holds whatever happens.

use std::time::Duration;

use proptest::prelude::*;
use steadfast_core::Instant;

use crate::{
    SECOND,
    adaptive::{AdaptiveRate, Control},
    at, control, units_per,
};

#[derive(Clone, Copy, Debug)]
enum Step {
    Sent(u64),
    Throttled(u64),
    Succeeded,
}

/// In milliseconds, or wherever the clock can be.
fn instant() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(u64::MAX),
        any::<u64>(),
        (0..100_000u64).prop_map(|ms| ms * 1_000_000),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()].prop_map(Step::Sent),
        instant().prop_map(Step::Throttled),
        Just(Step::Succeeded),
    ]
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    prop::collection::vec((instant(), step()), 0..80)
}

/// Floors, ceilings and initial rates that can be built, in units a second.
fn settings() -> impl Strategy<Value = (AdaptiveRate, f64, f64)> {
    let rate = prop_oneof![
        Just(1),
        Just(1_000_000_000_000),
        1..1_000_000_000_000u64,
        1..100_000u64
    ];
    let rates = (rate.clone(), rate.clone(), rate, any::<bool>());
    rates.prop_map(|(a, b, c, is_initial)| {
        let mut rates = [a, b, c];
        rates.sort_unstable();
        // Thousandths of a unit a second, as nanoseconds of so many units.
        let set = |milli: u64| match u32::try_from(milli) {
            Ok(milli) => (milli, 1000 * SECOND),
            Err(_) => (u32::try_from(milli / 1000).unwrap(), SECOND),
        };
        let [(min, min_per), (first, first_per), (max, max_per)] = rates.map(set);
        let mut settings = AdaptiveRate::new().min(min, min_per).max(max, max_per);
        if is_initial {
            settings = settings.initial(first, first_per);
        }
        let per_second = |n: u32, per: Duration| f64::from(n) / per.as_secs_f64();
        (settings, per_second(min, min_per), per_second(max, max_per))
    })
}

fn take(control: &mut Control, now: u64, step: Step) {
    let now = Instant::from_nanos(now);
    match step {
        Step::Sent(units) => control.sent_at(now, units),
        Step::Throttled(sent) => control.throttled_at(now, Instant::from_nanos(sent)),
        Step::Succeeded => control.succeeded_at(now),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn at_any_time_in_any_number_it_stays_between_floor_and_ceiling(
        (settings, min, max) in settings(),
        steps in steps(),
    ) {
        let mut control = control(&settings);
        for (now, step) in steps {
            take(&mut control, now, step);
            if let Some(micros) = control.rate_micros() {
                let rate = micros as f64 / 1e6;
                // To a millionth, and what 64 bits of floating point hold.
                prop_assert!(rate >= min - 1e-6 - min * 1e-12, "{rate} is less than {min}");
                prop_assert!(rate <= max + max * 1e-12, "{rate} is more than {max}");
            }
            let state = format!("{control:?}");
            prop_assert!(!state.contains("NaN") && !state.contains("inf"), "{state}");
        }
    }

    #[test]
    fn what_a_limit_is_told_is_the_rate_to_a_thousandth(
        (settings, ..) in settings(),
        steps in steps(),
    ) {
        let mut control = control(&settings);
        for (now, step) in steps {
            take(&mut control, now, step);
            if let (Some(micros), Some((units, per))) = (control.rate_micros(), units_per(&control)) {
                let told = f64::from(units) / per.as_secs_f64();
                let rate = micros as f64 / 1e6;
                prop_assert!((told / rate - 1.0).abs() <= 1.001e-3, "{told}, not {rate}");
            }
        }
    }

    #[test]
    fn it_is_limited_from_the_first_throttled_call_on(steps in steps()) {
        let mut control = control(&AdaptiveRate::new());
        let mut is_limited = false;
        for (now, step) in steps {
            take(&mut control, now, step);
            is_limited |= matches!(step, Step::Throttled(_));
            prop_assert_eq!(control.rate_micros().is_some(), is_limited);
        }
    }

    #[test]
    fn a_throttled_call_never_raises_it(
        (settings, ..) in settings(),
        steps in steps(),
        (now, sent) in (instant(), instant()),
    ) {
        let mut control = control(&settings);
        for (now, step) in steps {
            take(&mut control, now, step);
        }
        let before = control.rate_micros();
        take(&mut control, now, Step::Throttled(sent));
        let after = control.rate_micros().unwrap();
        prop_assert!(before.is_none_or(|before| after <= before), "{before:?}, then {after}");
    }

    #[test]
    fn the_longer_ago_it_was_throttled_the_higher_it_is(
        every in 1..300u64,
        (one, more) in (0..60_000u64, 0..60_000u64),
    ) {
        let mut control = control(&AdaptiveRate::new());
        crate::send(&mut control, 0, 10_000, every);
        control.throttled_at(at(10_000), at(10_000));
        let after = |ms: u64| {
            let mut control = control.clone();
            control.succeeded_at(at(10_000 + ms));
            control.rate_micros().unwrap()
        };
        prop_assert!(after(one) <= after(one + more));
    }

    #[test]
    fn calls_of_one_moment_may_come_one_by_one_or_added_up(
        mut before in prop::collection::vec((0..5000u64, 0..100u64), 0..20),
        units in prop::collection::vec(0..100u64, 1..10),
        when in 5000..5499u64,
    ) {
        before.sort_unstable();
        let mut alone = control(&AdaptiveRate::new());
        alone.sent_at(at(0), 1);
        for (ms, units) in before {
            alone.sent_at(at(ms), units);
        }
        // With a bucket that is open, and stays so until all of them came.
        alone.sent_at(at(5000), 0);
        let mut together = alone.clone();
        for &units in &units {
            alone.sent_at(at(when), units);
        }
        together.sent_at(at(when), units.iter().sum());
        for control in [&mut alone, &mut together] {
            control.sent_at(at(6000), 0);
            control.throttled_at(at(6000), at(6000));
        }
        prop_assert_eq!(alone.rate_micros(), together.rate_micros());
    }
}
