//! The bulkhead as its users hold it.

use std::{fmt, sync::Arc};

use steadfast_core::{Idle, Instant, InvalidConfig, Rejection, Runtime};

use crate::{
    adaptive::AdaptiveLimit,
    builder::{BulkheadBuilder, check_limit},
    cell::Cell,
    permit::{OwnedPermit, Permit},
};

/// Lets so many calls run at a time, so that a dependency that hangs does not take everything with it.
///
/// A call takes a permit, or as many as its [cost](steadfast_core::CallOptions::cost) says, and gives them
/// back when it ends: with a result, an error, a panic, or dropped at any point. Where there is no room it is
/// refused at once; or, where [`max_waiting`](BulkheadBuilder::max_waiting) allows it, it waits for its turn,
/// for [`max_wait`](BulkheadBuilder::max_wait) and not beyond its deadline.
///
/// It is a handle: clones share one bulkhead. Two bulkheads have nothing in common, and one that is full
/// delays nobody at the other: give each dependency, or with [`Keyed`](steadfast_core::Keyed) each tenant,
/// one of its own. In a pipeline its place is inside the retry, so that waits between attempts hold no
/// permit; and outside the timeout of each attempt, so that the wait for a turn is not taken from the
/// attempt's time. Put it inside the breaker: refused calls do not count there.
///
/// # What a call takes
///
/// | cost | |
/// |---|---|
/// | 0 | passes at once and takes nothing |
/// | up to the limit | takes so many permits, all at once |
/// | more than the limit | is refused at once, as it can never fit; where the limit [adapts](Bulkhead::adaptive), takes all of it |
///
/// # The limit
///
/// [`resize`](Bulkhead::resize) changes it while calls run. Upwards, as many of those who wait as fit have
/// their turn. Downwards, nothing is taken from those who run: permits are retired as they come back, and
/// until then more may be in flight than the limit. Who waits and needs more than the new limit is refused.
///
/// # Cost
///
/// While nobody waits: one compare-and-swap to take permits and one atomic subtraction to give them back, no
/// lock, no allocation, no clock read. A refusal because the queue is full, or there is none, is one load; by
/// priority it is a look at the queue under the lock. A
/// call that waits takes a short lock when it enters, when it is polled and when it is called up, one timer
/// if nobody further out has one for its deadline, and is woken once.
///
/// Where the limit [adapts](Bulkhead::adaptive), a call takes two clock reads more, one of them shared with
/// the pipeline, and the short lock of a stripe that seldom anybody else wants. Sixteen times in a window at
/// most one of the calls looks at them all, under a lock for which nobody waits.
///
/// # Errors
///
/// A refused call is rejected with [`RejectionKind::BulkheadFull`](steadfast_core::RejectionKind), which says
/// that it was not executed, and how many permits were out, one a call where each costs one, and how many
/// calls waited besides it. It is refused
///
/// - at once, when there is no room and nobody else may wait, when its deadline has passed, or when it costs
///   more than the limit;
/// - later, when it has waited `max_wait` or until its deadline, when [`Order`](crate::Order) gives it up,
///   or when the limit went below its cost.
///
/// A retry around it does not repeat a refused call, as nobody knows when there will be room. To try for longer,
/// wait for longer.
///
/// # Cancel safety
///
/// Dropping the future drops the operation, and then gives its permits back. One that waits leaves the
/// queue; one whose turn had come, and which was not polled since, passes its turn on.
///
/// # Fairness
///
/// While somebody waits nobody passes, so a late arrival does not overtake. By default calls have their turn
/// in the order of their first polls, and a permit that comes back belongs at once to who is next. The next
/// one that needs more permits than are there keeps those behind it waiting, so that light calls do not
/// starve a heavy one. [`Order`](crate::Order) has other orders, which are not fair.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast_bulkhead::Bulkhead;
/// use steadfast_core::{Policies, VirtualRuntime};
///
/// let runtime = VirtualRuntime::new(1);
/// let bulkhead = Bulkhead::max_concurrent(2)
///     .max_waiting(100)
///     .max_wait(Duration::from_millis(50))
///     .build()?;
/// let calls = bulkhead.on(runtime.clone());
/// let call = || calls.call(|| async { Ok::<_, std::io::Error>("page") });
/// assert_eq!(runtime.block_on(call()).unwrap(), "page");
///
/// let held = (bulkhead.try_acquire(&runtime, 1).unwrap(), bulkhead.try_acquire(&runtime, 1).unwrap());
/// let refused = runtime.block_on(call()).unwrap_err();
/// assert_eq!(refused.to_string(), "bulkhead is full: 2 running, 0 waiting");
/// assert_eq!(runtime.elapsed(), Duration::from_millis(50)); // so long it waited
///
/// drop(held);
/// assert_eq!(runtime.block_on(call()).unwrap(), "page");
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
#[derive(Clone)]
pub struct Bulkhead {
    pub(crate) cell: Arc<Cell>,
}

