//! Why a call was not answered with its result.

use std::{error, fmt, time::Duration};

use steadfast_core::{Outcome, Rejection, RejectionKind, Verdict};

use crate::{StoreError, StoreErrorKind};

/// Why a call under an idempotency key has no result: what is behind a
/// [`Rejection`](steadfast_core::Rejection) of this policy.
///
/// Over HTTP each has a status; [the page of the crate](crate#over-http) says why, and whether the client may send the
/// same key again:
///
/// ```
/// use std::time::Duration;
///
/// use steadfast_core::{Error, Rejection};
/// use steadfast_idempotency::Refusal;
///
/// /// The status, and the seconds of `Retry-After`.
/// fn answer(error: &Error<std::io::Error>) -> (u16, Option<u64>) {
///     let rejection = error.rejection();
///     let refusal = rejection.and_then(Refusal::of);
///     let status = match refusal {
///         Some(Refusal::Mismatch) => 422,
///         Some(Refusal::InFlight | Refusal::Fenced | Refusal::Indeterminate) => 409,
///         Some(Refusal::ResultExpired | Refusal::ResultOmitted) => 410,
///         Some(Refusal::StoreUnavailable | Refusal::StoreFull | Refusal::Undecided) => 503,
///         Some(Refusal::Undecodable | Refusal::StoreCorrupt) => 500,
///         _ => 500, // the handler's own error, or another policy's rejection
///     };
///     let comes_back = matches!(refusal, Some(Refusal::InFlight | Refusal::Fenced));
///     let seconds = comes_back.then(|| {
///         let left = rejection.and_then(Rejection::retry_after).unwrap_or_default();
///         (left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1)
///     });
///     (status, seconds)
/// }
///
/// let in_flight = Refusal::InFlight.rejection("idempotency");
/// let left = Duration::from_millis(1100);
/// assert_eq!(answer(&in_flight.with_retry_after(left).into()), (409, Some(2)));
/// assert_eq!(answer(&in_flight.into()), (409, Some(1)));
/// assert_eq!(answer(&Refusal::Indeterminate.rejection("idempotency").into()), (409, None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The key was used for another request. The caller is at fault.
    Mismatch,
    /// Somebody is at it. The rejection says when their lease is over; it may be sooner.
    InFlight,
    /// It was begun, and nobody knows whether it was done. It is not run again until somebody finds out and
    /// [resolves](crate::Idempotency::resolve) it.
    Indeterminate,
    /// It was done, and its result is not kept any more.
    ResultExpired,
    /// It was done, and its result was not kept: it was too large, or could not be encoded.
    ResultOmitted,
    /// It was done, and its result cannot be read: another codec or version wrote it.
    Undecodable,
    /// It took so long that somebody took over, who has no result yet. The own result does not count.
    Fenced,
    /// The store cannot be reached. Nothing was run.
    StoreUnavailable,
    /// The store has no room. Nothing was run.
    StoreFull,
    /// The store holds something that cannot be read.
    StoreCorrupt,
    /// Whether the transaction was committed is not known. Asking again with the same key finds out, and is
    /// safe.
    Undecided,
}

impl Refusal {
    const ALL: [Refusal; 11] = [
        Refusal::Mismatch,
        Refusal::InFlight,
        Refusal::Indeterminate,
        Refusal::ResultExpired,
        Refusal::ResultOmitted,
        Refusal::Undecodable,
        Refusal::Fenced,
        Refusal::StoreUnavailable,
        Refusal::StoreFull,
        Refusal::StoreCorrupt,
        Refusal::Undecided,
    ];

    /// The refusal behind a rejection, where this policy made it.
    #[must_use]
    pub fn of(rejection: &Rejection) -> Option<Refusal> {
        let RejectionKind::Other(why) = rejection.kind() else {
            return None;
        };
        Refusal::ALL
            .into_iter()
            .find(|refusal| refusal.why() == why)
    }

