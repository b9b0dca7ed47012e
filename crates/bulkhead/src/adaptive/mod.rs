//! A limit that follows what the dependency can bear: what is configured.

mod aimd;
mod collector;
mod control;
mod gradient;
mod probe;
mod vegas;

use std::time::Duration;

use steadfast_core::{InvalidConfig, Ratio, saturating_nanos};

pub use self::{aimd::Aimd, gradient::Gradient2, vegas::Vegas};
#[allow(
    unused_imports,
    reason = "`Window` is for the tests, which include this file"
)]
pub(crate) use self::{
    collector::{Sample, Tally, Window},
    control::Control,
};

const DEFAULT_INITIAL: u32 = 20;
const DEFAULT_MIN: u32 = 1;
const DEFAULT_MAX: u32 = 1000;
const DEFAULT_WINDOW: Duration = Duration::from_millis(100);
const DEFAULT_MAX_WINDOW: Duration = Duration::from_secs(5);
const DEFAULT_WINDOW_CALLS: u32 = 250;
const DEFAULT_TOLERATED_DROPS: Ratio = Ratio::percent(1);

const MOST: u32 = 1_000_000;
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// A limit of the calls in flight that finds itself, between a floor and a ceiling.
///
/// Too low a limit leaves a dependency idle; too high a one only makes its queue longer. Between them is a
/// knee: as many calls in flight as it works on at once. These strategies look for it from outside:
///
/// | strategy | sees | rests at | take it when the dependency |
/// |---|---|---|---|
/// | [`Aimd`] | refusals, and calls slower than you allow | a sawtooth below the first refusal | says when it is full, or you know which latency is too much |
/// | [`Vegas`] | how long its queue is | 3 to 6 calls above the knee, up to a limit of 99 | queues in silence, and its latency is steady |
/// | [`Gradient2`] | how latency changes | 1.5 times the knee and 4 calls | queues in silence, and its latency varies from call to call |
///
/// In doubt take [`Vegas`] where calls are alike, and [`Gradient2`] where they are not. Where the dependency
/// answers "overloaded" promptly, [`Aimd`] needs to measure nothing and is the most predictable. For a knee below
/// 20 take [`Aimd`], or a fixed limit.
///
/// # Windows
///
/// The limit changes at most once per window of calls, by the mean round trip of those that were answered
/// and the most calls that were in flight. A window lasts 100 ms, 250 calls and two round trips at least; after
/// 5 s and two round trips it is judged with what it has, and after 100 ms when most of it was dropped. Calls
/// from before a pause are not judged together with those after it.
///
/// - Only good answers have a round trip. What a timeout inside cut off and what was answered by
///   "overloaded" is a *drop*. It has none: a dependency that answers nothing looks as slow as the timeout,
///   always alike, and alike is what makes limits grow. Other failures say nothing, and are not counted. Nor
///   do calls that are given up: the timeout belongs inside.
/// - A window of which more than 1 % was dropped lowers the limit, whatever the rest of it looks like.
/// - The limit does not grow unless at least half of it was in use.
///
/// A steady share of drops near the tolerance is enough to lower the limit, as it exceeds it by chance in many
/// windows: with the defaults 0.5 % is borne, 0.8 % costs two thirds of the limit, and 1.5 % brings it down to the
/// floor, and calls with it. Set [`tolerated_drops`](AdaptiveLimit::tolerated_drops) to three times the share that
/// is lost on a good day, and [`min`](AdaptiveLimit::min) to what you want to send even then.
///
/// # Many clients
///
/// [`Vegas`] and [`Gradient2`] assume that most of the load is their own. What others queue at the dependency is
/// measured as part of it at rest, and with each measurement the limit goes up: with two clients that always want
/// more the default [`Gradient2`], and with ten also [`Vegas`], grows to the ceiling. Where more than three clients
/// share a dependency take [`Aimd`] with a [`timeout`](Aimd::timeout), or set [`max`](AdaptiveLimit::max) to about
/// twice this client's share of the knee.
///
/// # Cost
///
/// [`Vegas`] and [`Gradient2`] measure the dependency at rest now and then, and lower the limit for it. In full use,
/// two windows in about 25 have half the limit; calls that do not fit meanwhile are refused unless they may wait.
/// With a load of 70 % of the limit and no queue that is 3 % of all calls: give the bulkhead a
/// [`max_waiting`](crate::BulkheadBuilder::max_waiting) of about the limit.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | `initial` | 20, or the nearest of the floor and the ceiling |
/// | `min`, the floor | 1 |
/// | `max`, the ceiling | 1000 |
/// | `window`, at least | 100ms |
/// | `max_window`, at most | 5s, or `window` where that is longer |
/// | `window_calls`, at least | 250 |
/// | `tolerated_drops` | 1 % |
///
/// The formulas are those of Netflix's *concurrency-limits*; each strategy's page states its own, and where
/// it departs from them.
///
/// # Examples
///
/// ```
/// use steadfast_bulkhead::{AdaptiveLimit, Vegas};
///
/// let limit = AdaptiveLimit::new(Vegas::new()).initial(50).min(10).max(400);
/// # let _ = limit;
/// ```
#[derive(Clone, Debug)]
#[must_use = "it limits nothing until it is given to a bulkhead"]
pub struct AdaptiveLimit {
    strategy: Strategy,
    initial: Option<u32>,
    min: u32,
    max: u32,
    window: Duration,
    max_window: Option<Duration>,
    window_calls: u32,
    tolerated_drops: Ratio,
}

