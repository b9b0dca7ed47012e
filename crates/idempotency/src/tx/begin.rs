//! How a transaction begins: with the claim, or with a replay.

use std::future::Future;

use steadfast_core::{Error, Event, Instant, Rejection, Runtime, Spawn};

use super::{Begun, ExactlyOnce, Returned, Transaction, refuse, replay, too_slow};
use crate::{
    Background, Claim, Codec, Detached, Idempotent, Lapsed, Lease, Mode, Refusal, StoreError,
    StoreErrorKind, TxStore,
    background::within,
    hold::mint,
    settings::{InFlight, LEAST_PAUSE, RETRY, backoff},
};

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
        let (mut tries, mut seen) = (0, false);
        loop {
            let begun = async {
                let mut tx = shared.store.begin().await?;
                let claim = shared.store.claim_in(&mut tx, request).await?;
                Ok::<_, StoreError>((tx, claim))
            };
            // A store may let the second one wait until the first one ends. Who has seen that one waits no longer for it
            // than it would.
            let limit = if seen { end } else { give_up.max(end) };
            let begun = within(begun, runtime.sleep_until(limit)).await;
            let random = runtime.random();
            let pause = backoff(RETRY.0, RETRY.1, tries, random);
            let begun = begun.unwrap_or_else(|| Err(too_slow()));
            let (refusal, after, pause, end) = match begun {
                Ok((
                    tx,
                    Claim::Granted {
                        fence,
                        taken_over,
                        step,
                    },
                )) => {
                    let lease = Lease::new(&request, fence);
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
                Ok((tx, Claim::InFlight { lease_left })) => {
                    // What it locks, the other one may need to end.
                    drop(tx);
                    (give_up, seen) = (Instant::MAX, true);
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
                    if seen && runtime.now() + pause >= end {
                        // It waited for another call, and that is over.
                        (Refusal::InFlight, None, pause, end)
                    } else {
                        (Refusal::StoreUnavailable, None, pause, give_up)
                    }
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
