//! Transactions of the fake.

use steadfast_idempotency::{
    Answer, Claim, ClaimRequest, Ending, Id, Lease, Record, Stored, TxStore, Written, protocol,
};

use super::{
    fake::{Act, Fake},
    secs,
};

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
        self.act(Act::CompleteIn, move |store| {
            let ending = Ending::Completed(result);
            let step = protocol::finish(tx.record.as_ref(), lease, ending, store.now());
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