#[derive(Clone, Debug)]
enum Strategy {
    Aimd(Aimd),
    Vegas(Vegas),
    Gradient2(Gradient2),
}

/// Between which limits a strategy may move, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: u32,
    pub(crate) max: u32,
}

impl Bounds {
    pub(crate) fn clamp(self, limit: u32) -> u32 {
        limit.clamp(self.min, self.max)
    }
}

impl AdaptiveLimit {
    /// A limit that moves by `strategy`: an [`Aimd`], a [`Vegas`] or a [`Gradient2`].
    pub fn new(strategy: impl Into<AdaptiveLimit>) -> Self {
        strategy.into()
    }

    fn of(strategy: Strategy) -> Self {
        AdaptiveLimit {
            strategy,
            initial: None,
            min: DEFAULT_MIN,
            max: DEFAULT_MAX,
            window: DEFAULT_WINDOW,
            max_window: None,
            window_calls: DEFAULT_WINDOW_CALLS,
            tolerated_drops: DEFAULT_TOLERATED_DROPS,
        }
    }

    /// The limit to begin with, in calls; the floor to the ceiling, default 20 or the nearest of them.
    pub fn initial(mut self, calls: u32) -> Self {
        self.initial = Some(calls);
        self
    }

    /// The floor, in calls: it never goes below; 1 to the ceiling, default 1.
    ///
    /// After an outage it grows from there. From 1 to 40 it takes 4 to 22 s where calls take 10 ms, and 3 to 5
    /// minutes where they take a second; a floor of a tenth of the usual limit saves most of that.
    pub fn min(mut self, calls: u32) -> Self {
        self.min = calls;
        self
    }

    /// The ceiling, in calls: it never goes above; the floor to 1,000,000, default 1000.
    pub fn max(mut self, calls: u32) -> Self {
        self.max = calls;
        self
    }

    /// How long a window lasts at least; 1 ms to an hour, default 100 ms.
    pub fn window(mut self, length: Duration) -> Self {
        self.window = length;
        self
    }

    /// How long a window lasts at most, however few its calls, unless two round trips of up to 10 s take
    /// longer; `window` to an hour, default 5 s or `window` where that is longer.
    pub fn max_window(mut self, length: Duration) -> Self {
        self.max_window = Some(length);
        self
    }

    /// How many calls a window has at least, unless it is over before; 1 to 1,000,000, default 250. The mean
    /// of so many round trips is off by 6 % where they are spread exponentially; more make it steadier and
    /// slower.
    pub fn window_calls(mut self, calls: u32) -> Self {
        self.window_calls = calls;
        self
    }

    /// The share of a window's calls that may be dropped without lowering the limit; 0 % to less than
    /// 100 %, default 1 %.
    pub fn tolerated_drops(mut self, share: Ratio) -> Self {
        self.tolerated_drops = share;
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        InvalidConfig::check("max", self.max, 1..=MOST)?;
        InvalidConfig::check("min", self.min, 1..=self.max)?;
        if let Some(initial) = self.initial {
            InvalidConfig::check("initial", initial, self.min..=self.max)?;
        }
        InvalidConfig::check_time("window", self.window, Duration::from_millis(1)..=LONGEST)?;
        if let Some(longest) = self.max_window {
            InvalidConfig::check_time("max_window", longest, self.window..=LONGEST)?;
        }
        InvalidConfig::check("window_calls", self.window_calls, 1..=MOST)?;
        let share = self.tolerated_drops;
        if share.numerator() >= share.denominator() {
            let allowed = "0 % to less than 100 %";
            return Err(InvalidConfig::new("tolerated_drops", share, allowed));
        }
        match &self.strategy {
            Strategy::Aimd(aimd) => aimd.check(),
            Strategy::Vegas(vegas) => vegas.check(),
            Strategy::Gradient2(gradient) => gradient.check(),
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            min: self.min,
            max: self.max,
        }
    }

    /// Where it begins, also before it was checked.
    pub(crate) fn first_limit(&self) -> u32 {
        let first = self.initial.unwrap_or(DEFAULT_INITIAL);
        first.min(self.max).max(self.min)
    }

    pub(crate) fn shortest_window(&self) -> Duration {
        self.window
    }

    fn longest_nanos(&self) -> u64 {
        saturating_nanos(
            self.max_window
                .unwrap_or(DEFAULT_MAX_WINDOW.max(self.window)),
        )
    }
}

impl From<Aimd> for AdaptiveLimit {
    fn from(aimd: Aimd) -> Self {
        AdaptiveLimit::of(Strategy::Aimd(aimd))
    }
}

impl From<Vegas> for AdaptiveLimit {
    fn from(vegas: Vegas) -> Self {
        AdaptiveLimit::of(Strategy::Vegas(vegas))
    }
}

impl From<Gradient2> for AdaptiveLimit {
    fn from(gradient: Gradient2) -> Self {
        AdaptiveLimit::of(Strategy::Gradient2(gradient))
    }
}
