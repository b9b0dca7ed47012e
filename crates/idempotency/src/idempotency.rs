//! The handle: the keys of one kind of operation, and what can be done about them by hand.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use steadfast_core::{Event, Runtime};

use crate::{
    Ending, Fingerprint, Id, IdempotencyBuilder, Idempotent, Inline, Key, Raw, Record, Scope,
    Store, StoreError, flights::Flights, recover::Recovering, settings::Settings, tx::UnderWay,
};

/// Gives operations their effect once per key, however often they are asked for.
///
/// A handle: clones are the same one. [`key`](Idempotency::key) makes the policy of one call.
pub struct Idempotency<S, C = Raw, B = Inline> {
    pub(crate) shared: Arc<Shared<S, C, B>>,
}

pub(crate) struct Shared<S, C, B> {
    /// On its own, as what goes on in the background takes it along without the rest.
    pub(crate) store: Arc<S>,
    pub(crate) codec: Arc<C>,
    pub(crate) background: B,
    pub(crate) settings: Arc<Settings>,
    pub(crate) recover: Option<Arc<dyn Recovering<C>>>,
    pub(crate) flights: Flights,
    pub(crate) under_way: UnderWay,
}

impl<S: Store> Idempotency<S> {
    /// Settings, with their defaults, of an idempotency whose records are in `store`.
    pub fn builder(store: S) -> IdempotencyBuilder<S> {
        IdempotencyBuilder::new(store)
    }
}

impl<S: Store, C, B> Idempotency<S, C, B> {
    /// The policy of one call: what is asked for under this key, and what for. Nothing happens before a call goes
    /// through it.
    #[must_use]
    pub fn key(&self, scope: &Scope, key: Key, fingerprint: Fingerprint) -> Idempotent<S, C, B> {
        self.id(Id::new(scope.clone(), key), fingerprint)
    }

    /// As [`key`](Idempotency::key), for an id that was made elsewhere.
    #[must_use]
    pub fn id(&self, id: Id, fingerprint: Fingerprint) -> Idempotent<S, C, B> {
        Idempotent {
            shared: Arc::clone(&self.shared),
            id,
            fingerprint,
        }
    }

    /// Where the records are.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.shared.store
    }

    /// Says what came of a key that is indeterminate, or in flight with its lease over, once somebody has found out:
    /// [`Ending::Completed`], with what the codec [encodes](crate::Codec::encode), or [`Ending::Released`] where it was
    /// not done. Answers `false`, and changes nothing, where the key is neither.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached.
    pub async fn resolve(&self, id: &Id, ending: Ending) -> Result<bool, StoreError> {
        self.shared.store.resolve(id, ending).await
    }

    /// The record of a key, as it stands.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached.
    pub async fn find(&self, id: &Id) -> Result<Option<Record>, StoreError> {
        self.shared.store.find(id).await
    }

    /// Deletes up to `limit` records whose time is over, and says how many.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached.
    pub async fn reap(&self, limit: u32) -> Result<u64, StoreError> {
        self.shared.store.reap(limit).await
    }

    /// Deletes what is over, `batch` records at a time and one at least, every `interval`, for ever: spawn it. Full
    /// batches follow one another at once. A store that fails is asked again after the interval.
    pub fn reaper<R: Runtime>(
        &self,
        runtime: R,
        interval: Duration,
        batch: u32,
    ) -> impl Future<Output = ()> + use<S, C, B, R> {
        let (store, settings) = (
            Arc::clone(&self.shared.store),
            Arc::clone(&self.shared.settings),
        );
        async move {
            loop {
                match store.reap(batch.max(1)).await {
                    Ok(reaped) if reaped >= u64::from(batch.max(1)) => {}
                    Ok(_) => sleep(&runtime, interval).await,
                    Err(_) => {
                        runtime.emit(&Event::noted(settings.name, "reap_failed"));
                        sleep(&runtime, interval).await;
                    }
                }
            }
        }
    }
}

async fn sleep<R: Runtime>(runtime: &R, length: Duration) {
    // Not less, or a loop would spin.
    let length = length.max(Duration::from_millis(1));
    let at = runtime.now() + length;
    runtime.sleep_until(at).await;
}

impl<S, C, B> Clone for Idempotency<S, C, B> {
    fn clone(&self) -> Self {
        Idempotency {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S, C, B> fmt::Debug for Idempotency<S, C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency")
            .field("name", &self.shared.settings.name)
            .field("mode", &self.shared.settings.mode)
            .finish_non_exhaustive()
    }
}
