//! What a client sees of the server, over HTTP.

use futures::{FutureExt, future::join_all};
use steadfast::IdempotencyKey;

use super::*;
use crate::{
    books::Receipt,
    faults::Rates,
    gateway::{ChargeError, Gateway},
    orders::Card,
    window::Window,
};

const KEY: Option<IdempotencyKey> = Some(IdempotencyKey::from_u128(7));

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
    let books = Books::temporary().await.expect("room for a database");
    start_on(books, plan).await
}

async fn start_on(books: Books, plan: Plan) -> (Server, Gateway) {
    let server = Server::start(plan, books);
    let server = server.await.expect("loopback has free ports");
    let gateway = Gateway::new(server.url(), None).expect("plain HTTP needs no set-up");
    (server, gateway)
}

/// Requests, orders that were charged twice, and charges.
async fn counts(server: Server) -> (u64, u64, u64) {
    let tally = server.stop().await.expect("books");
    let books = tally.books;
    (tally.requests, books.charged_twice, books.new_charges)
}

fn receipt(charge: u64, replayed: bool) -> Receipt {
    Receipt {
        order: "ord-0001".to_owned(),
        charge,
        replayed,
    }
}

const CUT: Rates = Rates {
    limited: 0,
    overloaded: 0,
    errors: 0,
    cut: 1000,
    slow: 0,
};

#[tokio::test]
async fn each_request_without_a_key_is_a_charge() {
    let (server, gateway) = start(Rates::default()).await;
    for charge in 1..=2 {
        let paid = gateway.charge(&order(Card::Good), None).await;
        assert_eq!(paid.expect("a receipt"), receipt(charge, false));
    }
    let tally = server.stop().await.expect("books");
    assert_eq!((tally.requests, tally.books.charged_twice), (2, 1));
    assert_eq!(tally.books.taken_again.to_string(), "19.99 EUR");
}

#[tokio::test]
async fn requests_with_one_key_are_one_charge_and_all_get_its_receipt() {
    let (server, gateway) = start(Rates::default()).await;
    let good = order(Card::Good);
    let paid = join_all((0..8).map(|_| gateway.charge(&good, KEY))).await;
    let paid: Vec<_> = paid.into_iter().map(|it| it.expect("a receipt")).collect();
    assert!(paid.iter().all(|it| it.charge == 1), "{paid:?}");
    assert_eq!(paid.iter().filter(|it| !it.replayed).count(), 1, "{paid:?}");
    // Another key is another charge.
    let other = Some(IdempotencyKey::from_u128(8));
    let paid = gateway.charge(&good, other).await;
    assert_eq!(paid.expect("a receipt"), receipt(2, false));
    assert_eq!(counts(server).await, (9, 1, 2));
}

#[tokio::test]
async fn a_key_that_comes_back_with_another_amount_is_refused_and_charges_nothing() {
    let (server, gateway) = start(Rates::default()).await;
    let paid = gateway.charge(&order(Card::Good), KEY).await;
    assert_eq!(paid.expect("a receipt"), receipt(1, false));
    let dearer = Order {
        amount_cents: 2000,
        ..order(Card::Good)
    };
    let error = gateway.charge(&dearer, KEY).await.expect_err("another one");
    assert!(
        matches!(error, ChargeError::Status(status) if status == 422),
        "{error}"
    );
    let again = gateway.charge(&order(Card::Good), KEY).await;
    assert_eq!(again.expect("a receipt"), receipt(1, true));
    assert_eq!(counts(server).await, (3, 0, 1));
}

#[tokio::test]
async fn a_key_that_another_server_is_at_is_refused_until_its_lease_is_over_and_charges_nothing() {
    let books = Books::temporary().await.expect("room for a database");
    let good = order(Card::Good);
    let body = serde_json::to_vec(&good).expect("it is plain data");
    let asked = Fingerprint::of_request("POST", "/charges", "application/json", &body);
    books
        .begin_elsewhere(Key::from(KEY.expect("it is one")), asked)
        .await;
    let (server, gateway) = start_on(books, Plan::new(1, Rates::default())).await;
    let error = gateway.charge(&good, KEY).await.expect_err("in flight");
    let ChargeError::InFlight { retry_after } = error else {
        panic!("{error}")
    };
    let after = retry_after.expect("it is said when to come back");
    assert!((1..=30).contains(&after.as_secs()), "{after:?}");
    assert_eq!(counts(server).await, (1, 0, 0));
}

