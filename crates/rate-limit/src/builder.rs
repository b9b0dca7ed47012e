//! How a limit is configured.

use std::{sync::Arc, time::Duration};

use steadfast_core::InvalidConfig;

use crate::{
    Rate, RateLimit,
    cell::Cell,
    rule::{Rule, Shape},
    settings::Settings,
};

pub(crate) const DEFAULT_NAME: &str = "rate limit";
const DEFAULT_MAX_WAITING: u32 = 1000;
const MAX_WAITING: u32 = 10_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Settings of a [`RateLimit`].
#[derive(Clone, Debug)]
#[must_use = "it is a policy only when built"]
pub struct RateLimitBuilder {
    shape: Shape,
    n: u32,
    per: Duration,
    burst: Option<u32>,
    max_wait: Duration,
    max_waiting: u32,
    name: &'static str,
}

impl RateLimitBuilder {
    pub(crate) fn new(n: u32, per: Duration) -> Self {
        RateLimitBuilder {
            shape: Shape::Bucket,
            n,
            per,
            burst: None,
            max_wait: Duration::ZERO,
            max_waiting: DEFAULT_MAX_WAITING,
            name: DEFAULT_NAME,
        }
    }

    /// How many units there may be at once after a pause; by default `n`, as many as there are in a period. 1
    /// to 4,294,967,295, or fewer where so many take longer than the arithmetic holds: then the error says
    /// how many it holds, about 292 years' worth where `n` units take a whole number of nanoseconds each.
    ///
    /// A window has no burst of its own.
    pub fn burst(mut self, units: u32) -> Self {
        self.burst = Some(units);
        self
    }

    /// Admits never more than `n` units in any window of the period's length, wherever it begins; `n` up to
    /// 65,536.
    ///
    /// It remembers when each of them was taken, in 24 bytes each and room to grow as that of a `Vec`; and each
    /// call takes a short lock.
    pub fn sliding(mut self) -> Self {
        self.shape = Shape::Sliding;
        self
    }

    /// Admits `n` units in each window, of windows that follow one another without a gap from the origin of the
    /// runtime's clock; at most one unit a nanosecond. Around the end of a window it admits twice as many.
    pub fn fixed(mut self) -> Self {
        self.shape = Shape::Fixed;
        self
    }

    /// Refuses at once what cannot be admitted at once. The default.
    pub fn reject(mut self) -> Self {
        self.max_wait = Duration::ZERO;
        self
    }

    /// Lets calls wait for their turn, for so long; zero to a day. Zero is as [`reject`](Self::reject).
    pub fn wait(mut self, max: Duration) -> Self {
        self.max_wait = max;
        self
    }

    /// How many calls may wait at a time; 1 to 10,000, default 1,000.
    ///
    /// A wait that is cancelled moves up all who are behind it, one by one under the lock, at about 20 ns each: a
    /// thousand that are cancelled in turn take 7 ms, ten thousand a second.
    pub fn max_waiting(mut self, calls: u32) -> Self {
        self.max_waiting = calls;
        self
    }

    /// The name under which it speaks in rejections and events; default `rate limit`.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Builds the limit, with nothing taken.
    ///
    /// # Errors
    ///
    /// When a setting is out of its range; the message names it, its value and the range.
    pub fn build(self) -> Result<RateLimit, InvalidConfig> {
        let rule = Rule::new(self.shape, self.n, self.per, self.burst)?;
        InvalidConfig::check("max_waiting", self.max_waiting, 1..=MAX_WAITING)?;
        InvalidConfig::check_time("wait", self.max_wait, Duration::ZERO..=DAY)?;
        let settings = Settings {
            rule,
            max_wait: self.max_wait,
            max_waiting: self.max_waiting,
            name: self.name,
        };
        Ok(RateLimit {
            cell: Arc::new(Cell::new(settings)),
        })
    }

    /// The rate alone, for [`KeyedRateLimit`](crate::KeyedRateLimit): a bucket or a fixed window that refuses at
    /// once. The name is left behind.
    ///
    /// # Errors
    ///
    /// When a setting is out of its range, and for a sliding window or a limit that lets calls wait; the
    /// message names it, its value and the range.
    pub fn rate(self) -> Result<Rate, InvalidConfig> {
        if self.shape == Shape::Sliding {
            let allowed = "a bucket or a fixed window, where it is kept for each key";
            return Err(InvalidConfig::new("shape", "sliding", allowed));
        }
        if !self.max_wait.is_zero() {
            let value = format_args!("{:?}", self.max_wait);
            let allowed = "0ns, where it is kept for each key";
            return Err(InvalidConfig::new("wait", value, allowed));
        }
        InvalidConfig::check("max_waiting", self.max_waiting, 1..=MAX_WAITING)?;
        Rule::new(self.shape, self.n, self.per, self.burst).map(Rate)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}
