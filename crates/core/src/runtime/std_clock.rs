//! The standard library's clock, for the runtimes that bring none of their own.

#[cfg(any(feature = "smol", feature = "thread"))]
use std::time::Duration;
#[cfg(feature = "smol")]
use std::time::Instant as StdInstant;

use super::origin::{origin, std_now};
use crate::{Instant, instant::saturating_nanos};

/// The time since the origin of the clock.
pub(super) fn now() -> Instant {
    // The origin first: at the first use it is made from the present.
    let origin = origin();
    let since = std_now().saturating_duration_since(origin);
    Instant::from_nanos(saturating_nanos(since))
}

/// The standard library's instant for one of this clock; `None` beyond what it can hold.
#[cfg(feature = "smol")]
pub(super) fn to_std(at: Instant) -> Option<StdInstant> {
    origin().checked_add(Duration::from_nanos(at.as_nanos()))
}

/// How long it is until `at`.
#[cfg(feature = "thread")]
pub(super) fn until(at: Instant) -> Duration {
    at.saturating_duration_since(now())
}
