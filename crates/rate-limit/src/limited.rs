//! Why there is nothing for a call.

use std::time::Duration;

use steadfast_core::{Instant, Rejection, RejectionKind};

/// What the decision says in the place of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limited {
    /// It would be admitted then, and not a nanosecond before.
    Until(Instant),
    /// It would never be admitted.
    TooCostly,
}

impl Limited {
    /// How long to wait for the same call to be admitted; `None` where that would be for ever.
    pub(crate) fn retry_after(self, now: Instant) -> Option<Duration> {
        match self {
            Limited::Until(at) => (at != Instant::MAX).then(|| at - now),
            Limited::TooCostly => None,
        }
    }

    pub(crate) fn rejection(self, policy: &'static str, now: Instant) -> Rejection {
        let kind = match self {
            Limited::Until(_) => RejectionKind::RateLimited,
            Limited::TooCostly => RejectionKind::Other("it costs more than there ever is at once"),
        };
        let rejection = Rejection::new(policy, kind);
        match self.retry_after(now) {
            Some(after) => rejection.with_retry_after(after),
            None => rejection,
        }
    }
}
