//! The one error type of every stack, and what a rejection says.

use std::{error, fmt, time::Duration};

use crate::{Verdict, verdict::Hint};

/// Why a call has no result: the operation failed, or a policy ended it.
///
/// One flat type whatever the stack. The operation's own error passes through unboxed and
/// unchanged, and this type's `Display` and `source` are those of the error inside it, so it adds
/// no line to a printed chain.
///
/// `?` turns a [`Rejection`] into it, and not the operation's own error: an `E` may be anything, also an `Error` or a
/// `Rejection` itself. In a function that returns `Error<E>`, say which one it is with `.map_err(Error::Operation)`:
///
/// ```
/// use std::{io, time::Duration};
///
/// use steadfast_core::{Error, Rejection, RejectionKind};
///
/// fn configured() -> io::Result<&'static str> {
///     Err(io::ErrorKind::NotFound.into())
/// }
///
/// fn admitted() -> Result<(), Rejection> {
///     Err(Rejection::new("breaker", RejectionKind::CircuitOpen).with_retry_after(Duration::from_secs(5)))
/// }
///
/// fn host(is_checked: bool) -> Result<&'static str, Error<io::Error>> {
///     if is_checked {
///         admitted()?;
///     }
///     Ok(configured().map_err(Error::Operation)?)
/// }
///
/// assert!(host(false).unwrap_err().operation().is_some());
/// assert!(host(true).unwrap_err().rejection().is_some());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The operation ran and this is its own error.
    Operation(E),
    /// A policy refused the call or cut it off.
    Rejected(Rejection),
}

impl<E> Error<E> {
    /// The operation's own error, if that is what this is.
    #[must_use]
    pub fn operation(&self) -> Option<&E> {
        match self {
            Error::Operation(error) => Some(error),
            Error::Rejected(_) => None,
        }
    }

    /// The operation's own error by value.
    ///
    /// # Errors
    ///
    /// The [`Rejection`], when a policy ended the call.
    pub fn into_operation(self) -> Result<E, Rejection> {
        match self {
            Error::Operation(error) => Ok(error),
            Error::Rejected(rejection) => Err(rejection),
        }
    }

    /// The rejection, if a policy ended the call.
    #[must_use]
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Error::Operation(_) => None,
            Error::Rejected(rejection) => Some(rejection),
        }
    }

    /// Whether a [`Timeout`](RejectionKind::TimedOut) cut the call off.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(self.rejection(), Some(r) if matches!(r.kind, RejectionKind::TimedOut { .. }))
    }

    /// The same error with the operation's own error mapped.
    pub fn map<E2>(self, map: impl FnOnce(E) -> E2) -> Error<E2> {
        match self {
            Error::Operation(error) => Error::Operation(map(error)),
            Error::Rejected(rejection) => Error::Rejected(rejection),
        }
    }
}

impl<E: From<Rejection>> Error<E> {
    /// The operation's own error type, which takes a rejection in as well. For error types that are
    /// no `std::error::Error` themselves, such as `anyhow::Error` and boxed errors:
    /// `pipeline.call(..).await.map_err(Error::flatten)?`.
    ///
    /// ```
    /// use steadfast_core::{Error, Rejection, RejectionKind};
    ///
    /// type Boxed = Box<dyn std::error::Error + Send + Sync>;
    /// let refused: Error<Boxed> = Rejection::new("breaker", RejectionKind::CircuitOpen).into();
    /// assert_eq!(refused.flatten().to_string(), "breaker is open");
    /// ```
    pub fn flatten(self) -> E {
        match self {
            Error::Operation(error) => error,
            Error::Rejected(rejection) => rejection.into(),
        }
    }
}

impl<E> From<Rejection> for Error<E> {
    fn from(rejection: Rejection) -> Self {
        Error::Rejected(rejection)
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Operation(error) => error.fmt(f),
            Error::Rejected(rejection) => rejection.fmt(f),
        }
    }
}

impl<E: error::Error + 'static> error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Operation(error) => error.source(),
            Error::Rejected(_) => None,
        }
    }
}

/// A policy's own refusal: which policy, what it did, and when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rejection {
    policy: &'static str,
    kind: RejectionKind,
    retry_after: Hint,
}

impl Rejection {
    /// A rejection by the policy of that name.
    #[must_use]
    pub const fn new(policy: &'static str, kind: RejectionKind) -> Self {
        Rejection {
            policy,
            kind,
            retry_after: Hint::NONE,
        }
    }

    /// Says when the same call would have a chance again.
    #[must_use]
    pub const fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Hint::after(retry_after);
        self
    }

    /// The name of the policy that rejected the call.
    #[must_use]
    pub const fn policy(&self) -> &'static str {
        self.policy
    }

    /// What the policy did.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.kind
    }

    /// How long to wait before the same call has a chance again, where that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after.get()
    }

    /// What the rejection means to the policies around the one that rejected.
    ///
    /// A timeout is transient and the operation may have run. Everything else was refused before
    /// it began: a full bulkhead or a spent rate is [`Overloaded`](crate::Class::Overloaded), the
    /// rest [`Transient`](crate::Class::Transient).
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        let verdict = match self.kind {
            RejectionKind::TimedOut { .. } => Verdict::transient(),
            RejectionKind::CircuitOpen | RejectionKind::Throttled | RejectionKind::Other(_) => {
                Verdict::transient().not_executed()
            }
            RejectionKind::BulkheadFull { .. } | RejectionKind::RateLimited => {
                Verdict::overloaded().not_executed()
            }
        };
        match self.retry_after() {
            Some(after) => verdict.with_retry_after(after),
            None => verdict,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.policy, self.kind)?;
        match self.retry_after() {
            Some(after) => write!(f, "; try again after {after:?}"),
            None => Ok(()),
        }
    }
}

impl error::Error for Rejection {}

/// What a policy did to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The time ran out while the operation was under way; it may have had its effect.
    TimedOut {
        /// How long the operation was given.
        after: Duration,
    },
    /// The circuit breaker is open.
    CircuitOpen,
    /// The bulkhead is full.
    BulkheadFull {
        /// How many calls are running.
        running: u32,
        /// How many calls are waiting.
        waiting: u32,
    },
    /// The rate limit is spent.
    RateLimited,
    /// A throttle sheds load, as too few of the calls are answered.
    Throttled,
    /// A policy from outside this family refused the call; a short clause says why.
    Other(&'static str),
}

impl fmt::Display for RejectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RejectionKind::TimedOut { after } => {
                write!(f, "cut the call off after {after:?}")
            }
            RejectionKind::CircuitOpen => f.write_str("is open"),
            RejectionKind::BulkheadFull { running, waiting } => {
                write!(f, "is full: {running} running, {waiting} waiting")
            }
            RejectionKind::RateLimited => f.write_str("has no permit left"),
            RejectionKind::Throttled => f.write_str("sheds load, as too few calls are answered"),
            RejectionKind::Other(why) => write!(f, "refused the call: {why}"),
        }
    }
}
