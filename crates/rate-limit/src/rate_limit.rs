//! The limit as its users hold it.

use std::{fmt, sync::Arc, time::Duration};

use steadfast_core::{Idle, Instant, InvalidConfig, Rejection, Runtime};

use crate::{
    adaptive::AdaptiveRate, adaptive_limit::AdaptiveRateLimitBuilder, builder::RateLimitBuilder,
    cell::Cell,
};

/// Admits so many calls in so much time, so that a quota is kept and a dependency is not flooded.
///
/// A call takes a unit, or as many as its [cost](steadfast_core::CallOptions::cost) says, when it is first
/// polled. A unit is not given back when the call ends: it is refilled by time. Where there are not enough the
/// call is refused at once; or, where [`wait`](RateLimitBuilder::wait) allows it, it waits for its turn, not
/// longer than that and not beyond its deadline.
///
/// It is a handle: clones share one limit. Time is that of the runtime, so a limit should be asked on runtimes
/// of one clock.
///
/// # What is admitted
///
/// By the bucket, at an instant `now` with all up to `arrival` admitted, where
/// `max(arrival, now) + cost * per / n <= now + burst * per / n`; then the left side is the new `arrival`. It is the
/// virtual scheduling of ITU-T I.371, without rounding. An instant is a whole nanosecond, so what is due
/// between two is admitted at the later one. With a burst of one, units that take no whole number of
/// nanoseconds are therefore that number rounded up apart: less would be too many for some window. With a larger
/// burst a queue of calls has exactly the rate.
///
/// | cost | |
/// |---|---|
/// | 0 | passes at once and takes nothing |
/// | up to the burst | takes so many units, all at once |
/// | more than the burst | is refused at once, as no wait would help |
///
/// A clock that is turned back grants nothing: what was taken is due when it was due. For one who waits the
/// instant of its turn counts, and not that of the poll that follows it.
///
/// # Cost
///
/// By the bucket and the fixed window, while nobody waits: one load and one compare-and-swap on a line that
/// is shared with nothing else, no lock, no allocation; a refusal is two loads. Now and then one call takes the
/// lock for as long as it takes to write eight words: years apart where a unit takes whole nanoseconds, hours
/// or days apart at most other rates, and at least 60 ms at any. A call that waits takes the lock when it
/// enters and when it is polled, and one timer; others take it for as long as anybody waits. For a sliding
/// window each call takes it.
///
/// # Errors
///
/// A refused call is rejected with [`RejectionKind::RateLimited`](steadfast_core::RejectionKind), which says
/// that it was not executed and after how long the same call would be admitted if nobody else came; a retry around
/// it waits for that long. It is refused
///
/// - at once, when there are not enough units and its turn would be too late or nobody else may wait;
/// - later, when a [change of rate](RateLimit::set_rate) moved its turn to where it is too late.
///
/// A call that costs more than the burst is rejected with
/// [`RejectionKind::Other`](steadfast_core::RejectionKind), which is not retried.
///
/// # Cancel safety
///
/// A call that is dropped before its turn leaves the queue and gives its slot back; those behind move up, and are
/// woken to know. One that is dropped after its turn has spent its units.
///
/// # Fairness
///
/// Who waits has its units reserved in the order of the first polls, so nobody overtakes, whatever the costs.
/// Racing calls that do not wait are in no order.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast_core::{Policies, VirtualRuntime};
/// use steadfast_rate_limit::RateLimit;
///
/// let runtime = VirtualRuntime::new(1);
/// let limit = RateLimit::new(3, Duration::from_secs(1)).burst(3).build()?;
/// let calls = limit.on(runtime.clone());
/// let call = || calls.call(|| async { Ok::<_, std::io::Error>("page") });
/// for _ in 0..3 {
///     assert_eq!(runtime.block_on(call()).unwrap(), "page");
/// }
/// let refused = runtime.block_on(call()).unwrap_err();
/// let wait = refused.rejection().and_then(|refused| refused.retry_after());
/// assert_eq!(wait, Some(Duration::from_nanos(333_333_334)));
///
/// runtime.advance(Duration::from_secs(1));
/// assert_eq!(limit.available(&runtime), 3);
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
#[derive(Clone)]
pub struct RateLimit {
    pub(crate) cell: Arc<Cell>,
}

impl RateLimit {
    /// `n` units a second; 1 to 4,294,967,295.
    pub fn per_second(n: u32) -> RateLimitBuilder {
        RateLimitBuilder::new(n, Duration::from_secs(1))
    }

