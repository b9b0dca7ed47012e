//! What the stories share: a file of their own, and short names for the protocol's words.
#![allow(dead_code, reason = "no story uses all of it")]

use std::{path::PathBuf, time::Duration};

use sqlx::{
    AssertSqlSafe, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use steadfast_idempotency::{
    Claim, ClaimRequest, Fence, Fingerprint, Id, Key, Lapsed, Lease, Owner, Scope, Store, Stored,
};
use steadfast_idempotency_sql::SqliteStore;
use tempfile::TempDir;

pub(crate) const LEASE: Duration = Duration::from_secs(30);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// A folder that goes with the story, and a file in it.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Place(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("records.db")
    }

    pub(crate) async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.path()).await.unwrap()
    }
}

pub(crate) fn id(key: &str) -> Id {
    Id::new(Scope::new("me", "test").unwrap(), Key::new(key).unwrap())
}

pub(crate) fn request(id: &Id, owner: u128) -> ClaimRequest<'_> {
    ClaimRequest {
        id,
        fingerprint: Fingerprint::of(b"payload"),
        owner: Owner::from_u128(owner),
        lease: LEASE,
        result_ttl: DAY,
        key_ttl: DAY * 30,
        lapsed: Lapsed::Block,
    }
}

pub(crate) fn lease(id: &Id, owner: u128, fence: u64) -> Lease {
    Lease::new(&request(id, owner), Fence::new(fence))
}

/// Claims what has to be free.
pub(crate) async fn claimed(store: &impl Store, id: &Id, owner: u128) -> Lease {
    match store.claim(request(id, owner)).await.unwrap() {
        Claim::Granted { fence, .. } => lease(id, owner, fence.get()),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn result(text: &str) -> Stored {
    Stored::body(text.as_bytes().to_vec())
}

/// Lets time pass for all records: they are as much older.
pub(crate) async fn age(pool: &SqlitePool, by: Duration) {
    let by = by.as_micros();
    let sql = format!(
        "UPDATE idempotency_records SET lease_until = lease_until - {by}, \
         created_at = created_at - {by}, result_expires_at = result_expires_at - {by}, \
         expires_at = expires_at - {by}"
    );
    run(pool, &sql).await;
}

pub(crate) async fn run(pool: &SqlitePool, sql: &str) {
    let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    query.execute(pool).await.unwrap();
}

pub(crate) async fn count(pool: &SqlitePool, from: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {from}");
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Connections as a store needs them.
pub(crate) fn file(place: &Place) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(place.path())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
}
