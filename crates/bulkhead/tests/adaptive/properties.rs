//! What holds whatever happens.

use proptest::prelude::*;
use steadfast_core::{Instant, Ratio};

use crate::{
    adaptive::{AdaptiveLimit, Aimd, Control, Gradient2, Tally, Vegas, Window},
    control,
};

const NEVER: u32 = 1_000_000;

/// Any strategy in any settings that can be built.
fn settings() -> impl Strategy<Value = AdaptiveLimit> {
    let numbers = (1..=1000u32, 0..1000u32, 1..=NEVER);
    let strategy = prop_oneof![
        (100..1000u32, any::<u64>()).prop_map(|(per_mille, nanos)| {
            let timeout = std::time::Duration::from_nanos(nanos.max(1));
            AdaptiveLimit::new(
                Aimd::new()
                    .backoff(Ratio::per_mille(per_mille))
                    .timeout(timeout),
            )
        }),
        numbers.clone().prop_map(|(alpha, more, multiplier)| {
            let beta = (alpha + more).min(1000);
            Vegas::new()
                .alpha(alpha)
                .beta(beta)
                .probe_multiplier(multiplier)
                .into()
        }),
        Just(Vegas::new().into()),
        Just(Vegas::new().probe_multiplier(1).into()),
        (
            100..=1000u32,
            1..=1000u32,
            1..=10_000u32,
            1..=NEVER,
            1..=NEVER
        )
            .prop_map(|(tolerance, smoothing, queue, long, multiplier)| {
                Gradient2::new()
                    .tolerance(Ratio::percent(tolerance))
                    .smoothing(Ratio::per_mille(smoothing))
                    .queue_size(queue)
                    .long_window(long)
                    .probe_multiplier(multiplier)
                    .into()
            }),
        Just(Gradient2::new().into()),
        Just(Gradient2::new().probe_multiplier(1).into()),
    ];
    let bounds = prop_oneof![
        Just((1, 1000)),
        (1..=NEVER, 1..=NEVER).prop_map(|(a, b)| (a.min(b), a.max(b))),
        Just((1, NEVER)),
        (1..=NEVER).prop_map(|only| (only, only)),
    ];
    (strategy, bounds).prop_map(|(limit, (min, max))| limit.min(min).max(max))
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        1..100_000_000_000u64,
        any::<u64>()
    ]
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), Just(u32::MAX), 0..3000u32, any::<u32>()]
}

fn window() -> impl Strategy<Value = Window> {
    let rtt = prop::option::weighted(0.8, number());
    (count(), count(), rtt).prop_map(|(calls, max_in_flight, rtt_nanos)| Window {
        calls,
        max_in_flight,
        rtt_nanos,
    })
}

fn windows() -> impl Strategy<Value = Vec<(Window, u64)>> {
    prop::collection::vec((window(), any::<u64>()), 0..60)
}

fn tally() -> impl Strategy<Value = Tally> {
    (count(), count(), number(), count()).prop_map(
        |(answered, dropped, rtt_nanos, max_in_flight)| Tally {
            answered,
            dropped,
            rtt_nanos,
            max_in_flight,
        },
    )
}

/// The floor and the ceiling, as the settings print them.
fn bounds(limit: &AdaptiveLimit) -> (u32, u32) {
    let text = format!("{limit:?}");
    let field = |name: &str| -> u32 {
        let (_, rest) = text.split_once(name).unwrap();
        rest.split(',').next().unwrap().parse().unwrap()
    };
    (field(" min: "), field(" max: "))
}

