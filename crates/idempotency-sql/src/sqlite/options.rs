//! What a store is set up with.

use std::{path::Path, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{SetupError, SqliteStore, error::is_busy, schema::Prefix};

/// The settings of an [`SqliteStore`].
///
/// ```
/// # async fn example() -> Result<(), steadfast_idempotency_sql::SetupError> {
/// use steadfast_idempotency_sql::SqliteStore;
///
/// let store = SqliteStore::options()
///     .prefix("billing_")
///     .readers(8)
///     .open("billing.db")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a store is made of them"]
pub struct SqliteOptions {
    prefix: String,
    busy_timeout: Duration,
    readers: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        SqliteOptions {
            prefix: String::new(),
            busy_timeout: Duration::from_secs(5),
            readers: 4,
        }
    }
}

impl SqliteOptions {
    /// What the names of the tables begin with: up to 32 letters, digits and underscores. Nothing, if
    /// not set.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// How long a step waits for another writer before it fails as
    /// [busy](steadfast_idempotency::StoreErrorKind::Busy): 5 s, if not set; one millisecond to a minute. Not read where
    /// a pool is given.
    ///
    /// A call waits for no longer than
    /// [`store_patience`](steadfast_idempotency::IdempotencyBuilder::store_patience) either, which is 1 s if not set and so
    /// ends first. To wait for longer, set both; a call that
    /// [waits](steadfast_idempotency::IdempotencyBuilder::wait_in_flight) for others asks again for as long as it waits.
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How many connections read at a time, beside the one that writes: 4, if not set; 1 to 64. Not
    /// read where a pool is given.
    pub fn readers(mut self, readers: u32) -> Self {
        self.readers = readers;
        self
    }

    /// A store in this file, which is made where it is missing, with its tables.
    ///
    /// The file is set to write ahead (WAL), and every commit is on the disk before it is answered
    /// (`synchronous = FULL`). One connection writes, so that those of this process that want to take
    /// turns in order and do not race for the lock.
    ///
    /// # Errors
    ///
    /// Where a setting is out of its range, the file cannot be opened or made, as in a directory that does not exist,
    /// the path is none of a file (`:memory:`), or its tables are newer than this crate.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, SetupError> {
        let prefix = self.valid_prefix()?;
        if !(Duration::from_millis(1)..=Duration::from_secs(60)).contains(&self.busy_timeout) {
            return Err(SetupError::Setting {
                name: "busy_timeout",
                value: format!("{:?}", self.busy_timeout),
                range: "1 ms to 60 s",
            });
        }
        if !(1..=64).contains(&self.readers) {
            return Err(SetupError::Setting {
                name: "readers",
                value: self.readers.to_string(),
                range: "1 to 64",
            });
        }
        let path = path.as_ref();
        let file = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(self.busy_timeout)
            .disable_statement_logging();
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(self.busy_timeout)
                // A connection is a thread in this process, which is there or is not.
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
        };
        let refused = |error| SetupError::Open {
            path: path.to_owned(),
            error,
        };
        let writer = patiently(self.busy_timeout, &pool(1), &file).await;
        let writer = writer.map_err(refused)?;
        // Readers come later: to be the first one in a new file takes its lock. Where the file has gone by then, they
        // make no other one, which would know none of the keys.
        let reader = pool(self.readers).connect_lazy_with(file.create_if_missing(false));
        let store = SqliteStore::of(reader, writer, &prefix);
        store.check().await?;
        store.migrate().await?;
        Ok(store)
    }

    /// A store in the database of this pool, whose tables [`migrate`](SqliteStore::migrate) makes.
    ///
    /// Its connections have to be set up with
    /// [`journal_mode`](SqliteConnectOptions::journal_mode) WAL,
    /// [`synchronous`](SqliteConnectOptions::synchronous) `FULL` or `EXTRA`, and a
    /// [`busy_timeout`](SqliteConnectOptions::busy_timeout), which sqlx sets to 5 s by itself. One
    /// connection is asked, and stands for all. A commit hook that they have is replaced. A pool of
    /// more than one connection cannot be one of memory, as each of them would have a database of its
    /// own.
    ///
    /// # Errors
    ///
    /// Where the prefix is none, or the connections are set up otherwise.
    pub async fn pool(self, pool: SqlitePool) -> Result<SqliteStore, SetupError> {
        let prefix = self.valid_prefix()?;
        let store = SqliteStore::of(pool.clone(), pool, &prefix);
        store.check().await?;
        Ok(store)
    }

    fn valid_prefix(&self) -> Result<Prefix, SetupError> {
        Prefix::new(&self.prefix).ok_or_else(|| SetupError::Prefix(self.prefix.clone()))
    }
}

impl SqliteStore {
    /// Whether the connections are set up as the promises need it.
    async fn check(&self) -> Result<(), SetupError> {
        let mut connection = self.writer().acquire().await?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut *connection)
            .await?;
        if !mode.eq_ignore_ascii_case("wal") {
            // Otherwise who reads waits for who writes. In memory there is no other mode.
            let file: String =
                sqlx::query_scalar("SELECT file FROM pragma_database_list WHERE name = 'main'")
                    .fetch_one(&mut *connection)
                    .await?;
            return Err(if file.is_empty() {
                SetupError::Memory
            } else {
                pragma("journal_mode", mode, "wal")
            });
        }
        let rules: [(_, i64, _); 2] = [
            // Otherwise a power cut takes claims back whose effects it does not take back.
            ("synchronous", 2, "2 (FULL) or 3 (EXTRA)"),
            // Otherwise two writers that meet are an error for one of them.
            ("busy_timeout", 1, "some milliseconds"),
        ];
        for (name, least, wanted) in rules {
            let found: i64 = sqlx::query_scalar(AssertSqlSafe(format!("PRAGMA {name}")))
                .fetch_one(&mut *connection)
                .await?;
            if found < least {
                return Err(pragma(name, found.to_string(), wanted));
            }
        }
        Ok(())
    }
}

/// Tries for so long to open a file that others open too. Of those that set a new file to write ahead at once SQLite
/// tells all but one that it is busy, without waiting as long as it was told to.
#[expect(
    clippy::disallowed_methods,
    reason = "sqlx waits on tokio's timers as well"
)]
async fn patiently(
    patience: Duration,
    pool: &SqlitePoolOptions,
    file: &SqliteConnectOptions,
) -> Result<SqlitePool, sqlx::Error> {
    let mut busy = sqlx::Error::PoolTimedOut;
    let opened = tokio::time::timeout(patience, async {
        loop {
            match pool.clone().connect_with(file.clone()).await {
                Err(error) if is_busy(&error) => busy = error,
                opened => return opened,
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    opened.await.unwrap_or_else(|_| Err(busy))
}

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(5);

fn pragma(name: &'static str, found: String, wanted: &'static str) -> SetupError {
    SetupError::Pragma {
        name,
        found,
        wanted,
    }
}
