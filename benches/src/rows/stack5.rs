//! The five classic policies: a retry, a circuit breaker, a bulkhead, a rate limit, a timeout for each attempt.
//!
//! tower has no circuit breaker, and its rate limit cannot be cloned for another attempt, so it stands outside the retry.
//! seatbelt has the retry, the breaker and the timeout.

use backon::Retryable;
use layered::{Execute, Service, Stack};
use recloser::AsyncRecloser;
use steadfast::{FastClock, Pipeline, Runtime, Timeout, TokioRuntime};
use tokio::{sync::Semaphore, time::timeout};
use tower::{ServiceBuilder, retry::RetryLayer, service_fn, timeout::TimeoutLayer};

use super::{Group, forever, policies};
use crate::{
    contend::ContendRow,
    harness::Row,
    operation::{Failure, Op, Request},
    subject::{Served, Subject},
};

pub(super) const GROUP: Group = Group {
    name: "stack5",
    about: "3 attempts, a circuit breaker, 64 at a time, a rate that never runs out, timeout of 2 s for each",
    rows,
    contend,
};

/// How many calls there is room for.
const AT_ONCE: usize = 64;
const RATE: policies::Rate = policies::Rate::NEVER_OUT;

fn rows() -> Vec<Row> {
    vec![
        Row::new("steadfast", steadfast(TokioRuntime)),
        Row::new(
            "steadfast-fast-clock",
            steadfast(FastClock::new(TokioRuntime)),
        ),
        Row::new("glued", glued()),
        Row::new("tower", tower()),
        Row::new("tower-resilience", tower_resilience()),
        Row::new("seatbelt", seatbelt()),
    ]
}

fn contend() -> Vec<ContendRow> {
    vec![
        ContendRow::new("steadfast", steadfast(TokioRuntime)),
        ContendRow::new("glued", glued()),
        ContendRow::new("tower-resilience", tower_resilience()),
        ContendRow::new("seatbelt", seatbelt()),
    ]
}

/// Anything that makes calls, whose clones share the policies.
trait Policies: Subject + Clone + Send + 'static {}

impl<S: Subject + Clone + Send + 'static> Policies for S {}

fn steadfast<R: Runtime + Send + Sync + 'static>(runtime: R) -> impl Policies {
    let policies = (
        policies::steadfast_retry(None),
        policies::steadfast_breaker(|breaker| breaker.over_last(policies::WINDOW)),
        policies::steadfast_bulkhead(AT_ONCE),
        policies::steadfast_rate_limit(RATE),
        Timeout::new(policies::EACH),
    );
    let pipeline = &*forever(Pipeline::on(runtime, policies));
    |request| pipeline.call(move || Op::new(request))
}

/// The best single crates, and tokio: governor, a semaphore, recloser, backon, a timeout.
fn glued() -> impl Policies {
    let breaker = &*forever(AsyncRecloser::from(policies::recloser()));
    let semaphore = &*forever(Semaphore::new(AT_ONCE));
    let limiter = &*forever(policies::governor(RATE));
    move |request: Request| {
        let attempt = move || async move {
            let call = async move {
                let _permit = semaphore.try_acquire().map_err(|_| Failure::Full)?;
                limiter.check().map_err(|_| Failure::Limited)?;
                timeout(policies::EACH, Op::new(request)).await?
            };
            breaker.call(call).await
        };
        attempt.retry(policies::backon()).into_future()
    }
}

fn tower() -> impl Subject + 'static {
    let service = ServiceBuilder::new()
        .rate_limit(RATE.units.into(), RATE.per)
        .layer(RetryLayer::new(policies::Attempts::new()))
        .concurrency_limit(AT_ONCE)
        .layer(TimeoutLayer::new(policies::EACH))
        .service(service_fn(Op::new));
    Served(service)
}

fn tower_resilience() -> impl Policies {
    let service = ServiceBuilder::new()
        .layer(policies::tower_resilience_retry().build())
        .layer(policies::tower_resilience_breaker())
        .layer(policies::tower_resilience_bulkhead(AT_ONCE))
        .layer(policies::tower_resilience_rate_limit(RATE))
        .layer(policies::tower_resilience_timeout(policies::EACH))
        .service(service_fn(Op::new));
    Served(service)
}

fn seatbelt() -> impl Policies {
    let context = policies::seatbelt_context();
    let stack = (
        policies::seatbelt_retry(&context),
        policies::seatbelt_breaker(&context),
        policies::seatbelt_timeout(&context, policies::EACH),
        Execute::new(Op::new),
    );
    let service = &*forever(stack.into_service());
    |request| service.execute(request)
}
