//! One timeout of one second around an operation that takes no time.

use layered::{Execute, Service, Stack};
use steadfast::{Pipeline, Timeout};
use tower::{ServiceBuilder, service_fn, timeout::TimeoutLayer};

use super::{Group, forever, policies};
use crate::{harness::Row, operation::Op, subject::Served};

pub(super) const GROUP: Group = Group {
    name: "timeout",
    about: "one timeout of 1 s that never runs out",
    rows,
    contend: Vec::new,
};

fn rows() -> Vec<Row> {
    vec![
        steadfast(),
        steadfast_future(),
        tokio(),
        tower(),
        tower_resilience(),
        seatbelt(),
    ]
}

fn steadfast() -> Row {
    let pipeline = forever(Pipeline::new(Timeout::new(policies::LIMIT)));
    Row::new("steadfast", |request| {
        pipeline.call(move || Op::new(request))
    })
}

/// The one without a pipeline, for any future.
fn steadfast_future() -> Row {
    use steadfast::FutureExt;
    Row::new("steadfast-future", |request| {
        Op::new(request).timeout(policies::LIMIT)
    })
}

fn tokio() -> Row {
    Row::new("tokio::time::timeout", |request| {
        tokio::time::timeout(policies::LIMIT, Op::new(request))
    })
}

fn tower() -> Row {
    let service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(policies::LIMIT))
        .service(service_fn(Op::new));
    Row::new("tower", Served(service))
}

fn tower_resilience() -> Row {
    let service = ServiceBuilder::new()
        .layer(policies::tower_resilience_timeout(policies::LIMIT))
        .service(service_fn(Op::new));
    Row::new("tower-resilience", Served(service))
}

fn seatbelt() -> Row {
    let stack = (
        policies::seatbelt_timeout(&policies::seatbelt_context(), policies::LIMIT),
        Execute::new(Op::new),
    );
    let service = forever(stack.into_service());
    Row::new("seatbelt", |request| service.execute(request))
}
