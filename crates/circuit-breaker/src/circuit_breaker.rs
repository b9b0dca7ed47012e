//! The breaker as its users hold it.

use std::{fmt, sync::Arc, time::Duration};

use steadfast_core::{Attempt, Idle, Instant, Ratio, Rejection, Runtime};

use crate::{
    breaker::Cell,
    builder::CircuitBreakerBuilder,
    permit::Permit,
    settings::Settings,
    snapshot::{Snapshot, State},
    transitions::Transitions,
};

/// Stops calling a dependency that fails, and finds out when it is well again.
///
/// While it is **closed**, calls pass and what they come to is counted. When one of its rules is met it
/// **opens**: calls are refused at once, which spares the dependency and whoever would wait for it. After
/// a while it is **half-open**: a few calls pass as probes. When they go well it closes, by way of a ramp
/// where one is set; when not, it opens again, for longer.
///
/// It is a handle: clones share one breaker. Give each dependency one of its own, and every pipeline that
/// calls the dependency the same one; for many hosts, a [`Keyed`](steadfast_core::Keyed) map of them. In
/// a pipeline its place is inside the retry, so that it sees each attempt, and outside the timeout of
/// each attempt, so that it sees those that took too long.
///
/// # What counts
///
/// | outcome | |
/// |---|---|
/// | success | good |
/// | transient or permanent failure, cut off by a timeout inside | bad |
/// | overloaded | bad for the rates and for a probe; neither here nor there for failures in a row |
/// | the caller's own fault; refused by another policy inside | not counted |
/// | dropped before its end, or panicked | not counted, unless [`cancelled_as`](CircuitBreakerBuilder::cancelled_as) says so |
/// | longer than the limit of [`slow_calls`](CircuitBreakerBuilder::slow_calls), good or bad | slow |
///
/// A result counts only in the state in which its call was let through. What comes later is counted as
/// [`stale`](Snapshot::stale) and changes nothing.
///
/// # What is exact
///
/// Each decision to open is made on exact counts: of the last calls, or, in windows of more than 64 calls,
/// of the last ones to a sixteenth; of two results that come at once, one is judged together with the
/// other. In a window of time a call belongs to the slot of time in which it ended, and a slot leaves as
/// a whole. Counts of good calls are striped over threads and added up where they decide. For more than
/// four thousand million calls in one slot, or failures in a row, counting stops there.
///
/// Two exceptions, both in windows of up to 64 calls. While one fills, a result that is being written counts
/// as a call before it counts as a failure, so with three or more written at once the breaker may open one
/// call late. And a result that is held up in the middle of being written, while the breaker opens and
/// closes four times, is counted after all.
///
/// # Cost
///
/// Closed: one load to let a call through. A good call is recorded by one compare-and-swap, and by none where
/// a full window of calls holds good ones only. It takes one more atomic operation while a window of up to
/// 64 calls fills, one more for slow calls, and one more where it ends a row of failures; in a larger
/// window with failures in it a good call now and then adds up the buckets. A failure takes two or three,
/// and adds up what the window holds.
///
/// No clock is read for a window of calls. A window of time shares the pipeline's one clock read, and reads
/// it once more after calls that had to wait; where the rule of slow calls is set, after all. Opening reads
/// it once more.
///
/// # Errors
///
/// A refused call is rejected with [`RejectionKind::CircuitOpen`](steadfast_core::RejectionKind), which
/// says that it was not executed. Open, it also says the exact time until it lets a call through; half-open,
/// by when the probes have decided; and ramping, when more calls pass. A retry around it may wait until then: its
/// `hints` say how far.
///
/// # Cancel safety
///
/// Dropping the future drops the operation. A probe gives its place back.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast_circuit_breaker::{CircuitBreaker, State};
/// use steadfast_core::{Policies, Ratio, VirtualRuntime};
///
/// let runtime = VirtualRuntime::new(1);
/// let breaker = CircuitBreaker::failure_rate(Ratio::percent(50))
///     .over_last(20)
///     .min_calls(4)
///     .open_for(Duration::from_secs(5))
///     .probes(1)
///     .build()?;
/// let calls = breaker.on(runtime.clone());
///
/// for _ in 0..4 {
///     let _ = runtime.block_on(calls.call(|| async { Err::<(), _>("down") }));
/// }
/// assert_eq!(breaker.state(), State::Open);
///
/// let refused = runtime.block_on(calls.call(|| async { Ok::<_, &str>(()) })).unwrap_err();
/// assert_eq!(refused.to_string(), "breaker is open; try again after 5s");
///
/// runtime.advance(Duration::from_secs(5));
/// assert_eq!(runtime.block_on(calls.call(|| async { Ok::<_, &str>("back") })), Ok("back"));
/// assert_eq!(breaker.state(), State::Closed);
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
pub struct CircuitBreaker {
    pub(crate) cell: Arc<Cell>,
}

impl CircuitBreaker {
    /// The first handle of a breaker.
    pub(crate) fn of(settings: Settings) -> CircuitBreaker {
        CircuitBreaker {
            cell: Arc::new(Cell::new(settings)),
        }
    }

    /// Opens when at least this share of the calls in the window failed.
    pub fn failure_rate(rate: Ratio) -> CircuitBreakerBuilder {
        CircuitBreakerBuilder::new().failure_rate(rate)
    }

    /// Opens when at least `rate` of the calls in the window took longer than `after`.
    pub fn slow_calls(rate: Ratio, after: Duration) -> CircuitBreakerBuilder {
        CircuitBreakerBuilder::new().slow_calls(rate, after)
    }

