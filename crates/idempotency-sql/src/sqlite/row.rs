//! A record as a row, and a row as a record.

use std::sync::Arc;

use sqlx::{
    Row, Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use steadfast_idempotency::{
    Fence, Fingerprint, Id, Key, Owner, Record, Scope, State, StoreError, StoreTime, Stored,
};

use super::error::{corrupt, failed};

type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

/// The columns that [`read`] reads, in its order.
pub(super) const COLUMNS: &str = "r.fingerprint, r.state, r.fence, r.owner, r.lease_until, \
     r.created_at, r.result_expires_at, r.expires_at, r.step, r.status, r.headers, r.body, \
     r.body_omitted, r.attempts, r.taken_over";

/// The record of `id`, whose columns begin at `at`.
pub(super) fn read(row: &SqliteRow, at: usize, id: Id) -> Result<Record, StoreError> {
    let number = |column: usize| row.try_get::<i64, _>(at + column).map_err(failed);
    let time = |column: usize| number(column).map(StoreTime::from_micros);
    let text = |column: usize| row.try_get::<&str, _>(at + column).map_err(failed);
    let bytes = |column: usize| row.try_get::<Option<&[u8]>, _>(at + column).map_err(failed);
    let flag = |column: usize| Ok::<_, StoreError>(number(column)? != 0);

    let fingerprint = bytes(0)?.and_then(|bytes| bytes.try_into().ok());
    let fingerprint = fingerprint.ok_or_else(|| corrupt("a fingerprint has 32 bytes"))?;
    let owner = bytes(3)?.and_then(|bytes| bytes.try_into().ok());
    let owner = owner.ok_or_else(|| corrupt("an owner has 16 bytes"))?;
    let fence = u64::try_from(number(2)?).map_err(|_| corrupt("a fence is not negative"))?;
    let step: Option<&str> = row.try_get(at + 8).map_err(failed)?;
    let status: Option<u16> = row.try_get(at + 9).map_err(failed)?;
    let state = match text(1)? {
        "in flight" => State::InFlight,
        "completed" => State::Completed,
        "released" => State::Released,
        "indeterminate" => State::Indeterminate,
        _ => return Err(corrupt("a state has one of four names")),
    };
    let result = match (state, status) {
        (State::Completed, Some(status)) => Some(Stored {
            status,
            headers: bytes(10)?.unwrap_or_default().into(),
            body: match (bytes(11)?, flag(12)?) {
                (Some(body), false) => Some(body.into()),
                (None, true) => None,
                _ => return Err(corrupt("a result has a body, or it was omitted")),
            },
        }),
        (State::Completed, None) => return Err(corrupt("a completed record has a result")),
        (_, Some(_)) => return Err(corrupt("only a completed record has a result")),
        (_, None) => None,
    };
    Ok(Record {
        id,
        fingerprint: Fingerprint::from_bytes(fingerprint),
        state,
        fence: Fence::new(fence),
        owner: Owner::from_u128(u128::from_be_bytes(owner)),
        lease_until: time(4)?,
        created_at: time(5)?,
        result_expires_at: time(6)?,
        expires_at: time(7)?,
        step: step.map(Arc::from),
        result,
        attempts: u32::try_from(number(13)?).map_err(|_| corrupt("attempts are 32 bits"))?,
        taken_over: flag(14)?,
    })
}

/// The id that a row says it has, in the columns principal, operation and key from `at` on.
pub(super) fn read_id(row: &SqliteRow, at: usize) -> Result<Id, StoreError> {
    let text = |column: usize| row.try_get::<&str, _>(at + column).map_err(failed);
    let principal: Option<&str> = row.try_get(at).map_err(failed)?;
    let operation = text(1)?;
    let scope = match principal {
        Some(principal) => Scope::new(principal, operation),
        None => Scope::shared(operation),
    };
    let scope = scope.map_err(|_| corrupt("a scope is of printable characters"))?;
    let key = Key::new(text(2)?).map_err(|_| corrupt("a key is of printable characters"))?;
    Ok(Id::new(scope, key))
}

/// The record as the parameters of [`Sql::write`](super::sql::Sql::write), in their order.
pub(super) fn bind<'q>(query: Bound<'q>, record: &Record) -> Result<Bound<'q>, StoreError> {
    let Record { id, result, .. } = record;
    let result = result.as_ref();
    let body = result.and_then(|result| result.body.as_deref());
    let fence = i64::try_from(record.fence.get()).map_err(|_| corrupt("a fence is 63 bits"))?;
    Ok(query
        .bind(id.digest().to_vec())
        .bind(id.scope().principal().map(str::to_owned))
        .bind(id.scope().operation().to_owned())
        .bind(id.key().as_str().to_owned())
        .bind(record.fingerprint.as_bytes().to_vec())
        .bind(name(record.state))
        .bind(fence)
        .bind(record.owner.as_u128().to_be_bytes().to_vec())
        .bind(record.lease_until.as_micros())
        .bind(record.created_at.as_micros())
        .bind(record.result_expires_at.as_micros())
        .bind(record.expires_at.as_micros())
        .bind(record.step.as_deref().map(str::to_owned))
        .bind(result.map(|result| result.status))
        .bind(result.map(|result| result.headers.to_vec()))
        .bind(body.map(<[u8]>::to_vec))
        .bind(result.is_some() && body.is_none())
        .bind(record.attempts)
        .bind(record.taken_over))
}

fn name(state: State) -> &'static str {
    match state {
        State::InFlight => "in flight",
        State::Completed => "completed",
        State::Released => "released",
        State::Indeterminate => "indeterminate",
    }
}
