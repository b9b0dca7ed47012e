//! The policy of one call under a key, and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use steadfast_core::{Attempt, Operation, Outcome, Policies, Policy};

use crate::{
    Background, Codec, Fingerprint, Id, Idempotency, Inline, Raw, Store,
    engine::{Engine, Grant, Work},
    idempotency::Shared,
};

/// One call under a key: a policy, or a way to [`run`](Idempotent::run) a handler. Made by
/// [`Idempotency::key`].
///
/// As a policy it has its place outside of the retry, so that all attempts are of one claim:
/// `payments.call(..).with(&claim)`, or first in a tuple. The verdict decides how the claim ends: a success is
/// completed, a failure that says that nothing was executed is released, and any other is unknown.
///
/// The same one may be used for several calls: the second is a replay of the first.
pub struct Idempotent<S, C = Raw, B = Inline> {
    pub(crate) shared: Arc<Shared<S, C, B>>,
    pub(crate) id: Id,
    pub(crate) fingerprint: Fingerprint,
}

impl<S, C, B> Idempotent<S, C, B> {
    /// What it is about.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// What it is for.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whose key it is.
    #[must_use]
    pub fn idempotency(&self) -> Idempotency<S, C, B> {
        Idempotency {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S, C, B> Clone for Idempotent<S, C, B> {
    fn clone(&self) -> Self {
        Idempotent {
            shared: Arc::clone(&self.shared),
            id: self.id.clone(),
            fingerprint: self.fingerprint,
        }
    }
}

impl<S, C, B> fmt::Debug for Idempotent<S, C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotent")
            .field("name", &self.shared.settings.name)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<S, C, B> Policies for Idempotent<S, C, B> {}

impl<'p, O, S, C, B> Policy<'p, O> for Idempotent<S, C, B>
where
    O: Operation,
    S: Store + 'p,
    C: Codec<O::Ok> + 'p,
    B: Background<S> + 'p,
{
    type Future = IdempotentFuture<'p, O, S, C, B>;

    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        IdempotentFuture {
            engine: Engine::new(self, OfPolicy(operation), attempt),
        }
    }
}

/// An operation as work. It is told nothing of the claim.
struct OfPolicy<O>(O);

impl<O: Operation> Work for OfPolicy<O> {
    type Ok = O::Ok;
    type Err = O::Err;
    type Runtime = O::Runtime;
    type Future = O::Future;

    fn start(self, attempt: Attempt<O::Runtime>, _: Grant) -> O::Future {
        self.0.start(attempt)
    }
}

pin_project! {
    /// One run of an operation under a key.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the operation was started it leaves the key to the next call of the same request, given a
    /// [background](crate::IdempotencyBuilder::spawn_on). Dropped later, it leaves a key of which nobody knows
    /// whether it was done: it is never released.
    #[must_use = "futures do nothing unless polled"]
    pub struct IdempotentFuture<'p, O: Operation, S: Store, C, B: Background<S>> {
        #[pin]
        engine: Engine<'p, OfPolicy<O>, S, C, B>,
    }
}

impl<O, S, C, B> Future for IdempotentFuture<'_, O, S, C, B>
where
    O: Operation,
    S: Store,
    C: Codec<O::Ok>,
    B: Background<S>,
{
    type Output = Outcome<O::Ok, O::Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().engine.poll(cx).map(|ended| ended.outcome)
    }
}

impl<O: Operation, S: Store, C, B: Background<S>> fmt::Debug for IdempotentFuture<'_, O, S, C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotentFuture({})", self.engine.place())
    }
}
