//! How a breaker is configured.

use std::time::Duration;

use steadfast_core::{InvalidConfig, Ratio, saturating_nanos};

use crate::{
    CircuitBreaker,
    check::{check_number, check_share, milli},
    settings::{Cancelled, Extent, Settings},
    slots::MAX_SLOTS,
    window::MAX_CALLS,
};

const DEFAULT_WINDOW: u32 = 100;
const DEFAULT_BUCKETS: u32 = 10;
const DEFAULT_MIN_CALLS: u32 = 10;
const DEFAULT_OPEN_FOR: Duration = Duration::from_secs(5);
const DEFAULT_MAX_OPEN_FOR: Duration = Duration::from_secs(60);
const DEFAULT_FACTOR: f64 = 2.0;
const DEFAULT_JITTER: Ratio = Ratio::percent(20);
const DEFAULT_MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
const DEFAULT_RATE: Ratio = Ratio::percent(50);

const MIN_WINDOW: Duration = Duration::from_millis(100);
const MAX_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_FACTOR: f64 = 1000.0;
const MAX_RAMP_STEPS: usize = 100;
const MAX_PROBES: u32 = 1_000_000;

/// Settings of a [`CircuitBreaker`].
#[derive(Clone, Debug)]
#[must_use = "it is a policy only when built"]
pub struct CircuitBreakerBuilder {
    failure_rate: Option<Ratio>,
    slow: Option<(Ratio, Duration)>,
    consecutive: Option<u32>,
    window: Option<u32>,
    length: Option<Duration>,
    buckets: Option<u32>,
    min_calls: Option<u32>,
    open_for: Duration,
    max_open_for: Option<Duration>,
    factor: f64,
    jitter: Ratio,
    max_retry_after: Duration,
    probes: Option<u32>,
    half_open_for: Option<Duration>,
    ramp: Vec<Ratio>,
    ramp_step: Option<Duration>,
    cancelled: Cancelled,
    shadow: bool,
    name: &'static str,
}

impl CircuitBreakerBuilder {
    pub(crate) fn new() -> Self {
        CircuitBreakerBuilder {
            failure_rate: None,
            slow: None,
            consecutive: None,
            window: None,
            length: None,
            buckets: None,
            min_calls: None,
            open_for: DEFAULT_OPEN_FOR,
            max_open_for: None,
            factor: DEFAULT_FACTOR,
            jitter: DEFAULT_JITTER,
            max_retry_after: DEFAULT_MAX_RETRY_AFTER,
            probes: None,
            half_open_for: None,
            ramp: Vec::new(),
            ramp_step: None,
            cancelled: Cancelled::default(),
            shadow: false,
            name: "breaker",
        }
    }

    /// Opens also when at least this share of the calls in the window failed; more than 0 % to 100 %.
    pub fn failure_rate(mut self, rate: Ratio) -> Self {
        self.failure_rate = Some(rate);
        self
    }

    /// Opens also when at least `rate` of the calls in the window, good or bad, took longer than `after`.
    /// More than 0 % to 100 %; a duration of more than zero, and [`Duration::MAX`] for never. What a call waits
    /// for in a policy inside, such as a bulkhead's queue, is part of its time.
    pub fn slow_calls(mut self, rate: Ratio, after: Duration) -> Self {
        self.slow = Some((rate, after));
        self
    }

    /// Opens also when so many calls failed in a row; at least 1. A good call ends the row; one that was
    /// answered by "overloaded" neither ends it nor counts.
    pub fn consecutive_failures(mut self, failures: u32) -> Self {
        self.consecutive = Some(failures);
        self
    }

    /// Makes the window of the rates the last so many calls; 1 to 1,000,000, default 100. Up to 64 it is
    /// exact. Above it is a ring of buckets, and holds between fifteen sixteenths of that and all of it.
    pub fn over_last(mut self, calls: u32) -> Self {
        self.window = Some(calls);
        self.length = None;
        self
    }

    /// Makes the window of the rates the calls that ended in the last while; 100 ms to a day. A timeout
    /// inside should be no longer than half of it.
    pub fn over(mut self, length: Duration) -> Self {
        self.length = Some(length);
        self.window = None;
        self
    }

