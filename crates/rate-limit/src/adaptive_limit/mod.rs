//! The limit with an adaptive rate as its users hold it.

mod builder;
mod policy;

use std::{fmt, sync::Arc, time::Duration};

use steadfast_core::{Class, Event, Idle, Instant, Rejection, Runtime, Verdict};

pub use self::{builder::AdaptiveRateLimitBuilder, policy::AdaptiveRateLimitFuture};
use crate::{
    AdaptiveRate, RateLimit,
    adaptive::units_per,
    feed::{Change, Feed},
};

/// After so long without a call what is known of a server is of no use.
const STALE_AFTER: Duration = Duration::from_secs(60);

/// Admits as many calls in a second as the server lets through, which it finds out from those that it throttles.
///
/// It is built by [`RateLimit::adaptive`]; how the rate moves is on the page of [`AdaptiveRate`]. A call is
/// admitted as by a [`RateLimit`] of that rate, a bucket of a burst that stays the same: at once, later in its turn
/// where [`wait`](AdaptiveRateLimitBuilder::wait) allows it, or not. Until a call is throttled for the first
/// time all are admitted, unless there is an [`initial`](AdaptiveRate::initial) rate. Then the bucket begins
/// empty.
///
/// It is a handle: clones share one limit. Its place in a pipeline is inside the retry, so that it sees each attempt,
/// and outside the timeout of each attempt, so that a wait is not taken from the attempt's time.
///
/// # What it learns from
///
/// | a call | |
/// |---|---|
/// | of class `Success` | lets the rate grow |
/// | of class `Overloaded` | lowers it, unless it was sent before the rate last went down |
/// | of another class: a timeout, a 500, a 400 | is nothing |
/// | that another policy refused, or this one | is nothing |
/// | that is dropped before it ends | is nothing but sent |
/// | of cost 0 | passes at once and is nothing |
///
/// So a [classifier](steadfast_core::Classify) has to tell what is throttled, such as a 429, from all else: by
/// the default one each error is `Transient`, and nothing is ever limited.
///
/// # Cost
///
/// A call that is not limited: one addition on a line that few threads share, one load, one clock read. One that is
/// limited: what [`RateLimit`] costs besides, and one clock read more when it ends well. Twice in a second at most one
/// call hands over what was sent, and twenty times in a second at most one lets the rate grow, each under a lock for
/// which nobody waits; a call that is throttled does wait for it. None allocates that a `RateLimit` would not
/// make wait.
///
/// A change of the rate gives everybody who waits another turn, and wakes them to know. It is told as an
/// [`Event::LimitChanged`], in whole units a second, rounded up, where these are others than before; not limited
/// is [`u32::MAX`].
///
/// # Errors
///
/// As [`RateLimit`]. A call that costs more than the burst is refused also while nothing is limited.
///
/// # Cancel safety
///
/// As [`RateLimit`]. A call that is dropped while it runs teaches nothing.
///
/// # Fairness
///
/// As [`RateLimit`]: who waits has its turn in the order of the first polls, at whatever rate.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_core::{Pipeline, Verdict, VirtualRuntime};
/// use steadfast_rate_limit::{AdaptiveRate, RateLimit};
///
/// let runtime = VirtualRuntime::new(1);
/// let limit = RateLimit::adaptive(AdaptiveRate::new()).burst(5).build()?;
/// let calls = Pipeline::on(runtime.clone(), &limit).classify(|status: &Result<u16, u16>| match status {
///     Ok(_) => Verdict::success(),
///     Err(429) => Verdict::overloaded(),
///     Err(_) => Verdict::transient(),
/// });
///
/// // A hundred a second, and nothing is limited until the server throttles one.
/// for _ in 0..200 {
///     runtime.block_on(calls.call(|| async { Ok(200) })).unwrap();
///     runtime.advance(Duration::from_millis(10));
/// }
/// assert_eq!(limit.rate_per_second(), None);
/// runtime.block_on(calls.call(|| async { Err(429) })).unwrap_err();
/// let rate = limit.rate_per_second().unwrap();
/// assert!((69.0..71.0).contains(&rate), "seven tenths");
///
/// // The next call comes too early, and another 14 ms later does not.
/// let refused = runtime.block_on(calls.call(|| async { Ok(200) })).unwrap_err();
/// assert!(refused.to_string().starts_with("rate limit has no permit left; try again after 14."));
/// runtime.advance(Duration::from_millis(15));
/// runtime.block_on(calls.call(|| async { Ok(200) })).unwrap();
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
#[derive(Clone)]
pub struct AdaptiveRateLimit {
    shared: Arc<Shared>,
}

struct Shared {
    limit: RateLimit,
    feed: Feed,
    rate: AdaptiveRate,
}

impl AdaptiveRateLimit {
    /// Another limit with the settings that this one was built with, which has learnt nothing and shares nothing
    /// with it: for [`Keyed`](steadfast_core::Keyed).
    #[must_use]
    pub fn fresh(&self) -> AdaptiveRateLimit {
        let Shared { limit, rate, .. } = &*self.shared;
        AdaptiveRateLimit {
            shared: Arc::new(Shared {
                limit: limit.fresh(),
                feed: Feed::new(rate),
                rate: rate.clone(),
            }),
        }
    }

