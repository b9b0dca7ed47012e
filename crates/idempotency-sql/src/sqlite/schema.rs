//! The tables, version by version, under names that a prefix keeps apart from others.

use std::fmt;

/// One step from an empty database to the tables as they are now.
///
/// Steps are never changed once they are released: a later version adds one. Each can be run by
/// [`SqliteStore::migrate`](super::SqliteStore::migrate), or be printed and run by whatever runs the
/// migrations of the rest of the database; both ways agree on what has been done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number, from one.
    pub version: u32,
    /// Its statements.
    pub sql: String,
}

impl fmt::Display for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql)
    }
}

/// What every table name begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefix(String);

impl Prefix {
    /// `None` where it could not begin a name that needs no quotes.
    pub(super) fn new(prefix: &str) -> Option<Self> {
        let first = prefix.bytes().next();
        let begins = first.is_none_or(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        // SQLite keeps this beginning for itself.
        let taken = prefix
            .get(..7)
            .is_some_and(|begin| begin.eq_ignore_ascii_case("sqlite_"));
        (begins && prefix.len() <= LONGEST && prefix.bytes().all(word) && !taken)
            .then(|| Prefix(prefix.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The statement with the names of the tables in it.
    pub(super) fn name(&self, sql: &str) -> String {
        sql.replace("{p}", &self.0)
    }

    pub(super) fn migrations(&self) -> Vec<Migration> {
        (1..)
            .zip(MIGRATIONS)
            .map(|(version, sql)| Migration {
                version,
                sql: self.name(sql),
            })
            .collect()
    }
}

/// How long a prefix may be, in bytes.
pub(super) const LONGEST: usize = 32;

const MIGRATIONS: [&str; 1] = [include_str!("schema_1.sql")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_beginning_of_a_name_and_nothing_else() {
        for good in ["", "a", "billing_", "_1", "sqlit", &"a".repeat(32)] {
            assert!(Prefix::new(good).is_some(), "{good}");
        }
        let long = "a".repeat(33);
        for bad in [
            "1a", "a b", "a;--", "a\"", "ä", "sqlite_", "SQLite_x", &long,
        ] {
            assert!(Prefix::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn every_name_in_the_schema_begins_with_the_prefix() {
        let prefix = Prefix::new("billing_").unwrap();
        let migrations = prefix.migrations();
        assert_eq!(migrations.len(), MIGRATIONS.len());
        for migration in migrations {
            let sql = migration.to_string();
            assert_eq!(
                sql.matches("idempotency_").count(),
                sql.matches("billing_idempotency_").count()
            );
            assert!(!sql.contains("{p}"));
        }
    }

    #[test]
    fn the_page_shows_the_schema_as_it_is() {
        let schema = &Prefix::default().migrations()[0].sql;
        let page = include_str!("../lib.rs");
        let lines = page.lines().filter_map(|line| line.strip_prefix("//!"));
        let page: Vec<&str> = lines.map(str::trim).collect();
        let schema: Vec<&str> = schema.lines().map(str::trim).collect();
        let found = page.windows(schema.len()).any(|lines| lines == schema);
        assert!(found, "the page shows another schema");
    }
}