    /// In how many slots a window of time moves on; 2 to 16, default 10.
    pub fn buckets(mut self, buckets: u32) -> Self {
        self.buckets = Some(buckets);
        self
    }

    /// How many calls the window must hold for a rate to mean anything; at least 1, default 10, or the
    /// whole window where that is smaller.
    pub fn min_calls(mut self, calls: u32) -> Self {
        self.min_calls = Some(calls);
        self
    }

    /// How long it stays open at first; 1 ms to a day, default 5 s.
    pub fn open_for(mut self, length: Duration) -> Self {
        self.open_for = length;
        self
    }

    /// By what the open time is multiplied each time it opens again without having been closed; 1 to 1000,
    /// to thousandths, default 2.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// The longest that it stays open by itself; at least `open_for`, default 60 s or `open_for` where
    /// that is longer.
    pub fn max_open_for(mut self, length: Duration) -> Self {
        self.max_open_for = Some(length);
        self
    }

    /// Up to which share an open time is shortened by chance when it opens again, so that many clients do
    /// not probe at once; 0 % to 100 %, default 20 %. The first open time is always exact.
    pub fn jitter(mut self, share: Ratio) -> Self {
        self.jitter = share;
        self
    }

    /// Up to how long the `retry_after` of the failure that opens it may keep it open; default 60 s.
    pub fn max_retry_after(mut self, length: Duration) -> Self {
        self.max_retry_after = length;
        self
    }

    /// How many probes pass while it is half-open, and how many results decide; 1 to 1,000,000. By default a
    /// tenth of the window of calls, or of `min_calls` for a window of time, and 1 at least.
    ///
    /// It closes when all went well enough: when the rate of failures, or of slow calls where that is the
    /// only one, stays below its threshold among the probes. A slow probe is a failed one. Where there is
    /// no rate, one failure is enough to open it again.
    ///
    /// Where fewer calls than that come within [`half_open_for`](CircuitBreakerBuilder::half_open_for),
    /// those that came decide.
    pub fn probes(mut self, probes: u32) -> Self {
        self.probes = Some(probes);
        self
    }

    /// How long it may stay half-open; more than zero, default as `open_for`. The first call after that ends
    /// it, or the first result: the probes that are back decide, and one that is still out has failed, as has
    /// one that took this long. Where nothing is known, as all gave their places back or are out, it opens
    /// again.
    pub fn half_open_for(mut self, length: Duration) -> Self {
        self.half_open_for = Some(length);
        self
    }

    /// Which shares of the calls pass after the probes went well, one after another for `step` each,
    /// before it is closed. Calls are counted from then on, and may open it again. Shares of more than
    /// 0 % and less than 100 %, at most 100 of them; by default none, and it closes at once.
    pub fn ramp(mut self, shares: impl IntoIterator<Item = Ratio>, step: Duration) -> Self {
        self.ramp = shares.into_iter().take(MAX_RAMP_STEPS + 1).collect();
        self.ramp_step = Some(step);
        self
    }

    /// What a call counts for that is dropped before its end, or panics; by default nothing.
    pub fn cancelled_as(mut self, cancelled: Cancelled) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// Lets every call through. It counts and decides as it would, and reports what it would have refused
    /// as [`Event::WouldReject`](steadfast_core::Event::WouldReject). To try settings out.
    pub fn shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    /// The name under which it speaks in rejections and events; default `breaker`.
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Builds the breaker, closed.
    ///
    /// # Errors
    ///
    /// When a setting is out of its range; the message names it, its value and the range.
    pub fn build(self) -> Result<CircuitBreaker, InvalidConfig> {
        Ok(CircuitBreaker::of(self.settings()?))
    }

