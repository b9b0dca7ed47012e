//! The standard library's clock, for the runtimes that bring none of their own.

use std::{
    sync::OnceLock,
    time::{Duration, Instant as StdInstant},
};

use crate::{Instant, instant::saturating_nanos};

#[expect(
    clippy::disallowed_methods,
    reason = "this is where the runtimes' clock comes from"
)]
fn std_now() -> StdInstant {
    StdInstant::now()
}

fn origin() -> StdInstant {
    static ORIGIN: OnceLock<StdInstant> = OnceLock::new();
    *ORIGIN.get_or_init(std_now)
}

/// The time since the clock was first read.
pub(super) fn now() -> Instant {
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
