//! How a transaction begins: with the claim, or with a replay.

use std::future::Future;

use steadfast_core::{Error, Event, Instant, Rejection, Runtime};

use super::{Begun, ExactlyOnce, Returned, Transaction, refuse, replay, too_slow};
use crate::{
    Background, Claim, ClaimRequest, Codec, Idempotent, Lapsed, Lease, Mode, OnRuntime, Refusal,
    StoreError, StoreErrorKind, TxStore,
    background::within,
    hold::mint,
    settings::{InFlight, LEAST_PAUSE, RETRY, backoff},
};

impl<S: TxStore, C, B: Background<S>> Idempotent<S, C, B> {
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
        F: FnOnce(Transaction<S, C, B, B::Runtime>) -> Fut,
        Fut: Future<Output = Result<Returned<S, C, B, B::Runtime, T>, E>>,
        C: Codec<T>,
        B: OnRuntime,
    {
        let runtime = self.shared.background.runtime().clone();
        self.run_tx_on(runtime, handler).await
    }

    /// Begins a transaction for this key, or finds that it was done. For work that does not fit into a handler.
    ///
    /// # Errors
    ///
    /// A rejection, for the reasons of [`Refusal`]; nothing was run.
    pub async fn begin_tx<T>(&self) -> Result<Begun<S, C, B, B::Runtime, T>, Rejection>
    where
        C: Codec<T>,
        B: OnRuntime,
    {
        let runtime = self.shared.background.runtime().clone();
        self.begin_tx_on(runtime).await
    }

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
        let refuse = |refusal, after| refuse(settings, &runtime, refusal, after);
        let mut request = settings.claim(&self.id, self.fingerprint, owner);
        if settings.mode == Mode::Recover {
            // The callback is not asked in the midst of a transaction, and without it nothing is taken over.
            request.lapsed = Lapsed::Block;
        }
        let began = runtime.now();
        // Of a store that has answered, it is counted from when it fails.
        let mut give_up = Some(began + settings.store_patience);
        let end = match settings.in_flight {
            InFlight::Wait(max) => began + max,
            InFlight::Reject => Instant::from_nanos(0),
        };
        let (mut tries, mut seen) = (0, false);
        loop {
            // A store may let the second one wait until the first one ends, or be busy with it.
            let limit = give_up.filter(|_| !seen).map_or(end, |at| at.max(end));
            let pause = backoff(RETRY.0, RETRY.1, tries, runtime.random());
            let (refusal, after, pause, end) = match self.try_begin(request, &runtime, limit).await
            {
                Ok((
                    Claim::Granted {
                        fence,
                        taken_over,
                        step,
                    },
                    Some(tx),
                )) => {
                    return Ok(Begun::Run(Transaction {
                        entry: shared.under_way.enter(&self.id, self.fingerprint),
                        claim: self.clone(),
                        tx,
                        lease: Lease::new(&request, fence),
                        step,
                        taken_over,
                        runtime,
                    }));
                }
                Ok((Claim::Completed(stored), _)) => {
                    let value = replay(self, &stored).map_err(|refusal| refuse(refusal, None))?;
                    runtime.emit(&Event::noted(settings.name, "replayed"));
                    return Ok(Begun::Replay(value));
                }
                Ok((Claim::InFlight { lease_left }, tx)) => {
                    // What it locks, the other one may need to end.
                    drop(tx);
                    seen = true;
                    let pause = pause.min(lease_left.max(LEAST_PAUSE));
                    give_up = None;
                    (Refusal::InFlight, Some(lease_left), pause, end)
                }
                Ok((Claim::Expired, _)) => return Err(refuse(Refusal::ResultExpired, None)),
                Ok((Claim::Mismatch, _)) => return Err(refuse(Refusal::Mismatch, None)),
                Ok(_) => return Err(refuse(Refusal::Indeterminate, None)),
                Err(error) => {
                    let refusal = Refusal::of_store(&error);
                    if refusal != Refusal::StoreUnavailable {
                        return Err(refuse(refusal, None));
                    }
                    let now = runtime.now();
                    let give_up = *give_up.get_or_insert(now + settings.store_patience);
                    match error.kind() {
                        // It waited for another call, and that is over.
                        _ if seen && now + pause >= end => (Refusal::InFlight, None, pause, end),
                        StoreErrorKind::Busy => (refusal, None, pause, give_up.max(end)),
                        _ => (refusal, None, pause, give_up),
                    }
                }
            };
            let at = runtime.now() + pause;
            if at >= end {
                return Err(refuse(refusal, after));
            }
            runtime.sleep_until(at).await;
            tries += 1;
        }
    }

    /// Asks the store once, in a transaction, unless another one of this process has the key.
    async fn try_begin<R: Runtime>(
        &self,
        request: ClaimRequest<'_>,
        runtime: &R,
        limit: Instant,
    ) -> Result<(Claim, Option<S::Tx>), StoreError> {
        if let Some(claim) = self.beside() {
            return Ok((claim, None));
        }
        let store = &*self.shared.store;
        let begun = async {
            let mut tx = store.begin().await?;
            let claim = store.claim_in(&mut tx, request).await?;
            Ok::<_, StoreError>((claim, Some(tx)))
        };
        let begun = within(begun, runtime.sleep_until(limit)).await;
        begun.unwrap_or_else(|| Err(too_slow())).or_else(|error| {
            // It may have been kept waiting by one that has begun meanwhile.
            let is_away = Refusal::of_store(&error) == Refusal::StoreUnavailable;
            let beside = self.beside().filter(|_| is_away);
            beside.map(|claim| (claim, None)).ok_or(error)
        })
    }

    /// What a claim comes to beside a transaction of this process with the same key.
    fn beside(&self) -> Option<Claim> {
        let fingerprint = self.shared.under_way.find(&self.id)?;
        Some(if fingerprint == self.fingerprint {
            Claim::InFlight {
                lease_left: self.shared.settings.store_patience,
            }
        } else {
            Claim::Mismatch
        })
    }
}
