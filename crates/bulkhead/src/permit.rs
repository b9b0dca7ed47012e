//! What an admitted call holds.

use std::{fmt, sync::Arc};

use steadfast_core::{Outcome, Runtime};

use crate::cell::{Cell, Counts};

/// Leave to run, from [`Bulkhead::try_acquire`](crate::Bulkhead::try_acquire). Dropping it gives it back.
#[must_use = "dropped at once it lets nothing run"]
pub struct Permit<'p, R: Runtime> {
    cell: &'p Cell,
    runtime: R,
    cost: u32,
}

impl<'p, R: Runtime> Permit<'p, R> {
    /// For so many permits, which are counted as out.
    #[inline]
    pub(crate) fn new(cell: &'p Cell, runtime: R, cost: u32) -> Self {
        Permit {
            cell,
            runtime,
            cost,
        }
    }

    /// Leave for nothing.
    #[inline]
    pub(crate) fn none(cell: &'p Cell, runtime: R) -> Self {
        Permit::new(cell, runtime, 0)
    }

    pub(crate) fn cell(&self) -> &'p Cell {
        self.cell
    }

    /// Gives it back, once. Every end of a call comes here.
    #[inline]
    pub(crate) fn end(&mut self) {
        let cost = std::mem::take(&mut self.cost);
        if cost > 0 {
            self.cell.give_back(cost, || self.runtime.now());
        }
    }

    /// What there is in its place where it was refused.
    #[cold]
    pub(crate) fn refused<T, E>(&self, counts: Counts) -> Outcome<T, E> {
        Outcome::rejected(self.cell.reject(&self.runtime, counts))
    }

    /// How many permits it is.
    #[must_use]
    pub fn cost(&self) -> u32 {
        self.cost
    }
}

impl<R: Runtime> Drop for Permit<'_, R> {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}

impl<R: Runtime> fmt::Debug for Permit<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("bulkhead", &self.cell.settings.name)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

/// Leave to run that a spawned task can take along, from
/// [`Bulkhead::try_acquire_owned`](crate::Bulkhead::try_acquire_owned). Dropping it gives it back.
#[must_use = "dropped at once it lets nothing run"]
pub struct OwnedPermit<R: Runtime> {
    cell: Arc<Cell>,
    runtime: R,
    cost: u32,
}

impl<R: Runtime> OwnedPermit<R> {
    pub(crate) fn new(cell: Arc<Cell>, runtime: R, cost: u32) -> Self {
        OwnedPermit {
            cell,
            runtime,
            cost,
        }
    }

    /// How many permits it is.
    #[must_use]
    pub fn cost(&self) -> u32 {
        self.cost
    }
}

impl<R: Runtime> Drop for OwnedPermit<R> {
    fn drop(&mut self) {
        if self.cost > 0 {
            self.cell.give_back(self.cost, || self.runtime.now());
        }
    }
}

impl<R: Runtime> fmt::Debug for OwnedPermit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit")
            .field("bulkhead", &self.cell.settings.name)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}
