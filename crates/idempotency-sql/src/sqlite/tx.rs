//! Record and effect in one transaction.

use sqlx::{Sqlite, SqliteConnection, Transaction};
use steadfast_idempotency::{
    Answer, Claim, ClaimRequest, Ending, Lease, StoreError, Stored, TxStore, Written, protocol,
};

use super::{SqliteStore, commits::Commits, error::failed};

/// A transaction for a claim, what is done under it, and its completion: all of it is committed, or nothing.
///
/// It begins with the claim, if that is granted: a duplicate of what is done, or of what somebody else has claimed and
/// committed, is answered without the lock for writing. From then on this is the only writer of the file, so what is not
/// SQL should be done before or after.
///
/// A duplicate of a transaction under way is told so in the same process. One of another process waits for the writer,
/// as nobody reads what is not committed, and SQLite does not say whom a writer waits for: after
/// [`store_patience`](steadfast_idempotency::IdempotencyBuilder::store_patience) it is refused as if the store were away,
/// as is a call of any other key. One that [waits](steadfast_idempotency::IdempotencyBuilder::wait_in_flight) for others
/// asks again for as long as it waits.
///
/// SQLite ends a transaction by itself where a statement says so (`INSERT OR ROLLBACK`, `RAISE(ROLLBACK)`), and may
/// where the disk is full or fails. What is sent after that would be committed by itself, without the record: it is
/// refused instead, and so is a `COMMIT` that is sent as SQL.
///
/// # Cancel safety
///
/// Dropped, it is rolled back.
#[derive(Debug)]
pub struct SqliteTx {
    store: SqliteStore,
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    transaction: Transaction<'static, Sqlite>,
    commits: Commits,
}

impl SqliteTx {
    /// The connection that the transaction is on, to run SQL as a part of it. The transaction begins now, if it has not
    /// begun.
    ///
    /// # Errors
    ///
    /// Where it had not begun, and another writer did not end in time.
    pub async fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => {
                let mut transaction = self.store.begin_now().await?;
                let commits = Commits::refused(&mut transaction).await?;
                Begun {
                    transaction,
                    commits,
                }
            }
        };
        Ok(&mut self.begun.insert(begun).transaction)
    }

    async fn claim(&mut self, request: ClaimRequest<'_>) -> Result<Claim, StoreError> {
        let first = self.begun.is_none();
        if first && let Some(answer) = self.store.without_writing(&request).await? {
            return Ok(answer);
        }
        let store = self.store.clone();
        let connection = self.connection().await.map_err(failed)?;
        let decide = |record: Option<&_>, now| protocol::claim(record, &request, now);
        let answer = store.step_in(connection, request.id, decide).await?;
        if first && !matches!(answer, Claim::Granted { .. }) {
            // Nothing will be done in it, and what was found out (a lease that is over) is not to be lost with it.
            self.commit().await?;
        }
        Ok(answer)
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        match self.begun.take() {
            Some(Begun {
                transaction,
                commits,
            }) => {
                commits.allow();
                transaction.commit().await.map_err(failed)
            }
            None => Ok(()),
        }
    }

    async fn complete(&mut self, lease: &Lease, result: Stored) -> Result<Written, StoreError> {
        let store = self.store.clone();
        let connection = self.connection().await.map_err(failed)?;
        let ending = Ending::Completed(result);
        let decide = |record: Option<&_>, now| protocol::finish(record, lease, ending, now);
        store.step_in(connection, &lease.id, decide).await
    }
}

impl TxStore for SqliteStore {
    type Tx = SqliteTx;

    fn begin(&self) -> Answer<'_, SqliteTx> {
        Answer::ready(Ok(SqliteTx {
            store: self.clone(),
            begun: None,
        }))
    }

    fn claim_in<'a>(
        &'a self,
        tx: &'a mut SqliteTx,
        request: ClaimRequest<'a>,
    ) -> Answer<'a, Claim> {
        Answer::later(tx.claim(request))
    }

    fn complete_in<'a>(
        &'a self,
        tx: &'a mut SqliteTx,
        lease: &'a Lease,
        result: Stored,
    ) -> Answer<'a, Written> {
        Answer::later(tx.complete(lease, result))
    }

    fn commit(&self, mut tx: SqliteTx) -> Answer<'_, ()> {
        Answer::later(async move { tx.commit().await })
    }
}
