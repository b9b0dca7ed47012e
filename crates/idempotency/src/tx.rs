//! Claim, effect and completion in one transaction: the one way to exactly one effect.

use std::{
    fmt,
    future::Future,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use steadfast_core::{Error, Event, Instant, Outcome, Rejection, Runtime, Spawn};

use crate::{
    Background, Claim, Codec, Detached, Fence, Id, Idempotent, Lapsed, Lease, Mode, Refusal, State,
    StoreError, StoreErrorKind, Stored, TxStore, Written,
    codec::{decoded, encoded},
    hold::mint,
    settings::{InFlight, LEAST_PAUSE, RETRY, Settings, backoff},
};

/// A result whose effect was committed together with the record of it: exactly once, however often it is asked
/// for. Only [`Idempotent::run_tx`] and [`Transaction::commit`] make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ExactlyOnce<T> {
    /// The result.
    pub value: T,
    /// Whether it is the result of another call with this key, and nothing was run for this one.
    pub replayed: bool,
}

impl<T> ExactlyOnce<T> {
    /// The result alone.
    pub fn into_value(self) -> T {
        self.value
    }
}

/// What [`Idempotent::begin_tx`] finds.
#[derive(Debug)]
pub enum Begun<S: TxStore, C, B, R, T> {
    /// The effect is this call's to have, in this transaction.
    Run(Transaction<S, C, B, R>),
    /// It was done before, and this came of it.
    Replay(ExactlyOnce<T>),
}

/// A transaction that holds the claim: it derefs to the store's own. Dropped, it is rolled back, effect and claim.
pub struct Transaction<S: TxStore, C, B, R> {
    claim: Idempotent<S, C, B>,
    tx: S::Tx,
    lease: Lease,
    step: Option<Arc<str>>,
    taken_over: bool,
    runtime: R,
}

impl<S: TxStore, C, B, R> Deref for Transaction<S, C, B, R> {
    type Target = S::Tx;

    fn deref(&self) -> &S::Tx {
        &self.tx
    }
}

impl<S: TxStore, C, B, R> DerefMut for Transaction<S, C, B, R> {
    fn deref_mut(&mut self) -> &mut S::Tx {
        &mut self.tx
    }
}

impl<S: TxStore, C, B, R> fmt::Debug for Transaction<S, C, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("id", &self.lease.id)
            .field("fence", &self.lease.fence)
            .finish_non_exhaustive()
    }
}

/// A transaction that a handler gives back, with its result. Made by [`Transaction::returns`].
#[derive(Debug)]
#[must_use = "it is committed when the handler returns it"]
pub struct Returned<S: TxStore, C, B, R, T> {
    transaction: Transaction<S, C, B, R>,
    value: T,
}

impl<S: TxStore, C, B, R: Runtime> Transaction<S, C, B, R> {
    /// What it is about.
    pub fn id(&self) -> &Id {
        &self.lease.id
    }

    /// The number of the claim.
    pub fn fence(&self) -> Fence {
        self.lease.fence
    }

    /// The last point that an earlier claim, outside of a transaction, said it had reached.
    pub fn step(&self) -> Option<&str> {
        self.step.as_deref()
    }

    /// Whether somebody else had claimed it outside of a transaction, and nobody knows how far they came.
    pub fn is_taken_over(&self) -> bool {
        self.taken_over
    }

    /// This transaction and its result, for [`run_tx`](Idempotent::run_tx) to commit.
    pub fn returns<T>(self, value: T) -> Returned<S, C, B, R, T> {
        Returned {
            transaction: self,
            value,
        }
    }

