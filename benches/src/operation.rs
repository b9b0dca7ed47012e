//! The one operation that every row protects: it answers 7, at once or after being pending exactly once.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

/// What a call succeeds with.
pub const ANSWER: u64 = 7;

/// What the operation is asked to do.
///
/// The harness hides it from the optimiser, which so has to expect a refusal from every call and cannot remove the
/// policies' other half; hiding the result would cost more than some policies do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Answer at the first poll.
    Ready,
    /// Answer at the second poll.
    PendingOnce,
    /// Fail at the first poll; nobody asks for that while a measurement runs.
    Refuse,
}

/// The operation as a future.
///
/// It is written by hand so that it costs next to nothing beside the policies, and so that every row protects the very
/// same type.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Op {
    request: Request,
}

impl Op {
    /// An operation that does as it is asked.
    pub fn new(request: Request) -> Self {
        Self { request }
    }
}

impl Future for Op {
    type Output = Result<u64, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.request {
            Request::Ready => Poll::Ready(Ok(ANSWER)),
            Request::PendingOnce => {
                self.request = Request::Ready;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Request::Refuse => Poll::Ready(Err(Failure::Refused)),
        }
    }
}

/// How a call can fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The dependency said no.
    Refused,
    /// A timeout ran out; where a crate lets its users choose the error.
    TimedOut,
    /// A circuit breaker was open; where a crate lets its users choose the error.
    Open,
    /// There was no room; where a crate lets its users choose the error.
    Full,
    /// The rate was spent; where a crate lets its users choose the error.
    Limited,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the dependency refused",
            Self::TimedOut => "the operation timed out",
            Self::Open => "the circuit breaker is open",
            Self::Full => "there is no room",
            Self::Limited => "the rate is spent",
        })
    }
}

impl std::error::Error for Failure {}

impl From<tokio::time::error::Elapsed> for Failure {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::TimedOut
    }
}
