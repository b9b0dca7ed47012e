//! What handlers may return.

use steadfast_core::{Error, Outcome, Report, Verdict};

use crate::Refusal;

/// How a handler ended, where it knows better than `Result` can say.
///
/// An `Err` says that it failed, not that nothing happened; so it counts as [`Unknown`](Handled::Unknown). Who
/// can prove that nothing happened says [`NotApplied`](Handled::NotApplied), and the key is free again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled<T, E> {
    /// It was done, with this result.
    Applied(T),
    /// It is proven that it was not done.
    NotApplied(E),
    /// It failed, and may have been done.
    Unknown(E),
}

impl<T, E> Handled<T, E> {
    /// What came of a call through a pipeline: `Ok` is applied, every `Err` is unknown, and the error stays
    /// flat.
    pub fn of_call(result: Result<T, Error<E>>) -> Outcome<T, E> {
        outcome(result, Verdict::transient())
    }

    /// What came of a call through a pipeline that makes **one attempt**: as [`of_call`](Handled::of_call), and
    /// a rejection that says that nothing was executed, such as that of an open breaker or a full bulkhead, is
    /// not applied.
    ///
    /// Of a pipeline that repeats return the [report](steadfast_core::Execute::reported) as it is: after an
    /// attempt that timed out, a last one that was refused proves nothing, and only the report knows.
    pub fn of_one_attempt(result: Result<T, Error<E>>) -> Outcome<T, E> {
        let verdict = match &result {
            Err(Error::Rejected(rejection)) => {
                Refusal::of(rejection).map_or(rejection.verdict(), Refusal::verdict)
            }
            _ => Verdict::transient(),
        };
        outcome(result, verdict)
    }
}

/// `failed` is what it means where it is no success.
fn outcome<T, E>(result: Result<T, Error<E>>, failed: Verdict) -> Outcome<T, E> {
    match result {
        Ok(value) => Outcome::new(Ok(value), Verdict::success()),
        Err(Error::Rejected(rejection)) => {
            let mut outcome = Outcome::rejected(rejection);
            outcome.verdict = failed;
            outcome
        }
        Err(error) => Outcome::new(
            Err(error
                .into_operation()
                .unwrap_or_else(|_| unreachable!("it is no rejection"))),
            failed,
        ),
    }
}

/// What a handler may return: a `Result`, a [`Handled`], the [`Report`] of a call, or an [`Outcome`].
#[diagnostic::on_unimplemented(
    message = "a handler does not return `{Self}`",
    note = "it returns a `Result<T, E>`, a `Handled<T, E>`, the `Report` of `pipeline.call(..).reported()`, or `Handled::of_call(result)` for the `Result<T, steadfast_core::Error<E>>` of a call"
)]
pub trait IntoOutcome {
    /// The result where it was done.
    type Ok;
    /// The error where it was not, or is not known.
    type Err;

    /// The result, and what it means.
    fn into_outcome(self) -> Outcome<Self::Ok, Self::Err>;
}

/// Every `Err` is unknown.
impl<T, E> IntoOutcome for Result<T, E> {
    type Ok = T;
    type Err = E;

    fn into_outcome(self) -> Outcome<T, E> {
        match self {
            Ok(value) => Handled::Applied(value),
            Err(error) => Handled::Unknown(error),
        }
        .into_outcome()
    }
}

impl<T, E> IntoOutcome for Handled<T, E> {
    type Ok = T;
    type Err = E;

    fn into_outcome(self) -> Outcome<T, E> {
        match self {
            Handled::Applied(value) => Outcome::new(Ok(value), Verdict::success()),
            Handled::NotApplied(error) => {
                Outcome::new(Err(error), Verdict::transient().not_executed())
            }
            Handled::Unknown(error) => Outcome::new(Err(error), Verdict::transient()),
        }
    }
}

/// By its verdict, which knows of every attempt.
impl<T, E> IntoOutcome for Report<T, E> {
    type Ok = T;
    type Err = E;

    fn into_outcome(self) -> Outcome<T, E> {
        let mut outcome = outcome(self.result, self.verdict);
        outcome.verdict = self.verdict;
        outcome
    }
}

/// By its verdict.
impl<T, E> IntoOutcome for Outcome<T, E> {
    type Ok = T;
    type Err = E;

    fn into_outcome(self) -> Outcome<T, E> {
        self
    }
}