impl Bulkhead {
    /// Lets so many calls run at a time; 1 to 2,147,483,647.
    pub fn max_concurrent(calls: u32) -> BulkheadBuilder {
        BulkheadBuilder::new(calls)
    }

    /// Lets as many calls run at a time as the dependency bears, which it finds out from how they fare.
    ///
    /// It begins with the limit's [`initial`](AdaptiveLimit::initial). A change is an
    /// [`Event::LimitChanged`](steadfast_core::Event::LimitChanged), and [`limit`](Bulkhead::limit) says what
    /// it is. It counts permits, so a call of a higher cost takes more of it.
    ///
    /// **Put a `Timeout` inside an adaptive bulkhead.** A call that a timeout outside cuts off counts as dropped
    /// only where its deadline tells so; one that its caller drops for another reason is not seen.
    ///
    /// ```
    /// # use steadfast_bulkhead::{AdaptiveLimit, Bulkhead, Vegas};
    /// let limit = AdaptiveLimit::new(Vegas::new()).initial(30).min(5).max(400);
    /// let bulkhead = Bulkhead::adaptive(limit).max_waiting(100).build()?;
    /// assert_eq!(bulkhead.limit(), 30);
    /// # Ok::<(), steadfast_core::InvalidConfig>(())
    /// ```
    pub fn adaptive(limit: impl Into<AdaptiveLimit>) -> BulkheadBuilder {
        BulkheadBuilder::adaptive(limit.into())
    }

    /// Another bulkhead with the settings that this one was built with, empty, that shares nothing with it:
    /// for [`Keyed`](steadfast_core::Keyed).
    ///
    /// ```
    /// # use steadfast_bulkhead::Bulkhead;
    /// # use steadfast_core::Keyed;
    /// let one = Bulkhead::max_concurrent(8).build()?;
    /// let tenants = Keyed::new(1000, move |_tenant: &String| one.fresh())?;
    /// # Ok::<(), steadfast_core::InvalidConfig>(())
    /// ```
    #[must_use]
    pub fn fresh(&self) -> Bulkhead {
        Bulkhead {
            cell: Arc::new(Cell::new(self.cell.settings.clone())),
        }
    }

