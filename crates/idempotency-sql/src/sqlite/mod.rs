//! Records in an SQLite file.

mod commits;
mod error;
#[cfg(test)]
mod kit;
mod options;
mod row;
mod schema;
mod sql;
mod steps;
mod tx;

use std::{fmt, path::Path, sync::Arc};

use sqlx::{Connection as _, Row, Sqlite, SqliteConnection, SqlitePool, Transaction};
use steadfast_idempotency::{Record, StoreError};

use self::{error::failed, schema::Prefix, sql::Sql};

pub use self::{error::SetupError, options::SqliteOptions, schema::Migration, tx::SqliteTx};

/// Records in an SQLite file: the embedded store, for one machine, whichever and however many processes.
///
/// A clone is the same store. What a claim, a completion or a resolution writes is on the disk before it is
/// answered. What is only looked up (a replay, a duplicate of one in flight, a mismatch) takes no lock that
/// somebody who writes would wait for, nor waits for one, where the claim is committed, as that of
/// [`run`](steadfast_idempotency::Idempotent::run) is. That of a [transaction](SqliteTx) under way is not: a duplicate of
/// it, such as one of another process, waits for the writer.
///
/// The clock is that of SQLite, which is the machine's date to the millisecond. Leases and lifetimes are judged
/// by it: set back, they end as much later. A [`StoreTime`](steadfast_idempotency::StoreTime) of this store is in
/// microseconds since 1970, Unix time.
///
/// # Cancel safety
///
/// A step ends by itself where its answer is dropped, or is not polled: whole or not at all, and without holding up
/// others.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// use steadfast_idempotency::{Claim, ClaimRequest, Ending, Fingerprint, Id, Key, Lapsed, Lease, Owner, Scope};
/// use steadfast_idempotency::{Store as _, Stored};
/// use steadfast_idempotency_sql::SqliteStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("idempotency.db");
/// let store = SqliteStore::open(path).await?;
/// let id = Id::new(Scope::new("customer-7", "POST /charges")?, Key::new("order-4711")?);
/// let request = |owner| ClaimRequest {
///     id: &id,
///     fingerprint: Fingerprint::of(b"amount=10"),
///     owner: Owner::from_u128(owner),
///     lease: Duration::from_secs(30),
///     result_ttl: Duration::from_secs(86_400),
///     key_ttl: Duration::from_secs(30 * 86_400),
///     lapsed: Lapsed::Block,
/// };
///
/// let Claim::Granted { fence, .. } = store.claim(request(1)).await? else { panic!("it is new") };
/// // Whoever comes second is told, and is not let in.
/// assert!(matches!(store.claim(request(2)).await?, Claim::InFlight { .. }));
///
/// let lease = Lease::new(&request(1), fence);
/// let receipt = Stored::body(b"charged".to_vec());
/// store.finish(&lease, Ending::Completed(receipt.clone())).await?;
/// assert_eq!(store.claim(request(2)).await?, Claim::Completed(receipt));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    reader: SqlitePool,
    /// The same as the reader where the user gave the pool.
    writer: SqlitePool,
    prefix: Prefix,
    sql: Sql,
}

impl SqliteStore {
    /// Settings to make a store with.
    pub fn options() -> SqliteOptions {
        SqliteOptions::default()
    }

    /// A store in this file, which is made where it is missing, with its tables. See
    /// [`SqliteOptions::open`].
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened or made, or its tables are newer than this crate.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, SetupError> {
        SqliteStore::options().open(path).await
    }

    /// A store in the database of this pool, whose tables [`migrate`](SqliteStore::migrate) makes. See
    /// [`SqliteOptions::pool`] for how its connections have to be set up.
    ///
    /// # Errors
    ///
    /// Where the connections are set up otherwise.
    pub async fn from_pool(pool: SqlitePool) -> Result<Self, SetupError> {
        SqliteStore::options().pool(pool).await
    }

    fn of(reader: SqlitePool, writer: SqlitePool, prefix: &Prefix) -> Self {
        SqliteStore {
            inner: Arc::new(Inner {
                reader,
                writer,
                prefix: prefix.clone(),
                sql: Sql::new(prefix),
            }),
        }
    }

