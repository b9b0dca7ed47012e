//! The limits are those of the formulas, written down naively.

use proptest::prelude::*;
use steadfast_core::Ratio;

use crate::{
    MS,
    adaptive::{AdaptiveLimit, Aimd, Gradient2, Vegas, Window},
    control, ms,
};

/// Far off, so that the formulas are alone.
const NEVER: u32 = 1_000_000;

#[derive(Clone, Copy, Debug)]
struct Step {
    /// In tenths of a millisecond.
    rtt: Option<u32>,
    calls: u32,
    /// Clearly less than half of the limit, or clearly more.
    is_used: bool,
}

impl Step {
    fn window(self, limit: u32) -> Window {
        Window {
            calls: self.calls,
            max_in_flight: if self.is_used { limit } else { limit / 4 },
            rtt_nanos: self.rtt.map(|rtt| u64::from(rtt) * (MS / 10)),
        }
    }

    fn rtt(self) -> Option<f64> {
        self.rtt.map(f64::from)
    }
}

/// Round trips of 10 ms to 100 ms, the first of them the lowest.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        prop::option::weighted(0.9, prop_oneof![3 => 100..130u32, 1 => 100..1000u32]),
        1..2000u32,
        prop::bool::weighted(0.8),
    )
        .prop_map(|(rtt, calls, is_used)| Step {
            rtt,
            calls,
            is_used,
        });
    prop::collection::vec(step, 1..120).prop_map(|mut steps| {
        steps[0].rtt = Some(100);
        steps
    })
}

#[track_caller]
fn assert_close(limit: u32, naive: f64) -> Result<(), TestCaseError> {
    prop_assert!(
        (f64::from(limit) - naive).abs() <= 1.01,
        "{limit}, not {naive}"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn aimd(steps in steps(), initial in 1..1000u32, timeout in 10..40u64) {
        let settings = AdaptiveLimit::new(Aimd::new().timeout(ms(timeout)));
        let mut limit = control(settings.initial(initial));
        let mut naive = f64::from(initial);
        for step in steps {
            let now = limit.update(step.window(limit.limit()), 0);
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let timeout = timeout as f64 * 10.0;
            if step.rtt().is_none_or(|rtt| rtt > timeout) {
                naive *= 0.9;
            } else if step.is_used {
                naive += 1.0;
            }
            naive = naive.clamp(1.0, 1000.0);
            assert_close(now, naive)?;
        }
    }

    #[test]
    fn vegas(steps in steps(), initial in 1..1000u32) {
        let settings = AdaptiveLimit::new(Vegas::new().probe_multiplier(NEVER));
        let mut limit = control(settings.initial(initial));
        for step in steps {
            let before = limit.limit();
            let l = f64::from(before);
            let now = limit.update(step.window(before), 0);
            let g = l.log10().floor().max(1.0);
            let round_trips = (f64::from(step.calls) / l).floor().max(1.0);
            let naive = match step.rtt() {
                None => l - (g * round_trips).min((l / 10.0).floor().max(g)),
                Some(_) if !step.is_used => l,
                Some(rtt) => {
                    // As near to a whole call as f64 can tell.
                    let queue = (l * (1.0 - 100.0 / rtt) - 1e-9).ceil();
                    if queue <= g {
                        l + 6.0 * g
                    } else if queue < 3.0 * g {
                        l + g
                    } else if queue > 6.0 * g {
                        l - (g * round_trips).min((queue - 6.0 * g).max(g))
                    } else {
                        l
                    }
                }
            };
            prop_assert_eq!(f64::from(now), naive.clamp(1.0, 1000.0));
        }
    }

    #[test]
    fn gradient2(
        steps in steps(),
        initial in 1..1000u32,
        tolerance in 100..300u32,
        smoothing in 1..=100u32,
        long_window in 1..700u32,
    ) {
        let gradient = Gradient2::new()
            .tolerance(Ratio::percent(tolerance))
            .smoothing(Ratio::percent(smoothing))
            .long_window(long_window)
            .probe_multiplier(NEVER);
        let mut limit = control(AdaptiveLimit::new(gradient).initial(initial));
        let mut naive = f64::from(initial);
        let mut seen = Vec::new();
        let mut long = 0.0;
        let smoothing = f64::from(smoothing) / 100.0;
        for step in steps {
            let now = limit.update(step.window(limit.limit()), 0);
            if let Some(rtt) = step.rtt() {
                seen.push(rtt);
                long = if seen.len() <= 10 {
                    let before = seen.len() - 1;
                    #[expect(clippy::cast_precision_loss, reason = "ten")]
                    let before = before as f64;
                    (long * before + rtt) / (before + 1.0)
                } else {
                    let factor = 2.0 / (f64::from(long_window) + 1.0);
                    long * (1.0 - factor) + rtt * factor
                };
                if long / rtt > 2.0 {
                    long *= 0.95;
                }
                if step.is_used {
                    let gradient = (f64::from(tolerance) / 100.0 * long / rtt).clamp(0.5, 1.0);
                    naive = (1.0 - smoothing) * naive + smoothing * (naive * gradient + 4.0);
                }
            } else {
                naive *= 1.0 - smoothing / 2.0;
            }
            naive = naive.clamp(1.0, 1000.0);
            assert_close(now, naive)?;
        }
    }
}
