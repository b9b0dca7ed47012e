//! Three policies: a timeout for the whole call, a retry, a timeout for each attempt.

use backon::Retryable;
use layered::{Execute, Service, Stack};
use steadfast::{Pipeline, Timeout};
use tokio::time::timeout;
use tower::{ServiceBuilder, retry::RetryLayer, service_fn, timeout::TimeoutLayer};

use super::{Group, forever, policies};
use crate::{harness::Row, operation::Op, subject::Served};

pub(super) const GROUP: Group = Group {
    name: "stack3",
    about: "timeout of 10 s in all, 3 attempts, timeout of 2 s for each",
    rows,
    contend: Vec::new,
};

fn rows() -> Vec<Row> {
    vec![
        steadfast(),
        glued(),
        tower(),
        tower_resilience(),
        seatbelt(),
    ]
}

fn steadfast() -> Row {
    let pipeline = forever(Pipeline::new((
        Timeout::new(policies::TOTAL),
        policies::steadfast_retry(None),
        Timeout::new(policies::EACH),
    )));
    Row::new("steadfast", |request| {
        pipeline.call(move || Op::new(request))
    })
}

/// backon between two of tokio's timeouts, their results flattened into the caller's error by `?`.
fn glued() -> Row {
    Row::new("glued", async |request| {
        let attempt = move || async move { timeout(policies::EACH, Op::new(request)).await? };
        timeout(policies::TOTAL, attempt.retry(policies::backon())).await?
    })
}

fn tower() -> Row {
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(policies::TOTAL))
        .layer(RetryLayer::new(policies::Attempts::new()))
        .layer(TimeoutLayer::new(policies::EACH))
        .service(service_fn(Op::new));
    Row::new("tower", Served(service))
}

fn tower_resilience() -> Row {
    let service = ServiceBuilder::new()
        .layer(policies::tower_resilience_timeout(policies::TOTAL))
        .layer(policies::tower_resilience_retry().build())
        .layer(policies::tower_resilience_timeout(policies::EACH))
        .service(service_fn(Op::new));
    Row::new("tower-resilience", Served(service))
}

fn seatbelt() -> Row {
    let context = policies::seatbelt_context();
    let stack = (
        policies::seatbelt_timeout(&context, policies::TOTAL),
        policies::seatbelt_retry(&context),
        policies::seatbelt_timeout(&context, policies::EACH),
        Execute::new(Op::new),
    );
    let service = forever(stack.into_service());
    Row::new("seatbelt", |request| service.execute(request))
}
