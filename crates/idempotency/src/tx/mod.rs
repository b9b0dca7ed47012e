//! Claim, effect and completion in one transaction: the one way to exactly one effect.

mod begin;
mod under_way;

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use steadfast_core::{Event, Outcome, Rejection, Runtime};

use crate::{
    Codec, Fence, Id, Idempotent, Lease, Refusal, State, StoreError, StoreErrorKind, Stored,
    TxStore, Written,
    background::within,
    codec::{decoded, encoded},
    settings::Settings,
};

use self::under_way::Entry;
pub(crate) use self::under_way::UnderWay;

/// A result whose effect was committed together with the record of it: exactly once, however often it is asked
/// for. Only [`Idempotent::run_tx`] and [`Transaction::commit`] make one.
///
/// A replay is worth what the call was that made the result. So a kind of operation goes through transactions
/// always, or never: where calls of [`run`](Idempotent::run) share its keys, [retake](crate::IdempotencyBuilder::retake)
/// may have had the effect more than once.
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
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made, and most of the time it is the large one"
)]
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
    // Dropped after the transaction.
    entry: Entry,
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
            entry: _entry,
            ..
        } = self;
        let shared = &*claim.shared;
        let (store, settings) = (&*shared.store, &*shared.settings);
        let stored = settings.kept(encoded(&*shared.codec, &value));
        let refuse = |refusal| refuse(settings, &runtime, refusal, None);
        let limit = || runtime.sleep_until(runtime.now() + settings.store_patience);
        let completed = within(store.complete_in(&mut tx, &lease, stored), limit()).await;
        match completed.unwrap_or_else(|| Err(too_slow())) {
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
        if !matches!(within(store.commit(tx), limit()).await, Some(Ok(()))) {
            // The record was committed with the effect, so it knows.
            match within(store.find(&lease.id), limit()).await {
                Some(Ok(Some(record)))
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

fn too_slow() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable)
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
