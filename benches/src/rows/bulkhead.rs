//! A bulkhead with room, and one that is full and refuses.
//!
//! Nobody waits: what is compared is the way in and out. tower's limit has no way to refuse but the layer that sheds load
//! in front of it, and a semaphore none but to be tried. tower-resilience is missing there: it refuses when a timer of no
//! length has gone off, which no first poll sees.

use std::{
    mem,
    task::{Context, Waker},
};

use steadfast::Pipeline;
use tokio::sync::Semaphore;
use tower::{ServiceBuilder, service_fn};

use super::{Group, forever, policies};
use crate::{
    contend::ContendRow,
    harness::Row,
    operation::{Failure, Op, Request},
    subject::{Served, Subject},
};

pub(super) const GROUP: Group = Group {
    name: "bulkhead",
    about: "at most 64 calls at a time; with room, or `-full` and refusing",
    rows,
    contend,
};

/// How many calls there is room for.
const AT_ONCE: usize = 64;

fn rows() -> Vec<Row> {
    vec![
        Row::new("steadfast", steadfast(AT_ONCE)),
        Row::new("tokio::sync::Semaphore", semaphore(AT_ONCE)),
        Row::new("tower", tower(AT_ONCE)),
        Row::new("tower-resilience", tower_resilience(AT_ONCE)),
        Row::refused("steadfast-full", full(steadfast(1))),
        Row::refused("tokio::sync::Semaphore-full", full(semaphore(1))),
        Row::refused("tower-full", full(tower_shedding(1))),
    ]
}

fn contend() -> Vec<ContendRow> {
    vec![
        ContendRow::new("steadfast", steadfast(AT_ONCE)),
        ContendRow::new("tokio::sync::Semaphore", semaphore(AT_ONCE)),
        ContendRow::new("tower", tower(AT_ONCE)),
        ContendRow::new("tower-resilience", tower_resilience(AT_ONCE)),
    ]
}

/// Anything that makes calls, whose clones share one limit.
trait Limit: Subject + Clone + Send + 'static {}

impl<S: Subject + Clone + Send + 'static> Limit for S {}

/// A limit of one, with a call under way that never ends.
fn full<L: Limit>(limit: L) -> L {
    let mut call = Box::pin(forever(limit.clone()).start(Request::PendingOnce));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(
        call.as_mut().poll(&mut cx).is_pending(),
        "nobody was before"
    );
    mem::forget(call);
    limit
}

fn steadfast(calls: usize) -> impl Limit {
    let pipeline = &*forever(Pipeline::new(policies::steadfast_bulkhead(calls)));
    |request| pipeline.call(move || Op::new(request))
}

/// As its documentation does it; tried, so that it refuses, as nobody waits in these rows.
fn semaphore(calls: usize) -> impl Limit {
    let semaphore = &*forever(Semaphore::new(calls));
    move |request| async move {
        let _permit = semaphore.try_acquire().map_err(|_| Failure::Full)?;
        Op::new(request).await
    }
}

fn tower(calls: usize) -> impl Limit {
    let service = ServiceBuilder::new()
        .concurrency_limit(calls)
        .service(service_fn(Op::new));
    Served(service)
}

fn tower_shedding(calls: usize) -> impl Limit {
    let service = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(calls)
        .service(service_fn(Op::new));
    Served(service)
}

fn tower_resilience(calls: usize) -> impl Limit {
    let service = ServiceBuilder::new()
        .layer(policies::tower_resilience_bulkhead(calls))
        .service(service_fn(Op::new));
    Served(service)
}

#[cfg(test)]
mod tests {
    use super::{Limit, full, semaphore, steadfast, tower_shedding};
    use crate::{by_hand::Hand, harness::runtime, operation::Request, subject::Answer};

    #[test]
    fn a_limit_is_full_with_as_many_as_it_says_and_clones_share_it() {
        fn refuses_the_second(limit: impl Limit) -> bool {
            let hand = Hand::new();
            let mut other = limit.clone();
            let before = hand.finish(other.start(Request::Ready)).is_right();
            full(limit);
            before && hand.finish(other.start(Request::Ready)).is_refusal()
        }
        let runtime = runtime();
        let _entered = runtime.enter();
        assert!(refuses_the_second(steadfast(1)));
        assert!(refuses_the_second(semaphore(1)));
        assert!(refuses_the_second(tower_shedding(1)));
    }
}