    /// Asks for `cost` permits without a pipeline and without waiting.
    ///
    /// # Errors
    ///
    /// When there is no room, or somebody waits.
    ///
    /// ```
    /// # use steadfast_bulkhead::Bulkhead;
    /// # use steadfast_core::VirtualRuntime;
    /// # let runtime = VirtualRuntime::new(1);
    /// let bulkhead = Bulkhead::max_concurrent(3).build()?;
    /// let permit = bulkhead.try_acquire(&runtime, 2)?;
    /// assert!(bulkhead.try_acquire(&runtime, 2).is_err());
    /// drop(permit);
    /// assert!(bulkhead.try_acquire(&runtime, 2).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_acquire<R: Runtime>(
        &self,
        runtime: R,
        cost: u32,
    ) -> Result<Permit<'_, R>, Rejection> {
        let (cost, began) = self.take(&runtime, cost)?;
        Ok(Permit::new(&self.cell, runtime, cost, began))
    }

    /// As [`try_acquire`](Bulkhead::try_acquire), for a permit that borrows nothing.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Bulkhead::try_acquire).
    pub fn try_acquire_owned<R: Runtime>(
        &self,
        runtime: R,
        cost: u32,
    ) -> Result<OwnedPermit<R>, Rejection> {
        let (cost, began) = self.take(&runtime, cost)?;
        let cell = Arc::clone(&self.cell);
        Ok(OwnedPermit::new(cell, runtime, cost, began))
    }

    /// How many were taken, and when, where anybody asks.
    fn take<R: Runtime>(&self, runtime: &R, cost: u32) -> Result<(u32, Instant), Rejection> {
        let cell = &self.cell;
        let (cost, now) = if cell.is_adaptive() {
            (cell.charge(cost, cell.word()), runtime.now())
        } else {
            (cost, Instant::MAX)
        };
        match cell.try_take(cost) {
            Ok(()) => Ok((cost, now)),
            Err(word) => Err(cell.reject(runtime, cell.counts(word))),
        }
    }

    /// How many permits there are. While an adaptive limit measures, this is half of it.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.cell.word().limit()
    }

    /// How many permits are out, those included of calls whose turn has come and that have not run since.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.cell.word().in_flight()
    }

    /// How many calls wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.cell.waiting()
    }

    /// Changes the limit, to 1 to 2,147,483,647.
    ///
    /// # Errors
    ///
    /// When `limit` is out of its range, or when the limit [adapts](Bulkhead::adaptive) by itself; then nothing
    /// changes.
    ///
    /// ```
    /// # use steadfast_bulkhead::Bulkhead;
    /// # use steadfast_core::VirtualRuntime;
    /// # let runtime = VirtualRuntime::new(1);
    /// let bulkhead = Bulkhead::max_concurrent(2).build()?;
    /// let permit = bulkhead.try_acquire(&runtime, 2)?;
    /// bulkhead.resize(1)?;
    /// assert_eq!((bulkhead.in_flight(), bulkhead.limit()), (2, 1));
    /// drop(permit);
    /// assert!(bulkhead.try_acquire(&runtime, 1).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resize(&self, limit: u32) -> Result<(), InvalidConfig> {
        if self.cell.is_adaptive() {
            let allowed = "only where it does not adapt: set `min` and `max` instead";
            return Err(InvalidConfig::new("limit", limit, allowed));
        }
        check_limit("limit", limit)?;
        self.cell.set_limit(limit);
        Ok(())
    }

    /// Whether nobody holds a permit, waits for one, or has another handle.
    fn is_empty(&self) -> bool {
        let word = self.cell.word();
        Arc::strong_count(&self.cell) == 1 && word.in_flight() == 0 && !word.is_queued()
    }

    /// The name under which it speaks in rejections and events.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.cell.settings.name
    }

    /// Whether both handles are of one bulkhead.
    #[must_use]
    pub fn is_shared_with(&self, other: &Bulkhead) -> bool {
        Arc::ptr_eq(&self.cell, &other.cell)
    }
}

/// Idle: nothing in flight, nobody waits, nobody else holds a handle, and its limit is what it was built with.
///
/// Dispensable: the same with a higher limit that it has learnt.
impl Idle for Bulkhead {
    fn is_idle_at(&self, _now: Instant) -> bool {
        self.is_empty() && self.limit() == self.cell.settings.max_concurrent
    }

    fn is_dispensable_at(&self, _now: Instant) -> bool {
        let is_as_built = self.limit() >= self.cell.settings.max_concurrent;
        self.cell.is_adaptive() && self.is_empty() && is_as_built
    }
}

impl fmt::Debug for Bulkhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cell.fmt(f)
    }
}
