//! What is known of a call that has ended.

use std::time::Duration;

use steadfast_core::{Instant, Runtime};

use crate::{
    control::Ending,
    settings::{Health, Settings},
};

/// How a call ended, and how to learn when.
pub(crate) struct Ended<'a, R> {
    pub(crate) health: Health,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) runtime: &'a R,
    /// When it began; `Instant::MAX` where nobody asked.
    pub(crate) began: Instant,
    /// Whether it ended when it began: then the clock need not be read again.
    pub(crate) at_once: bool,
}

impl<R: Runtime> Ended<'_, R> {
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        if self.at_once && self.began != Instant::MAX {
            self.began
        } else {
            self.runtime.now()
        }
    }

    #[inline]
    pub(crate) fn is_slow(&self, settings: &Settings, now: Instant) -> bool {
        settings.is_slow(self.began, now)
    }

    /// `now` is `Instant::MAX` where it is not known yet.
    pub(crate) fn ending(&self, settings: &Settings, now: Instant) -> Ending {
        let now = if now == Instant::MAX { self.now() } else { now };
        Ending {
            health: self.health,
            slow: self.is_slow(settings, now),
            now,
            retry_after: self.retry_after,
        }
    }
}
