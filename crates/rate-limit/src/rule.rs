//! The arithmetic of a limit: how much time a unit takes, exactly.

use std::time::Duration;

use steadfast_core::{Instant, InvalidConfig, saturating_nanos};

use crate::limited::Limited;

/// How the units of a period are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// A bucket that is refilled evenly: the generic cell rate algorithm of ITU-T I.371.
    Bucket,
    /// Windows one after another, each with all its units at its beginning.
    Fixed,
    /// Every window of that length, wherever it begins.
    Sliding,
}

/// A limit that was checked.
///
/// Time is counted in ticks, of which a nanosecond has so many that a unit takes a whole number of them:
/// `per / n` as a fraction in lowest terms is `unit / ticks` nanoseconds. So nothing is ever rounded but the
/// instant at which a call is admitted, up to the next nanosecond.
///
/// A fixed window is a bucket on a clock that stands still at the beginning of each window, and whose units
/// are as long as you like, as long as they fit into a window: a nanosecond each, so that there is room for what
/// was taken while a window had more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rule {
    pub(crate) shape: Shape,
    /// The length of a window, in nanoseconds.
    pub(crate) per: u64,
    pub(crate) ticks: u64,
    pub(crate) unit: u64,
    /// How many units there may be at once.
    pub(crate) burst: u32,
}

const YEARS_100: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);
/// A sliding window remembers each of its units.
const MOST_SLIDING: u32 = 65_536;
/// How many ticks a full bucket may have. What is left of [`SPAN`](crate::frame::SPAN) is how far the word
/// reaches before it has to be written anew.
pub(crate) const CAPACITY: u64 = (1 << 63) - (1 << 58);

impl Rule {
    /// `n` units in each `per`; of a bucket, so many at once.
    pub(crate) fn new(
        shape: Shape,
        n: u32,
        per: Duration,
        burst: Option<u32>,
    ) -> Result<Rule, InvalidConfig> {
        InvalidConfig::check_time("per", per, Duration::from_nanos(1)..=YEARS_100)?;
        let per = saturating_nanos(per);
        let most = match shape {
            Shape::Bucket => u32::MAX,
            Shape::Fixed => u32::try_from(per).unwrap_or(u32::MAX),
            Shape::Sliding => MOST_SLIDING,
        };
        InvalidConfig::check("n", n, 1..=most)?;
        let (ticks, unit) = match shape {
            Shape::Bucket => {
                let divisor = greatest_common_divisor(per, n.into());
                (u64::from(n) / divisor, per / divisor)
            }
            Shape::Fixed | Shape::Sliding => (1, 1),
        };
        let rule = Rule {
            shape,
            per,
            ticks,
            unit,
            burst: burst.unwrap_or(n),
        };
        if shape == Shape::Bucket || burst.is_some() {
            rule.check_burst()?;
        }
        Ok(rule)
    }

    pub(crate) fn with_rate(&self, n: u32, per: Duration) -> Result<Rule, InvalidConfig> {
        let burst = (self.shape == Shape::Bucket).then_some(self.burst);
        Rule::new(self.shape, n, per, burst)
    }

    pub(crate) fn with_burst(&self, burst: u32) -> Result<Rule, InvalidConfig> {
        let rule = Rule { burst, ..*self };
        rule.check_burst()?;
        Ok(rule)
    }

    fn check_burst(&self) -> Result<(), InvalidConfig> {
        if self.shape != Shape::Bucket {
            let allowed = "none: a window has all its units at once";
            return Err(InvalidConfig::new("burst", self.burst, allowed));
        }
        let fits = u32::try_from(CAPACITY / self.unit).unwrap_or(u32::MAX);
        InvalidConfig::check("burst", self.burst, 1..=fits)
    }

    /// The ticks of a full bucket. It wraps only of parts of two rules, of which nothing counts.
    #[inline]
    pub(crate) fn capacity(&self) -> u64 {
        u64::from(self.burst).wrapping_mul(self.unit)
    }

    /// Whether a call of that cost is ever admitted.
    pub(crate) fn check_cost(&self, cost: u32) -> Result<(), Limited> {
        if cost > self.burst {
            return Err(Limited::TooCostly);
        }
        Ok(())
    }

    /// The instant that a call at `now` is judged by.
    #[inline]
    pub(crate) fn step(&self, now: Instant) -> u64 {
        let now = now.as_nanos();
        if self.shape == Shape::Fixed {
            now - now % self.per
        } else {
            now
        }
    }

    /// The first instant that is judged by a time of so many nanoseconds or more.
    #[inline]
    pub(crate) fn step_up(&self, nanos: u64) -> Instant {
        let at = if self.shape == Shape::Fixed {
            nanos.checked_next_multiple_of(self.per).unwrap_or(u64::MAX)
        } else {
            nanos
        };
        Instant::from_nanos(at)
    }

    /// The ticks from the origin of the clock to the instant that a call at `now` is judged by.
    pub(crate) fn ticks_at(&self, now: Instant) -> u128 {
        u128::from(self.step(now)) * u128::from(self.ticks)
    }

    /// When a call is admitted that comes at `now`, where all that was admitted takes until `arrival`.
    ///
    /// `arrival` is the theoretical arrival time of I.371. The call is admitted when it fits into the bucket:
    /// `max(arrival, now) + cost * unit <= now + burst * unit`.
    pub(crate) fn grant(&self, arrival: u128, now: Instant, cost: u32) -> Instant {
        let before = self.taken(arrival, now, cost);
        let over = before.saturating_sub(self.capacity().into());
        let nanos = over.div_ceil(self.ticks.into());
        now.max(self.step_up(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// Until when all that was admitted takes, with a call that was admitted `at` that instant.
    pub(crate) fn taken(&self, arrival: u128, at: Instant, cost: u32) -> u128 {
        let cost = u128::from(cost) * u128::from(self.unit);
        arrival.max(self.ticks_at(at)) + cost
    }

    /// How many units there are at `now`.
    pub(crate) fn available(&self, arrival: u128, now: Instant) -> u32 {
        let debt = arrival.saturating_sub(self.ticks_at(now));
        let room = u128::from(self.capacity()).saturating_sub(debt);
        u32::try_from(room / u128::from(self.unit)).unwrap_or(self.burst)
    }

    /// With so many units less taken. However early that is, a bucket is never more than full.
    pub(crate) fn refunded(&self, arrival: u128, cost: u32) -> u128 {
        let cost = u128::from(cost) * u128::from(self.unit);
        arrival.saturating_sub(cost)
    }

    /// What `arrival` of an `earlier` rule is to this one: the units that are taken stay taken.
    pub(crate) fn converted(&self, earlier: &Rule, arrival: u128, now: Instant) -> u128 {
        let debt = arrival.saturating_sub(earlier.ticks_at(now));
        let (unit, earlier) = (u128::from(self.unit), u128::from(earlier.unit));
        // In two parts, each of which is below 2^126: there are no more units than were admitted at once.
        let debt = debt / earlier * unit + (debt % earlier * unit).div_ceil(earlier);
        let debt = match self.shape {
            // The next window begins without it. One that is shorter than that remembers what fits.
            Shape::Fixed => debt.min(self.per.into()),
            Shape::Bucket | Shape::Sliding => debt,
        };
        self.ticks_at(now) + debt
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
