//! The payment server: charges cards, keeps a ledger, and misbehaves as its fault plan says.
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
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::post,
};
use futures::stream;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    fate::{Answer, Fate},
    ledger::{Ledger, Receipt, Tally},
    orders::{Card, Order},
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
    pub(crate) async fn start(plan: Plan) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/charges", listener.local_addr()?);
        let bank = Arc::new(Bank {
            plan,
            ledger: Mutex::default(),
        });
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
    pub(crate) async fn stop(self) -> Tally {
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
        bank.ledger().tally()
    }
}

/// One request. The ledger is written before the first `await`, so a client that hangs up undoes
/// nothing: as in life, it only loses the answer.
async fn charge(State(bank): State<Arc<Bank>>, Json(order): Json<Order>) -> Response {
    let (fate, receipt) = bank.receive(&order);
    sleep(fate.latency).await;
    match (fate.answer, receipt) {
        (Answer::Served, Some(receipt)) => Json(receipt).into_response(),
        (Answer::Served, None) => StatusCode::PAYMENT_REQUIRED.into_response(),
        (Answer::Cut | Answer::Dead, _) => cut(),
        (Answer::Error, _) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        (Answer::Overloaded, _) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        (Answer::Limited { seconds }, _) => (
            StatusCode::TOO_MANY_REQUESTS,
            [(RETRY_AFTER, seconds.to_string())],
        )
            .into_response(),
    }
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
}

impl Bank {
    /// Decides about a request and, where the decision says so and the card is good, charges it.
    fn receive(&self, order: &Order) -> (Fate, Option<Receipt>) {
        let mut ledger = self.ledger();
        let fate = self.plan.fate(ledger.arrival(&order.id, Instant::now()));
        if fate.answer == Answer::Dead {
            ledger.leave_unanswered();
        }
        let charged = fate.answer.is_charged() && order.card == Card::Good;
        (fate, charged.then(|| ledger.charge(&order.id)))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Each statement leaves the entries complete, so a panic elsewhere does no harm.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::{
        faults::Rates,
        gateway::{ChargeError, Gateway},
        window::Window,
    };

    fn order(card: Card) -> Order {
        Order {
            id: "ord-0001".to_owned(),
            customer: "c-001".to_owned(),
            amount_cents: 1999,
            currency: "EUR".to_owned(),
            card,
        }
    }

    async fn start(rates: Rates) -> (Server, Gateway) {
        start_with(Plan::new(1, rates)).await
    }

    async fn start_with(plan: Plan) -> (Server, Gateway) {
        let server = Server::start(plan).await.expect("loopback has free ports");
        let gateway = Gateway::new(server.url(), None).expect("plain HTTP needs no set-up");
        (server, gateway)
    }

    #[tokio::test]
    async fn each_request_for_a_good_card_is_a_charge() {
        let (server, gateway) = start(Rates::default()).await;
        for charge in 1..=2 {
            let receipt = gateway
                .charge(&order(Card::Good))
                .await
                .expect("nothing goes wrong");
            assert_eq!(
                receipt,
                Receipt {
                    order: "ord-0001".to_owned(),
                    charge
                }
            );
        }
        assert_eq!(
            server.stop().await,
            Tally {
                requests: 2,
                charged_twice: 1,
                ..Tally::default()
            }
        );
    }

    #[tokio::test]
    async fn a_declined_card_is_never_charged() {
        let (server, gateway) = start(Rates::default()).await;
        for _ in 0..2 {
            let error = gateway
                .charge(&order(Card::Declined))
                .await
                .expect_err("a declined card");
            assert!(matches!(error, ChargeError::Declined), "{error}");
        }
        assert_eq!(
            server.stop().await,
            Tally {
                requests: 2,
                charged_twice: 0,
                ..Tally::default()
            }
        );
    }

    #[tokio::test]
    async fn a_cut_connection_is_an_error_to_the_client_though_the_charge_was_made() {
        let (server, gateway) = start(Rates {
            cut: 1000,
            ..Rates::default()
        })
        .await;
        for _ in 0..2 {
            let error = gateway
                .charge(&order(Card::Good))
                .await
                .expect_err("half an answer");
            assert!(matches!(error, ChargeError::Lost(_)), "{error}");
        }
        assert_eq!(
            server.stop().await,
            Tally {
                requests: 2,
                charged_twice: 1,
                ..Tally::default()
            }
        );
    }

    #[tokio::test]
    async fn a_dead_server_counts_its_requests_answers_none_and_charges_nobody() {
        let (server, gateway) = start_with(Plan::dead(Window {
            begins: Duration::ZERO,
            ends: Duration::MAX,
        }))
        .await;
        for _ in 0..2 {
            let error = gateway
                .charge(&order(Card::Good))
                .await
                .expect_err("no answer");
            assert!(matches!(error, ChargeError::Lost(_)), "{error}");
        }
        assert_eq!(
            server.stop().await,
            Tally {
                requests: 2,
                charged_twice: 0,
                in_outage: 2,
            }
        );
    }

    #[tokio::test]
    async fn a_rate_limit_says_when_to_come_back_and_charges_nothing() {
        let (server, gateway) = start(Rates {
            limited: 1000,
            ..Rates::default()
        })
        .await;
        for _ in 0..2 {
            let error = gateway
                .charge(&order(Card::Good))
                .await
                .expect_err("a rate limit");
            let ChargeError::Limited { retry_after } = error else {
                panic!("{error}")
            };
            assert_eq!(retry_after, Some(Duration::from_secs(1)));
        }
        assert_eq!(
            server.stop().await,
            Tally {
                requests: 2,
                charged_twice: 0,
                ..Tally::default()
            }
        );
    }

    #[tokio::test]
    async fn a_client_that_hangs_up_has_been_charged_all_the_same() {
        let plan = Plan::new(
            1,
            Rates {
                slow: 1000,
                ..Rates::default()
            },
        );
        let bank = Arc::new(Bank {
            plan,
            ledger: Mutex::default(),
        });
        for _ in 0..2 {
            let request = charge(State(Arc::clone(&bank)), Json(order(Card::Good)));
            assert!(request.now_or_never().is_none(), "a slow answer");
        }
        assert_eq!(
            bank.ledger().tally(),
            Tally {
                requests: 2,
                charged_twice: 1,
                ..Tally::default()
            }
        );
    }
}
