//! The standard library's clock, for the runtimes that bring none of their own.

#[cfg(feature = "thread")]
use std::time::Duration;

use super::origin::{origin, std_now};
use crate::{Instant, instant::saturating_nanos};

/// The time since the origin of the clock.
pub(super) fn now() -> Instant {
    // The origin first: at the first use it is made from the present.
    let origin = origin();
    let since = std_now().saturating_duration_since(origin);
    Instant::from_nanos(saturating_nanos(since))
}

/// How long it is until `at`.
#[cfg(feature = "thread")]
pub(super) fn until(at: Instant) -> Duration {
    at.saturating_duration_since(now())
}
