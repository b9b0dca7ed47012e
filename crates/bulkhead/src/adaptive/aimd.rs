//! Additive increase, multiplicative decrease.

use std::time::Duration;

use steadfast_core::{InvalidConfig, Ratio, saturating_nanos};

use super::{Bounds, collector::Window};
use crate::check::check_share;

const DEFAULT_BACKOFF: Ratio = Ratio::percent(90);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// The fraction is kept, so that a tenth of 5 is not lost.
const MILLI: u64 = 1000;

/// One call more while it goes well, a tenth less when it does not.
///
/// With L the limit and R the mean round trip of a window:
///
/// ```text
/// dropped, or R > timeout    L * backoff
/// else, 2 * in_flight >= L   L + 1
/// ```
///
/// Source: Netflix *concurrency-limits*, `AIMDLimit`; the rule itself is that of TCP (Chiu and Jain, 1989).
/// Here a window counts as one, as a round trip does in TCP, so a burst of refusals is answered once.
///
/// # What it needs
///
/// It sees overload only by drops or by [`timeout`](Aimd::timeout). Where a dependency queues in silence, it
/// grows until a call takes 5 s on average, or to the ceiling; set `timeout` to about 1.2 times the latency
/// of a dependency at rest, and it stays within 20 % of the knee. Nearer to it, the noise of a window's mean
/// makes the limit sink. Where the dependency refuses what it has no room for, the defaults do: it moves
/// between nine tenths of that room and all of it.
///
/// Growing is slow: 80 windows, or 8 s at least, from 20 to 100. Set [`initial`](super::AdaptiveLimit::initial) near
/// what you expect.
///
/// # Defaults
///
/// | setting | default |
/// |---|---|
/// | `backoff` | 90 % |
/// | `timeout` | 5s |
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it limits nothing until it is given to a bulkhead"]
pub struct Aimd {
    backoff: Ratio,
    timeout: Duration,
}

impl Aimd {
    /// With the defaults.
    pub fn new() -> Self {
        Aimd {
            backoff: DEFAULT_BACKOFF,
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// What remains of the limit after a decrease; 10 % to 99.9 %, default 90 %.
    pub fn backoff(mut self, share: Ratio) -> Self {
        self.backoff = share;
        self
    }

    /// The mean round trip of a window above which it counts as dropped; more than zero, and
    /// [`Duration::MAX`] for never, default 5 s. It cuts nothing off.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        let (least, most) = (Ratio::percent(10), Ratio::per_mille(999));
        check_share("backoff", self.backoff, least, most)?;
        InvalidConfig::check_time(
            "timeout",
            self.timeout,
            Duration::from_nanos(1)..=Duration::MAX,
        )
    }
}

impl Default for Aimd {
    fn default() -> Self {
        Aimd::new()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    backoff: Ratio,
    timeout_nanos: u64,
    bounds: Bounds,
    limit_milli: u64,
}

impl State {
    pub(crate) fn new(settings: &Aimd, first: u32, bounds: Bounds) -> Self {
        State {
            backoff: settings.backoff,
            timeout_nanos: saturating_nanos(settings.timeout),
            bounds,
            limit_milli: u64::from(first) * MILLI,
        }
    }

    pub(crate) fn limit(&self) -> u32 {
        u32::try_from(self.limit_milli / MILLI).unwrap_or(u32::MAX)
    }

    pub(crate) fn update(&mut self, window: Window) {
        let in_use = u64::from(window.max_in_flight) * 2 >= u64::from(self.limit());
        match window.rtt_nanos {
            Some(rtt) if rtt <= self.timeout_nanos => {
                if in_use {
                    self.limit_milli += MILLI;
                }
            }
            _ => self.limit_milli = self.backoff.of(self.limit_milli),
        }
        let Bounds { min, max } = self.bounds;
        self.limit_milli = self
            .limit_milli
            .clamp(u64::from(min) * MILLI, u64::from(max) * MILLI);
    }
}
