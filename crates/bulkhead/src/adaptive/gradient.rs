//! The limit by how latency changes.

use steadfast_core::{InvalidConfig, Ratio};

use super::{
    Bounds,
    collector::Window,
    probe::{Probe, Seen},
};
use crate::check::check_share;

const DEFAULT_TOLERANCE: Ratio = Ratio::percent(150);
const DEFAULT_SMOOTHING: Ratio = Ratio::percent(20);
const DEFAULT_QUEUE_SIZE: u32 = 4;
const DEFAULT_LONG_WINDOW: u32 = 600;
const DEFAULT_PROBE_MULTIPLIER: u32 = 30;
const MOST_QUEUE_SIZE: u32 = 10_000;
const MOST_LONG_WINDOW: u32 = 1_000_000;
const MOST_PROBE_MULTIPLIER: u32 = 1_000_000;

/// So many windows make the first average, each counting alike.
const WARM_UP: u32 = 10;
/// The most that the limit shrinks by in a window, before smoothing.
const STEEPEST: f64 = 0.5;
/// How far a long average may be above the latest window, and what is left of it then.
const DRIFTED: f64 = 2.0;
const DECAY: f64 = 0.95;

/// Grows while calls take no longer than they used to, by more than a tolerance.
///
/// With L the limit, R the mean round trip of a window, and `long` its exponential average over
/// `long_window` windows (each counts for 2 / (n + 1); the first ten count alike):
///
/// ```text
/// dropped               L * (1 - smoothing / 2)
/// long / R > 2          long * 0.95, and on
/// 2 * in_flight < L     L
/// else                  gradient = clamp(tolerance * long / R, 0.5, 1)
///                       (1 - smoothing) * L + smoothing * (L * gradient + queue_size)
/// ```
///
/// Source: Netflix *concurrency-limits*, `Gradient2Limit`. It departs from it in two ways:
///
/// - A window of drops is the steepest gradient, without a queue: with the defaults nine tenths remain.
///   Netflix's leaves drops out, and its limit stands still while nothing is answered.
/// - After between half of `probe_multiplier * L` calls and all of it, of which a window counts for L at
///   most, the round trip of a dependency at rest is measured, with the default after 15 to 30 full windows,
///   and `long` goes half of the way there. For that the limit is lowered to half for two windows. Without it
///   a queue that stays becomes what `long` knows, and in full use the limit grows without end. Where half of
///   the limit is not in use nothing is lowered.
///
/// # What it needs
///
/// In full use it rests where calls take `tolerance` times as long as at rest: at `tolerance` times the knee
/// and `queue_size` calls, which is 58 % above a knee of 50. That is what makes it bear latencies that vary.
/// To stay within 20 % of the knee, and to follow within 20 windows when half of the capacity is lost, set
/// [`tolerance`](Gradient2::tolerance) to 100 %: good for a knee of 40 or more, and of 25 or more with a
/// [`queue_size`](Gradient2::queue_size) of 2. Where it was just measuring it may take 40. With the default
/// of 150 %, half of the limit is more than half of the knee: a measurement right after the loss finds a
/// queue, and then it takes up to 150 windows.
///
/// It grows by `smoothing * queue_size` a window, 0.8 calls with the defaults: 100 windows from 20 to 100. For
/// a knee above 100 set `queue_size` to about a twentieth of it, or with a `tolerance` of 100 % the noise of
/// the means outweighs it; and [`initial`](super::AdaptiveLimit::initial) near what you expect.
///
/// # Cost
///
/// In full use, two windows in about 25 have half the limit. Without a
/// [`max_waiting`](crate::BulkheadBuilder::max_waiting) calls are refused meanwhile: see
/// [`AdaptiveLimit`](super::AdaptiveLimit#cost).
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | `tolerance` | 150 % |
/// | `smoothing` | 20 % |
/// | `queue_size` | 4 |
/// | `long_window` | 600 |
/// | `probe_multiplier` | 30 |
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it limits nothing until it is given to a bulkhead"]
pub struct Gradient2 {
    tolerance: Ratio,
    smoothing: Ratio,
    queue_size: u32,
    long_window: u32,
    probe_multiplier: u32,
}

impl Gradient2 {
    /// With the defaults.
    pub fn new() -> Self {
        Gradient2 {
            tolerance: DEFAULT_TOLERANCE,
            smoothing: DEFAULT_SMOOTHING,
            queue_size: DEFAULT_QUEUE_SIZE,
            long_window: DEFAULT_LONG_WINDOW,
            probe_multiplier: DEFAULT_PROBE_MULTIPLIER,
        }
    }

