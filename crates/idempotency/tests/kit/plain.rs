//! A store as plain as can be, and the mistakes that stores have been seen to make.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use steadfast_idempotency::{
    Answer, Claim, ClaimRequest, Ending, Id, Lease, Record, State, Store, StoreTime, Written,
    conformance::Harness, protocol,
};

use super::fault::Fault;

#[derive(Clone)]
pub(crate) struct Plain {
    pub(crate) fault: Fault,
    clocks: Arc<Mutex<Clocks>>,
    table: Arc<Mutex<Table>>,
}

#[derive(Clone, Copy, Default)]
struct Clocks {
    store: Duration,
    caller: Duration,
}

#[derive(Default)]
pub(crate) struct Table {
    pub(crate) rows: HashMap<String, Record>,
    /// The rows that a transaction has claimed or written.
    pub(crate) locked: Vec<String>,
}

/// Makes stores with this fault, on one clock.
pub(crate) struct Wrong {
    pub(crate) fault: Fault,
    clocks: Arc<Mutex<Clocks>>,
}

impl Wrong {
    pub(crate) fn with(fault: Fault) -> Self {
        Wrong {
            fault,
            clocks: Arc::default(),
        }
    }
}

impl Harness for Wrong {
    type Store = Plain;

    async fn fresh(&self) -> Plain {
        *self.clocks.lock().unwrap() = Clocks::default();
        Plain {
            fault: self.fault,
            clocks: Arc::clone(&self.clocks),
            table: Arc::default(),
        }
    }

    async fn advance(&self, store: &Plain, by: Duration) {
        store.clocks.lock().unwrap().store += by;
    }

    async fn another(&self, store: &Plain) -> Option<Plain> {
        Some(store.clone())
    }

    fn mislead(&self, by: Duration) -> bool {
        self.clocks.lock().unwrap().caller = by;
        true
    }
}

impl Plain {
    pub(crate) fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    pub(crate) fn now(&self) -> StoreTime {
        let clocks = *self.clocks.lock().unwrap();
        let now = match self.is(Fault::CallersClock) {
            true => clocks.store + clocks.caller,
            false => clocks.store,
        };
        StoreTime::from_micros(-7).after(now)
    }

    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap()
    }

    /// What a row is found by.
    pub(crate) fn row(&self, id: &Id) -> String {
        let scope = id.scope();
        let (principal, operation, key) = (scope.principal(), scope.operation(), id.key());
        let mut key = key.as_str();
        if self.is(Fault::TruncatesKeys) {
            key = &key[..key.len().min(64)];
        }
        match self.fault {
            Fault::IgnoresCase => format!("{:?}", (principal, operation, key)).to_lowercase(),
            Fault::IgnoresTrailingSpaces => {
                format!("{:?}", (principal, operation, key.trim_end()))
            }
            Fault::JoinsParts => format!("{principal:?}{operation}:{key}"),
            Fault::ForgetsThePrincipal => format!("{:?}", (operation, key)),
            _ => format!("{:?}", (principal, operation, key)),
        }
    }

    /// Takes one step on a row, with nobody in between.
    fn step<T>(&self, id: &Id, step: impl FnOnce(Option<&Record>) -> Step<T>) -> T {
        let row = self.row(id);
        let mut table = self.table();
        let (answer, write) = step(table.rows.get(&row));
        if let Some(record) = write {
            match self.is(Fault::ReleaseDeletes) && record.state == State::Released {
                true => table.rows.remove(&row),
                false => table.rows.insert(row, record),
            };
        }
        answer
    }

    pub(crate) fn is_locked(&self, id: &Id) -> bool {
        !self.is(Fault::TransactionsOverlap) && self.table().locked.contains(&self.row(id))
    }
}

pub(crate) type Step<T> = (T, Option<Record>);

pub(crate) struct Asked {
    pub(crate) answer: Claim,
    pub(crate) write: Option<Record>,
}

impl Asked {
    pub(crate) fn says(answer: Claim) -> Self {
        Asked {
            answer,
            write: None,
        }
    }
}

/// Told of a row that a transaction is at.
pub(crate) fn in_flight() -> Claim {
    Claim::InFlight {
        lease_left: Duration::from_secs(1),
    }
}

