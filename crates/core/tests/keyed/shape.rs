//! How a map fits in: threads, hashers, pipelines.

use std::{
    cell::Cell,
    fmt::Debug,
    future::ready,
    hash::{BuildHasher, Hasher},
    rc::Rc,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use static_assertions::{assert_impl_all, assert_not_impl_any};
use steadfast_core::{
    Attempt, Error, Idle, Instant, Keyed, KeyedFull, Operation, Pipeline, Policies, Policy,
    VirtualRuntime,
};

use crate::{Probe, ZERO};

assert_impl_all!(Keyed<String, Probe>: Send, Sync, Debug);
assert_not_impl_any!(Keyed<Rc<str>, Probe>: Send, Sync);
assert_not_impl_any!(Keyed<String, Cell<u8>>: Send, Sync);
assert_impl_all!(KeyedFull: Send, Sync, Copy, Debug, Eq, std::error::Error);

/// Counts the attempts that pass.
#[derive(Default)]
struct Tally(AtomicU64);

impl Idle for Tally {
    fn is_idle_at(&self, _now: Instant) -> bool {
        self.0.load(SeqCst) == 0
    }
}

impl Policies for Tally {}

impl<'p, O: Operation> Policy<'p, O> for Tally {
    type Future = O::Future;

    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> O::Future {
        self.0.fetch_add(1, SeqCst);
        operation.start(attempt)
    }
}

fn tallies(capacity: usize) -> Keyed<String, Tally> {
    Keyed::new(capacity, |_: &String| Tally::default()).unwrap()
}

#[test]
fn a_handle_stands_in_a_pipeline_by_value_and_by_reference() {
    let (runtime, hosts, all) = (VirtualRuntime::new(1), tallies(4), Tally::default());
    let call = async |host: &str| -> Result<u8, Error<()>> {
        let own = Pipeline::on(&runtime, (&all, hosts.get(host, &runtime)?));
        own.call(|| ready(Ok(1))).await?;
        let lent = (&all, &hosts.get(host, &runtime)?);
        let lent = Pipeline::on(&runtime, lent);
        lent.call(|| ready(Ok(2))).await
    };
    assert_eq!(runtime.block_on(call("a")), Ok(2));
    assert_eq!(runtime.block_on(call("b")), Ok(2));
    assert_eq!(runtime.block_on(call("a")), Ok(2));
    let tally = |host: &str| hosts.get_at(host, ZERO).unwrap().0.load(SeqCst);
    assert_eq!((tally("a"), tally("b"), all.0.load(SeqCst)), (4, 2, 6));
}

#[test]
fn a_call_through_a_handle_can_be_spawned() {
    let (runtime, hosts) = (VirtualRuntime::new(1), tallies(1));
    let pipeline = Pipeline::on(runtime.clone(), hosts.get("a", &runtime).unwrap());
    let call = async move { pipeline.call(|| async { Ok::<_, ()>(1) }).await };
    let task = runtime.spawn(call);
    assert_eq!(runtime.block_on(task), Ok(1));
    // It has let go of its handle, but the policy remembers the call.
    assert!(hosts.get("b", &runtime).is_err());
}

/// Hashes everything to the same.
#[derive(Clone, Copy, Default)]
pub(crate) struct Blunt;

impl BuildHasher for Blunt {
    type Hasher = Blunt;

    fn build_hasher(&self) -> Blunt {
        Blunt
    }
}

impl Hasher for Blunt {
    fn finish(&self) -> u64 {
        7
    }

    fn write(&mut self, _bytes: &[u8]) {}
}

#[test]
fn keys_that_hash_alike_are_told_apart() {
    for capacity in [20, 200] {
        let make = |key: &u64| Probe::new(*key);
        let map = Keyed::with_hasher(capacity, Blunt, make).unwrap();
        for key in (0..40).chain(0..20) {
            assert_eq!(map.get_at(&key, ZERO).unwrap().number, key);
        }
        for key in [7, 0, 19, 3] {
            assert_eq!(map.remove(&key).unwrap().number, key);
            assert!(map.remove(&key).is_none());
        }
        for key in (0..20).filter(|key| ![7, 0, 19, 3].contains(key)) {
            assert!(map.contains(&key));
            assert_eq!(map.get_at(&key, ZERO).unwrap().number, key);
        }
    }
}