    /// How much longer than usual calls may take before the limit shrinks; 100 % to 1000 %, default 150 %.
    pub fn tolerance(mut self, ratio: Ratio) -> Self {
        self.tolerance = ratio;
        self
    }

    /// How much of a change is made at once; 0.1 % to 100 %, default 20 %.
    pub fn smoothing(mut self, share: Ratio) -> Self {
        self.smoothing = share;
        self
    }

    /// How many calls may wait at the dependency; 1 to 10,000, default 4. It is what makes the limit grow.
    pub fn queue_size(mut self, calls: u32) -> Self {
        self.queue_size = calls;
        self
    }

    /// Over how many windows the long average goes; 1 to 1,000,000, default 600.
    pub fn long_window(mut self, windows: u32) -> Self {
        self.long_window = windows;
        self
    }

    /// After how many times the limit's calls the long average is set anew; 1 to 1,000,000, default 30. Each
    /// time is shortened by chance, up to half.
    pub fn probe_multiplier(mut self, multiplier: u32) -> Self {
        self.probe_multiplier = multiplier;
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        let whole = Ratio::percent(100);
        check_share("tolerance", self.tolerance, whole, Ratio::percent(1000))?;
        check_share("smoothing", self.smoothing, Ratio::per_mille(1), whole)?;
        InvalidConfig::check("queue_size", self.queue_size, 1..=MOST_QUEUE_SIZE)?;
        InvalidConfig::check("long_window", self.long_window, 1..=MOST_LONG_WINDOW)?;
        let multiplier = self.probe_multiplier;
        InvalidConfig::check("probe_multiplier", multiplier, 1..=MOST_PROBE_MULTIPLIER)
    }
}

impl Default for Gradient2 {
    fn default() -> Self {
        Gradient2::new()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    tolerance: f64,
    smoothing: f64,
    queue_size: f64,
    bounds: Bounds,
    /// Within the bounds, so never less than 1, never infinite and never not a number.
    limit: f64,
    long: Long,
    probe: Probe,
}

impl State {
    pub(crate) fn new(settings: &Gradient2, first: u32, bounds: Bounds) -> Self {
        State {
            tolerance: number(settings.tolerance),
            smoothing: number(settings.smoothing),
            queue_size: settings.queue_size.into(),
            bounds,
            limit: first.into(),
            long: Long::over(settings.long_window),
            probe: Probe::new(settings.probe_multiplier),
        }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.probe.lowered(self.whole_limit(), self.bounds)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within the bounds, and the fraction is not to be used"
    )]
    fn whole_limit(&self) -> u32 {
        self.limit as u32
    }

    pub(crate) fn update(&mut self, window: Window, random: u64) {
        let Some(rtt) = window.rtt_nanos else {
            self.set(self.limit * (1.0 - self.smoothing * (1.0 - STEEPEST)));
            return;
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "of a hundred days, less than 2 ns"
        )]
        let rtt = rtt.max(1) as f64;
        let limit = self.whole_limit();
        match self.probe.see(&window, limit, random) {
            Seen::Mixed => {}
            Seen::Unloaded => self.long.set(rtt),
            Seen::Usual => {
                self.long.add(rtt);
                if u64::from(window.max_in_flight) * 2 >= u64::from(limit) {
                    self.follow(rtt);
                }
            }
        }
    }

    fn follow(&mut self, rtt: f64) {
        let gradient = (self.tolerance * self.long.mean / rtt).clamp(STEEPEST, 1.0);
        let wanted = self.limit * gradient + self.queue_size;
        self.set((1.0 - self.smoothing) * self.limit + self.smoothing * wanted);
    }

    fn set(&mut self, limit: f64) {
        self.limit = limit.clamp(self.bounds.min.into(), self.bounds.max.into());
    }
}

/// The round trip over a long time.
#[derive(Clone, Debug)]
struct Long {
    mean: f64,
    seen: u32,
    factor: f64,
}

impl Long {
    fn over(windows: u32) -> Self {
        Long {
            mean: 0.0,
            seen: 0,
            factor: 2.0 / (f64::from(windows) + 1.0),
        }
    }

    fn add(&mut self, rtt: f64) {
        let factor = if self.seen < WARM_UP {
            self.seen += 1;
            1.0 / f64::from(self.seen)
        } else {
            self.factor
        };
        self.mean += (rtt - self.mean) * factor;
        if self.mean / rtt > DRIFTED {
            self.mean *= DECAY;
        }
    }

    fn set(&mut self, rtt: f64) {
        self.mean = if self.seen == 0 {
            rtt
        } else {
            f64::midpoint(self.mean, rtt)
        };
        self.seen = WARM_UP;
    }
}

fn number(ratio: Ratio) -> f64 {
    f64::from(ratio.numerator()) / f64::from(ratio.denominator())
}