    /// Takes `cost` units without a pipeline and without waiting. Say by [`record`](AdaptiveRateLimit::record)
    /// what the call came to.
    ///
    /// # Errors
    ///
    /// When there are not as many; it says how long to wait.
    ///
    /// ```
    /// # use steadfast_core::{Runtime, Verdict, VirtualRuntime};
    /// # use steadfast_rate_limit::{AdaptiveRate, RateLimit};
    /// # let runtime = VirtualRuntime::new(1);
    /// let limit = RateLimit::adaptive(AdaptiveRate::new()).build()?;
    /// let sent = runtime.now();
    /// limit.try_acquire(&runtime, 1)?;
    /// // It was answered by 429.
    /// limit.record(&runtime, sent, &Verdict::overloaded());
    /// assert!(limit.try_acquire(&runtime, 1).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_acquire<R: Runtime>(&self, runtime: &R, cost: u32) -> Result<(), Rejection> {
        let taken = self.try_acquire_at(runtime.now(), cost);
        taken.inspect_err(|refused| {
            runtime.emit(&Event::rejected(self.name(), refused.kind()));
        })
    }

    /// As [`try_acquire`](AdaptiveRateLimit::try_acquire), at the time `now`, and without an event.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](AdaptiveRateLimit::try_acquire).
    pub fn try_acquire_at(&self, now: Instant, cost: u32) -> Result<(), Rejection> {
        if !self.is_free_for(cost) {
            self.shared.limit.try_acquire_at(now, cost)?;
        }
        self.shared.feed.sent_at(now, cost);
        Ok(())
    }

    /// Learns from a call that was admitted at `sent` and ended now.
    pub fn record<R: Runtime>(&self, runtime: &R, sent: Instant, verdict: &Verdict) {
        self.learn(runtime, sent, verdict.class());
    }

    /// As [`record`](AdaptiveRateLimit::record), of a call that ended at `now`, and without an event.
    pub fn record_at(&self, now: Instant, sent: Instant, verdict: &Verdict) {
        self.learn_at(now, sent, verdict.class());
    }

    #[inline]
    fn learn<R: Runtime>(&self, runtime: &R, sent: Instant, class: Class) {
        let is_learnt = match class {
            Class::Success => self.shared.feed.rate().is_some(),
            Class::Overloaded => true,
            Class::Transient | Class::Permanent | Class::Caller => false,
        };
        if is_learnt {
            if let Some(change) = self.learn_at(runtime.now(), sent, class) {
                self.tell(change, runtime);
            }
        }
    }

    fn learn_at(&self, now: Instant, sent: Instant, class: Class) -> Option<Change> {
        let feed = &self.shared.feed;
        let change = match class {
            Class::Success => feed.succeeded_at(now),
            Class::Overloaded => feed.throttled_at(now, sent),
            Class::Transient | Class::Permanent | Class::Caller => None,
        };
        change.inspect(|change| self.change_at(now, *change))
    }

    #[cold]
    fn change_at(&self, now: Instant, change: Change) {
        let Shared { limit, feed, .. } = &*self.shared;
        limit
            .cell
            .change_at(now, |rule| {
                // Not what this change was to, as another may have come meanwhile.
                let (units, per) = units_per(feed.rate().unwrap_or(change.to));
                rule.with_rate(units, per)
            })
            .expect("every rate from the floor to the ceiling fits, as it was built");
        if change.from.is_none() {
            // What was sent while nothing was limited has used it up. Somebody may have been faster; as well.
            let _ = limit.try_acquire_at(now, limit.cell.settings.rule.burst);
        }
    }

    fn tell<R: Runtime>(&self, change: Change, runtime: &R) {
        let from = change.from.map_or(u32::MAX, whole_units);
        let to = whole_units(change.to);
        if from != to {
            runtime.emit(&Event::limit_changed(self.name(), from, to));
        }
    }

    /// Whether a call passes without a look at the bucket.
    #[inline]
    fn is_free_for(&self, cost: u32) -> bool {
        let Shared { limit, feed, .. } = &*self.shared;
        feed.rate().is_none() && cost <= limit.cell.settings.rule.burst
    }

    /// How many units it admits a second; `None` while nothing is limited.
    #[must_use]
    pub fn rate_per_second(&self) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "10^15 at most, of which each is exact"
        )]
        let per_second = |micros| micros as f64 / 1e6;
        self.shared.feed.rate().map(per_second)
    }

    /// How many units there may be at once.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.shared.limit.burst()
    }

    /// How many calls wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.limit.waiting()
    }

    /// The name under which it speaks in rejections and events.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.limit.name()
    }

    /// Whether both handles are of one limit.
    #[must_use]
    pub fn is_shared_with(&self, other: &AdaptiveRateLimit) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Whether nobody waits or has another handle, and nothing was sent for so long.
    fn is_unused_at(&self, now: Instant, length: Duration) -> bool {
        let Shared { limit, feed, .. } = &*self.shared;
        Arc::strong_count(&self.shared) == 1
            && limit.waiting() == 0
            && feed.is_quiet_at(now, length)
    }
}

/// Idle: nobody waits, nobody else holds a handle, nothing was sent for half a second, nothing is taken, and its rate
/// is what it was built with.
///
/// Dispensable: nobody waits, nobody else holds a handle, and nothing was sent for a minute. What it has learnt is
/// old then, and would be learnt anew from the first call that is throttled.
impl Idle for AdaptiveRateLimit {
    fn is_idle_at(&self, now: Instant) -> bool {
        let Shared { limit, feed, rate } = &*self.shared;
        self.is_unused_at(now, Duration::ZERO)
            && feed.rate() == rate.initial_micros()
            && limit.available_at(now) == limit.burst()
    }

    fn is_dispensable_at(&self, now: Instant) -> bool {
        self.is_unused_at(now, STALE_AFTER)
    }
}

fn whole_units(micros: u64) -> u32 {
    u32::try_from(micros.div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

impl fmt::Debug for AdaptiveRateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveRateLimit")
            .field("name", &self.name())
            .field("rate_per_second", &self.rate_per_second())
            .field("burst", &self.burst())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}
