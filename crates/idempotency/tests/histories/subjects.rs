//! The rules on bare records, and the memory store.

use std::{
    collections::HashMap,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use steadfast_core::{Instant, VirtualRuntime};
use steadfast_idempotency::{
    Answer, Claim, ClaimRequest, Ending, Id, Lease, MemoryStore, Record, Store, StoreErrorKind,
    StoreTime, Written,
    protocol::{self, Step},
};

use super::history::Subject;

/// Records, and nothing between them and the rules.
pub(crate) struct Bare {
    records: HashMap<Id, Record>,
    now: StoreTime,
}

impl Default for Bare {
    fn default() -> Self {
        Bare {
            records: HashMap::new(),
            now: StoreTime::from_micros(0),
        }
    }
}

impl Bare {
    fn written<T>(&mut self, step: Step<T>) -> T {
        if let Some(record) = step.write {
            self.records.insert(record.id.clone(), record);
        }
        step.answer
    }
}

impl Subject for Bare {
    fn claim(&mut self, request: ClaimRequest<'_>) -> Option<Claim> {
        let step = protocol::claim(self.records.get(request.id), &request, self.now);
        Some(self.written(step))
    }

    fn renew(&mut self, lease: &Lease, length: Duration, point: Option<&str>) -> Written {
        let found = self.records.get(&lease.id);
        let step = protocol::renew(found, lease, length, point, self.now);
        self.written(step)
    }

    fn finish(&mut self, lease: &Lease, ending: Ending) -> Written {
        let step = protocol::finish(self.records.get(&lease.id), lease, ending, self.now);
        self.written(step)
    }

    fn resolve(&mut self, id: &Id, ending: Ending) -> bool {
        let step = protocol::resolve(self.records.get(id), ending, self.now);
        self.written(step)
    }

    fn find(&self, id: &Id) -> Option<Record> {
        self.records.get(id).cloned()
    }

    fn reap(&mut self, limit: u32) -> u64 {
        let now = self.now;
        let over = self.records.values();
        let over = over.filter(|record| protocol::is_over(record, now));
        let over = over.map(|record| record.id.clone()).take(limit as usize);
        let over: Vec<_> = over.collect();
        for id in &over {
            self.records.remove(id);
        }
        over.len() as u64
    }

    fn capacity(&self) -> usize {
        usize::MAX
    }

    fn set_now(&mut self, now: i64) {
        self.now = StoreTime::from_micros(now);
    }

    fn holders(&self, leases: &[Lease]) -> Option<usize> {
        let mut holders = Vec::new();
        for lease in leases {
            let found = self.records.get(&lease.id);
            let renewed = protocol::renew(found, lease, Duration::ZERO, None, self.now);
            let holder = (&lease.id, lease.owner, lease.fence);
            if renewed.answer == Written::Done && !holders.contains(&holder) {
                holders.push(holder);
            }
        }
        Some(holders.len())
    }
}

pub(crate) struct Memory {
    runtime: VirtualRuntime,
    store: MemoryStore<VirtualRuntime>,
}

impl Memory {
    pub(crate) fn new(capacity: usize) -> Self {
        let runtime = VirtualRuntime::new(1);
        let builder = MemoryStore::builder_on(runtime.clone());
        Memory {
            store: builder.capacity(capacity).build().unwrap(),
            runtime,
        }
    }
}

fn now<T>(answer: Answer<'_, T>) -> Result<T, StoreErrorKind> {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.map_err(|error| error.kind()),
        Poll::Pending => panic!("the answer is not there"),
    }
}

impl Subject for Memory {
    fn claim(&mut self, request: ClaimRequest<'_>) -> Option<Claim> {
        match now(self.store.claim(request)) {
            Ok(claim) => Some(claim),
            Err(kind) => {
                assert_eq!(kind, StoreErrorKind::Full);
                None
            }
        }
    }

    fn renew(&mut self, lease: &Lease, length: Duration, point: Option<&str>) -> Written {
        now(self.store.renew(lease, length, point)).unwrap()
    }

    fn finish(&mut self, lease: &Lease, ending: Ending) -> Written {
        now(self.store.finish(lease, ending)).unwrap()
    }

    fn resolve(&mut self, id: &Id, ending: Ending) -> bool {
        now(self.store.resolve(id, ending)).unwrap()
    }

    fn find(&self, id: &Id) -> Option<Record> {
        now(self.store.find(id)).unwrap()
    }

    fn reap(&mut self, limit: u32) -> u64 {
        now(self.store.reap(limit)).unwrap()
    }

    fn capacity(&self) -> usize {
        self.store.capacity()
    }

    fn set_now(&mut self, now: i64) {
        let nanos = now.unsigned_abs() * 1000;
        self.runtime.set_now(Instant::from_nanos(nanos));
    }

    /// The rules say who holds a record, and here they cannot be asked without writing it.
    fn holders(&self, _: &[Lease]) -> Option<usize> {
        None
    }
}
