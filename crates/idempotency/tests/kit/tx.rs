//! Transactions of the plain store: what is written waits for the commit, and nobody else claims it until then.

use std::collections::HashMap;

use steadfast_idempotency::{
    Answer, Claim, ClaimRequest, Ending, Lease, Record, Stored, TxStore, Written,
};

use super::{
    fault::Fault,
    plain::{Plain, in_flight},
};

/// What is written at the end, and the rows that nobody else claims until then.
pub(crate) struct Tx {
    store: Plain,
    writes: HashMap<String, Record>,
    locked: Vec<String>,
}

impl Drop for Tx {
    fn drop(&mut self) {
        let mut table = self.store.table();
        table.locked.retain(|row| !self.locked.contains(row));
    }
}

impl Tx {
    fn found(&self, row: &str) -> Option<Record> {
        let own = self.writes.get(row).cloned();
        own.or_else(|| self.store.table().rows.get(row).cloned())
    }

    fn write(&mut self, row: String, record: Record) {
        if self.store.is(Fault::WritesBeforeCommit) {
            self.store.table().rows.insert(row.clone(), record.clone());
        }
        self.store.table().locked.push(row.clone());
        self.locked.push(row.clone());
        self.writes.insert(row, record);
    }
}

impl TxStore for Plain {
    type Tx = Tx;

    fn begin(&self) -> Answer<'_, Tx> {
        Answer::ready(Ok(Tx {
            store: self.clone(),
            writes: HashMap::new(),
            locked: Vec::new(),
        }))
    }

    fn claim_in<'a>(&'a self, tx: &'a mut Tx, request: ClaimRequest<'a>) -> Answer<'a, Claim> {
        let row = self.row(request.id);
        if self.is_locked(request.id) && !tx.locked.contains(&row) {
            return Answer::ready(Ok(in_flight()));
        }
        let asked = self.claim_at(tx.found(&row).as_ref(), &request);
        if let Some(record) = asked.write {
            tx.write(row, record);
        }
        Answer::ready(Ok(asked.answer))
    }

    fn complete_in<'a>(
        &'a self,
        tx: &'a mut Tx,
        lease: &'a Lease,
        result: Stored,
    ) -> Answer<'a, Written> {
        let row = self.row(&lease.id);
        let found = tx.found(&row);
        let (answer, write) = self.finish_at(found.as_ref(), lease, Ending::Completed(result));
        if let (Some(record), false) = (write, self.is(Fault::CommitsTheClaimOnly)) {
            tx.write(row, record);
        }
        Answer::ready(Ok(answer))
    }

    fn commit(&self, mut tx: Tx) -> Answer<'_, ()> {
        let writes = std::mem::take(&mut tx.writes);
        self.table().rows.extend(writes);
        Answer::ready(Ok(()))
    }
}
