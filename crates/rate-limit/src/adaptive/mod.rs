//! A client rate that follows what the server bears: what is configured.

mod control;
mod measured;
mod pace;

use std::time::Duration;

use steadfast_core::InvalidConfig;

use self::pace::Pace;
pub(crate) use self::{
    control::{Control, units_per},
    measured::BUCKET,
};

const DEFAULT_MIN: Pace = Pace::new(1, Duration::from_secs(2));
const DEFAULT_MAX: Pace = MOST;

const LEAST: Pace = Pace::new(1, Duration::from_secs(1000));
const MOST: Pace = Pace::new(1_000_000_000, Duration::from_secs(1));

/// A client's own rate, which finds out how much a server lets through: for
/// [`RateLimit::adaptive`](crate::RateLimit::adaptive).
///
/// Until the server throttles a call for the first time, nothing is limited, unless you set an
/// [`initial`](AdaptiveRate::initial) rate. From then on the rate goes down at each call that is throttled, and
/// up along a cubic curve at each that goes well: fast back to the rate that was too much, slowly past it, and
/// then ever faster until it is too much again.
///
/// With t the time, and `measured` the rate at which units are sent:
///
/// ```text
/// sent        in buckets of 0.5 s:  measured = 0.8 * latest + 0.2 * measured
/// throttled   plateau = min(measured, rate)    (measured alone the first time)
///             t0 = t,  K = cbrt(plateau * 0.3 / 0.4)
///             rate = 0.7 * plateau
/// went well   rate = 0.4 * (t - t0 - K)^3 + plateau
/// both        rate = min(rate, 2 * measured), between the floor and the ceiling
/// ```
///
/// Source: the client rate limit of the *adaptive* mode in the retry behavior of the AWS SDKs and Tools
/// Reference Guide, with the constants of its SDKs. The curve is that of CUBIC, RFC 9438, for a rate in place of
/// a window: its beta is 0.7 and its C 0.4. It departs from its source in these points:
///
/// - A throttled call that was sent before the rate last went down changes nothing: that was the answer to it, as
///   in CUBIC a round trip is answered once. There each counts, and where dozens of calls are on their way, all
///   of them throttled, next to nothing is left.
/// - Until the first half second is over, `measured` is what it has so far when a call is throttled, and does not
///   bound the rate otherwise. There it is zero, and a client that is throttled at once starts from the floor.
/// - The first bucket begins with the first call, so that it is never cut short.
/// - A clock that is turned back begins the curve and the bucket anew, where they would stand still.
/// - Calls are measured when they are sent, and only those that go well let the rate grow. In botocore they are
///   measured when they are answered, and each that is not throttled lets it grow.
/// - It grows twenty times a second at most, and a rise of less than 1 % is left for later, as each gives everybody
///   who waits another turn.
///
/// # What it needs
///
/// The server has to say that it throttles, by a verdict of class `Overloaded`. Nothing else lowers the rate:
/// neither failures nor latency.
///
/// It follows what is *sent*: who sends little has a low rate, at most twice of what was sent lately, and from a
/// lull it is back after some seconds, 7 from 1 a second to 100. So it fits one resource that is used steadily;
/// for many resources take one each.
///
/// In full use it moves between 0.7 of what the server lets through and a little more than that: 93 % of it on
/// average, and all of it where the server lets a burst through. As C is the same for every rate, the curve is
/// back at its plateau after 2 s at 10 a second, 4 s at 100 and 9 s at 1000. Where a server lets twice as much
/// through it takes 10 s at 100 a second, and 20 s at 1000; after an outage about 15 s.
///
/// For a few calls a second the curve is too steep: of 5 a second one call in ten is throttled, of 2 one in four,
/// and of 1 every other one.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | `initial` | not limited until a call is throttled |
/// | `min`, the floor | 1 in 2s |
/// | `max`, the ceiling | 1000000000 in 1s |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_rate_limit::AdaptiveRate;
///
/// let second = Duration::from_secs(1);
/// let rate = AdaptiveRate::new().initial(100, second).min(5, second).max(1000, second);
/// # let _ = rate;
/// ```
#[derive(Clone, Debug)]
#[must_use = "it limits nothing until it is given to a limit"]
pub struct AdaptiveRate {
    initial: Option<Pace>,
    min: Pace,
    max: Pace,
}

/// Between which rates it may move, in units a second, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    min: f64,
    max: f64,
}

impl Bounds {
    fn clamp(self, rate: f64) -> f64 {
        rate.clamp(self.min, self.max)
    }
}

/// Millionths of a unit.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no rate is negative, and the fraction is not to be used"
)]
fn micros(units: f64) -> u64 {
    (units * 1e6) as u64
}

impl AdaptiveRate {
    /// With the defaults.
    pub fn new() -> Self {
        AdaptiveRate {
            initial: None,
            min: DEFAULT_MIN,
            max: DEFAULT_MAX,
        }
    }

    /// Limits from the first call on, to `n` units in each `per`; the floor to the ceiling. From there it goes up
    /// as from a plateau. By default nothing is limited until a call is throttled.
    pub fn initial(mut self, n: u32, per: Duration) -> Self {
        self.initial = Some(Pace::new(n, per));
        self
    }

    /// The floor, `n` units in each `per`: it never goes below; 1 in 1000 s to the ceiling, default 1 in 2 s. It
    /// is how often a server that throttles everything is asked whether it still does.
    pub fn min(mut self, n: u32, per: Duration) -> Self {
        self.min = Pace::new(n, per);
        self
    }

    /// The ceiling, `n` units in each `per`: once limited it never goes above; the floor to 1,000,000,000 a second,
    /// which is the default.
    pub fn max(mut self, n: u32, per: Duration) -> Self {
        self.max = Pace::new(n, per);
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        self.max.check("max", LEAST, MOST)?;
        self.min.check("min", LEAST, self.max)?;
        (self.initial).map_or(Ok(()), |initial| {
            initial.check("initial", self.min, self.max)
        })
    }

    /// The floor as [`Control::rate_micros`] says it.
    pub(crate) fn min_micros(&self) -> u64 {
        micros(self.min.per_second())
    }

    /// The initial rate as [`Control::rate_micros`] says it.
    pub(crate) fn initial_micros(&self) -> Option<u64> {
        self.first_rate().map(micros)
    }

    /// The ceiling as [`Control::rate_micros`] says it.
    pub(crate) fn max_micros(&self) -> u64 {
        micros(self.max.per_second())
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            min: self.min.per_second(),
            max: self.max.per_second(),
        }
    }

    fn first_rate(&self) -> Option<f64> {
        self.initial.map(Pace::per_second)
    }
}

impl Default for AdaptiveRate {
    fn default() -> Self {
        AdaptiveRate::new()
    }
}
