//! The rules of the protocol over a map, on the clock of a virtual runtime, with faults.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use steadfast_core::VirtualRuntime;
use steadfast_idempotency::{
    Answer, Claim, ClaimRequest, Ending, Id, Lease, Record, State, Store, StoreError,
    StoreErrorKind, StoreTime, Written, protocol,
};

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
pub(super) struct Inner {
    pub(super) records: HashMap<Id, Record>,
    pub(super) locked: HashSet<Id>,
    calls: HashMap<Act, u64>,
    /// For the next calls of a kind.
    next: HashMap<Act, VecDeque<Fault>>,
    /// For all others.
    always: HashMap<Act, Fault>,
    pub(super) committed: Vec<String>,
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

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
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

    /// Whether a transaction holds this id.
    pub fn is_locked(&self, id: &Id) -> bool {
        self.inner().locked.contains(id)
    }

    pub(super) fn now(&self) -> StoreTime {
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
    pub(super) fn act<'a, T: Send + 'a>(
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
            store.step(&lease.id, |record| {
                protocol::finish(record, lease, ending, store.now())
            })
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
