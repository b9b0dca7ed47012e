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
    /// When it began, where anybody asks.
    pub(crate) began: Instant,
    /// Whether it was ready at its first poll.
    pub(crate) at_once: bool,
}

impl<R: Runtime> Ended<'_, R> {
    /// When it ended, for a window of time: near enough when it began, where it was ready at once and
    /// nobody asks whether it was slow.
    #[inline]
    pub(crate) fn now(&self, settings: &Settings) -> Instant {
        if self.at_once && !settings.watches_slow() {
            self.began
        } else {
            self.runtime.now()
        }
    }

    #[inline]
    pub(crate) fn is_slow(&self, settings: &Settings, now: Instant) -> bool {
        settings.is_slow(self.began, now)
    }

    /// For a change of state, which takes the time exactly.
    pub(crate) fn ending(&self, settings: &Settings) -> Ending {
        let now = self.runtime.now();
        Ending {
            health: self.health,
            slow: self.is_slow(settings, now),
            began: self.began,
            now,
            retry_after: self.retry_after,
        }
    }
}
