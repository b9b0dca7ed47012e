//! What an admitted call holds.

use std::{fmt, mem, ops::Deref, sync::Arc};

use steadfast_core::{Class, Instant, Outcome, Runtime, Verdict};

use crate::{
    adaptive::Sample,
    cell::{Cell, Counts},
};

/// Permits that are counted as out, until this is dropped.
struct Held<C: Deref<Target = Cell>, R: Runtime> {
    cell: C,
    runtime: R,
    cost: u32,
    /// When they were taken, where the limit adapts.
    began: Instant,
    /// When a call that is dropped was cut off, where the limit adapts.
    deadline: Instant,
}

impl<C: Deref<Target = Cell>, R: Runtime> Held<C, R> {
    /// Gives them back, once. Every end of a call comes here.
    #[inline]
    fn give_back(&mut self) {
        let cost = mem::take(&mut self.cost);
        if cost > 0 {
            self.cell.give_back(cost, || self.runtime.now());
        }
    }

    /// Gives them back, and says what the call came to, where anybody asks.
    #[inline]
    fn end(&mut self, class: impl FnOnce() -> Class) {
        if self.cell.is_adaptive() {
            self.end_and_learn(class());
        } else {
            self.give_back();
        }
    }

    #[inline(never)]
    fn end_and_learn(&mut self, class: Class) {
        let in_flight = self.cell.word().in_flight();
        let is_counted = self.cost > 0;
        self.give_back();
        let now = self.runtime.now();
        if let Some(sample) = Sample::of(class, self.began, now).filter(|_| is_counted) {
            self.cell.learn(sample, in_flight, now, &self.runtime);
        }
    }

    /// The call was dropped. When its time was up somebody further out has cut it off: as good a sign of
    /// overload as a timeout inside.
    #[cold]
    fn cut_off(mut self) {
        let is_late = self.deadline != Instant::MAX
            && !std::thread::panicking()
            && self.deadline <= self.runtime.now();
        if is_late {
            self.end_and_learn(Class::Overloaded);
        } else {
            self.give_back();
        }
    }

    fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("bulkhead", &self.cell.settings.name)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

impl<C: Deref<Target = Cell>, R: Runtime> Drop for Held<C, R> {
    #[inline]
    fn drop(&mut self) {
        if self.cost > 0 {
            // By value, for a permit that nobody has the address of can stay in registers until it is stored.
            let held = Held {
                cell: &*self.cell,
                runtime: self.runtime.clone(),
                cost: mem::take(&mut self.cost),
                began: self.began,
                deadline: self.deadline,
            };
            held.cut_off();
        }
    }
}

/// Leave to run, from [`Bulkhead::try_acquire`](crate::Bulkhead::try_acquire). Dropping it gives it back.
#[must_use = "dropped at once it lets nothing run"]
pub struct Permit<'p, R: Runtime>(Held<&'p Cell, R>);

impl<'p, R: Runtime> Permit<'p, R> {
    /// For so many permits, which are counted as out.
    #[inline]
    pub(crate) fn new(cell: &'p Cell, runtime: R, cost: u32, began: Instant) -> Self {
        Permit(Held {
            cell,
            runtime,
            cost,
            began,
            deadline: Instant::MAX,
        })
    }

    /// For a call whose time is up then.
    #[inline]
    pub(crate) fn until(mut self, deadline: Instant) -> Self {
        self.0.deadline = deadline;
        self
    }

    /// So many permits were taken for it.
    #[inline]
    pub(crate) fn takes(&mut self, cost: u32) {
        self.0.cost = cost;
    }

    pub(crate) fn cell(&self) -> &'p Cell {
        self.0.cell
    }

    /// Gives it back at the end of a call that came to this.
    #[inline]
    pub(crate) fn end<T, E>(&mut self, outcome: &Outcome<T, E>) {
        self.0.end(|| Sample::class_of(outcome));
    }

    /// What there is in its place where it was refused.
    #[cold]
    pub(crate) fn refused<T, E>(&self, counts: Counts) -> Outcome<T, E> {
        Outcome::rejected(self.0.cell.reject(&self.0.runtime, counts))
    }

    /// How many permits it is.
    #[must_use]
    pub fn cost(&self) -> u32 {
        self.0.cost
    }

    /// Gives it back, and says what the call came to: an [adaptive](crate::Bulkhead::adaptive) limit learns
    /// from that. Say [`Verdict::overloaded`] of a call that was cut off. From a permit that is dropped it
    /// learns nothing.
    pub fn record(mut self, verdict: &Verdict) {
        self.0.end(|| verdict.class());
    }
}

impl<R: Runtime> fmt::Debug for Permit<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as("Permit", f)
    }
}

/// Leave to run that a spawned task can take along, from
/// [`Bulkhead::try_acquire_owned`](crate::Bulkhead::try_acquire_owned). Dropping it gives it back.
#[must_use = "dropped at once it lets nothing run"]
pub struct OwnedPermit<R: Runtime>(Held<Arc<Cell>, R>);

impl<R: Runtime> OwnedPermit<R> {
    pub(crate) fn new(cell: Arc<Cell>, runtime: R, cost: u32, began: Instant) -> Self {
        OwnedPermit(Held {
            cell,
            runtime,
            cost,
            began,
            deadline: Instant::MAX,
        })
    }

    /// How many permits it is.
    #[must_use]
    pub fn cost(&self) -> u32 {
        self.0.cost
    }

    /// As [`Permit::record`].
    pub fn record(mut self, verdict: &Verdict) {
        self.0.end(|| verdict.class());
    }
}

impl<R: Runtime> fmt::Debug for OwnedPermit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as("OwnedPermit", f)
    }
}
