//! The rate at which calls are sent, as it was measured.

use std::time::Duration;

use steadfast_core::{Instant, saturating_nanos};

/// How long a bucket lasts, at least.
pub(crate) const BUCKET: Duration = Duration::from_millis(500);
/// How much the latest bucket counts.
const SMOOTHING: f64 = 0.8;

/// Units sent, in buckets one after another of half a second each.
///
/// A bucket is closed by the first call that comes after its end, and that call counts in it; so the calls of
/// half a second may come one by one or added up. Buckets without a call are of the one before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// When the bucket began; `None` before the first call.
    began: Option<Instant>,
    units: u64,
    /// Smoothed over the buckets that are closed, in units a second; `None` when there is none. Not negative,
    /// finite, and a number.
    per_second: Option<f64>,
}

impl Measured {
    pub(crate) fn sent_at(&mut self, now: Instant, units: u64) {
        // The clock may have been turned back.
        let began = self.began.unwrap_or(now).min(now);
        self.began = Some(began);
        self.units = self.units.saturating_add(units);
        let since = now.saturating_nanos_since(began);
        let lasted = since - since % saturating_nanos(BUCKET);
        if lasted > 0 {
            self.close(began, Duration::from_nanos(lasted));
        }
    }

    fn close(&mut self, began: Instant, lasted: Duration) {
        let latest = per_second(self.units, lasted);
        let before = self.per_second.unwrap_or(0.0);
        self.per_second = Some(SMOOTHING * latest + (1.0 - SMOOTHING) * before);
        self.units = 0;
        self.began = Some(began + lasted);
    }

    pub(crate) fn bucket_ends(&self) -> Instant {
        (self.began).map_or(Instant::from_nanos(0), |began| began + BUCKET)
    }

    /// The rate, in units a second; `None` while the first bucket is open.
    pub(crate) fn per_second(&self) -> Option<f64> {
        self.per_second
    }

    /// The rate; that of the first bucket so far, while it is open.
    pub(crate) fn per_second_so_far(&self) -> f64 {
        (self.per_second).unwrap_or_else(|| per_second(self.units, BUCKET))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "of so many units, one more or less"
)]
fn per_second(units: u64, lasted: Duration) -> f64 {
    units as f64 / lasted.as_secs_f64()
}
