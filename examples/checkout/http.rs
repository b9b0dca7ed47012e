//! Idempotency keys in HTTP: what the header says, and what is answered where a key cannot be served.
//!
//! After draft-ietf-httpapi-idempotency-key-header, and RFC 9457 for the bodies.

use axum::{
    Json,
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;
use steadfast::{Error, Key, Refusal};

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says of an answer that an earlier request brought it about.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The key of a request, if it has one.
///
/// # Errors
///
/// 400 where there is more than one, or it is none.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<Key>, Box<Response>> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bad = |detail: &str| {
        let status = StatusCode::BAD_REQUEST;
        Box::new(problem(status, "idempotency-key-invalid", detail))
    };
    if values.next().is_some() {
        return Err(bad("a request has one idempotency key"));
    }
    let text = value.to_str().unwrap_or_default();
    let key = unquoted(text).and_then(|text| Key::new(text).ok());
    key.map(Some)
        .ok_or_else(|| bad("an idempotency key has 1 to 255 printable ASCII characters"))
}

/// The characters of a string of RFC 9651, and bare ones as they are. Escapes are no part of a key.
fn unquoted(text: &str) -> Option<&str> {
    let inner = text
        .strip_prefix('"')
        .map_or(Some(text), |rest| rest.strip_suffix('"'))?;
    (!inner.contains(['"', '\\'])).then_some(inner)
}

/// Why there is neither a receipt nor a declined card; the page of `steadfast-idempotency` says why these statuses.
pub(crate) fn refused(error: &Error<sqlx::Error>) -> Response {
    let rejection = error.rejection();
    let refusal = rejection.and_then(Refusal::of);
    let (status, code) = match refusal {
        Some(Refusal::Mismatch) => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
        Some(Refusal::InFlight | Refusal::Fenced) => (StatusCode::CONFLICT, "request-in-flight"),
        // Nobody knows when somebody will find out, so there is no time to come back at.
        Some(Refusal::Indeterminate) => (StatusCode::CONFLICT, "outcome-unknown"),
        Some(Refusal::ResultExpired) => (StatusCode::GONE, "receipt-expired"),
        Some(Refusal::ResultOmitted) => (StatusCode::GONE, "receipt-not-kept"),
        Some(Refusal::StoreUnavailable | Refusal::StoreFull) => {
            (StatusCode::SERVICE_UNAVAILABLE, "books-unavailable")
        }
        // The same key again finds out.
        Some(Refusal::Undecided) => (StatusCode::SERVICE_UNAVAILABLE, "outcome-undecided"),
        Some(Refusal::Undecodable) => (StatusCode::INTERNAL_SERVER_ERROR, "receipt-unreadable"),
        Some(Refusal::StoreCorrupt) => (StatusCode::INTERNAL_SERVER_ERROR, "books-unreadable"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    let detail = refusal.map_or_else(
        || "the books could not be written".to_owned(),
        |refusal| refusal.to_string(),
    );
    let mut response = problem(status, code, &detail);
    if matches!(refusal, Some(Refusal::InFlight | Refusal::Fenced)) {
        let left = rejection
            .and_then(steadfast::Rejection::retry_after)
            .unwrap_or_default();
        // Whole seconds, rounded up, so that nobody is early.
        let seconds = (left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let body = json!({ "status": status.as_u16(), "code": code, "detail": detail });
    let kind = [(CONTENT_TYPE, "application/problem+json")];
    (status, kind, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, StatusCode> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, value.parse().expect("a header"));
        }
        match key(&headers) {
            Ok(key) => Ok(key.map(|key| key.as_str().to_owned())),
            Err(response) => Err(response.status()),
        }
    }

    #[test]
    fn a_key_is_a_structured_string_or_bare_and_comes_once() {
        let wanted = Ok(Some("order 1".to_owned()));
        assert_eq!(read(&["\"order 1\""]), wanted);
        assert_eq!(read(&["order 1"]), wanted);
        assert_eq!(read(&[]), Ok(None));
        for bad in [&["", ""][..], &["a", "a"], &[""], &["\""], &["\"\""]] {
            assert_eq!(read(bad), Err(StatusCode::BAD_REQUEST), "{bad:?}");
        }
        for bad in ["\"a", "a\"", "\"a\"b\"", "\"a\\\"b\"", "gr\u{fc}n"] {
            assert_eq!(read(&[bad]), Err(StatusCode::BAD_REQUEST), "{bad}");
        }
        assert_eq!(read(&[&"a".repeat(256)]), Err(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn what_is_under_way_says_when_to_come_back_and_what_is_reused_is_the_callers_fault() {
        let rejected = Refusal::InFlight.rejection("charges");
        let in_flight = refused(
            &rejected
                .with_retry_after(Duration::from_millis(1100))
                .into(),
        );
        assert_eq!(in_flight.status(), StatusCode::CONFLICT);
        assert_eq!(in_flight.headers()[RETRY_AFTER], "2");
        assert_eq!(
            in_flight.headers()[CONTENT_TYPE],
            "application/problem+json"
        );
        for (refusal, status, after) in [
            (Refusal::Mismatch, 422, None),
            (Refusal::InFlight, 409, Some("1")),
            (Refusal::Fenced, 409, Some("1")),
            (Refusal::Indeterminate, 409, None),
            (Refusal::ResultExpired, 410, None),
            (Refusal::ResultOmitted, 410, None),
            (Refusal::Undecodable, 500, None),
            (Refusal::StoreUnavailable, 503, None),
            (Refusal::StoreFull, 503, None),
            (Refusal::Undecided, 503, None),
            (Refusal::StoreCorrupt, 500, None),
        ] {
            let response = refused(&refusal.rejection("charges").into());
            assert_eq!(response.status(), status, "{refusal:?}");
            let header = response.headers().get(RETRY_AFTER);
            assert_eq!(
                header.map(|it| it.to_str().expect("seconds")),
                after,
                "{refusal:?}"
            );
        }
        let failed = refused(&Error::Operation(sqlx::Error::RowNotFound));
        assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
