//! The steps of the protocol: one statement where one can say it, and the rules themselves where not.

use std::{future::Future, time::Duration};

use sqlx::{Row, Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};
use steadfast_idempotency::{
    Answer, Claim, ClaimRequest, Ending, Fence, Id, Lease, Record, Store, StoreError,
    StoreErrorKind, StoreTime, Written,
    protocol::{self, Step},
};

use super::{
    SqliteStore,
    error::failed,
    row::{self, micros},
    sql::Statement,
};

/// An answer that is on its way as soon as it was asked for, whether or not anybody polls it: what is polled by nobody
/// would hold the one connection that writes, if not the lock of the file.
fn on_its_way<'a, T: Send + 'static>(
    step: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Answer<'a, T> {
    Answer::later(async {
        // The step panics nowhere, so this is a runtime that shuts down.
        let ended = tokio::spawn(step).await;
        ended.unwrap_or_else(|error| Err(StoreError::caused_by(StoreErrorKind::Unavailable, error)))
    })
}

impl Store for SqliteStore {
    fn claim<'a>(&'a self, request: ClaimRequest<'a>) -> Answer<'a, Claim> {
        Answer::later(async move {
            let (now, record) = look(&self.inner.sql.read, self.reader(), request.id).await?;
            let step = protocol::claim(record.as_ref(), &request, now);
            if step.write.is_none() {
                return Ok(step.answer);
            }
            self.claim_writing(request, record.is_none()).await
        })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        length: Duration,
        step: Option<&'a str>,
    ) -> Answer<'a, Written> {
        let (store, lease, step) = (self.clone(), lease.clone(), step.map(str::to_owned));
        on_its_way(async move {
            let query = row::bind_lease(store.inner.sql.renew.query(), &lease)?;
            if store
                .writes(query.bind(micros(length)).bind(step.clone()))
                .await?
            {
                return Ok(Written::Done);
            }
            let decide = |record: Option<&_>, now| {
                protocol::renew(record, &lease, length, step.as_deref(), now)
            };
            store.step(&lease.id, decide).await
        })
    }

    fn finish<'a>(&'a self, lease: &'a Lease, ending: Ending) -> Answer<'a, Written> {
        let (store, lease) = (self.clone(), lease.clone());
        on_its_way(async move {
            let query = row::bind_lease(store.inner.sql.finish.query(), &lease)?;
            if store.writes(row::bind_ending(query, &ending)).await? {
                return Ok(Written::Done);
            }
            let decide = |record: Option<&_>, now| protocol::finish(record, &lease, ending, now);
            store.step(&lease.id, decide).await
        })
    }

    fn resolve<'a>(&'a self, id: &'a Id, ending: Ending) -> Answer<'a, bool> {
        let (store, id) = (self.clone(), id.clone());
        on_its_way(async move {
            let decide = |record: Option<&_>, now| protocol::resolve(record, ending, now);
            store.step(&id, decide).await
        })
    }

    fn find<'a>(&'a self, id: &'a Id) -> Answer<'a, Option<Record>> {
        Answer::later(async move {
            let (_, record) = look(&self.inner.sql.read, self.reader(), id).await?;
            Ok(record)
        })
    }

    fn reap(&self, limit: u32) -> Answer<'_, u64> {
        let store = self.clone();
        on_its_way(async move {
            let sql = &store.inner.sql;
            let row = sql.reapable.query().fetch_one(store.reader()).await;
            if !row.and_then(|row| row.try_get(0)).map_err(failed)? {
                return Ok(0);
            }
            let query = sql.reap.query().bind(limit);
            let done = query.execute(store.writer()).await.map_err(failed)?;
            Ok(done.rows_affected())
        })
    }
}

impl SqliteStore {
    /// A claim that is likely to write something; of a new key, if nobody comes before.
    fn claim_writing<'a>(&'a self, request: ClaimRequest<'a>, is_new: bool) -> Answer<'a, Claim> {
        let (store, id) = (self.clone(), request.id.clone());
        let ClaimRequest {
            id: _,
            fingerprint,
            owner,
            lease,
            result_ttl,
            key_ttl,
            lapsed,
        } = request;
        on_its_way(async move {
            let request = ClaimRequest {
                id: &id,
                fingerprint,
                owner,
                lease,
                result_ttl,
                key_ttl,
                lapsed,
            };
            if is_new {
                let query = row::bind_claim(store.inner.sql.insert.query(), &request);
                if store.writes(query).await? {
                    return Ok(Claim::Granted {
                        fence: Fence::FIRST,
                        taken_over: false,
                        step: None,
                    });
                }
            }
            let decide = |record: Option<&_>, now| protocol::claim(record, &request, now);
            store.step(&id, decide).await
        })
    }

    /// Whether this statement, which takes the lock for no longer than it takes, wrote anything.
    async fn writes(&self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<bool, StoreError> {
        let done = query.execute(self.writer()).await.map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }

    /// One step of the protocol, by itself.
    async fn step<T>(
        &self,
        id: &Id,
        decide: impl FnOnce(Option<&Record>, StoreTime) -> Step<T>,
    ) -> Result<T, StoreError> {
        let mut tx = self.begin_now().await.map_err(failed)?;
        let answer = self.step_in(&mut tx, id, decide).await?;
        tx.commit().await.map_err(failed)?;
        Ok(answer)
    }

    /// One step of the protocol, in a transaction that holds the lock for writing.
    pub(super) async fn step_in<T>(
        &self,
        connection: &mut SqliteConnection,
        id: &Id,
        decide: impl FnOnce(Option<&Record>, StoreTime) -> Step<T>,
    ) -> Result<T, StoreError> {
        let read = &self.inner.sql.read;
        let (now, record) = look(read, &mut *connection, id).await?;
        let step = decide(record.as_ref(), now);
        if let Some(record) = &step.write {
            let query = row::bind(self.inner.sql.write.query(), record)?;
            query.execute(connection).await.map_err(failed)?;
        }
        Ok(step.answer)
    }

    /// The answer to a claim that changes nothing, which needs no lock.
    pub(super) async fn without_writing(
        &self,
        request: &ClaimRequest<'_>,
    ) -> Result<Option<Claim>, StoreError> {
        let read = &self.inner.sql.read;
        let (now, record) = look(read, self.reader(), request.id).await?;
        let step = protocol::claim(record.as_ref(), request, now);
        Ok(step.write.is_none().then_some(step.answer))
    }
}

/// The moment, and the record as it is at that moment.
async fn look<'c>(
    read: &Statement,
    executor: impl sqlx::Executor<'c, Database = Sqlite>,
    id: &Id,
) -> Result<(StoreTime, Option<Record>), StoreError> {
    let query = read.query().bind(id.digest().to_vec());
    let row = query.fetch_one(executor).await.map_err(failed)?;
    let now = StoreTime::from_micros(row.try_get(0).map_err(failed)?);
    // The fingerprint is null in no record.
    let there: Option<&[u8]> = row.try_get(1).map_err(failed)?;
    let record = there.map(|_| row::read(&row, 1, id.clone())).transpose()?;
    Ok((now, record))
}
