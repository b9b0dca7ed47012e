//! How a limit with an adaptive rate is configured.

use std::{sync::Arc, time::Duration};

use steadfast_core::InvalidConfig;

use super::{AdaptiveRateLimit, Shared};
use crate::{AdaptiveRate, RateLimitBuilder, adaptive::units_per, feed::Feed, rule::CAPACITY};

const DEFAULT_BURST: u32 = 10;

/// Settings of an [`AdaptiveRateLimit`].
#[derive(Clone, Debug)]
#[must_use = "it is a policy only when built"]
pub struct AdaptiveRateLimitBuilder {
    rate: AdaptiveRate,
    limit: RateLimitBuilder,
    burst: u32,
}

impl AdaptiveRateLimitBuilder {
    pub(crate) fn new(rate: AdaptiveRate) -> Self {
        let (units, per) = units_per(rate.initial_micros().unwrap_or(rate.max_micros()));
        AdaptiveRateLimitBuilder {
            rate,
            limit: RateLimitBuilder::new(units, per),
            burst: DEFAULT_BURST,
        }
    }

    /// How many units there may be at once after a pause, whatever the rate; default 10. A call that costs more
    /// is refused. 1 to 4,294,967,295, or fewer where so many take longer at the floor than the arithmetic holds:
    /// 4,467,570 at the default one, and the error says how many at others.
    pub fn burst(mut self, units: u32) -> Self {
        self.burst = units;
        self
    }

    /// Refuses at once what cannot be admitted at once. The default.
    pub fn reject(mut self) -> Self {
        self.limit = self.limit.reject();
        self
    }

    /// Lets calls wait for their turn, for so long; zero to a day. Zero is as [`reject`](Self::reject).
    pub fn wait(mut self, max: Duration) -> Self {
        self.limit = self.limit.wait(max);
        self
    }

    /// How many calls may wait at a time; 1 to 10,000, default 1,000.
    pub fn max_waiting(mut self, calls: u32) -> Self {
        self.limit = self.limit.max_waiting(calls);
        self
    }

    /// The name under which it speaks in rejections and events; default `rate limit`.
    pub fn named(mut self, name: &'static str) -> Self {
        self.limit = self.limit.named(name);
        self
    }

    /// Builds the limit, with nothing taken.
    ///
    /// # Errors
    ///
    /// When a setting is out of its range; the message names it, its value and the range.
    pub fn build(self) -> Result<AdaptiveRateLimit, InvalidConfig> {
        self.rate.check()?;
        let (_, longest) = units_per(self.rate.min_micros());
        // No rate above the floor has a longer unit than its whole period.
        let most = u128::from(CAPACITY) / longest.as_nanos();
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        InvalidConfig::check("burst", self.burst, 1..=most)?;
        let limit = self.limit.burst(self.burst).build()?;
        Ok(AdaptiveRateLimit {
            shared: Arc::new(Shared {
                feed: Feed::new(&self.rate),
                limit,
                rate: self.rate,
            }),
        })
    }
}
