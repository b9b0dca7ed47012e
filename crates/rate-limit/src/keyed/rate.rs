//! How much a key has.

use std::fmt;

use crate::rule::Rule;

/// A rate that was checked: how many units in how much time, and how many at once.
///
/// ```
/// use steadfast_rate_limit::RateLimit;
///
/// let rate = RateLimit::per_minute(60).burst(10).rate()?;
/// assert_eq!(rate.burst(), 10);
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate(pub(crate) Rule);

impl Rate {
    /// How many units there may be at once.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.0.burst
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rate")
            .field("shape", &self.0.shape)
            .field("burst", &self.0.burst)
            .finish_non_exhaustive()
    }
}
