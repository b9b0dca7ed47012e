//! A record as a row, and a row as a record.

use std::{sync::Arc, time::Duration};

use sqlx::{
    Row, Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use steadfast_idempotency::{
    ClaimRequest, Ending, Fence, Fingerprint, Id, Key, Lease, Owner, Record, Scope, State,
    StoreError, StoreTime, Stored,
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
    let query = bind_id(query, &record.id)
        .bind(record.fingerprint.as_bytes().to_vec())
        .bind(name(record.state))
        .bind(fence(record.fence)?)
        .bind(owner(record.owner))
        .bind(record.lease_until.as_micros())
        .bind(record.created_at.as_micros())
        .bind(record.result_expires_at.as_micros())
        .bind(record.expires_at.as_micros())
        .bind(record.step.as_deref().map(str::to_owned));
    let query = bind_result(query, record.result.as_ref());
    Ok(query.bind(record.attempts).bind(record.taken_over))
}

/// A first claim as the parameters of [`Sql::insert`](super::sql::Sql::insert).
pub(super) fn bind_claim<'q>(query: Bound<'q>, request: &ClaimRequest<'_>) -> Bound<'q> {
    bind_id(query, request.id)
        .bind(request.fingerprint.as_bytes().to_vec())
        .bind(owner(request.owner))
        .bind(micros(request.lease))
        .bind(micros(request.result_ttl))
        .bind(micros(request.key_ttl.max(request.result_ttl)))
}

/// What a lease is about as the first parameters of [`Sql::renew`](super::sql::Sql::renew) and
/// [`Sql::finish`](super::sql::Sql::finish).
pub(super) fn bind_lease<'q>(query: Bound<'q>, lease: &Lease) -> Result<Bound<'q>, StoreError> {
    Ok(query
        .bind(lease.id.digest().to_vec())
        .bind(owner(lease.owner))
        .bind(fence(lease.fence)?))
}

/// How it ended as the further parameters of [`Sql::finish`](super::sql::Sql::finish).
pub(super) fn bind_ending<'q>(query: Bound<'q>, ending: &Ending) -> Bound<'q> {
    let (state, result) = match ending {
        Ending::Completed(result) => (State::Completed, Some(result)),
        Ending::Released => (State::Released, None),
        Ending::Unknown => (State::Indeterminate, None),
    };
    bind_result(query.bind(name(state)), result)
}

/// A length of time to be added to a moment of this age of the universe, without an overflow.
pub(super) fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).map_or(i64::MAX / 2, |micros| micros.min(i64::MAX / 2))
}

fn bind_id<'q>(query: Bound<'q>, id: &Id) -> Bound<'q> {
    query
        .bind(id.digest().to_vec())
        .bind(id.scope().principal().map(str::to_owned))
        .bind(id.scope().operation().to_owned())
        .bind(id.key().as_str().to_owned())
}

fn bind_result<'q>(query: Bound<'q>, result: Option<&Stored>) -> Bound<'q> {
    let body = result.and_then(|result| result.body.as_deref());
    query
        .bind(result.map(|result| result.status))
        .bind(result.map(|result| result.headers.to_vec()))
        .bind(body.map(<[u8]>::to_vec))
        .bind(result.is_some() && body.is_none())
}

fn owner(owner: Owner) -> Vec<u8> {
    owner.as_u128().to_be_bytes().to_vec()
}

fn fence(fence: Fence) -> Result<i64, StoreError> {
    i64::try_from(fence.get()).map_err(|_| corrupt("a fence has 63 bits"))
}

fn name(state: State) -> &'static str {
    match state {
        State::InFlight => "in flight",
        State::Completed => "completed",
        State::Released => "released",
        State::Indeterminate => "indeterminate",
    }
}
