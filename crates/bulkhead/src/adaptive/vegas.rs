//! The limit by the length of the queue.

use steadfast_core::InvalidConfig;

use super::{
    Bounds,
    collector::Window,
    probe::{Probe, Seen},
};

const DEFAULT_ALPHA: u32 = 3;
const DEFAULT_BETA: u32 = 6;
const DEFAULT_PROBE_MULTIPLIER: u32 = 30;
const MOST: u32 = 1000;
const MOST_PROBE_MULTIPLIER: u32 = 1_000_000;

/// Which part of the way R0 goes to a round trip that was measured for it, and to a lower one that was not.
const MEASURED: u64 = 2;
const SEEN_BY_CHANCE: u64 = 8;

/// Keeps a short queue at the dependency: 3 to 6 calls up to a limit of 99, twice that up to 999.
///
/// How much longer calls take than at rest says how many of them wait. With L the limit, R the mean round
/// trip of a window, R0 that of a dependency at rest, and g = log10(L) in whole numbers and 1 at least:
///
/// ```text
/// queue = ceil(L * (1 - R0 / R))
///
/// dropped               L - g
/// 2 * in_flight < L     L
/// queue <= g            L + beta * g      beta 6
/// queue <  alpha * g    L + g             alpha 3
/// queue >  beta * g     L - g
/// else                  L
/// ```
///
/// Source: Netflix *concurrency-limits*, `VegasLimit`, after TCP Vegas (Brakmo and Peterson, 1995). It
/// departs from it in three ways:
///
/// - A step down is taken for each L calls of the window, as TCP Vegas takes one for each round trip; beyond
///   the queue of `beta * g` by at most one step, and after a drop not more than a tenth. With one step a
///   window it would take 49 windows from 112 to 56.
/// - R0 is measured after between half of `probe_multiplier * L` calls and all of it, of which a window
///   counts for L at most: with the default, after 15 to 30 full windows. For that the limit is lowered to
///   half for two windows. Taken from a window at the full limit, as Netflix does, R0 would include the queue,
///   and each time the limit would grow by `beta * g`. Where half of the limit is not in use nothing is lowered.
/// - R0 goes half of the way to what was measured, an eighth to any lower R between, and all of it where
///   they are more than a quarter apart. The least R of many, which Netflix takes, is far below their mean.
///
/// # What it needs
///
/// The mean of a window's round trips has to say something. Its noise passes for a queue: 5 % at a limit of
/// 100 are 5 calls, and with much of it the limit sinks below the knee. Raise
/// [`window_calls`](super::AdaptiveLimit::window_calls) where latency varies much from call to call, and
/// [`max_window`](super::AdaptiveLimit::max_window) where there are fewer than 50 calls a second; or take
/// [`Gradient2`](super::Gradient2). Where one call in a hundred takes a hundred times as long it comes to a
/// quarter of the knee, and larger windows do not help: take [`Gradient2`](super::Gradient2) with its defaults.
///
/// It rests at a few calls above the knee, coming from below at `alpha`, from above at `beta`; that is
/// within 20 % of a knee of 30 or more. Where the knee is lower, set [`alpha`](Vegas::alpha) to 1,
/// [`beta`](Vegas::beta) to 2 and `window_calls` to 1000: with latencies that are spread exponentially, that
/// is within 20 % from 20 on. When half of the capacity is lost at once it follows within 20 windows, and
/// within 70 where it was just measuring.
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
/// | `alpha` | 3 |
/// | `beta` | 6 |
/// | `probe_multiplier` | 30 |
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it limits nothing until it is given to a bulkhead"]
pub struct Vegas {
    alpha: u32,
    beta: u32,
    probe_multiplier: u32,
}

impl Vegas {
    /// With the defaults.
    pub fn new() -> Self {
        Vegas {
            alpha: DEFAULT_ALPHA,
            beta: DEFAULT_BETA,
            probe_multiplier: DEFAULT_PROBE_MULTIPLIER,
        }
    }

    /// How many times g may wait without the limit growing; 1 to `beta`, default 3.
    pub fn alpha(mut self, steps: u32) -> Self {
        self.alpha = steps;
        self
    }

