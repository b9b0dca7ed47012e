//! What a handler is told of its claim.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use steadfast_core::IdempotencyKey;

use crate::{
    Answer, Fence, Id, Refusal, Standing, Store, Written, engine::Grant, hold::Held,
    settings::Settings,
};

/// A handler's side of its claim: the fence, the keys for requests further down, and what was reached before.
///
/// A handle: clones are the same one.
#[derive(Clone)]
pub struct Ctx {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
    id: Id,
    held: Option<Arc<Held>>,
    taken_over: bool,
    step: Option<Arc<str>>,
}

impl Ctx {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        settings: Arc<Settings>,
        id: Id,
        grant: Grant,
    ) -> Self {
        Ctx {
            inner: Arc::new(Inner {
                store,
                settings,
                id,
                held: grant.held,
                taken_over: grant.taken_over,
                step: grant.step,
            }),
        }
    }

    /// What it is about.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.inner.id
    }

    /// The number of the claim. A target that remembers the highest it has seen, and refuses what is lower, has
    /// its effect from the latest claim only.
    ///
    /// Zero, which is lower than any, where the store could not be asked and the call
    /// [failed open](crate::IdempotencyBuilder::fail_open).
    #[must_use]
    pub fn fence(&self) -> Fence {
        let held = self.inner.held.as_ref();
        held.map_or(Fence::new(0), |held| held.lease.fence)
    }

    /// The key for a request further down: the same each time this one is run. See
    /// [`Id::downstream_key`].
    ///
    /// Where the target has its effect once per key, a call that is unknown may be run again: it goes with
    /// [`retake`](crate::IdempotencyBuilder::retake). With `block` such a call is not run again, and the key is of use to
    /// whoever asks the target what became of it.
    ///
    /// ```
    /// use std::{collections::BTreeSet, sync::{Arc, Mutex}};
    ///
    /// use steadfast_core::{IdempotencyKey, VirtualRuntime};
    /// use steadfast_idempotency::{Fingerprint, Idempotency, Key, MemoryStore, Scope};
    ///
    /// /// A bank that charges once per key.
    /// #[derive(Clone, Default)]
    /// struct Bank(Arc<Mutex<BTreeSet<IdempotencyKey>>>);
    ///
    /// impl Bank {
    ///     async fn charge(&self, key: IdempotencyKey) -> Result<String, std::io::Error> {
    ///         let is_new = self.0.lock().unwrap().insert(key);
    ///         // It charges, and its first answer is lost.
    ///         if is_new { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok("charged".to_owned()) }
    ///     }
    /// }
    ///
    /// let runtime = VirtualRuntime::new(1);
    /// let charges = Idempotency::builder(MemoryStore::on(runtime.clone()))
    ///     .retake() // what is unknown is run again
    ///     .spawn_on(runtime.clone())
    ///     .build()?;
    /// let scope = Scope::new("customer-7", "POST /charges")?;
    /// let claim = charges.key(&scope, Key::new("order-4711")?, Fingerprint::of(b"amount=10"));
    /// let bank = Bank::default();
    /// let charge = || {
    ///     let bank = bank.clone();
    ///     claim.run(|ctx| async move { bank.charge(ctx.downstream_key("charge")).await })
    /// };
    ///
    /// assert!(runtime.block_on(charge()).is_err()); // unknown: it may have been charged
    /// let receipt = runtime.block_on(charge())?;
    /// assert_eq!((receipt.value.as_str(), receipt.replayed), ("charged", false));
    /// assert_eq!(bank.0.lock().unwrap().len(), 1); // two calls, one charge
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn downstream_key(&self, step: &str) -> IdempotencyKey {
        self.inner.id.downstream_key(step)
    }

    /// The last point that an earlier claim of this request said it had [reached](Ctx::reach).
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        self.inner.step.as_deref()
    }

    /// Whether the claim was taken over from somebody of whom nobody knows how far they came. Then the effect may
    /// have happened, unless a [callback](crate::IdempotencyBuilder::recover) has found that it has not.
    #[must_use]
    pub fn is_taken_over(&self) -> bool {
        self.inner.taken_over
    }

    /// Whether the claim is still the handler's own, as far as is known. It is renewed every third of its lease.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let held = self.inner.held.as_ref();
        held.map_or(Standing::Unsure, |held| held.standing())
    }

    /// Remembers in the store that this point was reached, for whoever would have to take over, and renews the
    /// lease.
    ///
    /// # Errors
    ///
    /// [`Refusal::Fenced`] when somebody has taken over: the handler should stop, as its result will not count.
    /// One of the store's when that cannot say; whether the point is remembered is not known then, and saying it
    /// again is safe.
    ///
    /// # Cancel safety
    ///
    /// It takes as long as the store does: a handler that may not wait for that puts it under a timeout. Dropped, it
    /// leaves open whether the point is remembered.
    pub fn reach<'a>(&'a self, step: &'a str) -> Reach<'a> {
        let (inner, held) = (&*self.inner, self.inner.held.as_ref());
        Reach {
            answer: held.map(|held| {
                let answer = inner
                    .store
                    .renew(&held.lease, inner.settings.lease, Some(step));
                (answer, &**held)
            }),
        }
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("id", &self.inner.id)
            .field("fence", &self.fence())
            .field("standing", &self.standing())
            .field("step", &self.step())
            .finish_non_exhaustive()
    }
}

/// The future of [`Ctx::reach`].
#[must_use = "futures do nothing unless polled"]
pub struct Reach<'a> {
    answer: Option<(Answer<'a, Written>, &'a Held)>,
}

impl Future for Reach<'_> {
    type Output = Result<(), Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((answer, held)) = &mut self.answer else {
            return Poll::Ready(Err(Refusal::StoreUnavailable));
        };
        Poll::Ready(match ready!(Pin::new(answer).poll(cx)) {
            Ok(Written::Done) => Ok(()),
            Ok(Written::Fenced(_)) => {
                held.stands(Standing::Fenced);
                Err(Refusal::Fenced)
            }
            Err(error) => Err(Refusal::of_store(&error)),
        })
    }
}

impl fmt::Debug for Reach<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach").finish_non_exhaustive()
    }
}