    /// What leads from an empty database to the tables of this store, to be printed, or run by whatever
    /// runs the other migrations of the database.
    ///
    /// ```
    /// use steadfast_idempotency_sql::SqliteStore;
    ///
    /// let migrations = SqliteStore::migrations("billing_")?;
    /// assert_eq!(migrations[0].version, 1);
    /// assert!(migrations[0].sql.starts_with("CREATE TABLE IF NOT EXISTS billing_idempotency_records"));
    /// assert!(SqliteStore::migrations("billing; --").is_err());
    /// # Ok::<(), steadfast_idempotency_sql::SetupError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where the prefix is none.
    pub fn migrations(prefix: &str) -> Result<Vec<Migration>, SetupError> {
        let valid = Prefix::new(prefix).ok_or_else(|| SetupError::Prefix(prefix.to_owned()))?;
        Ok(valid.migrations())
    }

    /// Makes the tables, or brings them to the version of this crate; does nothing where they are of that version.
    /// Any number of processes may do so at once.
    ///
    /// # Errors
    ///
    /// Where the tables are newer than this crate, or the database refuses.
    pub async fn migrate(&self) -> Result<(), SetupError> {
        let migrations = self.inner.prefix.migrations();
        let known = migrations.last().map_or(0, |last| last.version);
        let mut connection = self.writer().acquire().await?;
        // Most of the time all is done, and who opens a file does not have to wait for who writes to it.
        let found = self.version(&mut connection).await?;
        drop(connection);
        if found == known {
            return Ok(());
        }
        let mut tx = self.begin_now().await?;
        let found = self.version(&mut tx).await?;
        if found > known {
            return Err(SetupError::Newer { found, known });
        }
        for Migration { sql, .. } in migrations.into_iter().filter(|m| m.version > found) {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The version of the tables, zero where there are none.
    async fn version(&self, connection: &mut SqliteConnection) -> Result<u32, sqlx::Error> {
        let sql = &self.inner.sql;
        let row = sql.has_version.query().fetch_one(&mut *connection).await?;
        if !row.try_get(0)? {
            return Ok(0);
        }
        let row = sql.version.query().fetch_one(connection).await?;
        row.try_get(0)
    }

    /// The connections that read, for whoever reads the tables or has others in the same file. What is written beside
    /// the records is written in a [transaction](SqliteTx).
    #[must_use]
    pub fn reader(&self) -> &SqlitePool {
        &self.inner.reader
    }

    fn writer(&self) -> &SqlitePool {
        &self.inner.writer
    }

    /// Up to `limit` records that wait for somebody to find out what became of them and to
    /// [`resolve`](steadfast_idempotency::Store::resolve) them, oldest first: those that are marked so, and those in
    /// flight whose lease is over.
    ///
    /// # Errors
    ///
    /// Where the store does not answer, or one of them cannot be read.
    pub async fn indeterminate(&self, limit: u32) -> Result<Vec<Record>, StoreError> {
        let query = self.inner.sql.indeterminate.query().bind(limit);
        let rows = query.fetch_all(self.reader()).await.map_err(failed)?;
        rows.iter()
            .map(|row| row::read(row, 3, row::read_id(row, 0)?))
            .collect()
    }

    /// A transaction that holds the lock for writing from its beginning: what it reads nobody else changes.
    async fn begin_now(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        loop {
            match self.writer().begin_with(self.inner.sql.begin.sql()).await {
                // Where SQLite ends a transaction by itself, as on a full disk, sqlx believes the connection to be in
                // it for ever after.
                Err(sqlx::Error::InvalidSavePointStatement) => self.discard().await?,
                answer => return answer,
            }
        }
    }

    /// Closes the next idle connection that is not usable.
    async fn discard(&self) -> Result<(), sqlx::Error> {
        let connection = self.writer().acquire().await?;
        if connection.is_in_transaction() {
            connection.close().await?;
        }
        Ok(())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("prefix", &self.inner.prefix.as_str())
            .finish_non_exhaustive()
    }
}
