//! The whole decision: from calls that are sent and end to the rate.

use std::time::Duration;

use steadfast_core::Instant;

use super::{AdaptiveRate, Bounds, measured::Measured, micros};

/// What is left of the rate when a call is throttled.
const BETA: f64 = 0.7;
/// How steep the curve is, in units a second to the third.
const SCALE: f64 = 0.4;
/// How far the rate may be ahead of what is sent.
const HEADROOM: f64 = 2.0;

/// A rate as it is told to a limit: so many units in a period of that many times what one takes.
const UNITS: u32 = 1000;
/// Nanoseconds of a second, times `UNITS`, times millionths of a unit.
const UNITS_NANO_MICROS: u64 = 1000 * 1_000_000_000 * 1_000_000;

/// The state of an adaptive rate, as whoever changes it sees it.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    bounds: Bounds,
    measured: Measured,
    curve: Option<Curve>,
}

/// The cubic curve since the rate was last throttled.
#[derive(Clone, Copy, Debug)]
struct Curve {
    /// When it began; `None` before the first call, when there is an initial rate.
    began: Option<Instant>,
    /// The rate that was too much, and that the curve comes back to; not negative, finite, and a number.
    plateau: f64,
    /// After so many seconds.
    returns_secs: f64,
    /// The rate for now, in units a second, within the bounds.
    rate: f64,
}

impl Control {
    /// The settings have been checked.
    pub(crate) fn new(settings: &AdaptiveRate) -> Self {
        let curve = settings.first_rate().map(|initial| Curve {
            began: None,
            plateau: initial,
            returns_secs: 0.0,
            rate: initial,
        });
        Control {
            bounds: settings.bounds(),
            measured: Measured::default(),
            curve,
        }
    }

    /// Takes in that `units` were sent at `now`: those of a call, or of all calls since the last time.
    pub(crate) fn sent_at(&mut self, now: Instant, units: u64) {
        self.measured.sent_at(now, units);
    }

    /// Takes in that a call was throttled that was sent at `sent`, as it turned out at `now`.
    pub(crate) fn throttled_at(&mut self, now: Instant, sent: Instant) {
        if self.curve.is_some_and(|curve| curve.answers(sent, now)) {
            return;
        }
        let measured = self.measured.per_second_so_far();
        let plateau = (self.curve).map_or(measured, |curve| measured.min(curve.rate));
        let curve = Curve {
            began: Some(now),
            plateau,
            returns_secs: (plateau * (1.0 - BETA) / SCALE).cbrt(),
            rate: 0.0,
        };
        self.follow(curve, BETA * plateau);
    }

    /// Takes in that a call went well, as it turned out at `now`.
    pub(crate) fn succeeded_at(&mut self, now: Instant) {
        let Some(mut curve) = self.curve else {
            return;
        };
        let rate = curve.rate_at(now);
        self.follow(curve, rate);
    }

    fn follow(&mut self, mut curve: Curve, rate: f64) {
        let most = self.measured.per_second().map(|sent| HEADROOM * sent);
        curve.rate = self.bounds.clamp(rate.min(most.unwrap_or(f64::INFINITY)));
        self.curve = Some(curve);
    }

    /// How many millionths of a unit may be sent a second; `None` while that is not limited.
    pub(crate) fn rate_micros(&self) -> Option<u64> {
        self.curve.map(|curve| micros(curve.rate))
    }

    /// When what was sent is to be taken in again at the latest, for it to be measured as if each call came by
    /// itself.
    pub(crate) fn next_look(&self) -> Instant {
        self.measured.bucket_ends()
    }
}

/// A rate as a limit takes it, to a thousandth: so many units in each period.
pub(crate) fn units_per(micros: u64) -> (u32, Duration) {
    let nanos = UNITS_NANO_MICROS / micros.max(1);
    (UNITS, Duration::from_nanos(nanos))
}

impl Curve {
    /// Whether it is the answer also to a call that was sent before it began, and is throttled at `now`.
    fn answers(&self, sent: Instant, now: Instant) -> bool {
        // The clock may have been turned back.
        self.began.is_some_and(|began| sent < began.min(now))
    }

    fn rate_at(&mut self, now: Instant) -> f64 {
        // The clock may have been turned back.
        let began = self.began.unwrap_or(now).min(now);
        self.began = Some(began);
        let since = (now - began).as_secs_f64() - self.returns_secs;
        SCALE * since.powi(3) + self.plateau
    }
}
