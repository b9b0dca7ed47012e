//! A point on a runtime's own monotonic clock.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

/// Nanoseconds on the clock of one [`Runtime`](crate::Runtime).
///
/// Eight bytes, so that it fits an atomic word, and without an origin of its own: two instants
/// compare only when the same runtime gave both. All arithmetic saturates, so a jumping or
/// reversed clock can neither panic nor wrap.
///
/// ```
/// use std::time::Duration;
/// use steadfast_core::Instant;
///
/// let start = Instant::from_nanos(1_000);
/// assert_eq!(start + Duration::from_nanos(5), Instant::from_nanos(1_005));
/// assert_eq!(start - Instant::from_nanos(9_000), Duration::ZERO); // the clock went backwards
/// assert_eq!(start + Duration::MAX, Instant::MAX); // never
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The latest instant there is. As a deadline it means "never".
    pub const MAX: Instant = Instant(u64::MAX);

    /// The instant `nanos` nanoseconds after the origin of the clock.
    #[must_use]
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Instant(nanos)
    }

    /// Nanoseconds since the origin of the clock.
    #[must_use]
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`, or zero when `earlier` is the later one.
    #[must_use]
    #[inline]
    pub const fn saturating_duration_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.saturating_nanos_since(earlier))
    }

    /// The nanoseconds from `earlier` to `self`, or zero when `earlier` is the later one.
    #[must_use]
    #[inline]
    pub const fn saturating_nanos_since(self, earlier: Instant) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant `after` later, or [`Instant::MAX`] when that lies beyond the clock.
    #[must_use]
    #[inline]
    pub const fn saturating_add(self, after: Duration) -> Self {
        Instant(self.0.saturating_add(saturating_nanos(after)))
    }

    /// The instant `before` earlier, or the origin of the clock when that lies before it.
    #[must_use]
    #[inline]
    pub const fn saturating_sub(self, before: Duration) -> Self {
        Instant(self.0.saturating_sub(saturating_nanos(before)))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    /// Saturates, see [`Instant::saturating_add`].
    #[inline]
    fn add(self, after: Duration) -> Instant {
        self.saturating_add(after)
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;
    /// Saturates, see [`Instant::saturating_duration_since`].
    #[inline]
    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Instant::MAX => f.write_str("never"),
            Instant(nanos) => write!(f, "{:?}", Duration::from_nanos(nanos)),
        }
    }
}

/// A duration in nanoseconds, at most `u64::MAX` (584 years).
#[must_use]
#[inline]
pub const fn saturating_nanos(duration: Duration) -> u64 {
    const NANOS: u64 = 1_000_000_000;
    // One multiplication of 64 bits, where `Duration::as_nanos` takes one of 128.
    if duration.as_secs() >= u64::MAX / NANOS {
        return u64::MAX;
    }
    duration.as_secs() * NANOS + duration.subsec_nanos() as u64
}