    /// The rejection that says so, of the policy of this name.
    #[must_use]
    pub const fn rejection(self, policy: &'static str) -> Rejection {
        Rejection::new(policy, self.kind())
    }

    /// What it means to a call that its store does not answer.
    pub(crate) fn of_store(error: &StoreError) -> Refusal {
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::Busy => Refusal::StoreUnavailable,
            StoreErrorKind::Full => Refusal::StoreFull,
            StoreErrorKind::Corrupt => Refusal::StoreCorrupt,
        }
    }

    pub(crate) const fn kind(self) -> RejectionKind {
        RejectionKind::Other(self.why())
    }

    /// What it means to the policies around.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Refusal::Mismatch => Verdict::caller().not_executed(),
            // This call has started nothing, and may come again.
            Refusal::InFlight | Refusal::StoreUnavailable => Verdict::transient().not_executed(),
            Refusal::StoreFull => Verdict::overloaded().not_executed(),
            Refusal::Undecided => Verdict::transient(),
            Refusal::Indeterminate
            | Refusal::ResultExpired
            | Refusal::ResultOmitted
            | Refusal::Undecodable
            | Refusal::Fenced
            | Refusal::StoreCorrupt => Verdict::permanent(),
        }
    }

    /// The outcome of a call that is refused by the policy of this name, with a hint when to come back.
    #[cold]
    pub(crate) fn outcome<T, E>(
        self,
        policy: &'static str,
        retry_after: Option<Duration>,
    ) -> Outcome<T, E> {
        let (mut rejection, mut verdict) = (self.rejection(policy), self.verdict());
        if let Some(after) = retry_after {
            rejection = rejection.with_retry_after(after);
            verdict = verdict.with_retry_after(after);
        }
        let mut outcome = Outcome::rejected(rejection);
        outcome.verdict = verdict;
        outcome
    }

    /// Its name among the notes of this policy.
    pub(crate) const fn note(self) -> &'static str {
        match self {
            Refusal::Mismatch => "mismatch",
            Refusal::InFlight => "in_flight",
            Refusal::Indeterminate => "indeterminate",
            Refusal::ResultExpired => "result_expired",
            Refusal::ResultOmitted => "result_omitted",
            Refusal::Undecodable => "undecodable",
            Refusal::Fenced => "fenced",
            Refusal::StoreUnavailable => "store_unavailable",
            Refusal::StoreFull => "store_full",
            Refusal::StoreCorrupt => "store_corrupt",
            Refusal::Undecided => "undecided",
        }
    }

    const fn why(self) -> &'static str {
        match self {
            Refusal::Mismatch => "its key was used for another request",
            Refusal::InFlight => "a call with its key is under way",
            Refusal::Indeterminate => "nobody knows whether it was done",
            Refusal::ResultExpired => "it was done, and its result has expired",
            Refusal::ResultOmitted => "it was done, and its result was not kept",
            Refusal::Undecodable => "it was done, and its result cannot be read",
            Refusal::Fenced => "somebody took over, as it took longer than its lease",
            Refusal::StoreUnavailable => "its idempotency store is unavailable",
            Refusal::StoreFull => "its idempotency store is full",
            Refusal::StoreCorrupt => "its idempotency store holds a record that cannot be read",
            Refusal::Undecided => "nobody knows yet whether its transaction was committed",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_of_each_refusal_what_to_answer() {
        let page = include_str!("lib.rs");
        let begin = page.find("# Over HTTP").unwrap();
        let end = page[begin..].find("# Shutdown").unwrap();
        let rows: Vec<&str> = page[begin..begin + end]
            .lines()
            .filter(|line| line.starts_with("//! | `"))
            .collect();
        for refusal in Refusal::ALL {
            let name = format!("`{refusal:?}`");
            let rows = rows.iter().filter(|row| row.contains(&name));
            assert_eq!(rows.count(), 1, "{name}");
        }
    }
}
