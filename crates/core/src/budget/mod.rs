//! A purse that many calls share, from which their retries and hedges are paid.

mod bucket;
mod call;
mod in_flight;
mod ratio;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{self, Ordering::Relaxed},
    },
};

use self::{bucket::Bucket, call::Receipt, in_flight::InFlight, ratio::RatioLedger};
pub use self::{
    bucket::{CostBudget, TokenBudget},
    call::{BudgetedCall, HasBudget},
    in_flight::InFlightBudget,
    ratio::RatioBudget,
};
use crate::{Attempt, Instant, InvalidConfig, Ratio, Runtime};

/// Limits how much load retries and hedges may add, over all calls that share it.
///
/// Attempts and backoff limit one call; in an outage every call makes them all, and the dependency
/// gets several times its usual load just when it can bear it least. A budget limits the *sum*.
///
/// It is a handle: clones share one purse. Give the same one to every pipeline that calls the same
/// dependency. Deposits are automatic. A retry is paid for before its backoff begins and gets its
/// payment back when it is abandoned: cancelled, or dropped by a timeout. Calls before an outage fund
/// retries in it, for as long as they are in the window.
///
/// | form | a retry is allowed while | source |
/// |---|---|---|
/// | [`ratio`](RetryBudget::ratio) | retries in the window are at most a share of its calls, plus a floor | Finagle, `RetryBudget` |
/// | [`success_tokens`](RetryBudget::success_tokens) | more than half of the tokens are left; failures take one, successes return a share | gRPC, proposal A6 |
/// | [`token_bucket`](RetryBudget::token_bucket) | a token is left; retries take one, successes return a share | M. Brooker, *Fixing retries with token buckets and circuit breakers* |
/// | [`cost_aware`](RetryBudget::cost_aware) | the tokens cover its cost, which depends on the failure | AWS SDKs, standard retry mode of 2026 |
/// | [`share_of_in_flight`](RetryBudget::share_of_in_flight) | retries under way are fewer than a share of the calls under way | Envoy, `retry_budget` |
///
/// # The trade
///
/// A budget gives up some success for a bounded load. With a budget of 10 % and 20 % of attempts
/// failing, about 87 % of the calls succeed, where four unbudgeted attempts reach 99.8 %. In an
/// outage the budget holds the load at 1.1 times the usual, where the unbudgeted four reach 4 times.
///
/// # Examples
///
/// ```
/// use steadfast_core::{Ratio, RetryBudget};
///
/// let budget = RetryBudget::ratio(Ratio::percent(20)).min_per_second(0).build()?;
/// # use steadfast_core::{Instant, Verdict};
/// # let now = Instant::from_nanos(0);
/// // A retry policy does this for each of its calls:
/// let mut calls: Vec<_> = (0..5).map(|_| budget.enter_at(now)).collect();
/// assert!(calls[0].try_reserve_at(now, &Verdict::transient())); // one retry in five calls
/// assert!(!calls[1].try_reserve_at(now, &Verdict::transient()));
/// drop(calls); // never retried after all: the reservation goes back
/// assert_eq!(budget.available_at(now), 1);
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
#[derive(Clone)]
pub struct RetryBudget {
    purse: Arc<Purse>,
}

struct Purse {
    id: u32,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Ratio(RatioLedger),
    Bucket(Bucket),
    InFlight(InFlight),
}

impl RetryBudget {
    /// Retries are at most this share of the calls in a sliding window of 10 s, plus a floor of 10
    /// a second for quiet times.
    pub fn ratio(ratio: Ratio) -> RatioBudget {
        RatioBudget::new(ratio)
    }

    /// gRPC's retry throttling: `max` tokens at first, one less for each failed attempt,
    /// `per_success` more for each success; retries are allowed while more than half are left.
    pub fn success_tokens(max: u32, per_success: Ratio) -> TokenBudget {
        TokenBudget::success_tokens(max, per_success)
    }

    /// A token bucket: `capacity` tokens at first, one less for each retry, `per_success` more for
    /// each success; a retry is allowed while there is a whole token.
    pub fn token_bucket(capacity: u32, per_success: Ratio) -> TokenBudget {
        TokenBudget::token_bucket(capacity, per_success)
    }

    /// A token bucket in which retries cost by the class of the failure: of 500 tokens at first, 14
    /// for a transient failure and 5 for an overloaded one. A success returns what its last retry
    /// cost, or 1 when it needed none.
    pub fn cost_aware() -> CostBudget {
        CostBudget::new()
    }

    /// Retries under way, those in their backoff included, are at most this share of the calls
    /// under way, and 3 in any case.
    pub fn share_of_in_flight(share: Ratio) -> InFlightBudget {
        InFlightBudget::new(share)
    }

    fn with(form: Form) -> RetryBudget {
        RetryBudget {
            purse: Arc::new(Purse {
                id: next_id(),
                form,
            }),
        }
    }

    /// Counts a call, once: the next policy further in that has a budget does not count it again if
    /// it is the same one.
    ///
    /// Only a [`ratio`](RetryBudget::ratio) budget asks for the time.
    #[inline]
    pub fn enter<R: Runtime>(&self, attempt: &mut Attempt<R>) -> BudgetedCall<'_> {
        BudgetedCall::enter(self, attempt)
    }

    /// Counts a call that begins at `now`.
    pub fn enter_at(&self, now: Instant) -> BudgetedCall<'_> {
        BudgetedCall::enter_at(self, now)
    }

    /// How many retries of a transient failure could be reserved at `now`, one after another.
    #[must_use]
    pub fn available_at(&self, now: Instant) -> u64 {
        match &self.purse.form {
            Form::Ratio(ledger) => ledger.available_at(now),
            Form::Bucket(bucket) => bucket.available(),
            Form::InFlight(counts) => counts.available(),
        }
    }

    /// Whether both handles share one purse.
    #[must_use]
    pub fn is_shared_with(&self, other: &RetryBudget) -> bool {
        Arc::ptr_eq(&self.purse, &other.purse)
    }
}

impl Default for RetryBudget {
    /// 20 % of the calls in the last 10 s, plus 10 a second.
    fn default() -> Self {
        RetryBudget::with(RatioBudget::default_form())
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RetryBudget")
            .field(&self.purse.form)
            .finish()
    }
}

/// Tells budgets apart where one call passes through several. Zero is "none yet".
fn next_id() -> u32 {
    #[expect(
        clippy::disallowed_types,
        reason = "only hands out names, no model depends on it"
    )]
    static NEXT: atomic::AtomicU32 = atomic::AtomicU32::new(1);
    // Relaxed: only uniqueness matters. Names recur after four thousand million budgets, and two of
    // the same name in one call merely count it once.
    NEXT.fetch_add(1, Relaxed).max(1)
}

/// The range that every budget's ratio has to keep: more than nothing, at most ten retries a call,
/// and no finer than a thousandth.
fn valid_ratio(field: &'static str, ratio: Ratio) -> Result<Ratio, InvalidConfig> {
    let in_range = ratio.numerator() > 0 && ratio.at_most(Ratio::percent(1000));
    if in_range && ratio.denominator() <= 1000 {
        Ok(ratio)
    } else {
        let allowed = "0.1 % to 1000 %, as a fraction with a denominator of at most 1000";
        Err(InvalidConfig::new(field, ratio, allowed))
    }
}