    /// Opens when so many calls failed in a row.
    pub fn consecutive_failures(failures: u32) -> CircuitBreakerBuilder {
        CircuitBreakerBuilder::new().consecutive_failures(failures)
    }

    /// Another breaker with the same settings, closed, that shares nothing with this one: for
    /// [`Keyed`](steadfast_core::Keyed).
    ///
    /// ```
    /// # use steadfast_circuit_breaker::CircuitBreaker;
    /// # use steadfast_core::Keyed;
    /// let one = CircuitBreaker::consecutive_failures(3).build()?;
    /// let hosts = Keyed::new(1000, move |_host: &String| one.fresh())?;
    /// # Ok::<(), steadfast_core::InvalidConfig>(())
    /// ```
    #[must_use]
    pub fn fresh(&self) -> CircuitBreaker {
        CircuitBreaker::of(self.cell.settings.clone())
    }

    /// Asks to make one call, without a pipeline.
    ///
    /// # Errors
    ///
    /// When the breaker refuses.
    ///
    /// ```
    /// # use steadfast_circuit_breaker::CircuitBreaker;
    /// # use steadfast_core::{Verdict, VirtualRuntime};
    /// # let runtime = VirtualRuntime::new(1);
    /// let breaker = CircuitBreaker::consecutive_failures(2).build()?;
    /// for _ in 0..2 {
    ///     breaker.try_acquire(&runtime)?.record(&Verdict::transient());
    /// }
    /// assert!(breaker.try_acquire(&runtime).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_acquire<R: Runtime>(&self, runtime: R) -> Result<Permit<'_, R>, Rejection> {
        let lent = self.cell.lend(&mut Attempt::first(runtime));
        lent.map_err(|retry_after| self.cell.rejection(retry_after))
    }

    /// The state it is in. Open lasts until a call comes after the open time.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(self.cell.word().kind())
    }

    /// The name under which it speaks in rejections and events.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.cell.settings.name
    }

    /// Opens it until somebody [resets](CircuitBreaker::reset) it.
    ///
    /// As everything that is done by hand, this reaches those who [subscribe](CircuitBreaker::subscribe) at
    /// once, and observers with the next call: it belongs to none.
    pub fn isolate(&self) {
        self.cell.isolate();
    }

    /// Lets every call through, uncounted, until somebody [resets](CircuitBreaker::reset) it.
    pub fn force_closed(&self) {
        self.cell.force_closed();
    }

    /// Closes it and forgets all calls.
    pub fn reset(&self) {
        self.cell.reset();
    }

    /// Opens it at `now`, on the clock of the calls' runtime, for so long; then it is half-open.
    pub fn open_for_at(&self, now: Instant, length: Duration) {
        self.cell.open_at(now, length);
    }

    /// What it knows at `now`, on the clock of the calls' runtime.
    #[must_use]
    pub fn snapshot_at(&self, now: Instant) -> Snapshot {
        self.cell.snapshot_at(now)
    }

    /// Makes it what another breaker was when the snapshot was taken. Half-open or ramping becomes open
    /// with no time left, as the probes are gone: the next call is a probe. What does not fit the window
    /// here is left out.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use steadfast_circuit_breaker::{CircuitBreaker, State};
    /// # use steadfast_core::{Runtime, VirtualRuntime};
    /// # let runtime = VirtualRuntime::new(1);
    /// let before = CircuitBreaker::consecutive_failures(5).build()?;
    /// before.open_for_at(runtime.now(), Duration::from_secs(30));
    /// runtime.advance(Duration::from_secs(10));
    /// let kept = before.snapshot_at(runtime.now());
    ///
    /// let after = CircuitBreaker::consecutive_failures(5).build()?;
    /// after.restore_at(runtime.now(), &kept);
    /// assert_eq!(after.snapshot_at(runtime.now()).remaining, Duration::from_secs(20));
    /// # Ok::<(), steadfast_core::InvalidConfig>(())
    /// ```
    pub fn restore_at(&self, now: Instant, snapshot: &Snapshot) {
        self.cell.restore_at(now, snapshot);
    }

    /// Follows its transitions from here on, for as long as anybody holds a handle.
    #[must_use]
    pub fn subscribe(&self) -> Transitions {
        Transitions::new(Arc::clone(&self.cell))
    }

    /// Whether both handles are of one breaker.
    #[must_use]
    pub fn is_shared_with(&self, other: &CircuitBreaker) -> bool {
        Arc::ptr_eq(&self.cell, &other.cell)
    }
}

impl Clone for CircuitBreaker {
    fn clone(&self) -> Self {
        self.cell.add_handle();
        CircuitBreaker {
            cell: Arc::clone(&self.cell),
        }
    }
}

impl Drop for CircuitBreaker {
    fn drop(&mut self) {
        self.cell.remove_handle();
    }
}

/// Idle: nobody else holds a handle, and it is closed with no failure and no slow call to remember, or was
/// open and has not been called for as long again since.
///
/// Dispensable: nobody else holds a handle, and it is closed, or open and the next call would be a probe.
impl Idle for CircuitBreaker {
    fn is_idle_at(&self, now: Instant) -> bool {
        self.cell.has_one_handle() && self.cell.is_idle_at(now)
    }

    fn is_dispensable_at(&self, now: Instant) -> bool {
        self.cell.has_one_handle() && self.cell.is_dispensable_at(now)
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cell.fmt(f)
    }
}