    /// How many times g may wait without the limit shrinking, and by how many it grows while none do; 1 to
    /// 1000, default 6.
    pub fn beta(mut self, steps: u32) -> Self {
        self.beta = steps;
        self
    }

    /// After how many times the limit's calls R0 is measured anew; 1 to 1,000,000, default 30. Each time is
    /// shortened by chance, up to half.
    pub fn probe_multiplier(mut self, multiplier: u32) -> Self {
        self.probe_multiplier = multiplier;
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        InvalidConfig::check("beta", self.beta, 1..=MOST)?;
        InvalidConfig::check("alpha", self.alpha, 1..=self.beta)?;
        let multiplier = self.probe_multiplier;
        InvalidConfig::check("probe_multiplier", multiplier, 1..=MOST_PROBE_MULTIPLIER)
    }
}

impl Default for Vegas {
    fn default() -> Self {
        Vegas::new()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    alpha: u32,
    beta: u32,
    bounds: Bounds,
    limit: u32,
    /// R0, not zero; `u64::MAX` before the first window.
    base_nanos: u64,
    probe: Probe,
}

impl State {
    pub(crate) fn new(settings: &Vegas, first: u32, bounds: Bounds) -> Self {
        State {
            alpha: settings.alpha,
            beta: settings.beta,
            bounds,
            limit: first,
            base_nanos: u64::MAX,
            probe: Probe::new(settings.probe_multiplier),
        }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.probe.lowered(self.limit, self.bounds)
    }

    pub(crate) fn update(&mut self, window: Window, random: u64) {
        let Some(rtt) = window.rtt_nanos else {
            let most = self.step().max(self.limit / 10);
            self.shrink(self.steps(&window).min(most));
            return;
        };
        let rtt = rtt.max(1);
        match self.probe.see(&window, self.limit, random) {
            Seen::Mixed => {}
            Seen::Unloaded => self.base_nanos = nearer(self.base_nanos, rtt, MEASURED),
            Seen::Usual => {
                if rtt < self.base_nanos {
                    self.base_nanos = nearer(self.base_nanos, rtt, SEEN_BY_CHANCE);
                }
                if u64::from(window.max_in_flight) * 2 >= u64::from(self.limit) {
                    self.follow(rtt, &window);
                }
            }
        }
    }

    fn follow(&mut self, rtt: u64, window: &Window) {
        let (queue, step) = (self.queue(rtt), self.step());
        let (alpha, beta) = (step * self.alpha, step * self.beta);
        if queue <= step {
            self.grow(beta);
        } else if queue < alpha {
            self.grow(step);
        } else if queue > beta {
            self.shrink(self.steps(window).min(queue - beta).max(step));
        }
    }

    /// How many of the calls wait, by how much longer they take: `ceil(L * (1 - R0 / R))`.
    fn queue(&self, rtt: u64) -> u32 {
        let waited = u128::from(rtt - self.base_nanos.min(rtt));
        let queue = (u128::from(self.limit) * waited).div_ceil(u128::from(rtt));
        // It is a share of the limit.
        u32::try_from(queue).unwrap_or(self.limit)
    }

    /// g.
    fn step(&self) -> u32 {
        self.limit.ilog10().max(1)
    }

    /// A step for each round trip of the limit's calls.
    fn steps(&self, window: &Window) -> u32 {
        let trips = (window.calls / self.limit).max(1);
        self.step().saturating_mul(trips)
    }

    fn grow(&mut self, by: u32) {
        self.limit = self.bounds.clamp(self.limit.saturating_add(by));
    }

    fn shrink(&mut self, by: u32) {
        self.limit = self.bounds.clamp(self.limit.saturating_sub(by));
    }
}

/// `base` on its way to `rtt`: all the way where they are more than a quarter apart, which is no noise.
///
/// The least of many means is far below the mean of them, so taking it at its word would pass noise for a
/// queue.
fn nearer(base: u64, rtt: u64, part: u64) -> u64 {
    let apart = base.abs_diff(rtt);
    if apart > base / 4 {
        rtt
    } else if rtt > base {
        base + apart / part
    } else {
        base - apart / part
    }
}
