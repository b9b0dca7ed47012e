//! What a bulkhead was built with.

use std::time::Duration;

use crate::{AdaptiveLimit, Order};

/// Settings that were checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) max_concurrent: u32,
    /// Zero where nobody may wait, for whatever reason.
    pub(crate) max_waiting: u32,
    pub(crate) max_wait: Duration,
    pub(crate) order: Order,
    /// Begins with `max_concurrent`.
    pub(crate) adaptive: Option<AdaptiveLimit>,
    pub(crate) name: &'static str,
}
