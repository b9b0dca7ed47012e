//! What a map of policies promises, one story per promise.

#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "helpers of tests may do as the tests do, and count with atomics"
)]

mod eviction;
mod full;
mod looking;
mod making;
mod model;
mod shape;

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use steadfast_core::{Idle, Instant, Keyed};

/// The beginning of a clock, where the time plays no part.
const ZERO: Instant = Instant::from_nanos(0);

/// So many seconds after the beginning of the clock.
const fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

/// What runs when a probe is asked whether it is idle.
type Hook = Box<dyn Fn() + Send>;

/// A policy that is idle from an instant on.
struct Probe {
    /// Which of the policies of its map it is.
    number: u64,
    idle_from: AtomicU64,
    asked: AtomicU64,
    hook: Mutex<Option<Hook>>,
}

impl Probe {
    fn new(number: u64) -> Probe {
        Probe {
            number,
            idle_from: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            hook: Mutex::new(None),
        }
    }

    fn remembers_until(&self, end: Instant) {
        self.idle_from.store(end.as_nanos(), SeqCst);
    }

    fn when_asked(&self, hook: impl Fn() + Send + 'static) {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
    }
}

impl Idle for Probe {
    fn is_idle_at(&self, now: Instant) -> bool {
        self.asked.fetch_add(1, SeqCst);
        let hook = self.hook.lock().unwrap().take();
        let idle = now.as_nanos() >= self.idle_from.load(SeqCst);
        hook.iter().for_each(|hook| hook());
        idle
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Probe({})", self.number)
    }
}

type Map = Keyed<String, Probe>;

/// A map that numbers its policies from zero.
fn probes(capacity: usize) -> Arc<Map> {
    let next = AtomicU64::new(0);
    let map = Keyed::new(capacity, move |_: &String| {
        Probe::new(next.fetch_add(1, SeqCst))
    });
    Arc::new(map.unwrap())
}

/// The keys that have a policy, in order.
fn keys(map: &Map) -> Vec<String> {
    let mut keys: Vec<_> = map.entries().into_iter().map(|(key, _)| key).collect();
    keys.sort();
    keys
}
