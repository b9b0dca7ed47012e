//! Sends every order through one client to a fresh server, and measures.
#![expect(
    clippy::disallowed_methods,
    reason = "the stopwatch: latency as a customer sees it"
)]

use std::{fmt, future::pending, sync::Arc, time::Duration};

use tokio::{
    select,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    books::{Books, Receipt},
    clients::Client,
    failure::Failure,
    ledger::Tally,
    orders::Order,
    outage,
    plan::Plan,
    progress::Progress,
    report::Row,
    server::Server,
};

/// Orders on their way at the same time, where the next one waits for one of them.
pub(crate) const CONCURRENCY: usize = 64;

/// How one order went.
#[derive(Clone, Debug)]
pub(crate) struct Paid<E> {
    /// Which of the orders it was.
    pub(crate) index: usize,
    pub(crate) result: Result<Receipt, E>,
    /// From when the order came to the result, waits included.
    pub(crate) took: Duration,
    pub(crate) ended: Instant,
}

/// Starts a server with `plan` and `books`, pays all `orders` with the client that `connect` makes, and
/// stops the server.
///
/// # Errors
///
/// [`Failure::Environment`] when server or client cannot be set up.
pub(crate) async fn send_all<C, E>(
    name: &'static str,
    orders: &Arc<[Order]>,
    plan: Plan,
    books: Books,
    connect: impl FnOnce(&str) -> Result<C, E>,
) -> Result<Row, Failure>
where
    C: Client,
    E: fmt::Display,
{
    let server = start(plan, books).await?;
    let client = connect(server.url()).map_err(|error| no_client(name, &error))?;
    let paid = pay_all(name, orders, client, Due::of(plan, orders.len())).await;
    let recovered = plan
        .outage()
        .and_then(|outage| Some(server.opened()? + outage.ends));
    Ok(Row::of(&paid, stop(server).await?, recovered))
}

/// Starts a payment server.
///
/// # Errors
///
/// [`Failure::Environment`] when there is no port for it.
pub(crate) async fn start(plan: Plan, books: Books) -> Result<Server, Failure> {
    Server::start(plan, books).await.map_err(|error| {
        Failure::Environment(format!(
            "cannot start the payment server on 127.0.0.1: {error}"
        ))
    })
}

/// Stops it, and opens its books.
///
/// # Errors
///
/// [`Failure::Environment`] when they cannot be read.
pub(crate) async fn stop(server: Server) -> Result<Tally, Failure> {
    server.stop().await.map_err(|error| {
        Failure::Environment(format!("cannot read the payment server's books: {error}"))
    })
}

pub(crate) fn no_client(name: &str, error: &impl fmt::Display) -> Failure {
    Failure::Environment(format!("cannot set up the {name} client: {error}"))
}

/// Pays all `orders`, each when it is due, and shows how far it is.
pub(crate) async fn pay_all<C: Client>(
    name: &'static str,
    orders: &Arc<[Order]>,
    client: C,
    due: Due,
) -> Vec<Paid<C::Error>> {
    let progress = Progress::start(name, orders.len());
    let client = Arc::new(client);
    let mut under_way = JoinSet::new();
    let mut begun = 0;
    let mut paid = Vec::with_capacity(orders.len());
    while paid.len() < orders.len() {
        let next = due.wait(begun, under_way.len());
        select! {
            came = next, if begun < orders.len() => {
                let (orders, client, index) = (Arc::clone(orders), Arc::clone(&client), begun);
                under_way.spawn(async move {
                    let result = client.pay(&orders[index]).await;
                    let ended = Instant::now();
                    Paid { index, result, took: ended - came, ended }
                });
                begun += 1;
            }
            Some(one) = under_way.join_next() => {
                // It would take its order with it: say so, instead of reporting less.
                paid.push(one.expect("no client panics"));
                progress.reached(paid.len());
            }
        }
    }
    progress.finish();
    paid
}

/// When an order comes.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    /// As soon as fewer than [`CONCURRENCY`] are under way.
    InTurn,
    /// At a time of its own, whatever became of the others.
    AtItsTime(Vec<Instant>),
}

impl Due {
    fn of(plan: Plan, orders: usize) -> Due {
        match plan.outage() {
            None => Due::InTurn,
            Some(_) => Due::after((0..orders).map(outage::due)),
        }
    }

    /// So long after now.
    pub(crate) fn after(times: impl Iterator<Item = Duration>) -> Due {
        let start = Instant::now();
        Due::AtItsTime(times.map(|time| start + time).collect())
    }

    /// Until the order with this index is due; since when it is.
    async fn wait(&self, index: usize, under_way: usize) -> Instant {
        match self {
            Due::InTurn if under_way < CONCURRENCY => Instant::now(),
            Due::InTurn => pending().await,
            Due::AtItsTime(times) => {
                // Not when the timer rang: a customer waits from the moment of the order.
                sleep_until(times[index]).await;
                times[index]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clients::{Naive, PROBE_INTERVAL, Steadfast},
        orders::Card,
        window::Window,
    };

    /// One outage, and what is not as it should be: on a machine that is busy elsewhere the clients may get no turn
    /// while the server is dead.
    async fn outage() -> Vec<String> {
        let outage = Window {
            begins: Duration::from_millis(300),
            ends: Duration::from_millis(2400),
        };
        let order = |n| Order {
            id: format!("ord-{n:04}"),
            customer: "c-001".to_owned(),
            amount_cents: 1999,
            currency: "EUR".to_owned(),
            card: Card::Good,
        };
        let wanted = outage.ends + PROBE_INTERVAL;
        let orders: Arc<[Order]> = (0..)
            .take_while(|index| outage::due(*index) <= wanted)
            .map(order)
            .collect();
        let plan = Plan::dead(outage);
        let books = || async { Books::temporary().await.expect("room for a database") };
        let (naive, with, without) = tokio::try_join!(
            send_all("naive", &orders, plan, books().await, Naive::new),
            send_all("steadfast", &orders, plan, books().await, Steadfast::new),
            send_all(
                "no breaker",
                &orders,
                plan,
                books().await,
                Steadfast::without_breaker
            ),
        )
        .expect("loopback has free ports");

        assert_eq!([with.charged_twice, without.charged_twice], [0, 0]);
        let [naive, with, without] =
            [naive, with, without].map(|row| row.outage.expect("an outage"));
        let twentieth = naive.requests_in_outage / 20;
        let mut wrong = Vec::new();
        if with.requests_in_outage > twentieth {
            wrong.push(format!("too many with a breaker: {with:?}, {naive:?}"));
        }
        if without.requests_in_outage <= twentieth {
            wrong.push(format!("few without one, too: {without:?}, {naive:?}"));
        }
        let most = PROBE_INTERVAL.as_secs_f64() * 1000.0;
        if with.first_success_after_ms.is_none_or(|after| after > most) {
            wrong.push(format!("not found to be well in time: {with:?}"));
        }
        wrong
    }

    #[tokio::test]
    async fn the_breaker_spares_a_dead_server_and_soon_finds_out_that_it_is_well() {
        let mut rounds = Vec::new();
        for _ in 0..5 {
            match outage().await {
                wrong if wrong.is_empty() => return,
                wrong => rounds.push(wrong),
            }
        }
        panic!("{rounds:#?}");
    }
}
