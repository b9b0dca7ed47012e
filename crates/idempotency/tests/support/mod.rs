//! A store to test with, its clock, and what is noted.

#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a module of tests, of which each uses a part"
)]

mod fake;
mod tx;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use steadfast_core::{Event, Observed, Runtime, VirtualRuntime};
use steadfast_idempotency::{
    Fingerprint, Id, Idempotency, IdempotencyBuilder, Idempotent, Key, Scope, State, Store,
};

#[allow(unused_imports, reason = "each test uses a part")]
pub use self::{
    fake::{Act, DOWN, Fake, Fault},
    tx::Tx,
};

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Notes of a test, in the order in which they came.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(" ")
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl steadfast_core::Observer for Notes {
    fn on(&self, event: &Event<'_>) {
        if let Event::Noted { note, .. } = event {
            self.0.lock().unwrap().push((*note).to_owned());
        }
    }
}

/// The clock of the tests, whose notes are kept.
pub type Clock = Observed<VirtualRuntime, Notes>;

/// A store, a clock, and the notes.
pub struct Rig {
    pub runtime: VirtualRuntime,
    pub clock: Clock,
    pub store: Fake,
    pub notes: Notes,
}

pub type Detached = steadfast_idempotency::Detached<Clock>;
pub type Claimed = Idempotent<Fake, steadfast_idempotency::Raw, Detached>;

impl Rig {
    pub fn new() -> Rig {
        Rig::seeded(7)
    }

    pub fn seeded(seed: u64) -> Rig {
        let runtime = VirtualRuntime::new(seed);
        let notes = Notes::default();
        Rig {
            store: Fake::new(&runtime),
            clock: Observed::new(runtime.clone(), notes.clone()),
            runtime,
            notes,
        }
    }

    pub fn builder(&self) -> IdempotencyBuilder<Fake> {
        Idempotency::builder(self.store.clone())
    }

    /// With a background, as most are.
    pub fn detached(&self) -> IdempotencyBuilder<Fake, steadfast_idempotency::Raw, Detached> {
        self.builder().spawn_on(self.clock.clone())
    }

    /// The call of that key, of an idempotency of its own: as another process has it.
    pub fn claim(&self, key: &str) -> Claimed {
        claim(&self.detached().build().unwrap(), key)
    }

    pub fn state(&self, key: &str) -> Option<State> {
        self.store.state(&id(key))
    }

    pub fn pass(&self, length: Duration) {
        self.runtime.advance(length);
    }

    pub fn now(&self) -> steadfast_core::Instant {
        self.runtime.now()
    }
}

pub fn scope() -> Scope {
    Scope::new("customer-7", "charge").unwrap()
}

pub fn id(key: &str) -> Id {
    Id::new(scope(), Key::new(key).unwrap())
}

pub fn print() -> Fingerprint {
    Fingerprint::of(b"amount=10")
}

pub fn claim<S: Store, C, B>(idempotency: &Idempotency<S, C, B>, key: &str) -> Idempotent<S, C, B> {
    idempotency.key(&scope(), Key::new(key).unwrap(), print())
}
