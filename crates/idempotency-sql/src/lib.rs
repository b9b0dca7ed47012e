//! Idempotency records in a SQL database.

#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "sqlite")]
pub use self::sqlite::{Migration, SetupError, SqliteOptions, SqliteStore, SqliteTx};
