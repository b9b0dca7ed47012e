//! How a bulkhead is configured.

use std::{sync::Arc, time::Duration};

use steadfast_core::InvalidConfig;

use crate::{AdaptiveLimit, Bulkhead, Order, cell::Cell, settings::Settings, word::MAX_PERMITS};

const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_WAITING: u32 = 1_000_000;
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// Settings of a [`Bulkhead`].
#[derive(Clone, Debug)]
#[must_use = "it is a policy only when built"]
pub struct BulkheadBuilder {
    max_concurrent: u32,
    adaptive: Option<AdaptiveLimit>,
    max_waiting: u32,
    max_wait: Duration,
    order: Order,
    name: &'static str,
}

impl BulkheadBuilder {
    pub(crate) fn new(max_concurrent: u32) -> Self {
        BulkheadBuilder {
            max_concurrent,
            adaptive: None,
            max_waiting: 0,
            max_wait: DEFAULT_MAX_WAIT,
            order: Order::Fifo,
            name: "bulkhead",
        }
    }

    pub(crate) fn adaptive(limit: AdaptiveLimit) -> Self {
        BulkheadBuilder {
            adaptive: Some(limit.clone()),
            ..BulkheadBuilder::new(limit.first_limit())
        }
    }

    /// How many calls may wait when there is no room; 0 to 1,000,000. By default none: a call that finds no
    /// room is refused at once.
    pub fn max_waiting(mut self, calls: u32) -> Self {
        self.max_waiting = calls;
        self
    }

    /// How long a call may wait for its turn; zero to a day, default 1 s. Zero is as if none might wait.
    pub fn max_wait(mut self, length: Duration) -> Self {
        self.max_wait = length;
        self
    }

    /// In which order those who wait have their turn; default [`Order::Fifo`].
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Lets who came last have their turn first: [`Order::Lifo`].
    pub fn lifo(self) -> Self {
        self.order(Order::Lifo)
    }

    /// Lets who has the higher priority have their turn first: [`Order::Priority`].
    pub fn by_priority(self) -> Self {
        self.order(Order::Priority)
    }

    /// Lets who came last have their turn first while the queue is overloaded, and gives the oldest up:
    /// [`Order::Codel`]. An interval of 1 ms to a day, a target of 1 ns to the interval;
    /// `.order(Order::CODEL)` has the usual ones.
    pub fn codel(self, target: Duration, interval: Duration) -> Self {
        self.order(Order::Codel { target, interval })
    }

    /// The name under which it speaks in rejections and events; default `bulkhead`.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Builds the bulkhead, empty.
    ///
    /// # Errors
    ///
    /// When a setting is out of its range; the message names it, its value and the range.
    pub fn build(self) -> Result<Bulkhead, InvalidConfig> {
        let settings = self.settings()?;
        Ok(Bulkhead {
            cell: Arc::new(Cell::new(settings)),
        })
    }

    fn settings(self) -> Result<Settings, InvalidConfig> {
        match &self.adaptive {
            Some(limit) => limit.check()?,
            None => check_limit("max_concurrent", self.max_concurrent)?,
        }
        InvalidConfig::check("max_waiting", self.max_waiting, 0..=MAX_WAITING)?;
        InvalidConfig::check_time("max_wait", self.max_wait, Duration::ZERO..=DAY)?;
        if let Order::Codel { target, interval } = self.order {
            InvalidConfig::check_time("interval", interval, MIN_INTERVAL..=DAY)?;
            InvalidConfig::check_time("target", target, Duration::from_nanos(1)..=interval)?;
        }
        let may_wait = !self.max_wait.is_zero();
        Ok(Settings {
            max_concurrent: self.max_concurrent,
            adaptive: self.adaptive,
            max_waiting: if may_wait { self.max_waiting } else { 0 },
            max_wait: self.max_wait,
            order: self.order,
            name: self.name,
        })
    }
}

/// Whether a bulkhead can have so many permits.
pub(crate) fn check_limit(field: &'static str, limit: u32) -> Result<(), InvalidConfig> {
    InvalidConfig::check(field, limit, 1..=MAX_PERMITS)
}
