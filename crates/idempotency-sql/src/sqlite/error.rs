//! What SQLite says when it cannot, in the terms of the protocol.

use std::{error, fmt, path::PathBuf};

use steadfast_idempotency::{StoreError, StoreErrorKind};

use super::schema::LONGEST;

/// Why there is no store.
#[derive(Debug)]
#[non_exhaustive]
pub enum SetupError {
    /// The prefix does not begin a table's name.
    Prefix(String),
    /// A setting is out of its range.
    Setting {
        /// Which one.
        name: &'static str,
        /// What it was to be.
        value: String,
        /// What it may be.
        range: &'static str,
    },
    /// The file cannot be opened or made.
    Open {
        /// Which one.
        path: PathBuf,
        /// Why not.
        error: sqlx::Error,
    },
    /// The database has no file.
    Memory,
    /// The connections of a pool are not set up for it.
    Pragma {
        /// Which pragma it is about.
        name: &'static str,
        /// What it was.
        found: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// The tables are of a version that a later release of this crate made.
    Newer {
        /// Their version.
        found: u32,
        /// The latest version that this release knows.
        known: u32,
    },
    /// The database refused.
    Database(sqlx::Error),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupError::Prefix(prefix) => write!(
                f,
                "a table prefix has up to {LONGEST} letters, digits and underscores, does not begin \
                 with a digit or `sqlite_`, and {prefix:?} is none"
            ),
            SetupError::Setting { name, value, range } => {
                write!(f, "{name} is {value}, and has to be {range}")
            }
            SetupError::Open { path, error } if code(error) == Some(CANNOT_OPEN) => write!(
                f,
                "the database file {path:?} cannot be opened or made; its directory has to exist and to be writable"
            ),
            SetupError::Open { path, .. } => {
                write!(f, "the database file {path:?} cannot be opened")
            }
            SetupError::Memory => f.write_str(
                "the database is in memory or temporary, and the store needs one in a file",
            ),
            SetupError::Pragma {
                name,
                found,
                wanted,
            } => write!(
                f,
                "the pool's connections have pragma {name} = {found}, and need {wanted}"
            ),
            SetupError::Newer { found, known } => write!(
                f,
                "the tables are of version {found}, and this release knows up to {known}"
            ),
            SetupError::Database(_) => f.write_str("the database could not be set up"),
        }
    }
}

impl error::Error for SetupError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            SetupError::Database(error) | SetupError::Open { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<sqlx::Error> for SetupError {
    fn from(error: sqlx::Error) -> Self {
        SetupError::Database(error)
    }
}

/// The error of a step that was rolled back, or of which that is not known.
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    StoreError::caused_by(kind(&error), error)
}

/// A record that says something that no store has written.
pub(super) fn corrupt(what: &'static str) -> StoreError {
    StoreError::caused_by(StoreErrorKind::Corrupt, what)
}

fn kind(error: &sqlx::Error) -> StoreErrorKind {
    match error {
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::Decode(_) => StoreErrorKind::Corrupt,
        sqlx::Error::PoolTimedOut => StoreErrorKind::Busy,
        error => match code(error) {
            // SQLITE_CORRUPT, SQLITE_NOTADB
            Some(11 | 26) => StoreErrorKind::Corrupt,
            // SQLITE_FULL, SQLITE_TOOBIG
            Some(13 | 18) => StoreErrorKind::Full,
            // SQLITE_BUSY, SQLITE_LOCKED
            Some(5 | 6) => StoreErrorKind::Busy,
            _ => StoreErrorKind::Unavailable,
        },
    }
}

/// Whether somebody else has a lock that is needed.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    // SQLITE_BUSY
    code(error) == Some(5)
}

/// `SQLITE_CANTOPEN`
const CANNOT_OPEN: u32 = 14;

/// The code of an error of SQLite. The extended one says more in the bits above:
/// <https://www.sqlite.org/rescode.html>
fn code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    Some(code.parse::<u32>().ok()? & 0xff)
}