    /// `n` units a minute; 1 to 4,294,967,295.
    pub fn per_minute(n: u32) -> RateLimitBuilder {
        RateLimitBuilder::new(n, Duration::from_secs(60))
    }

    /// `n` units in each `per`; 1 to 4,294,967,295 in 1 ns to 36,500 days.
    #[expect(
        clippy::new_ret_no_self,
        reason = "a limit is built, from all its beginnings alike"
    )]
    pub fn new(n: u32, per: Duration) -> RateLimitBuilder {
        RateLimitBuilder::new(n, per)
    }

    /// As many units a second as the server lets through, which it finds out from the calls that are throttled.
    /// It is a limit of a type of its own, for clients: [`AdaptiveRateLimit`](crate::AdaptiveRateLimit).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use steadfast_rate_limit::{AdaptiveRate, RateLimit};
    /// let rate = AdaptiveRate::new().min(1, Duration::from_secs(1));
    /// let limit = RateLimit::adaptive(rate).wait(Duration::from_secs(2)).build()?;
    /// assert_eq!(limit.rate_per_second(), None); // until a call is throttled
    /// # Ok::<(), steadfast_core::InvalidConfig>(())
    /// ```
    pub fn adaptive(rate: AdaptiveRate) -> AdaptiveRateLimitBuilder {
        AdaptiveRateLimitBuilder::new(rate)
    }

    /// Another limit with the settings that this one was built with, with nothing taken, that shares nothing
    /// with it: for [`Keyed`](steadfast_core::Keyed).
    ///
    /// ```
    /// # use steadfast_rate_limit::RateLimit;
    /// # use steadfast_core::Keyed;
    /// let one = RateLimit::per_minute(60).burst(10).build()?;
    /// let tenants = Keyed::new(1000, move |_tenant: &String| one.fresh())?;
    /// # Ok::<(), steadfast_core::InvalidConfig>(())
    /// ```
    #[must_use]
    pub fn fresh(&self) -> RateLimit {
        RateLimit {
            cell: Arc::new(Cell::new(self.cell.settings.clone())),
        }
    }

    /// Takes `cost` units without a pipeline and without waiting.
    ///
    /// # Errors
    ///
    /// When there are not as many; it says how long to wait.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use steadfast_rate_limit::RateLimit;
    /// # use steadfast_core::VirtualRuntime;
    /// # let runtime = VirtualRuntime::new(1);
    /// let limit = RateLimit::per_second(10).burst(3).build()?;
    /// limit.try_acquire(&runtime, 3)?;
    /// let refused = limit.try_acquire(&runtime, 2).unwrap_err();
    /// assert_eq!(refused.retry_after(), Some(Duration::from_millis(200)));
    /// runtime.advance(Duration::from_millis(200));
    /// limit.try_acquire(&runtime, 2)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_acquire<R: Runtime>(&self, runtime: &R, cost: u32) -> Result<(), Rejection> {
        let now = runtime.now();
        let taken = self.cell.try_take_at(now, cost);
        taken.map_err(|limited| self.cell.reject(runtime, limited, now))
    }

    /// As [`try_acquire`](RateLimit::try_acquire), at the time `now`, and without an event.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](RateLimit::try_acquire).
    #[inline]
    pub fn try_acquire_at(&self, now: Instant, cost: u32) -> Result<(), Rejection> {
        let taken = self.cell.try_take_at(now, cost);
        taken.map_err(|limited| limited.rejection(self.name(), now))
    }

    /// Gives back `cost` units of a call that did not need them. A bucket is never more than full.
    ///
    /// Units that were refilled meanwhile do not come back a second time.
    ///
    /// ```
    /// # use steadfast_rate_limit::RateLimit;
    /// # use steadfast_core::VirtualRuntime;
    /// # let runtime = VirtualRuntime::new(1);
    /// let limit = RateLimit::per_second(10).burst(3).build()?;
    /// limit.try_acquire(&runtime, 3)?;
    /// limit.refund(&runtime, 2);
    /// assert_eq!(limit.available(&runtime), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refund<R: Runtime>(&self, runtime: &R, cost: u32) {
        self.refund_at(runtime.now(), cost);
    }

    /// As [`refund`](RateLimit::refund), at the time `now`.
    pub fn refund_at(&self, now: Instant, cost: u32) {
        self.cell.refund_at(now, cost);
    }

    /// How many units there are.
    #[must_use]
    pub fn available<R: Runtime>(&self, runtime: &R) -> u32 {
        self.available_at(runtime.now())
    }

    /// How many units there are at `now`.
    #[must_use]
    pub fn available_at(&self, now: Instant) -> u32 {
        self.cell
            .ask(now, |rule, tally, now| tally.available(rule, now))
    }

    /// How long to wait for `cost` units: zero where they are there, `None` where they never are.
    #[must_use]
    pub fn retry_after<R: Runtime>(&self, runtime: &R, cost: u32) -> Option<Duration> {
        self.retry_after_at(runtime.now(), cost)
    }

    /// How long to wait for `cost` units from `now` on.
    #[must_use]
    pub fn retry_after_at(&self, now: Instant, cost: u32) -> Option<Duration> {
        if cost == 0 {
            return Some(Duration::ZERO);
        }
        let asked = self
            .cell
            .ask(now, |rule, tally, now| tally.fits(rule, now, cost));
        match asked {
            Ok(()) => Some(Duration::ZERO),
            Err(limited) => limited.retry_after(now),
        }
    }

    /// Changes the rate, to `n` units in each `per`. The burst of a bucket stays; a window has `n`.
    ///
    /// What is taken stays taken, unit by unit: a bucket that lacked five units lacks five, and they are
    /// refilled at the new rate; of a window all count that were taken in it, also if it had less for a while. One
    /// that is longer than it was knows of what is older no more than it had at once. Those who wait are woken,
    /// and have their turns at the new rate, or are refused where that is too late for them.
    ///
    /// # Errors
    ///
    /// When it is out of its range; then nothing changes.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use steadfast_rate_limit::RateLimit;
    /// # use steadfast_core::VirtualRuntime;
    /// # let runtime = VirtualRuntime::new(1);
    /// let limit = RateLimit::per_second(1).burst(5).build()?;
    /// limit.try_acquire(&runtime, 5)?;
    /// limit.set_rate(&runtime, 10, Duration::from_secs(1))?;
    /// assert_eq!(limit.retry_after(&runtime, 1), Some(Duration::from_millis(100)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_rate<R: Runtime>(
        &self,
        runtime: &R,
        n: u32,
        per: Duration,
    ) -> Result<(), InvalidConfig> {
        self.set_rate_at(runtime.now(), n, per)
    }

    /// As [`set_rate`](RateLimit::set_rate), at the time `now`.
    ///
    /// # Errors
    ///
    /// As [`set_rate`](RateLimit::set_rate).
    pub fn set_rate_at(&self, now: Instant, n: u32, per: Duration) -> Result<(), InvalidConfig> {
        self.cell.change_at(now, |rule| rule.with_rate(n, per))
    }

    /// Changes the burst of a bucket. What is taken stays taken. Who waits for more than that is refused.
    ///
    /// # Errors
    ///
    /// When it is out of its range, or the limit is a window, which has none; then nothing changes.
    pub fn set_burst<R: Runtime>(&self, runtime: &R, units: u32) -> Result<(), InvalidConfig> {
        self.set_burst_at(runtime.now(), units)
    }

    /// As [`set_burst`](RateLimit::set_burst), at the time `now`.
    ///
    /// # Errors
    ///
    /// As [`set_burst`](RateLimit::set_burst).
    pub fn set_burst_at(&self, now: Instant, units: u32) -> Result<(), InvalidConfig> {
        self.cell.change_at(now, |rule| rule.with_burst(units))
    }

    /// How many units there may be at once: the burst, or all of a window.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.cell.rule().burst
    }

    /// How many calls wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.cell.waiting()
    }

    /// The name under which it speaks in rejections and events.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.cell.settings.name
    }

    /// Whether both handles are of one limit.
    #[must_use]
    pub fn is_shared_with(&self, other: &RateLimit) -> bool {
        Arc::ptr_eq(&self.cell, &other.cell)
    }
}

/// Nothing is taken, nobody waits, nobody else holds a handle, and its rate is what it was built with.
impl Idle for RateLimit {
    fn is_idle_at(&self, now: Instant) -> bool {
        let rule = self.cell.rule();
        Arc::strong_count(&self.cell) == 1
            && rule == self.cell.settings.rule
            && self.waiting() == 0
            && self.available_at(now) == rule.burst
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cell.fmt(f)
    }
}
