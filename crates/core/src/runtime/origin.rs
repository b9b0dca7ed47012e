//! The origin that the clocks of all real runtimes share.

use std::{
    sync::OnceLock,
    time::{Duration, Instant as StdInstant},
};

#[cfg(any(feature = "smol", feature = "tokio"))]
use crate::Instant;

/// The origin of the clocks of this process.
///
/// All real runtimes count from it, so that a budget may serve pipelines on several of them. It is
/// taken from the real clock and lies a day back, so that a clock of tokio's that was paused before
/// the first use here is past it too.
#[inline]
pub(super) fn origin() -> StdInstant {
    static ORIGIN: OnceLock<StdInstant> = OnceLock::new();
    *ORIGIN.get_or_init(|| {
        let now = std_now();
        let day = Duration::from_secs(24 * 60 * 60);
        let past = (0..=32).find_map(|halvings| now.checked_sub(day / (1 << halvings)));
        past.unwrap_or(now)
    })
}

/// The standard library's instant for one of this clock; `None` beyond what it can hold.
#[cfg(any(feature = "smol", feature = "tokio"))]
pub(super) fn to_std(at: Instant) -> Option<StdInstant> {
    origin().checked_add(Duration::from_nanos(at.as_nanos()))
}

/// The standard library's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the runtimes' clock comes from"
)]
pub(super) fn std_now() -> StdInstant {
    StdInstant::now()
}
