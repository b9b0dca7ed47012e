//! The statements, composed once for a store.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Sqlite, query::Query, sqlite::SqliteArguments};

use super::{row::COLUMNS, schema::Prefix};

/// The moment of the statement, in microseconds since 1970. SQLite counts milliseconds.
const NOW: &str = "CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER) * 1000";

/// A statement that is sent as it is: what is in it besides constants is a [`Prefix`].
#[derive(Clone, Debug)]
pub(super) struct Statement(Arc<str>);

impl Statement {
    fn new(prefix: &Prefix, sql: &str) -> Self {
        let sql = sql.replace("{now}", NOW).replace("{columns}", COLUMNS);
        Statement(prefix.name(&sql).into())
    }

    pub(super) fn sql(&self) -> AssertSqlSafe<Arc<str>> {
        AssertSqlSafe(Arc::clone(&self.0))
    }

    pub(super) fn query<'q>(&self) -> Query<'q, Sqlite, SqliteArguments> {
        sqlx::query(self.sql())
    }
}

/// The statements of a store.
#[derive(Debug)]
pub(super) struct Sql {
    /// Takes the lock for writing.
    pub(super) begin: Statement,
    /// `(id)`: the moment, and the record or nulls.
    pub(super) read: Statement,
    /// `(id, principal, operation, key, fingerprint, owner, lease, result ttl, key ttl)`: a first claim, where there is
    /// no record.
    pub(super) insert: Statement,
    /// `(id, owner, fence, length, step)`: a renewal of what is held.
    pub(super) renew: Statement,
    /// `(id, owner, fence, state, status, headers, body, body omitted)`: the end of what is held, within the time that
    /// its result is kept.
    pub(super) finish: Statement,
    /// A record, as [`bind`](super::row::bind) binds it, in the place of whatever was there.
    pub(super) write: Statement,
    /// Whether there is anything to reap.
    pub(super) reapable: Statement,
    /// `(limit)`: deletes that many whose time is over.
    pub(super) reap: Statement,
    /// `(limit)`: ids and records of which nobody knows what came of them.
    pub(super) indeterminate: Statement,
    /// The version of the tables.
    pub(super) version: Statement,
    /// Whether there are tables that say their version.
    pub(super) has_version: Statement,
}

impl Sql {
    pub(super) fn new(prefix: &Prefix) -> Self {
        let statement = |sql| Statement::new(prefix, sql);
        Sql {
            begin: statement("BEGIN IMMEDIATE"),
            read: statement(
                "SELECT {now}, {columns} FROM (SELECT 1) \
                 LEFT JOIN {p}idempotency_records AS r ON r.id = ?1",
            ),
            insert: statement(
                "INSERT INTO {p}idempotency_records (id, principal, operation, key, fingerprint, \
                 owner, lease_until, created_at, result_expires_at, expires_at, state, fence, \
                 attempts, taken_over) SELECT ?1, ?2, ?3, ?4, ?5, ?6, now + ?7, now, now + ?8, \
                 now + ?9, 'in flight', 1, 1, 0 FROM (SELECT {now} AS now) WHERE TRUE \
                 ON CONFLICT (id) DO NOTHING",
            ),
            renew: statement(
                "UPDATE {p}idempotency_records SET state = 'in flight', \
                 lease_until = MAX(lease_until, {now} + ?4), step = COALESCE(?5, step) \
                 WHERE id = ?1 AND owner = ?2 AND fence = ?3 AND state IN ('in flight', 'indeterminate')",
            ),
            finish: statement(
                "UPDATE {p}idempotency_records SET state = ?4, status = ?5, headers = ?6, \
                 body = ?7, body_omitted = ?8 \
                 WHERE id = ?1 AND owner = ?2 AND fence = ?3 AND state IN ('in flight', 'indeterminate') \
                 AND result_expires_at > {now}",
            ),
            write: statement(
                "INSERT INTO {p}idempotency_records (id, principal, operation, key, fingerprint, \
                 state, fence, owner, lease_until, created_at, result_expires_at, expires_at, step, \
                 status, headers, body, body_omitted, attempts, taken_over) VALUES (?1, ?2, ?3, ?4, \
                 ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) \
                 ON CONFLICT (id) DO UPDATE SET fingerprint = ?5, state = ?6, fence = ?7, \
                 owner = ?8, lease_until = ?9, created_at = ?10, result_expires_at = ?11, \
                 expires_at = ?12, step = ?13, status = ?14, headers = ?15, body = ?16, \
                 body_omitted = ?17, attempts = ?18, taken_over = ?19",
            ),
            reapable: statement(
                "SELECT EXISTS (SELECT 1 FROM {p}idempotency_records \
                 WHERE state IN ('completed', 'released') AND expires_at <= {now})",
            ),
            reap: statement(
                "DELETE FROM {p}idempotency_records WHERE rowid IN (\
                 SELECT rowid FROM {p}idempotency_records \
                 WHERE state IN ('completed', 'released') AND expires_at <= {now} \
                 ORDER BY expires_at LIMIT ?1)",
            ),
            indeterminate: statement(
                "SELECT r.principal, r.operation, r.key, {columns} \
                 FROM {p}idempotency_records AS r WHERE r.state IN ('in flight', 'indeterminate') \
                 AND (r.state = 'indeterminate' OR r.lease_until <= {now}) \
                 ORDER BY r.created_at LIMIT ?1",
            ),
            version: statement("SELECT COALESCE(MAX(version), 0) FROM {p}idempotency_schema"),
            has_version: statement(
                "SELECT EXISTS (SELECT 1 FROM sqlite_schema \
                 WHERE type = 'table' AND name = '{p}idempotency_schema' COLLATE NOCASE)",
            ),
        }
    }
}

/// The statements with something else in the place of a part of them, to see who notices.
#[cfg(test)]
impl Sql {
    pub(super) fn replaced(mut self, part: &str, by: &str) -> Self {
        let mut found = false;
        for statement in [
            &mut self.begin,
            &mut self.read,
            &mut self.insert,
            &mut self.renew,
            &mut self.finish,
            &mut self.write,
            &mut self.reapable,
            &mut self.reap,
            &mut self.indeterminate,
        ] {
            found |= statement.0.contains(part);
            statement.0 = statement.0.replace(part, by).into();
        }
        assert!(found, "{part:?} is in no statement");
        self
    }
}
