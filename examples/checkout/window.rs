//! A while in which something goes wrong.

use std::time::Duration;

/// From when until when, counted from the first request to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) begins: Duration,
    pub(crate) ends: Duration,
}

impl Window {
    pub(crate) fn is_on(&self, since_opening: Duration) -> bool {
        (self.begins..self.ends).contains(&since_opening)
    }

    pub(crate) fn length(&self) -> Duration {
        self.ends.saturating_sub(self.begins)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_on_from_its_first_moment_to_its_last() {
        let window = Window {
            begins: Duration::from_millis(12),
            ends: Duration::from_millis(24),
        };
        let tick = Duration::from_nanos(1);
        assert!(!window.is_on(window.begins - tick) && window.is_on(window.begins));
        assert!(window.is_on(window.ends - tick) && !window.is_on(window.ends));
        assert_eq!(window.length(), Duration::from_millis(12));
    }
}