#[tokio::test]
async fn a_declined_card_is_never_charged() {
    let (server, gateway) = start(Rates::default()).await;
    for key in [None, None, KEY, KEY] {
        let error = gateway.charge(&order(Card::Declined), key).await;
        let error = error.expect_err("a declined card");
        assert!(matches!(error, ChargeError::Declined), "{error}");
    }
    assert_eq!(counts(server).await, (4, 0, 0));
}

#[tokio::test]
async fn a_cut_connection_is_an_error_to_the_client_though_the_charge_was_made() {
    let (server, gateway) = start(CUT).await;
    for _ in 0..2 {
        let error = gateway.charge(&order(Card::Good), None).await;
        let error = error.expect_err("half an answer");
        assert!(matches!(error, ChargeError::Lost(_)), "{error}");
    }
    assert_eq!(counts(server).await, (2, 1, 2));
}

#[tokio::test]
async fn with_a_key_a_retry_after_a_cut_connection_gets_the_receipt_even_of_another_server() {
    let dir = tempfile::tempdir().expect("room for a database");
    let file = dir.path().join("shop.db");
    let good = order(Card::Good);
    let books = Books::open(&file).await.expect("a new file");
    let (server, gateway) = start_on(books, Plan::new(1, CUT)).await;
    for _ in 0..2 {
        let error = gateway
            .charge(&good, KEY)
            .await
            .expect_err("half an answer");
        assert!(matches!(error, ChargeError::Lost(_)), "{error}");
    }
    assert_eq!(counts(server).await, (2, 0, 1));

    let books = Books::open(&file).await.expect("the same file");
    let (server, gateway) = start_on(books, Plan::new(1, Rates::default())).await;
    let paid = gateway.charge(&good, KEY).await.expect("a receipt");
    assert_eq!(paid, receipt(1, true));
    assert_eq!(counts(server).await, (1, 0, 0));
}

#[tokio::test]
async fn a_dead_server_counts_its_requests_answers_none_and_charges_nobody() {
    let (server, gateway) = start_with(Plan::dead(Window {
        begins: Duration::ZERO,
        ends: Duration::MAX,
    }))
    .await;
    for _ in 0..2 {
        let error = gateway.charge(&order(Card::Good), KEY).await;
        let error = error.expect_err("no answer");
        assert!(matches!(error, ChargeError::Lost(_)), "{error}");
    }
    let tally = server.stop().await.expect("books");
    assert_eq!((tally.requests, tally.in_outage), (2, 2));
    assert_eq!(tally.books.new_charges, 0);
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back_and_charges_nothing() {
    let (server, gateway) = start(Rates {
        limited: 1000,
        ..Rates::default()
    })
    .await;
    for _ in 0..2 {
        let error = gateway.charge(&order(Card::Good), KEY).await;
        let error = error.expect_err("a rate limit");
        let ChargeError::Limited { retry_after } = error else {
            panic!("{error}")
        };
        assert_eq!(retry_after, Some(Duration::from_secs(1)));
    }
    assert_eq!(counts(server).await, (2, 0, 0));
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
    let books = Books::temporary().await.expect("room for a database");
    let bank = Arc::new(Bank::new(plan, books));
    let body = serde_json::to_vec(&order(Card::Good)).expect("it serialises");
    for key in [None, None, KEY, KEY] {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let key = key.to_string().parse().expect("a header");
            headers.insert(http::IDEMPOTENCY_KEY, key);
        }
        let request = charge(State(Arc::clone(&bank)), headers, body.clone().into());
        assert!(request.now_or_never().is_none(), "a slow answer");
    }
    let tally = bank.tally().await.expect("books");
    // Two without a key, and one for the key.
    assert_eq!((tally.requests, tally.books.new_charges), (4, 3));
}

#[tokio::test]
async fn what_is_no_order_or_has_no_good_key_is_refused() {
    let (server, _) = start(Rates::default()).await;
    let http = reqwest::Client::builder().no_proxy();
    let http = http.build().expect("plain HTTP needs no set-up");
    let good = serde_json::to_string(&order(Card::Good)).expect("it serialises");
    for (key, body) in [("a", "{}"), ("", &good)] {
        let request = http.post(server.url()).header("idempotency-key", key);
        let response = request.body(body.to_owned()).send().await;
        assert_eq!(response.expect("an answer").status(), 400, "{key} {body}");
    }
    assert_eq!(counts(server).await, (0, 0, 0));
}
