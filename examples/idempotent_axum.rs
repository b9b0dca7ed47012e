//! An HTTP endpoint that charges once per idempotency key: axum, SQLite, and a fingerprint of chosen fields.
//!
//! ```text
//! cargo run --example idempotent_axum
//! ```
//!
//! It listens on a free port of the loopback interface, sends itself some requests, and prints what came of them.

use std::{error::Error, net::Ipv4Addr, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
// The codec has another name here, as axum has a `Json` too.
use steadfast::{
    Fingerprint, Idempotency, JsonFields, Key, Refusal, Rejection, Scope, SqliteStore,
    TokioRuntime,
    idempotency::{Detached, Json as JsonCodec, TxStore as _},
};
use tokio::{net::TcpListener, sync::oneshot};

const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Marks a replay; no standard names such a header.
const REPLAYED: &str = "idempotent-replayed";

#[derive(Debug, Deserialize)]
struct Charge {
    order: String,
    amount_cents: i64,
}

/// What became of a charge. Both are final and are kept for whoever asks again: an `Err` would be rolled back, and the
/// key would be free.
#[derive(Debug, Serialize, Deserialize)]
enum Settled {
    Paid { number: i64, order: String },
    Declined,
}

struct Shop {
    charges: Idempotency<SqliteStore, JsonCodec, Detached<TokioRuntime>>,
    /// What makes two bodies the same request. When they were sent does not.
    fields: JsonFields,
}

impl Shop {
    async fn open(store: SqliteStore) -> Result<Self, Box<dyn Error>> {
        let mut tx = store.begin().await?;
        let table = sqlx::query(
            "CREATE TABLE IF NOT EXISTS charges (
               number INTEGER PRIMARY KEY, order_id TEXT NOT NULL, amount_cents INTEGER NOT NULL
             ) STRICT",
        );
        table.execute(tx.connection().await?).await?;
        store.commit(tx).await?;
        let charges = Idempotency::builder(store)
            .codec(JsonCodec::new())
            .spawn_on(TokioRuntime)
            .build()?;
        Ok(Shop {
            charges,
            fields: JsonFields::new(["/order", "/amount_cents"])?,
        })
    }
}

/// `POST /charges`. A client that hangs up drops this future: then the charge is rolled back together with its key, or
/// both are committed.
async fn charge(
    State(shop): State<Arc<Shop>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let key = key(&headers)?;
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "invalid-request", detail);
    let content_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let fingerprint = Fingerprint::of_json_request(
        "POST",
        "/charges",
        content_type.unwrap_or_default(),
        &body,
        &shop.fields,
    );
    let fingerprint = fingerprint.map_err(|error| bad(error.to_string()))?;
    let asked: Charge = serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?;
    // Whoever has signed in, and what the keys are for: keys of others are other keys.
    let scope = Scope::new("customer-7", "POST /charges").expect("they are printable ASCII");

    let claim = shop.charges.key(&scope, key, fingerprint);
    let settled = claim.run_tx(async |mut tx| {
        if asked.amount_cents > 100_000 {
            return Ok(tx.returns(Settled::Declined));
        }
        let number = sqlx::query_scalar(
            "INSERT INTO charges (order_id, amount_cents) VALUES (?1, ?2) RETURNING number",
        )
        .bind(&asked.order)
        .bind(asked.amount_cents)
        .fetch_one(tx.connection().await?)
        .await?;
        let order = asked.order;
        Ok(tx.returns(Settled::Paid { number, order }))
    });
    let settled = settled.await.map_err(|error| refused(&error))?;

    let mut response = match settled.value {
        paid @ Settled::Paid { .. } => (StatusCode::CREATED, Json(paid)).into_response(),
        Settled::Declined => {
            let detail = "the card bears less";
            Problem::new(StatusCode::PAYMENT_REQUIRED, "declined", detail).into_response()
        }
    };
    if settled.replayed {
        let replayed = "true".parse().expect("it is printable ASCII");
        response.headers_mut().insert(REPLAYED, replayed);
    }
    Ok(response)
}

