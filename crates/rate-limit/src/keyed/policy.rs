//! The limit of one key as a policy, and its future.

use std::{
    borrow::Borrow,
    fmt,
    future::Future,
    hash::{BuildHasher, Hash},
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use steadfast_core::{Attempt, Event, Operation, Outcome, Policies, Policy, Rejection, Runtime};

use super::{KeyHashing, KeyedRateLimit};

/// The limit of one key, borrowed from a [`KeyedRateLimit`]: what [`key`](KeyedRateLimit::key) gives. It is two
/// references.
#[must_use = "it is a policy, and does nothing until it runs a call"]
pub struct KeyRateLimit<'k, K, Q: ?Sized = K, S = KeyHashing> {
    pub(super) limits: &'k KeyedRateLimit<K, S>,
    pub(super) key: &'k Q,
}

impl<K, Q: ?Sized, S> Clone for KeyRateLimit<'_, K, Q, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, Q: ?Sized, S> Copy for KeyRateLimit<'_, K, Q, S> {}

impl<K, Q: ?Sized, S> fmt::Debug for KeyRateLimit<'_, K, Q, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRateLimit")
            .field("limits", self.limits)
            .finish_non_exhaustive()
    }
}

impl<K, Q: ?Sized, S> Policies for KeyRateLimit<'_, K, Q, S> {}

impl<'p, O, K, Q, S> Policy<'p, O> for KeyRateLimit<'_, K, Q, S>
where
    O: Operation,
    K: Borrow<Q> + Hash + Eq,
    Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    S: BuildHasher,
{
    type Future = KeyRateLimitFuture<O>;

    #[inline]
    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let now = attempt.now();
        let state = match self.limits.try_acquire_at(self.key, now, attempt.cost()) {
            Ok(()) => State::Running {
                future: operation.start(attempt),
            },
            Err(rejection) => State::Refused {
                rejection,
                runtime: attempt.runtime().clone(),
            },
        };
        KeyRateLimitFuture { state }
    }
}

pin_project! {
    /// One run of an operation under a [`KeyRateLimit`].
    #[must_use = "futures do nothing unless polled"]
    pub struct KeyRateLimitFuture<O: Operation> {
        #[pin]
        state: State<O::Future, O::Runtime>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, R> {
        Running { #[pin] future: F },
        Refused { rejection: Rejection, runtime: R },
    }
}

impl<O: Operation> Future for KeyRateLimitFuture<O> {
    type Output = Outcome<O::Ok, O::Err>;

    // As that of a single limit.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Running { future } => future.poll(cx),
            StateProj::Refused { rejection, runtime } => {
                runtime.emit(&Event::rejected(rejection.policy(), rejection.kind()));
                Poll::Ready(Outcome::rejected(*rejection))
            }
        }
    }
}

impl<O: Operation> fmt::Debug for KeyRateLimitFuture<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("KeyRateLimitFuture");
        if let State::Refused { rejection, .. } = &self.state {
            debug.field("refused", rejection);
        }
        debug.finish_non_exhaustive()
    }
}