fn after(settings: AdaptiveLimit, windows: &[(Window, u64)]) -> Control {
    let mut control = control(settings);
    for &(window, random) in windows {
        control.update(window, random);
    }
    control
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_is_always_between_floor_and_ceiling(settings in settings(), windows in windows()) {
        let (min, max) = bounds(&settings);
        let mut limit = control(settings);
        for (window, random) in windows {
            let now = limit.update(window, random);
            prop_assert!((min..=max).contains(&now), "{now}");
            prop_assert_eq!(now, limit.limit());
        }
    }

    #[test]
    fn calls_at_any_time_in_any_number_are_taken_in(
        settings in settings(),
        calls in prop::collection::vec((tally(), number(), any::<u64>()), 0..60),
    ) {
        let (min, max) = bounds(&settings);
        let mut limit = control(settings);
        for (tally, at, random) in calls {
            let now = limit.absorb_at(tally, Instant::from_nanos(at), random);
            prop_assert!((min..=max).contains(&limit.limit()));
            prop_assert!(now.is_none_or(|now| now == limit.limit()));
        }
    }

    #[test]
    fn a_drop_never_raises_it(settings in settings(), windows in windows(), last in window(), random: u64) {
        let mut limit = after(settings, &windows);
        let before = limit.limit();
        let drop = Window { rtt_nanos: None, ..last };
        prop_assert!(limit.update(drop, random) <= before);
    }

    #[test]
    fn unless_half_is_in_use_it_never_grows_but_back_from_a_measurement(
        settings in settings(),
        windows in windows(),
        last in window(),
        random: u64,
    ) {
        let mut limit = after(settings, &windows);
        let mut most = limit.limit();
        // While it is lowered to half, the limit itself is up to twice what it says.
        let is_lowered = !format!("{limit:?}").contains("phase: Resting") && format!("{limit:?}").contains("phase");
        if is_lowered {
            most *= 2;
        }
        let window = Window { max_in_flight: last.max_in_flight.min((limit.limit() - 1) / 2), ..last };
        prop_assert!(limit.update(window, random) <= most);
    }

    #[test]
    fn a_longer_round_trip_never_makes_for_a_higher_limit(
        strategy in prop_oneof![
            Just(AdaptiveLimit::new(Aimd::new())),
            Just(AdaptiveLimit::new(Gradient2::new().probe_multiplier(NEVER).long_window(NEVER))),
            Just(AdaptiveLimit::new(Vegas::new().probe_multiplier(NEVER))),
        ],
        initial in 1..1000u32,
        rtts in prop::collection::vec(1_000_000..20_000_000u64, 10..30),
        calls in 1..2000u32,
        (one, more) in (1_000_000..20_000_000u64, 0..10_000_000_000u64),
    ) {
        let window = |rtt: u64| Window { calls, max_in_flight: 1000, rtt_nanos: Some(rtt) };
        let before: Vec<_> = rtts.into_iter().map(|rtt| (window(rtt), 0)).collect();
        let limit = after(strategy.initial(initial), &before);
        let short = limit.clone().update(window(one), 0);
        let long = limit.clone().update(window(one + more), 0);
        prop_assert!(long <= short, "{long} after {}, {short} after {one}", one + more);
    }

    #[test]
    fn at_one_moment_it_does_not_matter_whether_calls_come_alone_or_together(
        tallies in prop::collection::vec((0..3u32, 0..3u32, 0..1000u64, 0..100u32), 1..20),
        after in 0..3_000_000_000u64,
    ) {
        // Well within a window, and then one more call at its end.
        let tally = |(answered, dropped, rtt_nanos, max_in_flight): (u32, u32, u64, u32)| Tally {
            answered: answered + 1,
            dropped,
            rtt_nanos,
            max_in_flight,
        };
        let at = Instant::from_nanos(1);
        let mut alone = control(Aimd::new());
        let mut together = control(Aimd::new());
        let mut sum = Tally::default();
        for parts in tallies {
            prop_assert_eq!(alone.absorb_at(tally(parts), at, 0), None);
            sum.add(tally(parts));
        }
        prop_assert_eq!(together.absorb_at(sum, at, 0), None);
        let end = Instant::from_nanos(1 + after);
        let last = tally((0, 0, 1, 1));
        prop_assert_eq!(alone.absorb_at(last, end, 0), together.absorb_at(last, end, 0));
    }
}
