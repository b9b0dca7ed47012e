//! Retries under way as a share of calls under way, in one word.

use std::fmt;

use super::{Form, Receipt, RetryBudget, valid_ratio};
use crate::{
    InvalidConfig, Ratio,
    sync::{AtomicU64, Relaxed},
};

const DEFAULT_MIN: u32 = 3;

/// Settings of [`RetryBudget::share_of_in_flight`].
#[derive(Clone, Debug)]
#[must_use = "it is a budget only when built"]
pub struct InFlightBudget {
    share: Ratio,
    min_concurrent: u32,
}

impl InFlightBudget {
    pub(super) fn new(share: Ratio) -> Self {
        InFlightBudget {
            share,
            min_concurrent: DEFAULT_MIN,
        }
    }

    /// Retries under way that are allowed however few calls there are; default 3.
    pub fn min_concurrent(mut self, retries: u32) -> Self {
        self.min_concurrent = retries;
        self
    }

    /// Builds the budget.
    ///
    /// # Errors
    ///
    /// When the share is zero, above 1000 % or finer than a thousandth.
    pub fn build(self) -> Result<RetryBudget, InvalidConfig> {
        Ok(RetryBudget::with(Form::InFlight(InFlight {
            share: valid_ratio("share", self.share)?,
            min: self.min_concurrent,
            counts: AtomicU64::new(0),
        })))
    }
}

/// Both counts in one word, so that they are compared as they stand together.
pub(super) struct InFlight {
    share: Ratio,
    min: u32,
    counts: AtomicU64,
}

/// One call; the low half counts retries.
const CALL: u64 = 1 << 32;
const RETRIES: u64 = CALL - 1;

impl InFlight {
    // Relaxed throughout: this word is the whole state, and nothing is published through it.

    #[inline]
    pub(super) fn call_begins(&self) {
        self.counts.fetch_add(CALL, Relaxed);
    }

    #[inline]
    pub(super) fn call_ends(&self) {
        self.counts.fetch_sub(CALL, Relaxed);
    }

    pub(super) fn retry_begins(&self) -> Option<Receipt> {
        self.counts
            .fetch_update(Relaxed, Relaxed, |counts| {
                (self.room(counts) > 0).then_some(counts + 1)
            })
            .ok()
            .map(|_| Receipt::default())
    }

    pub(super) fn retry_ends(&self) {
        self.counts.fetch_sub(1, Relaxed);
    }

    pub(super) fn available(&self) -> u64 {
        self.room(self.counts.load(Relaxed))
    }

    fn room(&self, counts: u64) -> u64 {
        let limit = self.share.of(counts / CALL).max(u64::from(self.min));
        limit.saturating_sub(counts & RETRIES)
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts.load(Relaxed);
        f.debug_struct("InFlight")
            .field("share", &self.share)
            .field("min_concurrent", &self.min)
            .field("calls", &(counts / CALL))
            .field("retries", &(counts & RETRIES))
            .finish()
    }
}