impl Store for Plain {
    fn claim<'a>(&'a self, request: ClaimRequest<'a>) -> Answer<'a, Claim> {
        if self.is_locked(request.id) {
            return Answer::ready(Ok(in_flight()));
        }
        if self.is(Fault::LooksThenWrites) {
            let seen = self.table().rows.get(&self.row(request.id)).cloned();
            return Answer::later(async move {
                pause().await;
                let asked = self.claim_at(seen.as_ref(), &request);
                Ok(self.step(request.id, |_| (asked.answer, asked.write)))
            });
        }
        let claim = self.step(request.id, |found| {
            let asked = self.claim_at(found, &request);
            (asked.answer, asked.write)
        });
        Answer::ready(Ok(claim))
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        length: Duration,
        step: Option<&'a str>,
    ) -> Answer<'a, Written> {
        let written = self.step(&lease.id, |found| {
            let lease = self.lease(found, lease);
            let renewed = protocol::renew(found, &lease, length, step, self.now());
            let mut write = renewed.write;
            if let (Some(record), Some(found)) = (&mut write, found) {
                match self.fault {
                    Fault::RenewalShortens => record.lease_until = self.now().after(length),
                    Fault::RenewalDoesNothing => *record = found.clone(),
                    Fault::StepsAreLatin => {
                        let latin = |step: Arc<str>| step.replace(|c: char| !c.is_ascii(), "?");
                        record.step = record.step.take().map(latin).map(Arc::from);
                    }
                    _ => {}
                }
            }
            (renewed.answer, write)
        });
        Answer::ready(Ok(written))
    }

    fn finish<'a>(&'a self, lease: &'a Lease, ending: Ending) -> Answer<'a, Written> {
        let written = self.step(&lease.id, |found| self.finish_at(found, lease, ending));
        Answer::ready(Ok(written))
    }

    fn resolve<'a>(&'a self, id: &'a Id, ending: Ending) -> Answer<'a, bool> {
        let resolved = self.step(id, |found| {
            let mut found = found.cloned();
            if let (Some(record), Fault::ResolvesAnything) = (&mut found, self.fault) {
                record.state = State::Indeterminate;
            }
            if let (Some(record), Fault::ResolvesOnlyWhatIsMarked) = (&found, self.fault) {
                if record.state != State::Indeterminate {
                    return (false, None);
                }
            }
            let step = protocol::resolve(found.as_ref(), ending, self.now());
            let mut write = step.write;
            if let (Some(found), Some(record)) = (&found, &mut write) {
                if self.is(Fault::ResolvesForTheTimeOfTheClaim) {
                    record.result_expires_at = found.result_expires_at;
                    record.expires_at = found.expires_at;
                }
            }
            (step.answer, write)
        });
        Answer::ready(Ok(resolved))
    }

    fn find<'a>(&'a self, id: &'a Id) -> Answer<'a, Option<Record>> {
        Answer::ready(Ok(self.step(id, |found| (found.cloned(), None))))
    }

    fn reap(&self, limit: u32) -> Answer<'_, u64> {
        let now = self.now();
        let mut limit = limit as usize;
        if self.is(Fault::ReapsWithoutLimit) && limit > 0 {
            limit = usize::MAX;
        }
        let may_go = |record: &Record| match self.fault {
            Fault::ReapsByAge => now >= record.expires_at,
            Fault::ReapsTheLiving => {
                matches!(record.state, State::Completed | State::Released)
                    && now >= record.result_expires_at
            }
            _ => protocol::is_over(record, now),
        };
        let mut table = self.table();
        let rows = table.rows.iter().filter(|(_, record)| may_go(record));
        let rows: Vec<_> = rows.map(|(row, _)| row.clone()).take(limit).collect();
        for row in &rows {
            table.rows.remove(row);
        }
        Answer::ready(Ok(rows.len() as u64))
    }
}

/// Lets others go first.
async fn pause() {
    let mut first = true;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        match std::mem::take(&mut first) {
            true => std::task::Poll::Pending,
            false => std::task::Poll::Ready(()),
        }
    })
    .await;
}
