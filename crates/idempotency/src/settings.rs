//! What an idempotency was built with.

use std::time::Duration;

use crate::{ClaimRequest, Fingerprint, Id, Lapsed, Owner, Stored};

/// Between two tries to reach the store, before anything is run.
pub(crate) const RETRY: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_millis(500));
/// However soon a lease is over, it is not looked at sooner than after that.
pub(crate) const LEAST_PAUSE: Duration = Duration::from_millis(1);

/// What is done with a claim of which nobody knows how far it came: its lease is over, or its owner said so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It is not run again: at most one effect. What is not known is said to be so, until it is
    /// [resolved](crate::Idempotency::resolve).
    #[default]
    Block,
    /// It is run again: at least one effect, for what may happen more than once.
    Retake,
    /// A callback finds out.
    Recover,
}

/// What a call does while another one with its key is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum InFlight {
    #[default]
    Reject,
    /// It waits for the result, for so long.
    Wait(Duration),
}

/// Settings that were checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) lease: Duration,
    pub(crate) result_ttl: Duration,
    pub(crate) key_ttl: Duration,
    pub(crate) max_result: usize,
    pub(crate) in_flight: InFlight,
    pub(crate) store_patience: Duration,
    pub(crate) fail_open: bool,
    pub(crate) name: &'static str,
}

impl Settings {
    pub(crate) fn claim<'a>(
        &self,
        id: &'a Id,
        fingerprint: Fingerprint,
        owner: Owner,
    ) -> ClaimRequest<'a> {
        ClaimRequest {
            id,
            fingerprint,
            owner,
            lease: self.lease,
            result_ttl: self.result_ttl,
            key_ttl: self.key_ttl,
            lapsed: match self.mode {
                Mode::Block => Lapsed::Block,
                Mode::Retake | Mode::Recover => Lapsed::TakeOver,
            },
        }
    }

    /// What is kept of this result: without its body, where that is too large.
    pub(crate) fn kept(&self, stored: Stored) -> Stored {
        if stored.len() > self.max_result {
            stored.without_body()
        } else {
            stored
        }
    }

    /// How long a holder waits between two renewals.
    pub(crate) fn renewal(&self) -> Duration {
        self.lease / 3
    }

    pub(crate) fn waits(&self) -> bool {
        matches!(self.in_flight, InFlight::Wait(_))
    }
}

/// How long to wait before the next of several tries: doubled each time from `first` up to `most`, and of that a
/// random part between a half and all.
pub(crate) fn backoff(first: Duration, most: Duration, tries: u32, random: u64) -> Duration {
    let doubled = first.saturating_mul(1 << tries.min(16)).min(most);
    let half = doubled / 2;
    let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
    half + Duration::from_nanos(if nanos == 0 { 0 } else { random % nanos })
}
