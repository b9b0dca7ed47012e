//! A store to test with: the rules of the protocol over a map, on the clock of a virtual runtime, with faults.

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

use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use steadfast_core::{Event, Observed, Runtime, VirtualRuntime};
use steadfast_idempotency::{
    Answer, Claim, ClaimRequest, Ending, Fingerprint, Id, Idempotency, IdempotencyBuilder,
    Idempotent, Key, Lease, Record, Scope, State, Store, StoreError, StoreErrorKind, StoreTime,
    Stored, TxStore, Written, protocol,
};

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What happens to a call to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is done as it should be, and takes no time.
    None,
    /// Nothing is done.
    Fails(StoreErrorKind),
    /// It is done, and the answer is lost.
    Loses,
    /// It is done after so long.
    Slow(Duration),
    /// It is done at once, and answered after so long.
    SlowAnswer(Duration),
    /// Nothing is done, and there is no answer.
    Hangs,
}

pub const DOWN: Fault = Fault::Fails(StoreErrorKind::Unavailable);

/// The steps of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    Claim,
    Renew,
    Finish,
    Other,
    Begin,
    ClaimIn,
    CompleteIn,
    Commit,
}

#[derive(Default)]
struct Inner {
    records: HashMap<Id, Record>,
    locked: HashSet<Id>,
    calls: HashMap<Act, u64>,
    /// For the next calls of a kind.
    next: HashMap<Act, VecDeque<Fault>>,
    /// For all others.
    always: HashMap<Act, Fault>,
    committed: Vec<String>,
}

#[derive(Clone)]
pub struct Fake {
    runtime: VirtualRuntime,
    inner: Arc<Mutex<Inner>>,
}

impl Fake {
    pub fn new(runtime: &VirtualRuntime) -> Fake {
        Fake {
            runtime: runtime.clone(),
            inner: Arc::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub fn calls(&self, act: Act) -> u64 {
        self.inner().calls.get(&act).copied().unwrap_or(0)
    }

    pub fn all_calls(&self) -> u64 {
        self.inner().calls.values().sum()
    }

    pub fn record(&self, id: &Id) -> Option<Record> {
        self.inner().records.get(id).cloned()
    }

    pub fn state(&self, id: &Id) -> Option<State> {
        self.record(id).map(|record| record.state)
    }

    pub fn put(&self, record: Record) {
        self.inner().records.insert(record.id.clone(), record);
    }

    /// What the next call of this kind comes to.
    pub fn next(&self, act: Act, fault: Fault) {
        self.inner().next.entry(act).or_default().push_back(fault);
    }

    /// What every other call of this kind comes to.
    pub fn always(&self, act: Act, fault: Fault) {
        self.inner().always.insert(act, fault);
    }

    pub fn mend(&self) {
        let mut inner = self.inner();
        inner.always.clear();
        inner.next.clear();
    }

    /// The effects of transactions that were committed.
    pub fn committed(&self) -> Vec<String> {
        self.inner().committed.clone()
    }

    fn now(&self) -> StoreTime {
        StoreTime::from_micros(i64::try_from(self.runtime.elapsed().as_micros()).unwrap())
    }

    fn fault(&self, act: Act) -> Fault {
        let mut inner = self.inner();
        *inner.calls.entry(act).or_default() += 1;
        let next = inner.next.get_mut(&act).and_then(VecDeque::pop_front);
        let always = inner.always.get(&act).copied();
        next.or(always).unwrap_or(Fault::None)
    }

    /// Does this, as it is fated. Nothing happens before the first poll, unless the answer is there at once.
    fn act<'a, T: Send + 'a>(
        &'a self,
        act: Act,
        step: impl FnOnce(&Fake) -> T + Send + 'a,
    ) -> Answer<'a, T> {
        let lost = || Err(StoreError::new(StoreErrorKind::Unavailable));
        match self.fault(act) {
            Fault::None => Answer::ready(Ok(step(self))),
            Fault::Fails(kind) => Answer::ready(Err(StoreError::new(kind))),
            Fault::Loses => {
                step(self);
                Answer::ready(lost())
            }
            Fault::Slow(length) => Answer::later(async move {
                self.runtime.sleep(length).await;
                Ok(step(self))
            }),
            Fault::SlowAnswer(length) => Answer::later(async move {
                let answer = step(self);
                self.runtime.sleep(length).await;
                Ok(answer)
            }),
            Fault::Hangs => Answer::later(pending()),
        }
    }

    fn step<T>(&self, id: &Id, decide: impl FnOnce(Option<&Record>) -> protocol::Step<T>) -> T {
        let mut inner = self.inner();
        let step = decide(inner.records.get(id));
        if let Some(record) = step.write {
            inner.records.insert(id.clone(), record);
        }
        step.answer
    }
}

impl Store for Fake {
    fn claim<'a>(&'a self, request: ClaimRequest<'a>) -> Answer<'a, Claim> {
        self.act(Act::Claim, move |store| {
            let now = store.now();
            store.step(request.id, |record| protocol::claim(record, &request, now))
        })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        length: Duration,
        step: Option<&'a str>,
    ) -> Answer<'a, Written> {
        self.act(Act::Renew, move |store| {
            let now = store.now();
            store.step(&lease.id, |record| {
                protocol::renew(record, lease, length, step, now)
            })
        })
    }

