//! The rate is that of the formula, written down naively.

use proptest::prelude::*;

use crate::{SECOND, adaptive::AdaptiveRate, at, control};

#[derive(Clone, Copy, Debug)]
enum Step {
    Sent(u64),
    /// A call that was sent so many milliseconds before.
    Throttled(u64),
    Succeeded,
}

/// All that happened: units that were sent in milliseconds, and what ended.
#[derive(Default)]
struct Naive {
    sent: Vec<(u64, u64)>,
    ends: Vec<(u64, Option<u64>)>,
    initial: Option<f64>,
}

impl Naive {
    /// What was sent by then: in buckets of half a second, `measured = 0.8 * current + 0.2 * measured`.
    fn measured(&self, sends: usize) -> (f64, bool) {
        let (mut measured, mut count, mut is_closed) = (0.0, 0.0, false);
        let Some(&(mut bucket, _)) = self.sent.first() else {
            return (0.0, false);
        };
        for &(ms, units) in &self.sent[..sends] {
            count += units as f64;
            let mut next = bucket;
            while next + 500 <= ms {
                next += 500;
            }
            if next > bucket {
                let current = count / ((next - bucket) as f64 / 1000.0);
                measured = 0.8 * current + 0.2 * measured;
                (count, bucket, is_closed) = (0.0, next, true);
            }
        }
        (if is_closed { measured } else { count / 0.5 }, is_closed)
    }

    /// The rate after all of it, from the beginning.
    fn rate(&self) -> Option<f64> {
        let mut rate = self.initial;
        let mut w_max = self.initial.unwrap_or(0.0);
        let mut k = 0.0;
        let mut t0 = None;
        for &(ms, throttled) in &self.ends {
            let t = ms as f64 / 1000.0;
            // What was sent in the same millisecond was sent before.
            let sends = self.sent.iter().filter(|sent| sent.0 <= ms).count();
            let (measured, is_closed) = self.measured(sends);
            let next = match throttled {
                Some(sent) if t0.is_some_and(|t0| (sent as f64 / 1000.0) < t0) => continue,
                Some(_) => {
                    let w = rate.map_or(measured, |rate| measured.min(rate));
                    w_max = w;
                    k = (w_max * 0.3 / 0.4).powf(1.0 / 3.0);
                    t0 = Some(t);
                    0.7 * w
                }
                None if rate.is_none() => continue,
                None => {
                    let t0 = *t0.get_or_insert(t);
                    0.4 * (t - t0 - k) * (t - t0 - k) * (t - t0 - k) + w_max
                }
            };
            let bounded = if is_closed {
                next.min(2.0 * measured)
            } else {
                next
            };
            rate = Some(bounded.clamp(0.5, 5000.0));
        }
        rate
    }
}

/// Each so many milliseconds after the one before; what is sent comes first in its millisecond.
fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let passes = prop_oneof![
        8 => 1..30u64,
        2 => 1..600u64,
        1 => 499..502u64,
        1 => 1..20_000u64,
    ];
    let step = prop_oneof![
        6 => (1..4u64).prop_map(Step::Sent),
        1 => (0..300u64).prop_map(Step::Throttled),
        4 => Just(Step::Succeeded),
    ];
    prop::collection::vec((passes, step), 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_rate_is_that_of_the_formula(
        steps in steps(),
        initial in prop::option::weighted(0.3, 1..1000u32),
        origin in 0..1000u64,
    ) {
        let mut settings = AdaptiveRate::new().max(5000, SECOND);
        if let Some(initial) = initial {
            settings = settings.initial(initial, SECOND);
        }
        let mut control = control(&settings);
        let mut naive = Naive { initial: initial.map(f64::from), ..Naive::default() };
        let mut now = origin;
        for (passes, step) in steps {
            now += passes;
            match step {
                Step::Sent(units) => {
                    control.sent_at(at(now), units);
                    naive.sent.push((now, units));
                    continue;
                }
                Step::Throttled(before) => {
                    let sent = now.saturating_sub(before);
                    control.throttled_at(at(now), at(sent));
                    naive.ends.push((now, Some(sent)));
                }
                Step::Succeeded => {
                    control.succeeded_at(at(now));
                    naive.ends.push((now, None));
                }
            }
            let rate = control.rate_micros().map(|micros| micros as f64 / 1e6);
            let expected = naive.rate();
            prop_assert_eq!(rate.is_some(), expected.is_some());
            if let (Some(rate), Some(expected)) = (rate, expected) {
                let off = (rate - expected).abs();
                prop_assert!(off <= 1e-5 + 1e-8 * expected, "{rate}, not {expected}");
            }
        }
    }
}
