//! The payment server: charges cards, keeps books, and misbehaves as its fault plan says.
#![expect(
    clippy::disallowed_methods,
    reason = "the server is the outside world: its clock and its latency are real"
)]

use std::{
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use futures::stream;
use steadfast::{Fingerprint, Key};
use tokio::{
    net::TcpListener,
    sync::{RwLock, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    books::{Books, Settled},
    fate::{Answer, Fate},
    http::{self, REPLAYED},
    ledger::{Ledger, Tally},
    orders::Order,
    plan::Plan,
};

/// A server that is listening.
#[derive(Debug)]
pub(crate) struct Server {
    url: String,
    bank: Arc<Bank>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// Whatever the operating system has against that.
    pub(crate) async fn start(plan: Plan, books: Books) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/charges", listener.local_addr()?);
        let bank = Arc::new(Bank::new(plan, books));
        let router = Router::new()
            .route("/charges", post(charge))
            .with_state(Arc::clone(&bank));
        let (stop, stopped) = oneshot::channel();
        let serving = axum::serve(listener, router)
            .with_graceful_shutdown(async {
                // An error means that `Server` was dropped, which is as good a reason to stop.
                let _ = stopped.await;
            })
            .into_future();
        Ok(Server {
            url,
            bank,
            stop,
            serving: tokio::spawn(serving),
        })
    }

    /// Where to post an [`Order`] to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// When its first request came in.
    pub(crate) fn opened(&self) -> Option<Instant> {
        self.bank.ledger().opened()
    }

    /// Stops listening, gives open connections a moment to end, and opens the books.
    ///
    /// # Errors
    ///
    /// The database's.
    pub(crate) async fn stop(self) -> sqlx::Result<Tally> {
        let Server {
            bank,
            stop,
            mut serving,
            ..
        } = self;
        // The server may have ended before it was told to.
        let _ = stop.send(());
        if timeout(Duration::from_secs(2), &mut serving).await.is_err() {
            serving.abort();
        }
        bank.tally().await
    }
}

/// One request.
async fn charge(State(bank): State<Arc<Bank>>, headers: HeaderMap, body: Bytes) -> Response {
    let arrived = Instant::now();
    let key = match http::key(&headers) {
        Ok(key) => key,
        Err(refused) => return *refused,
    };
    let order: Order = match serde_json::from_slice(&body) {
        Ok(order) => order,
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    };
    let fate = bank.receive(&order, arrived);
    let settled = if fate.answer.is_charged() {
        // A key is good for what it was first used for.
        let asked = key.map(|key| (key, fingerprint(&headers, &body)));
        Some(bank.settle(order, asked).await)
    } else {
        None
    };
    // The charge is a part of what the request takes.
    sleep_until(arrived + fate.latency).await;
    match (fate.answer, settled) {
        (Answer::Served, Some(response)) => response,
        (Answer::Served | Answer::Cut | Answer::Dead, _) => cut(),
        (Answer::Error, _) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        (Answer::Overloaded, _) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        (Answer::Limited { seconds }, _) => (
            StatusCode::TOO_MANY_REQUESTS,
            [(RETRY_AFTER, seconds.to_string())],
        )
            .into_response(),
    }
}

fn fingerprint(headers: &HeaderMap, body: &[u8]) -> Fingerprint {
    let content_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    Fingerprint::of_request("POST", "/charges", content_type.unwrap_or_default(), body)
}

/// A response whose body fails at once, upon which the HTTP server drops the connection.
fn cut() -> Response {
    let broken: Result<Bytes, io::Error> = Err(io::ErrorKind::ConnectionReset.into());
    Body::from_stream(stream::iter([broken])).into_response()
}

#[derive(Debug)]
struct Bank {
    plan: Plan,
    ledger: Mutex<Ledger>,
    books: Books,
    /// Read by every charge that is being made, whoever still listens.
    open: Arc<RwLock<()>>,
}

impl Bank {
    fn new(plan: Plan, books: Books) -> Self {
        Bank {
            plan,
            ledger: Mutex::default(),
            books,
            open: Arc::default(),
        }
    }

    /// Decides about a request.
    fn receive(&self, order: &Order, now: Instant) -> Fate {
        let mut ledger = self.ledger();
        let fate = self.plan.fate(ledger.arrival(&order.id, now));
        if fate.answer == Answer::Dead {
            ledger.leave_unanswered();
        }
        fate
    }

    /// Charges a card, once for a key, in a task of its own: a client that hangs up undoes nothing, as in life it only
    /// loses the answer.
    async fn settle(self: &Arc<Self>, order: Order, asked: Option<(Key, Fingerprint)>) -> Response {
        let (bank, open) = (Arc::clone(self), Arc::clone(&self.open));
        let open = open.read_owned().await;
        let settling = tokio::spawn(async move {
            let _open = open;
            match asked {
                Some((key, fingerprint)) => bank.books.charge_once(key, fingerprint, &order).await,
                None => bank.books.charge(&order).await,
            }
        });
        match settling.await.expect("no charge panics") {
            Ok(settled) => answer(settled),
            Err(error) => http::refused(&error),
        }
    }

    /// What it saw, once the last charge is made.
    async fn tally(&self) -> sqlx::Result<Tally> {
        let _closed = self.open.write().await;
        let is_meant = |order: &str| self.ledger().knows(order);
        let books = self.books.audit(is_meant).await?;
        Ok(self.ledger().tally(books))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Each statement leaves the entries complete, so a panic elsewhere does no harm.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same for whoever asks again, but for the header that says so.
fn answer(settled: Settled) -> Response {
    match settled {
        Settled::Charged(receipt) if receipt.replayed => {
            ([(REPLAYED, "true")], Json(receipt)).into_response()
        }
        Settled::Charged(receipt) => Json(receipt).into_response(),
        Settled::Declined => StatusCode::PAYMENT_REQUIRED.into_response(),
    }
}

#[cfg(test)]
mod tests;
