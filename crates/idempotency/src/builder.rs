//! How an idempotency is configured.

use std::{fmt, future::Future, marker::PhantomData, sync::Arc, time::Duration};

use steadfast_core::{InvalidConfig, Spawn};

use crate::{
    Codec, Detached, Finding, Idempotency, Inline, Mode, Raw, Store, TakenOver,
    flights::Flights,
    idempotency::Shared,
    recover::{Callback, Recovering},
    settings::{InFlight, Settings},
    tx::UnderWay,
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LEASE: Duration = Duration::from_secs(30);
const RESULT_TTL: Duration = DAY;
const KEY_TTL: Duration = DAY.saturating_mul(30);
const CENTURY: Duration = DAY.saturating_mul(36_525);
const MAX_RESULT: usize = 1 << 20;
const LARGEST: usize = 1 << 30;
const STORE_PATIENCE: Duration = SECOND;

/// Settings of an [`Idempotency`].
#[must_use = "it is of use only when built"]
pub struct IdempotencyBuilder<S, C = Raw, B = Inline> {
    store: S,
    codec: C,
    background: B,
    settings: Settings,
    recover: Option<Arc<dyn Recovering<C>>>,
    is_key_ttl_said: bool,
    /// Whether the codec was changed when there was a callback already.
    too_late: bool,
}

impl<S: Store> IdempotencyBuilder<S> {
    pub(crate) fn new(store: S) -> Self {
        IdempotencyBuilder {
            store,
            codec: Raw,
            background: Inline,
            settings: Settings {
                mode: Mode::Block,
                lease: LEASE,
                result_ttl: RESULT_TTL,
                key_ttl: KEY_TTL,
                max_result: MAX_RESULT,
                in_flight: InFlight::Reject,
                store_patience: STORE_PATIENCE,
                fail_open: false,
                name: "idempotency",
            },
            recover: None,
            is_key_ttl_said: false,
            too_late: false,
        }
    }
}

impl<S: Store, C, B> IdempotencyBuilder<S, C, B> {
    /// What is unknown stays so until it is [resolved](Idempotency::resolve): at most one effect. The default.
    pub fn block(mut self) -> Self {
        self.settings.mode = Mode::Block;
        self.recover = None;
        self
    }

    /// What is unknown is run again: at least one effect. For what may happen more than once.
    pub fn retake(mut self) -> Self {
        self.settings.mode = Mode::Retake;
        self.recover = None;
        self
    }

    /// What is unknown is looked into: before a claim that was taken over runs, `find` says what became of the
    /// earlier one. While it does the claim is held, and where it is cut off or panics the claim is as unknown as
    /// before.
    ///
    /// A call in a [transaction](crate::Idempotent::run_tx) asks nobody: there, what is unknown is refused as
    /// [indeterminate](crate::Refusal::Indeterminate), until one outside of a transaction has looked into it.
    ///
    /// What it finds is encoded with the codec, which is therefore named before.
    pub fn recover<T, F, Fut>(mut self, find: F) -> Self
    where
        C: Codec<T> + 'static,
        F: Fn(TakenOver) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Finding<T>> + Send + 'static,
        T: 'static,
    {
        self.settings.mode = Mode::Recover;
        self.recover = Some(Arc::new(Callback {
            find,
            marker: PhantomData,
        }));
        self
    }

    /// How long a claim holds unless it is renewed, as it is every third of that for as long as the operation
    /// runs; 10 ms to a day, default 30 s. It is how long others wait for one that has crashed.
    pub fn lease(mut self, length: Duration) -> Self {
        self.settings.lease = length;
        self
    }

    /// How long a result is kept, from the claim on; 1 s to a century, default 24 h. Of an operation that takes longer
    /// than that it is kept as long from its end on, and so is its key.
    pub fn result_ttl(mut self, length: Duration) -> Self {
        self.settings.result_ttl = length;
        if !self.is_key_ttl_said {
            self.settings.key_ttl = KEY_TTL.max(length);
        }
        self
    }

    /// How long a key is remembered, from the claim on; from `result_ttl` to a century, default 30 days, or `result_ttl`
    /// where that is longer. After the result has gone the key still answers that it was done.
    pub fn key_ttl(mut self, length: Duration) -> Self {
        self.settings.key_ttl = length;
        self.is_key_ttl_said = true;
        self
    }

    /// How many bytes of a result are kept; 0 to 1 GiB, default 1 MiB. Of a larger one it is remembered that it was
    /// done, and the first caller alone gets it.
    pub fn max_result(mut self, bytes: usize) -> Self {
        self.settings.max_result = bytes;
        self
    }

    /// How results become bytes; default [`Raw`].
    pub fn codec<C2>(self, codec: C2) -> IdempotencyBuilder<S, C2, B> {
        IdempotencyBuilder {
            store: self.store,
            codec,
            background: self.background,
            settings: self.settings,
            is_key_ttl_said: self.is_key_ttl_said,
            too_late: self.too_late || self.recover.is_some(),
            recover: None,
        }
    }

    /// A call whose key is under way is refused at once. The default.
    pub fn reject_in_flight(mut self) -> Self {
        self.settings.in_flight = InFlight::Reject;
        self
    }

    /// A call whose key is under way waits for the result, for so long at most and never beyond the deadline of
    /// the call; 1 ms to a day. Of many in one process one asks the store.
    pub fn wait_in_flight(mut self, max: Duration) -> Self {
        self.settings.in_flight = InFlight::Wait(max);
        self
    }

    /// How long a call tries to reach the store, before it runs and after; 1 ms to an hour, default 1 s. In a
    /// [transaction](crate::Idempotent::run_tx) it is how long each step of the store may take; the first, where the
    /// call [waits](IdempotencyBuilder::wait_in_flight) for others, as long as that: a store may be busy with them.
    pub fn store_patience(mut self, length: Duration) -> Self {
        self.settings.store_patience = length;
        self
    }

    /// Runs the operation without a claim when the store cannot be reached. By default such a call is refused:
    /// where that is worse than an effect that happens twice, this says so. A call that has seen another one at it,
    /// and waited, is refused all the same.
    pub fn fail_open(mut self) -> Self {
        self.settings.fail_open = true;
        self
    }

    /// Lets ends of claims be written in the background, by tasks on `runtime`, and
    /// [`Idempotent::run`](crate::Idempotent::run) detach from its caller. Without it what could not be written at
    /// once is left to the lease.
    pub fn spawn_on<R: Spawn>(self, runtime: R) -> IdempotencyBuilder<S, C, Detached<R>> {
        IdempotencyBuilder {
            store: self.store,
            codec: self.codec,
            background: Detached { runtime },
            settings: self.settings,
            recover: self.recover,
            is_key_ttl_said: self.is_key_ttl_said,
            too_late: self.too_late,
        }
    }

    /// The name under which it speaks in rejections and events; default `idempotency`.
    pub fn named(mut self, name: &'static str) -> Self {
        self.settings.name = name;
        self
    }

    /// Builds it.
    ///
    /// # Errors
    ///
    /// When a setting is out of its range; the message names it, its value and the range.
    pub fn build(self) -> Result<Idempotency<S, C, B>, InvalidConfig> {
        let settings = &self.settings;
        let ms = Duration::from_millis(1);
        InvalidConfig::check_time("lease", settings.lease, 10 * ms..=DAY)?;
        InvalidConfig::check_time("result_ttl", settings.result_ttl, SECOND..=CENTURY)?;
        InvalidConfig::check_time("key_ttl", settings.key_ttl, settings.result_ttl..=CENTURY)?;
        InvalidConfig::check_time(
            "store_patience",
            settings.store_patience,
            ms..=3600 * SECOND,
        )?;
        if let InFlight::Wait(max) = settings.in_flight {
            InvalidConfig::check_time("wait_in_flight", max, ms..=DAY)?;
        }
        InvalidConfig::check("max_result", settings.max_result, 0..=LARGEST)?;
        if self.too_late {
            return Err(InvalidConfig::new(
                "codec",
                "set after `recover`",
                "before it",
            ));
        }
        Ok(Idempotency {
            shared: Arc::new(Shared {
                store: Arc::new(self.store),
                codec: Arc::new(self.codec),
                background: self.background,
                settings: Arc::new(self.settings),
                recover: self.recover,
                flights: Flights::new(),
                under_way: UnderWay::new(),
            }),
        })
    }
}

/// Nothing of the store: its address may have a password in it.
impl<S, C, B> fmt::Debug for IdempotencyBuilder<S, C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdempotencyBuilder")
            .field(&self.settings)
            .finish()
    }
}