    fn settings(self) -> Result<Settings, InvalidConfig> {
        if let Some(rate) = self.failure_rate {
            check_share("failure_rate", rate)?;
        }
        if let Some((rate, after)) = self.slow {
            check_share("slow_calls", rate)?;
            InvalidConfig::check_time(
                "slow_calls",
                after,
                Duration::from_nanos(1)..=Duration::MAX,
            )?;
        }
        if let Some(failures) = self.consecutive {
            InvalidConfig::check("consecutive_failures", failures, 1..=u32::MAX)?;
        }
        let extent = self.extent()?;
        let window = match extent {
            Extent::Calls(calls) => calls,
            Extent::Time { .. } => u32::MAX,
        };
        let min_calls = self.min_calls.unwrap_or(DEFAULT_MIN_CALLS.min(window));
        InvalidConfig::check("min_calls", min_calls, 1..=window)?;
        let of_window = match extent {
            Extent::Calls(calls) => calls,
            Extent::Time { .. } => min_calls,
        };
        let has_rates = self.failure_rate.is_some() || self.slow.is_some();
        let default_probes = if has_rates {
            (of_window / 10).clamp(1, MAX_PROBES)
        } else {
            1
        };
        let probes = self.probes.unwrap_or(default_probes);
        InvalidConfig::check("probes", probes, 1..=MAX_PROBES)?;

        let day = MAX_WINDOW;
        InvalidConfig::check_time("open_for", self.open_for, Duration::from_millis(1)..=day)?;
        let longest = DEFAULT_MAX_OPEN_FOR.max(self.open_for);
        let max_open_for = self.max_open_for.unwrap_or(longest);
        InvalidConfig::check_time("max_open_for", max_open_for, self.open_for..=Duration::MAX)?;
        let half_open_for = self.half_open_for.unwrap_or(self.open_for);
        let tick = Duration::from_nanos(1);
        InvalidConfig::check_time("half_open_for", half_open_for, tick..=Duration::MAX)?;
        check_number("factor", self.factor, 1.0, MAX_FACTOR)?;
        if !self.jitter.at_most(Ratio::percent(100)) {
            return Err(InvalidConfig::new("jitter", self.jitter, "0 % to 100 %"));
        }
        self.check_ramp()?;

        Ok(Settings {
            failure_rate: self.failure_rate,
            slow_rate: self.slow.map(|(rate, _)| rate),
            slow_after_nanos: self
                .slow
                .map_or(u64::MAX, |(_, after)| saturating_nanos(after)),
            consecutive: self.consecutive,
            extent,
            min_calls,
            open_for: self.open_for,
            max_open_for,
            factor_milli: milli(self.factor),
            jitter: self.jitter,
            max_retry_after: self.max_retry_after,
            probes,
            half_open_for,
            ramp: self.ramp,
            ramp_step: self.ramp_step.unwrap_or_default(),
            cancelled: self.cancelled,
            shadow: self.shadow,
            name: self.name,
        })
    }

    fn extent(&self) -> Result<Extent, InvalidConfig> {
        if let Some(buckets) = self.buckets {
            InvalidConfig::check("buckets", buckets, 2..=MAX_SLOTS)?;
            if self.length.is_none() {
                let allowed = "only set for a window of time, `over(..)`";
                return Err(InvalidConfig::new("buckets", buckets, allowed));
            }
        }
        match self.length {
            Some(length) => {
                InvalidConfig::check_time("over", length, MIN_WINDOW..=MAX_WINDOW)?;
                let buckets = self.buckets.unwrap_or(DEFAULT_BUCKETS);
                Ok(Extent::Time { length, buckets })
            }
            None => {
                let calls = self.window.unwrap_or(DEFAULT_WINDOW);
                InvalidConfig::check("over_last", calls, 1..=MAX_CALLS)?;
                Ok(Extent::Calls(calls))
            }
        }
    }

    fn check_ramp(&self) -> Result<(), InvalidConfig> {
        if self.ramp.len() > MAX_RAMP_STEPS {
            let allowed = format!("at most {MAX_RAMP_STEPS} shares");
            return Err(InvalidConfig::new("ramp", "longer", allowed));
        }
        for share in &self.ramp {
            if share.numerator() == 0 || share.numerator() >= share.denominator() {
                let allowed = "shares of more than 0 % and less than 100 %";
                return Err(InvalidConfig::new("ramp", share, allowed));
            }
        }
        match self.ramp_step {
            Some(step) => {
                InvalidConfig::check_time("ramp", step, Duration::from_nanos(1)..=Duration::MAX)
            }
            None => Ok(()),
        }
    }
}

impl Default for CircuitBreaker {
    /// Opens at 50 % failures of the last 100 calls, 10 at least, for 5 s at first.
    fn default() -> Self {
        let settings = CircuitBreaker::failure_rate(DEFAULT_RATE).settings();
        let settings = settings.expect("the defaults are in their ranges");
        CircuitBreaker::of(settings)
    }
}
