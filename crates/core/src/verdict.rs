//! What an outcome means, decided once, next to the operation.

use std::{fmt, time::Duration};

use crate::instant::saturating_nanos;

/// The kinds of outcome that policies tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It worked. An `Err` may be a success too, such as "not found".
    Success,
    /// It failed in a way that may pass: a lost connection, a timeout, a 500.
    Transient,
    /// The other side said that it has too much to do: a 429, a 503.
    Overloaded,
    /// It failed and would fail again.
    Permanent,
    /// The caller was at fault: a 400, a 404. It says nothing about the other side's health.
    Caller,
}

/// What an outcome means to every policy around the operation.
///
/// ```
/// use std::time::Duration;
/// use steadfast_core::{Class, Verdict};
///
/// let too_many = Verdict::overloaded().with_retry_after(Duration::from_secs(2)).not_executed();
/// assert_eq!(too_many.class(), Class::Overloaded);
/// assert!(!too_many.may_have_executed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Verdict {
    class: Class,
    retry_after: Hint,
    may_have_executed: bool,
    pushback: bool,
}

impl Verdict {
    const fn of(class: Class) -> Self {
        Verdict {
            class,
            retry_after: Hint::NONE,
            may_have_executed: true,
            pushback: false,
        }
    }

    /// It worked.
    #[must_use]
    pub const fn success() -> Self {
        Verdict::of(Class::Success)
    }

    /// It failed in a way that may pass.
    #[must_use]
    pub const fn transient() -> Self {
        Verdict::of(Class::Transient)
    }

    /// The other side has too much to do.
    #[must_use]
    pub const fn overloaded() -> Self {
        Verdict::of(Class::Overloaded)
    }

    /// It failed and would fail again.
    #[must_use]
    pub const fn permanent() -> Self {
        Verdict::of(Class::Permanent)
    }

    /// The caller was at fault.
    #[must_use]
    pub const fn caller() -> Self {
        Verdict::of(Class::Caller)
    }

    /// The other side asked not to be called again before this much time has passed. 584 years, as
    /// much as the clock holds, mean that it did not say.
    #[must_use]
    pub const fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Hint::after(retry_after);
        self
    }

    /// There is proof that the operation had no effect, so repeating it is safe whatever it does.
    #[must_use]
    pub const fn not_executed(mut self) -> Self {
        self.may_have_executed = false;
        self
    }

    /// The operation may have had its effect after all, such as in an earlier attempt.
    #[must_use]
    pub const fn may_be_executed(mut self) -> Self {
        self.may_have_executed = true;
        self
    }

    /// The other side asked not to be called again for this request at all.
    #[must_use]
    pub const fn with_pushback(mut self) -> Self {
        self.pushback = true;
        self
    }

    /// What kind of outcome it is.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// How long the other side asked to be left alone.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after.get()
    }

    /// Whether the operation may have had its effect. `true` unless there is proof that it had none.
    #[must_use]
    pub const fn may_have_executed(&self) -> bool {
        self.may_have_executed
    }

    /// Whether the other side asked not to be called again for this request.
    #[must_use]
    pub const fn is_pushback(&self) -> bool {
        self.pushback
    }

    /// Whether it worked.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.class, Class::Success)
    }

    /// Whether another attempt may go better: [`Transient`](Class::Transient) or
    /// [`Overloaded`](Class::Overloaded).
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self.class, Class::Transient | Class::Overloaded)
    }
}

/// When to come back, if anybody said so: half the size of an option of a duration, as it travels a
/// lot.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hint(u64);

impl Hint {
    pub(crate) const NONE: Hint = Hint(u64::MAX);

    pub(crate) const fn after(duration: Duration) -> Self {
        Hint(saturating_nanos(duration))
    }

    pub(crate) const fn get(self) -> Option<Duration> {
        match self {
            Hint(u64::MAX) => None,
            Hint(nanos) => Some(Duration::from_nanos(nanos)),
        }
    }
}

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Turns a result into a [`Verdict`]. Any `Fn(&Result<T, E>) -> Verdict` is one.
///
/// It runs once per attempt, so that retry, breaker and throttle agree on what a failure is.
///
/// ```
/// use std::io;
/// use steadfast_core::{Classify, Verdict};
///
/// struct Reads;
///
/// impl<T> Classify<T, io::Error> for Reads {
///     fn classify(&self, result: &Result<T, io::Error>) -> Verdict {
///         match result {
///             Ok(_) => Verdict::success(),
///             Err(e) if e.kind() == io::ErrorKind::NotFound => Verdict::caller(),
///             Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
///                 Verdict::transient().not_executed()
///             }
///             Err(_) => Verdict::transient(),
///         }
///     }
/// }
/// # let missing: Result<(), _> = Err(io::ErrorKind::NotFound.into());
/// # assert_eq!(Reads.classify(&missing), Verdict::caller());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what a `Result<{T}, {E}>` means",
    label = "this classifier is for another type of result",
    note = "give the pipeline a closure: `.classify(|result: &Result<_, _>| match result {{ Ok(_) => Verdict::success(), Err(_) => Verdict::transient() }})`"
)]
pub trait Classify<T, E> {
    /// Says what `result` means.
    fn classify(&self, result: &Result<T, E>) -> Verdict;
}

/// The default: `Ok` is a success, every `Err` is transient and may have executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrIsTransient;

impl<T, E> Classify<T, E> for ErrIsTransient {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Verdict {
        match result {
            Ok(_) => Verdict::success(),
            Err(_) => Verdict::transient(),
        }
    }
}

impl<T, E, F: Fn(&Result<T, E>) -> Verdict> Classify<T, E> for F {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Verdict {
        self(result)
    }
}

/// Says what errors mean by a closure; every `Ok` is a success. See
/// [`Pipeline::classify_errors`](crate::Pipeline::classify_errors).
#[derive(Clone, Copy)]
pub struct ByError<F>(F);

impl<F> ByError<F> {
    /// A classifier of errors by `classify`.
    pub const fn new(classify: F) -> Self {
        ByError(classify)
    }
}

impl<F> fmt::Debug for ByError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByError")
    }
}

impl<T, E, F: Fn(&E) -> Verdict> Classify<T, E> for ByError<F> {
    #[inline]
    fn classify(&self, result: &Result<T, E>) -> Verdict {
        match result {
            Ok(_) => Verdict::success(),
            Err(error) => (self.0)(error),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Success => "success",
            Class::Transient => "transient",
            Class::Overloaded => "overloaded",
            Class::Permanent => "permanent",
            Class::Caller => "caller",
        })
    }
}