/// The key of a request: a string of RFC 9651 in quotes, exactly one.
fn key(headers: &HeaderMap) -> Result<Key, Problem> {
    let bad = |code, detail: &str| Problem::new(StatusCode::BAD_REQUEST, code, detail);
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (value, more) = (values.next(), values.next());
    let value = value.ok_or_else(|| bad("idempotency-key-missing", "a charge needs a key"))?;
    let text = value.to_str().unwrap_or_default();
    let quoted = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    quoted
        // Escapes are no part of a key here.
        .filter(|it| more.is_none() && !it.contains(['"', '\\']))
        .and_then(|it| Key::new(it).ok())
        .ok_or_else(|| {
            let wanted = "one string in quotes, of 1 to 255 printable ASCII characters";
            bad("idempotency-key-invalid", wanted)
        })
}

/// What is answered where there is no result. The page of `steadfast-idempotency` says why, and whether the client may
/// send the same key again.
fn refused(error: &steadfast::Error<sqlx::Error>) -> Problem {
    let rejection = error.rejection();
    let refusal = rejection.and_then(Refusal::of);
    let (status, code) = match refusal {
        Some(Refusal::Mismatch) => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
        Some(Refusal::InFlight | Refusal::Fenced) => (StatusCode::CONFLICT, "request-in-flight"),
        Some(Refusal::Indeterminate) => (StatusCode::CONFLICT, "outcome-unknown"),
        Some(Refusal::ResultExpired | Refusal::ResultOmitted) => {
            (StatusCode::GONE, "result-not-kept")
        }
        Some(Refusal::StoreUnavailable | Refusal::StoreFull | Refusal::Undecided) => {
            (StatusCode::SERVICE_UNAVAILABLE, "try-again")
        }
        // What cannot be read, and the handler's own error, which was rolled back.
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    let detail = refusal.map_or_else(|| "it failed".to_owned(), |refusal| refusal.to_string());
    let mut problem = Problem::new(status, code, detail);
    if matches!(refusal, Some(Refusal::InFlight | Refusal::Fenced)) {
        let left = rejection.and_then(Rejection::retry_after);
        let left = left.unwrap_or_default();
        // Whole seconds, rounded up, and never 0, which asks for a client that spins.
        problem.retry_after = Some((left.as_secs() + u64::from(left.subsec_nanos() > 0)).max(1));
    }
    problem
}

/// A problem of RFC 9457.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    /// In seconds.
    retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Problem {
            status,
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body =
            json!({ "status": self.status.as_u16(), "code": self.code, "detail": self.detail });
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?; // in a program: next to the tables that it has
    let store = SqliteStore::open(dir.path().join("shop.db")).await?;
    let shop = Arc::new(Shop::open(store.clone()).await?);

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}/charges", listener.local_addr()?);
    let router = Router::new()
        .route("/charges", post(charge))
        .with_state(shop);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        // An error means that `main` has failed, which is as good a reason to stop.
        let _ = stopped.await;
    });
    let serving = tokio::spawn(serving.into_future());

    let http = reqwest::Client::builder().no_proxy().build()?;
    let order = json!({ "order": "order-4711", "amount_cents": 1999, "sent_at": "10:31:07" });
    let again = json!({ "order": "order-4711", "amount_cents": 1999, "sent_at": "10:31:09" });
    let dearer = json!({ "order": "order-4711", "amount_cents": 2999, "sent_at": "10:31:11" });
    let too_much = json!({ "order": "order-4712", "amount_cents": 900_000, "sent_at": "10:32:00" });
    for (what, key, body) in [
        ("a charge", Some("\"order-4711\""), &order),
        ("the same again", Some("\"order-4711\""), &again),
        (
            "the same key, another amount",
            Some("\"order-4711\""),
            &dearer,
        ),
        ("no key", None, &order),
        ("a key without quotes", Some("order-4711"), &order),
        (
            "a charge that is declined",
            Some("\"order-4712\""),
            &too_much,
        ),
        ("the same again", Some("\"order-4712\""), &too_much),
    ] {
        let mut request = http.post(&url).json(body);
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let response = request.send().await?;
        let replayed = match response.headers().contains_key(REPLAYED) {
            true => ", replayed",
            false => "",
        };
        let status = response.status();
        println!("{what}: {status}{replayed}\n    {}", response.text().await?);
    }
    drop(http); // It holds a connection that the server would wait for.

    // No call is open when the runtime ends.
    let _ = stop.send(());
    serving.await??;
    let charges: i64 = sqlx::query_scalar("SELECT count(*) FROM charges")
        .fetch_one(store.reader())
        .await?;
    println!("charges in the database: {charges}");
    Ok(())
}