    /// Commits the effect together with its result.
    ///
    /// # Errors
    ///
    /// [`Refusal::Undecided`] when the store does not say whether it was committed, and cannot be asked; asking
    /// again with the key finds out. Otherwise nothing was committed.
    pub async fn commit<T>(self, value: T) -> Result<ExactlyOnce<T>, Rejection>
    where
        C: Codec<T>,
    {
        let Transaction {
            claim,
            mut tx,
            lease,
            runtime,
            ..
        } = self;
        let shared = &*claim.shared;
        let (store, settings) = (&*shared.store, &*shared.settings);
        let stored = settings.kept(encoded(&*shared.codec, &value));
        let refuse = |refusal| refuse(settings, &runtime, refusal, None);
        match store.complete_in(&mut tx, &lease, stored).await {
            Ok(Written::Done) => {}
            Ok(Written::Fenced(found)) => {
                drop(tx);
                return match found.map(|found| replay(&claim, &found)) {
                    Some(Ok(value)) => {
                        runtime.emit(&Event::noted(settings.name, "fenced"));
                        Ok(value)
                    }
                    Some(Err(refusal)) => Err(refuse(refusal)),
                    None => Err(refuse(Refusal::Fenced)),
                };
            }
            Err(error) => return Err(refuse(Refusal::of_store(&error))),
        }
        if store.commit(tx).await.is_err() {
            // The record was committed with the effect, so it knows.
            match store.find(&lease.id).await {
                Ok(Some(record))
                    if record.state == State::Completed
                        && record.owner == lease.owner
                        && record.fence == lease.fence => {}
                // A commit that is still on its way may come after the look.
                _ => return Err(refuse(Refusal::Undecided)),
            }
        }
        runtime.emit(&Event::noted(settings.name, "executed"));
        Ok(ExactlyOnce {
            value,
            replayed: false,
        })
    }
}

impl<S, C, R> Idempotent<S, C, Detached<R>>
where
    S: TxStore + 'static,
    R: Spawn + Send + Sync + 'static,
    R::Sleep: Send,
{
    /// Runs a handler inside a transaction that also holds the claim and its completion: all of it is committed, or
    /// none.
    ///
    /// The handler takes the [`Transaction`], which derefs to the store's own, and gives it back with its result:
    /// `Ok(tx.returns(receipt))`. Where it returns an error, or is dropped or panics, it is rolled back, and the
    /// key is as it was.
    ///
    /// # Errors
    ///
    /// The handler's own, or a rejection; as [`Transaction::commit`] and [`begin_tx`](Idempotent::begin_tx).
    ///
    /// # Cancel safety
    ///
    /// Dropped before the commit it is rolled back. During it, whether it is committed is what the record says.
    pub async fn run_tx<F, Fut, T, E>(&self, handler: F) -> Result<ExactlyOnce<T>, Error<E>>
    where
        F: FnOnce(Transaction<S, C, Detached<R>, R>) -> Fut,
        Fut: Future<Output = Result<Returned<S, C, Detached<R>, R, T>, E>>,
        C: Codec<T>,
    {
        let runtime = self.shared.background.runtime.clone();
        self.run_tx_on(runtime, handler).await
    }

    /// Begins a transaction for this key, or finds that it was done. For work that does not fit into a handler.
    ///
    /// # Errors
    ///
    /// A rejection, for the reasons of [`Refusal`]; nothing was run.
    pub async fn begin_tx<T>(&self) -> Result<Begun<S, C, Detached<R>, R, T>, Rejection>
    where
        C: Codec<T>,
    {
        let runtime = self.shared.background.runtime.clone();
        self.begin_tx_on(runtime).await
    }
}

impl<S: TxStore, C, B: Background<S>> Idempotent<S, C, B> {
    /// As `run_tx`, on a runtime of the caller's.
    ///
    /// # Errors
    ///
    /// As `run_tx`.
    pub async fn run_tx_on<R, F, Fut, T, E>(
        &self,
        runtime: R,
        handler: F,
    ) -> Result<ExactlyOnce<T>, Error<E>>
    where
        R: Runtime,
        F: FnOnce(Transaction<S, C, B, R>) -> Fut,
        Fut: Future<Output = Result<Returned<S, C, B, R, T>, E>>,
        C: Codec<T>,
    {
        match self.begin_tx_on(runtime).await? {
            Begun::Replay(value) => Ok(value),
            Begun::Run(transaction) => {
                let Returned { transaction, value } =
                    handler(transaction).await.map_err(Error::Operation)?;
                Ok(transaction.commit(value).await?)
            }
        }
    }

