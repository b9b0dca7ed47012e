//! A retry on its success path: three attempts allowed, one needed.

use backon::Retryable;
use layered::{Execute, Service, Stack};
use steadfast::{Pipeline, RetryBudget};
use tower::{ServiceBuilder, retry::RetryLayer, service_fn};
use tower_resilience::retry::RetryBudgetBuilder;

use super::{Group, forever, policies};
use crate::{harness::Row, operation::Op, subject::Served};

pub(super) const GROUP: Group = Group {
    name: "retry",
    about: "3 attempts, exponential backoff with jitter; the first succeeds",
    rows,
    contend: Vec::new,
};

fn rows() -> Vec<Row> {
    vec![
        steadfast(),
        steadfast_budget(),
        backon(),
        tokio_retry2(),
        tower(),
        tower_budget(),
        tower_resilience(),
        tower_resilience_budget(),
        seatbelt(),
    ]
}

fn steadfast() -> Row {
    let pipeline = forever(Pipeline::new(policies::steadfast_retry(None)));
    Row::new("steadfast", |request| {
        pipeline.call(move || Op::new(request))
    })
}

fn steadfast_budget() -> Row {
    let retry = policies::steadfast_retry(Some(&RetryBudget::default()));
    let pipeline = forever(Pipeline::new(retry));
    Row::new("steadfast-budget", |request| {
        pipeline.call(move || Op::new(request))
    })
}

fn backon() -> Row {
    Row::new("backon", |request| {
        // It sleeps with tokio by default, as long as that feature is on.
        (move || Op::new(request)).retry(policies::backon())
    })
}

fn tokio_retry2() -> Row {
    use tokio_retry2::{MapErr, Retry};
    Row::new("tokio-retry2", |request| {
        Retry::spawn(policies::tokio_retry2(), move || async move {
            Op::new(request).await.map_transient_err()
        })
    })
}

fn tower() -> Row {
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(policies::Attempts::new()))
        .service(service_fn(Op::new));
    Row::new("tower", Served(service))
}

fn tower_budget() -> Row {
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(policies::Budgeted::new()))
        .service(service_fn(Op::new));
    Row::new("tower-budget", Served(service))
}

fn tower_resilience() -> Row {
    let service = ServiceBuilder::new()
        .layer(policies::tower_resilience_retry().build())
        .service(service_fn(Op::new));
    Row::new("tower-resilience", Served(service))
}

fn tower_resilience_budget() -> Row {
    let budget = RetryBudgetBuilder::new()
        .token_bucket()
        .build()
        .expect("the defaults are valid");
    let service = ServiceBuilder::new()
        .layer(policies::tower_resilience_retry().budget(budget).build())
        .service(service_fn(Op::new));
    Row::new("tower-resilience-budget", Served(service))
}

fn seatbelt() -> Row {
    let stack = (
        policies::seatbelt_retry(&policies::seatbelt_context()),
        Execute::new(Op::new),
    );
    let service = forever(stack.into_service());
    Row::new("seatbelt", |request| service.execute(request))
}
