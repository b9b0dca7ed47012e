//! The payment server's database: its charges, and beside them the records of the keys that they were asked for under.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error as _,
    fmt,
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sqlx::{Row as _, SqliteConnection};
#[cfg(test)]
use steadfast::idempotency::{Claim, ClaimRequest, Id, Lapsed, Owner, Store as _};
use steadfast::{
    Error, Fingerprint, Idempotency, InvalidConfig, Key, Refusal, Scope, SqliteStore, TokioRuntime,
    idempotency::{Detached, ExactlyOnce, Json, TxStore},
    idempotency_sql::SetupError,
};
use tempfile::TempDir;

use crate::{
    failure::Failure,
    orders::{Card, Order},
};

/// Who pays through this server. In life it is whoever has signed in; here there is one shop.
const MERCHANT: &str = "the shop";
/// What its keys are for.
const OPERATION: &str = "POST /charges";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a receipt can be had again. By default that is a day; here a run may be repeated next month.
const RECEIPTS_KEPT: Duration = DAY.saturating_mul(365);
/// How long it is known that a key was used. Nothing is charged a second time before that.
const KEYS_KEPT: Duration = DAY.saturating_mul(3650);

/// Proof that a card was charged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) order: String,
    /// Charges in one database are numbered from 1.
    pub(crate) charge: u64,
    /// Whether an earlier request made the charge. It is said in a header, as the body is the same.
    #[serde(skip)]
    pub(crate) replayed: bool,
}

/// What became of a request that the bank looked into; kept for whoever asks again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Settled {
    Charged(Receipt),
    Declined,
}

/// The database.
#[derive(Debug)]
pub(crate) struct Books {
    store: SqliteStore,
    charges: Idempotency<SqliteStore, Json, Detached<TokioRuntime>>,
    merchant: Scope,
    /// The last charge of earlier runs.
    earlier: u64,
    /// Removed with everything in it.
    _temporary: Option<TempDir>,
}

impl Books {
    /// Opens or makes the database in this file.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] when the file cannot be made, is no database, or is one of something else.
    pub(crate) async fn open(file: &Path) -> Result<Self, Failure> {
        Books::at(file).await.map_err(|error| {
            let reason = because(&error);
            Failure::Usage(format!("database file {}: {reason}", file.display()))
        })
    }

    /// Makes a database that is gone when these books are.
    ///
    /// In memory where the system has files there: each charge waits until it is written, and for a disk that is slow
    /// to say so 64 customers would wait in line, which is not what this example is about.
    ///
    /// # Errors
    ///
    /// [`Failure::Environment`] when there is no room for it.
    pub(crate) async fn temporary() -> Result<Self, Failure> {
        let no_room = |reason: &dyn fmt::Display| {
            Failure::Environment(format!("cannot make a temporary database: {reason}"))
        };
        let dir = tempfile::Builder::new();
        let dir = dir
            .tempdir_in("/dev/shm")
            .or_else(|_| dir.tempdir())
            .map_err(|error| no_room(&error))?;
        let books = Books::at(&dir.path().join("checkout.db")).await;
        let books = books.map_err(|error| no_room(&because(&error)))?;
        Ok(Books {
            _temporary: Some(dir),
            ..books
        })
    }