    fn finish<'a>(&'a self, lease: &'a Lease, ending: Ending) -> Answer<'a, Written> {
        self.act(Act::Finish, move |store| {
            store.step(&lease.id, |record| protocol::finish(record, lease, ending))
        })
    }

    fn resolve<'a>(&'a self, id: &'a Id, ending: Ending) -> Answer<'a, bool> {
        self.act(Act::Other, move |store| {
            store.step(id, |record| protocol::resolve(record, ending, store.now()))
        })
    }

    fn find<'a>(&'a self, id: &'a Id) -> Answer<'a, Option<Record>> {
        self.act(Act::Other, move |store| store.record(id))
    }

    fn reap(&self, limit: u32) -> Answer<'_, u64> {
        self.act(Act::Other, move |store| {
            let now = store.now();
            let mut inner = store.inner();
            let over: Vec<Id> = inner
                .records
                .values()
                .filter(|record| protocol::is_over(record, now))
                .map(|record| record.id.clone())
                .take(limit as usize)
                .collect();
            for id in &over {
                inner.records.remove(id);
            }
            over.len() as u64
        })
    }
}

/// A transaction of the fake: what it would write.
pub struct Tx {
    store: Fake,
    locks: Option<Id>,
    record: Option<Record>,
    pub effects: Vec<String>,
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(id) = &self.locks {
            self.store.inner().locked.remove(id);
        }
    }
}

impl TxStore for Fake {
    type Tx = Tx;

    fn begin(&self) -> Answer<'_, Tx> {
        self.act(Act::Begin, |store| Tx {
            store: store.clone(),
            locks: None,
            record: None,
            effects: Vec::new(),
        })
    }

    fn claim_in<'a>(&'a self, tx: &'a mut Tx, request: ClaimRequest<'a>) -> Answer<'a, Claim> {
        self.act(Act::ClaimIn, move |store| {
            if !store.inner().locked.insert(request.id.clone()) {
                return Claim::InFlight {
                    lease_left: secs(1),
                };
            }
            tx.locks = Some(request.id.clone());
            let step = protocol::claim(store.record(request.id).as_ref(), &request, store.now());
            tx.record = step.write;
            step.answer
        })
    }

    fn complete_in<'a>(
        &'a self,
        tx: &'a mut Tx,
        lease: &'a Lease,
        result: Stored,
    ) -> Answer<'a, Written> {
        self.act(Act::CompleteIn, move |_| {
            let step = protocol::finish(tx.record.as_ref(), lease, Ending::Completed(result));
            if step.write.is_some() {
                tx.record = step.write;
            }
            step.answer
        })
    }

    fn commit(&self, mut tx: Tx) -> Answer<'_, ()> {
        self.act(Act::Commit, move |store| {
            let mut inner = store.inner();
            if let Some(record) = tx.record.take() {
                inner.records.insert(record.id.clone(), record);
            }
            inner.committed.append(&mut tx.effects);
            drop(inner);
            drop(tx);
        })
    }
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
