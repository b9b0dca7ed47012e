//! The limit with an adaptive rate as a policy, and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use steadfast_core::{Attempt, Class, Instant, Operation, Outcome, Policies, Policy};

use super::AdaptiveRateLimit;
use crate::RateLimitFuture;

impl Policies for AdaptiveRateLimit {}

impl<'p, O: Operation> Policy<'p, O> for AdaptiveRateLimit {
    type Future = AdaptiveRateLimitFuture<'p, O>;

    #[inline]
    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        let watched = Watched {
            operation,
            limit: self,
        };
        let state = if self.is_free_for(attempt.cost()) {
            State::Free {
                future: watched.start(attempt),
            }
        } else {
            State::Limited {
                future: self.shared.limit.run(watched, attempt),
            }
        };
        AdaptiveRateLimitFuture { state }
    }
}

pin_project! {
    /// One run of an operation under an [`AdaptiveRateLimit`].
    #[must_use = "futures do nothing unless polled"]
    pub struct AdaptiveRateLimitFuture<'p, O: Operation> {
        #[pin]
        state: State<'p, O>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<'p, O: Operation> {
        Free { #[pin] future: WatchedFuture<'p, O> },
        Limited { #[pin] future: RateLimitFuture<'p, Watched<'p, O>> },
    }
}

impl<O: Operation> Future for AdaptiveRateLimitFuture<'_, O> {
    type Output = Outcome<O::Ok, O::Err>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Free { future } => future.poll(cx),
            StateProj::Limited { future } => future.poll(cx),
        }
    }
}

impl<O: Operation> fmt::Debug for AdaptiveRateLimitFuture<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("AdaptiveRateLimitFuture");
        if let State::Limited { future } = &self.state {
            debug.field("limited", future);
        }
        debug.finish_non_exhaustive()
    }
}

/// An operation of which the limit learns when it is sent and what it comes to. It is inside of what admits
/// calls, so that a refusal never comes here.
struct Watched<'p, O> {
    operation: O,
    limit: &'p AdaptiveRateLimit,
}

impl<'p, O: Operation> Operation for Watched<'p, O> {
    type Ok = O::Ok;
    type Err = O::Err;
    type Runtime = O::Runtime;
    type Future = WatchedFuture<'p, O>;

    #[inline]
    fn start(self, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let sent = (attempt.cost() > 0).then(|| attempt.now());
        if let Some(sent) = sent {
            self.limit.shared.feed.sent_at(sent, attempt.cost());
        }
        WatchedFuture {
            limit: self.limit,
            runtime: attempt.runtime().clone(),
            sent,
            future: self.operation.start(attempt),
        }
    }
}

pin_project! {
    struct WatchedFuture<'p, O: Operation> {
        limit: &'p AdaptiveRateLimit,
        runtime: O::Runtime,
        // None where it does not count.
        sent: Option<Instant>,
        #[pin]
        future: O::Future,
    }
}

impl<O: Operation> Future for WatchedFuture<'_, O> {
    type Output = Outcome<O::Ok, O::Err>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let outcome = ready!(me.future.poll(cx));
        if let Some(sent) = me.sent.take() {
            me.limit.learn(me.runtime, sent, class_of(&outcome));
        }
        Poll::Ready(outcome)
    }
}

/// What an outcome counts as: what another policy has refused, as nothing of the server's.
#[inline]
fn class_of<T, E>(outcome: &Outcome<T, E>) -> Class {
    if outcome.rejection().is_some() {
        Class::Caller
    } else {
        outcome.verdict.class()
    }
}