    async fn at(file: &Path) -> Result<Self, SetupError> {
        let store = SqliteStore::open(file).await?;
        let mut connection = store.reader().acquire().await?;
        sqlx::raw_sql(
            "CREATE TABLE IF NOT EXISTS charges (
               number INTEGER PRIMARY KEY AUTOINCREMENT,
               order_id TEXT NOT NULL,
               customer TEXT NOT NULL,
               amount_cents INTEGER NOT NULL,
               currency TEXT NOT NULL
             ) STRICT;
             SELECT number, order_id, customer, amount_cents, currency FROM charges LIMIT 0",
        )
        .execute(&mut *connection)
        .await?;
        let earlier = sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM charges")
            .fetch_one(&mut *connection)
            .await?;
        drop(connection);
        Ok(Books {
            charges: once(store.clone()).expect("the settings are in their ranges"),
            store,
            merchant: Scope::new(MERCHANT, OPERATION).expect("they are printable ASCII"),
            earlier,
            _temporary: None,
        })
    }

    /// Charges the card, again each time it is asked.
    ///
    /// # Errors
    ///
    /// The database's.
    pub(crate) async fn charge(&self, order: &Order) -> Result<Settled, Error<sqlx::Error>> {
        let unavailable = || Error::Rejected(Refusal::StoreUnavailable.rejection("books"));
        let mut tx = self.store.begin().await.map_err(|_| unavailable())?;
        let connection = tx.connection().await.map_err(Error::Operation)?;
        let settled = settle(connection, order).await.map_err(Error::Operation)?;
        self.store.commit(tx).await.map_err(|_| unavailable())?;
        Ok(settled)
    }

    /// Charges the card, or finds out what became of it under this key before. The charge and the record of the key
    /// are committed in one transaction, so there is never one of them without the other.
    ///
    /// # Errors
    ///
    /// A rejection of which [`Refusal::of`] says what it means, or the database's error.
    pub(crate) async fn charge_once(
        &self,
        key: Key,
        fingerprint: Fingerprint,
        order: &Order,
    ) -> Result<Settled, Error<sqlx::Error>> {
        let call = self.charges.key(&self.merchant, key, fingerprint);
        let charged = call.run_tx(async |mut tx| {
            let settled = settle(tx.connection().await?, order).await?;
            Ok(tx.returns(settled))
        });
        let ExactlyOnce {
            value, replayed, ..
        } = charged.await?;
        Ok(match value {
            Settled::Charged(receipt) => Settled::Charged(Receipt {
                replayed,
                ..receipt
            }),
            Settled::Declined => Settled::Declined,
        })
    }

    /// Another server is at it, and has not said what came of it.
    #[cfg(test)]
    pub(crate) async fn begin_elsewhere(&self, key: Key, fingerprint: Fingerprint) {
        let id = Id::new(self.merchant.clone(), key);
        let claim = self.store.claim(ClaimRequest {
            id: &id,
            fingerprint,
            owner: Owner::from_u128(1),
            lease: Duration::from_secs(30),
            result_ttl: DAY,
            key_ttl: DAY,
            lapsed: Lapsed::Block,
        });
        let claim = claim.await.expect("a database");
        assert!(matches!(claim, Claim::Granted { .. }), "{claim:?}");
    }

    /// What the books say about those orders.
    ///
    /// # Errors
    ///
    /// The database's.
    pub(crate) async fn audit(&self, is_meant: impl Fn(&str) -> bool) -> sqlx::Result<Audit> {
        // With `min`, SQLite takes the other columns from the row with the minimum: they are those of the first charge.
        let rows = sqlx::query(
            "SELECT order_id, min(number), amount_cents, currency, count(*), sum(amount_cents), max(number)
             FROM charges GROUP BY order_id",
        )
        .fetch_all(self.store.reader())
        .await?;
        let mut audit = Audit::default();
        for row in rows {
            let (order, charges): (String, u64) = (row.try_get(0)?, row.try_get(4)?);
            if !is_meant(&order) {
                continue;
            }
            if charges > 1 {
                let (once, all): (u64, u64) = (row.try_get(2)?, row.try_get(5)?);
                audit.charged_twice += 1;
                audit.taken_again.add(row.try_get(3)?, all - once);
            } else {
                audit.charged_once.insert(order, row.try_get(1)?);
            }
        }
        // Until here the last of them are in the log beside the file, which somebody may leave behind.
        sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(self.store.reader())
            .await?;
        audit.new_charges = sqlx::query_scalar("SELECT count(*) FROM charges WHERE number > ?1")
            .bind(i64::try_from(self.earlier).expect("it was read as one"))
            .fetch_one(self.store.reader())
            .await?;
        Ok(audit)
    }
}

/// What has its effect once per key.
fn once(
    store: SqliteStore,
) -> Result<Idempotency<SqliteStore, Json, Detached<TokioRuntime>>, InvalidConfig> {
    Idempotency::builder(store)
        .result_ttl(RECEIPTS_KEPT)
        .key_ttl(KEYS_KEPT)
        .codec(Json::new())
        .spawn_on(TokioRuntime)
        .named("charges")
        .build()
}

/// Charges a card that is good.
async fn settle(connection: &mut SqliteConnection, order: &Order) -> sqlx::Result<Settled> {
    if order.card == Card::Declined {
        return Ok(Settled::Declined);
    }
    let amount = i64::try_from(order.amount_cents).map_err(|e| sqlx::Error::Encode(e.into()))?;
    let charge = sqlx::query_scalar(
        "INSERT INTO charges (order_id, customer, amount_cents, currency) VALUES (?1, ?2, ?3, ?4)
         RETURNING number",
    )
    .bind(&order.id)
    .bind(&order.customer)
    .bind(amount)
    .bind(&order.currency)
    .fetch_one(connection)
    .await?;
    Ok(Settled::Charged(Receipt {
        order: order.id.clone(),
        charge,
        replayed: false,
    }))
}

/// An error with what is behind it.
fn because(error: &SetupError) -> String {
    match (error, error.source()) {
        (_, None) => error.to_string(),
        // The file is named already.
        (SetupError::Open { error, .. }, _) => error.to_string(),
        (_, Some(source)) => format!("{error}: {source}"),
    }
}

/// What the books say at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audit {
    /// The orders that have exactly one charge, and which that is.
    pub(crate) charged_once: HashMap<String, u64>,
    /// Orders that were charged more than once.
    pub(crate) charged_twice: u64,
    /// What they were charged beyond the first time.
    pub(crate) taken_again: Money,
    /// Charges that were made since the books were opened.
    pub(crate) new_charges: u64,
}

/// Sums in several currencies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Money {
    cents: BTreeMap<String, u64>,
}

impl Money {
    pub(crate) fn add(&mut self, currency: String, cents: u64) {
        let sum = self.cents.entry(currency).or_default();
        *sum = sum.saturating_add(cents);
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.cents.len().saturating_sub(1);
        for (i, (currency, cents)) in self.cents.iter().enumerate() {
            let between = match i {
                0 => "",
                _ if i == last => " and ",
                _ => ", ",
            };
            write!(f, "{between}{}.{:02} {currency}", cents / 100, cents % 100)?;
        }
        Ok(())
    }
}
