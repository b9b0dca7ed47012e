//! What the stories share.

use std::time::Duration;

use steadfast_core::{Instant, KeyedFull, Rejection, RejectionKind};
use steadfast_rate_limit::{KeyedRateLimit, RateLimit};

pub(crate) type ByName = KeyedRateLimit<String>;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

/// How a key is refused for which there is no place.
pub(crate) fn full() -> RejectionKind {
    Rejection::from(KeyedFull::new(1)).kind()
}

/// Ten a second, three at once.
pub(crate) fn by_name(capacity: usize) -> ByName {
    KeyedRateLimit::new(capacity, RateLimit::per_second(10).burst(3)).unwrap()
}