    /// As `begin_tx`, on a runtime of the caller's.
    ///
    /// # Errors
    ///
    /// As `begin_tx`.
    pub async fn begin_tx_on<R, T>(&self, runtime: R) -> Result<Begun<S, C, B, R, T>, Rejection>
    where
        R: Runtime,
        C: Codec<T>,
    {
        let (shared, owner) = (&*self.shared, mint(&runtime));
        let settings = &*shared.settings;
        let mut request = settings.claim(&self.id, self.fingerprint, owner);
        if settings.mode == Mode::Recover {
            // The callback is not asked in the midst of a transaction, and without it nothing is taken over.
            request.lapsed = Lapsed::Block;
        }
        let began = runtime.now();
        let mut give_up = began + settings.store_patience;
        let end = match settings.in_flight {
            InFlight::Wait(max) => began + max,
            InFlight::Reject => Instant::from_nanos(0),
        };
        let mut tries = 0;
        loop {
            let begun = async {
                let mut tx = shared.store.begin().await?;
                let claim = shared.store.claim_in(&mut tx, request).await?;
                Ok::<_, StoreError>((tx, claim))
            };
            let random = runtime.random();
            let pause = backoff(RETRY.0, RETRY.1, tries, random);
            let (refusal, after, pause, end) = match begun.await {
                Ok((
                    tx,
                    Claim::Granted {
                        fence,
                        taken_over,
                        step,
                    },
                )) => {
                    let lease = Lease {
                        id: self.id.clone(),
                        owner,
                        fence,
                    };
                    return Ok(Begun::Run(Transaction {
                        claim: self.clone(),
                        tx,
                        lease,
                        step,
                        taken_over,
                        runtime,
                    }));
                }
                Ok((_, Claim::Completed(stored))) => {
                    return match replay(self, &stored) {
                        Ok(value) => {
                            runtime.emit(&Event::noted(settings.name, "replayed"));
                            Ok(Begun::Replay(value))
                        }
                        Err(refusal) => Err(refuse(settings, &runtime, refusal, None)),
                    };
                }
                Ok((_, Claim::InFlight { lease_left })) => {
                    give_up = Instant::MAX;
                    let pause = pause.min(lease_left.max(LEAST_PAUSE));
                    (Refusal::InFlight, Some(lease_left), pause, end)
                }
                Ok((_, claim)) => {
                    let refusal = match claim {
                        Claim::Expired => Refusal::ResultExpired,
                        Claim::Mismatch => Refusal::Mismatch,
                        _ => Refusal::Indeterminate,
                    };
                    return Err(refuse(settings, &runtime, refusal, None));
                }
                Err(error) if error.kind() == StoreErrorKind::Unavailable => {
                    (Refusal::StoreUnavailable, None, pause, give_up)
                }
                Err(error) => {
                    return Err(refuse(settings, &runtime, Refusal::of_store(&error), None));
                }
            };
            let at = runtime.now() + pause;
            if at >= end {
                return Err(refuse(settings, &runtime, refusal, after));
            }
            if give_up == Instant::MAX {
                give_up = at + settings.store_patience;
            }
            runtime.sleep_until(at).await;
            tries += 1;
        }
    }
}

fn replay<S, C: Codec<T>, B, T>(
    claim: &Idempotent<S, C, B>,
    stored: &Stored,
) -> Result<ExactlyOnce<T>, Refusal> {
    Ok(ExactlyOnce {
        value: decoded(&*claim.shared.codec, stored)?,
        replayed: true,
    })
}

#[cold]
fn refuse<R: Runtime>(
    settings: &Settings,
    runtime: &R,
    refusal: Refusal,
    after: Option<Duration>,
) -> Rejection {
    runtime.emit(&Event::noted(settings.name, refusal.note()));
    runtime.emit(&Event::rejected(settings.name, refusal.kind()));
    let outcome: Outcome<(), ()> = refusal.outcome(settings.name, after);
    *outcome.rejection().expect("it is refused")
}
