//! What the kit has to be told about a store.

use std::{future::Future, time::Duration};

use crate::Store;

/// How the kit gets at a store and at its clock. Where something fails it panics.
#[allow(
    async_fn_in_trait,
    reason = "the kit awaits it where it is, on the harness's own executor"
)]
pub trait Harness {
    /// The store that is held to the rules.
    type Store: Store;

    /// A store without a record.
    fn fresh(&self) -> impl Future<Output = Self::Store>;

    /// Lets the store's clock go on: a clock for tests is told to, and a table is aged by taking `by` off each of its
    /// times. The clock of whoever calls the store need not follow.
    fn advance(&self, store: &Self::Store, by: Duration) -> impl Future<Output = ()>;

    /// Another handle on the same records, such as another process would have: a connection, a pool. `None`, as by
    /// default, where there is none; the first one then plays both parts.
    fn another(&self, store: &Self::Store) -> impl Future<Output = Option<Self::Store>> {
        let _ = store;
        async { None }
    }

    /// Puts the clock of whoever calls the store so far ahead, and leaves the store's alone. `false`, as by default,
    /// where that cannot be done.
    fn mislead(&self, by: Duration) -> bool {
        let _ = by;
        false
    }
}
