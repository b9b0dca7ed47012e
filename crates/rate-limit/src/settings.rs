//! What a limit was built with.

use std::time::Duration;

use crate::rule::Rule;

/// Settings that were checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) rule: Rule,
    /// Zero where nobody may wait.
    pub(crate) max_wait: Duration,
    pub(crate) max_waiting: u32,
    pub(crate) name: &'static str,
}
