//! Idempotency records in a SQL database, beside the data: claim, effect and result are committed together, or not
//! at all.
//!
//! It keeps the records of [`steadfast_idempotency`]. The database is SQLite so far, over sqlx, behind the
//! feature `sqlite`: one file, any number of processes of one machine.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use steadfast_core::TokioRuntime;
//! use steadfast_idempotency::{Fingerprint, Idempotency, Key, Refusal, Scope, TxStore as _};
//! use steadfast_idempotency_sql::SqliteStore;
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("shop.db");
//! let store = SqliteStore::open(path).await?; // makes the file and the tables where they are missing
//! let mut tx = store.begin().await?;
//! let table = sqlx::query("CREATE TABLE charges (customer TEXT, amount INTEGER)");
//! table.execute(tx.connection().await?).await?;
//! store.commit(tx).await?;
//!
//! let charges = Idempotency::builder(store.clone()).spawn_on(TokioRuntime).build()?;
//! let scope = Scope::new("customer-7", "POST /charges")?;
//! let charge = async |amount: i64| {
//!     let payload = Fingerprint::of(&amount.to_be_bytes());
//!     let claim = charges.key(&scope, Key::new("order-4711").expect("it is printable"), payload);
//!     claim
//!         .run_tx(|mut tx| async move {
//!             sqlx::query("INSERT INTO charges VALUES ('customer-7', ?1)")
//!                 .bind(amount)
//!                 .execute(tx.connection().await?)
//!                 .await?;
//!             Ok::<_, sqlx::Error>(tx.returns(format!("charged {amount}")))
//!         })
//!         .await
//! };
//!
//! // However often it is asked for, it is done once.
//! let first = charge(10).await?;
//! let again = charge(10).await?;
//! assert_eq!((first.value.as_str(), first.replayed), ("charged 10", false));
//! assert_eq!((again.value.as_str(), again.replayed), ("charged 10", true));
//! let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM charges").fetch_one(store.reader()).await?;
//! assert_eq!(rows, 1);
//!
//! // The same key for something else is refused.
//! let refused = charge(11).await.unwrap_err();
//! assert_eq!(refused.rejection().and_then(Refusal::of), Some(Refusal::Mismatch));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! ```toml
//! [dependencies]
//! steadfast-core = { version = "0.1", features = ["tokio"] }
//! steadfast-idempotency = "0.1"
//! steadfast-idempotency-sql = { version = "0.1", features = ["sqlite"] }
//! sqlx = { version = "0.9", default-features = false, features = ["sqlite-bundled"] }
//! ```
//!
//! `tx.connection()` is a connection of sqlx 0.9: of another version it is another type. The feature `sqlite-bundled`
//! is what this crate builds of SQLite itself; add others of sqlx, such as `macros`, as you need them. The example
//! `idempotent_axum` of the repository is an HTTP server on this store.
//!
//! # What it promises on SQLite
//!
//! | | effects of a key | when a process dies in the midst of it |
//! |---|---|---|
//! | `run_tx`, the effect is SQL in the same file | exactly one | it is rolled back, and the next one runs |
//! | `run`, `.block()` | at most one | it is indeterminate, and says so, until somebody [resolves](steadfast_idempotency::Store::resolve) it |
//! | `run`, `.retake()` | at least one | the next one runs it again |
//!
//! A test kills and pauses worker processes at every point of a call, in each mode, and counts the effects.
//!
//! | | |
//! |---|---|
//! | a claim, a completion, a commit | is on the disk before it is answered (`synchronous = FULL`) |
//! | a replay, a duplicate of what is in flight, a mismatch | is a read, where the claim is committed, as that of `run` is: it takes no lock, and waits for none |
//! | a duplicate of a transaction under way | is told so in the same process, and waits for the writer in another: nobody reads a claim that is not committed |
//! | a transaction | is the only writer of the file from its claim to its commit: keep it short |
//! | a step whose answer is dropped or not polled | ends by itself, whole or not at all, and holds up nobody |
//! | time | is that of the database, to the millisecond; a caller's clock is never asked |
//! | a row that cannot be read | is an error of its kind, and stays as it is |
//!
//! # Setting up
//!
//! [`SqliteStore::open`] sets all of it. To share a pool with the rest of a program there is
//! [`SqliteStore::from_pool`], which checks that its connections have `journal_mode` WAL, `synchronous` `FULL` or
//! `EXTRA`, and a `busy_timeout`; then [`migrate`](SqliteStore::migrate) makes the tables, or whatever runs the
//! other migrations runs those that [`SqliteStore::migrations`] prints:
//!
//! ```sql
//! CREATE TABLE IF NOT EXISTS idempotency_records (
//!     id                BLOB    NOT NULL PRIMARY KEY, -- SHA-256 over scope and key
//!     principal         TEXT,                         -- whose keys they are; NULL where all share them
//!     operation         TEXT    NOT NULL,             -- what they are for
//!     key               TEXT    NOT NULL,             -- as the client sent it
//!     fingerprint       BLOB    NOT NULL,             -- of what was asked for
//!     state             TEXT    NOT NULL
//!         CHECK (state IN ('in flight', 'completed', 'released', 'indeterminate')),
//!     fence             INTEGER NOT NULL,             -- the number of the latest claim
//!     owner             BLOB    NOT NULL,             -- who made it
//!     lease_until       INTEGER NOT NULL,             -- moments are microseconds since 1970
//!     created_at        INTEGER NOT NULL,
//!     result_expires_at INTEGER NOT NULL,
//!     expires_at        INTEGER NOT NULL,
//!     step              TEXT,                         -- the last point that was said to be reached
//!     status            INTEGER,                      -- NULL as long as there is no result
//!     headers           BLOB,
//!     body              BLOB,
//!     body_omitted      INTEGER NOT NULL DEFAULT 0,   -- 1 where the body was too large to be kept
//!     attempts          INTEGER NOT NULL,             -- how often it was claimed
//!     taken_over        INTEGER NOT NULL              -- 1 where the latest claim took over
//! ) STRICT;
//!
//! -- What may be deleted, oldest first.
//! CREATE INDEX IF NOT EXISTS idempotency_reapable
//!     ON idempotency_records (expires_at) WHERE state IN ('completed', 'released');
//!
//! -- What somebody is at, and what waits for somebody to find out, oldest first.
//! CREATE INDEX IF NOT EXISTS idempotency_open
//!     ON idempotency_records (created_at) WHERE state IN ('in flight', 'indeterminate');
//!
//! CREATE TABLE IF NOT EXISTS idempotency_schema (version INTEGER NOT NULL PRIMARY KEY) STRICT;
//! INSERT OR IGNORE INTO idempotency_schema (version) VALUES (1);
//! ```
//!
//! # Operating it
//!
//! **What is indeterminate** waits for somebody to find out. [`SqliteStore::indeterminate`] lists it, oldest first;
//! `resolve` says what came of it:
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # async fn operate(store: steadfast_idempotency_sql::SqliteStore) -> Result<(), steadfast_idempotency::StoreError> {
//! use steadfast_idempotency::{Ending, Store as _};
//!
//! for record in store.indeterminate(100).await? {
//!     println!("{:?}, claimed {} times, reached {:?}", record.id, record.attempts, record.step);
//!     // Where the provider's books say that nothing came of it, the next call may run:
//!     store.resolve(&record.id, Ending::Released).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Where it was done, it is resolved as [`Ending::Completed`](steadfast_idempotency::Ending::Completed), with what the
//! codec makes of the result, and is replayed from then on. A call whose process died is marked as indeterminate when
//! somebody asks again; it is listed, and can be resolved, as soon as its lease is over.
//!
//! **What is over** is deleted by [`reap`](steadfast_idempotency::Store::reap), a batch at a time: spawn
//! [`Idempotency::reaper`](steadfast_idempotency::Idempotency::reaper). What is indeterminate or in flight stays. The file
//! does not shrink by it, as SQLite uses the room again.
//!
//! **How fast it is** the disk decides: a first call is two commits, and one commit after another is all that a file
//! bears. Replays are a read each. The example `throughput` measures both.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "sqlite")]
pub use self::sqlite::{Migration, SetupError, SqliteOptions, SqliteStore, SqliteTx};
