//! Sends every order through one client, 64 at a time, to a fresh server, and measures.
#![expect(
    clippy::disallowed_methods,
    reason = "the stopwatch: latency as a customer sees it"
)]

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use crate::{
    clients::Client, failure::Failure, faults::Plan, orders::Order, progress::Progress,
    report::Row, server::Server,
};

/// Orders on their way at the same time.
pub(crate) const CONCURRENCY: usize = 64;

/// How one order went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paid {
    pub(crate) succeeded: bool,
    /// From the first request to the result, waits included.
    pub(crate) took: Duration,
}

/// Starts a server with `plan`, pays all `orders` with the client that `connect` makes, and stops
/// the server.
///
/// # Errors
///
/// [`Failure::Environment`] when server or client cannot be set up.
pub(crate) async fn send_all<C, E>(
    orders: &Arc<[Order]>,
    plan: Plan,
    connect: impl FnOnce(&str) -> Result<C, E>,
) -> Result<Row, Failure>
where
    C: Client,
    E: std::fmt::Display,
{
    let server = Server::start(plan)
        .await
        .map_err(|error| no_server(&error))?;
    let client = connect(server.url()).map_err(|error| {
        Failure::Environment(format!("cannot set up the {} client: {error}", C::NAME))
    })?;
    let paid = pay_all(orders, client).await;
    Ok(Row::of(paid, server.stop().await))
}

async fn pay_all<C: Client>(orders: &Arc<[Order]>, client: C) -> Vec<Paid> {
    let client = Arc::new(client);
    let queue = Arc::new(Mutex::new(0..orders.len()));
    let (report, mut reports) = mpsc::channel(CONCURRENCY);
    let mut workers = JoinSet::new();
    for _ in 0..CONCURRENCY.min(orders.len()) {
        let (orders, client, queue, report) = (
            Arc::clone(orders),
            Arc::clone(&client),
            Arc::clone(&queue),
            report.clone(),
        );
        workers.spawn(async move {
            // A closure, so that the queue is unlocked again before the order is paid.
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some(index) = next() {
                let started = Instant::now();
                let succeeded = client.pay(&orders[index]).await.is_ok();
                let took = started.elapsed();
                if report.send(Paid { succeeded, took }).await.is_err() {
                    break;
                }
            }
        });
    }
    drop((report, client));

    let progress = Progress::start(C::NAME, orders.len());
    let mut paid = Vec::with_capacity(orders.len());
    while let Some(one) = reports.recv().await {
        paid.push(one);
        progress.reached(paid.len());
    }
    // A worker that panicked would have taken orders with it: say so, instead of reporting less.
    workers.join_all().await;
    progress.finish();
    paid
}

fn no_server(error: &io::Error) -> Failure {
    Failure::Environment(format!(
        "cannot start the payment server on 127.0.0.1: {error}"
    ))
}
