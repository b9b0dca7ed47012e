//! A rate limit that never runs out, and one that has run out and refuses.
//!
//! Each reads the clock once, which is most of what it costs. `-direct` is ours without a pipeline: asked before the
//! call, as governor is. tower's limit has no way to refuse: it waits, and is missing
//! there; and it cannot be shared. tower-resilience's is missing too: it refuses when a timer of no length has gone off,
//! which no first poll sees.

use steadfast::{FastClock, Pipeline, Runtime, TokioRuntime};
use tower::{ServiceBuilder, service_fn};

use super::{Group, forever, policies};
use crate::{
    by_hand::Hand,
    contend::ContendRow,
    harness::Row,
    operation::{Failure, Op, Request},
    subject::{Served, Subject},
};

pub(super) const GROUP: Group = Group {
    name: "limiter",
    about: "a thousand million calls a second, which never runs out; or `-limited`, one a day, and refusing",
    rows,
    contend,
};

fn rows() -> Vec<Row> {
    let forever = policies::Rate::NEVER_OUT;
    let once = policies::Rate::ONCE;
    let fast = FastClock::new(TokioRuntime);
    vec![
        Row::new("steadfast", steadfast(forever)),
        Row::new("steadfast-fast-clock", steadfast_fast_clock(forever)),
        Row::new("steadfast-direct", direct(TokioRuntime, forever)),
        Row::new("steadfast-direct-fast-clock", direct(fast, forever)),
        Row::new("governor", governor(forever)),
        Row::new("leaky-bucket", leaky_bucket(forever)),
        Row::new("tower", tower(forever)),
        Row::new("tower-resilience", tower_resilience(forever)),
        Row::refused("steadfast-limited", spent(steadfast(once))),
        Row::refused(
            "steadfast-limited-fast-clock",
            spent(steadfast_fast_clock(once)),
        ),
        Row::refused(
            "steadfast-direct-limited",
            spent(direct(TokioRuntime, once)),
        ),
        Row::refused(
            "steadfast-direct-limited-fast-clock",
            spent(direct(fast, once)),
        ),
        Row::refused("governor-limited", spent(governor(once))),
        Row::refused("leaky-bucket-limited", spent(leaky_bucket(once))),
    ]
}

fn contend() -> Vec<ContendRow> {
    let forever = policies::Rate::NEVER_OUT;
    vec![
        ContendRow::new("steadfast", steadfast(forever)),
        ContendRow::new("steadfast-direct-fast-clock", {
            direct(FastClock::new(TokioRuntime), forever)
        }),
        ContendRow::new("governor", governor(forever)),
        ContendRow::new("leaky-bucket", leaky_bucket(forever)),
        ContendRow::new("tower-resilience", tower_resilience(forever)),
    ]
}

/// Anything that makes calls, whose clones share one limit.
trait Limit: Subject + Clone + Send + 'static {}

impl<S: Subject + Clone + Send + 'static> Limit for S {}

/// A limit of one, which one call has used up.
fn spent<L: Limit>(mut limit: L) -> L {
    let _ = Hand::new().finish(limit.start(Request::Ready));
    limit
}

fn steadfast(rate: policies::Rate) -> impl Limit {
    let pipeline = &*forever(Pipeline::new(policies::steadfast_rate_limit(rate)));
    |request| pipeline.call(move || Op::new(request))
}

/// On the processor's counter, which is governor's clock too.
fn steadfast_fast_clock(rate: policies::Rate) -> impl Limit {
    let limit = policies::steadfast_rate_limit(rate);
    let pipeline = &*forever(Pipeline::on(FastClock::new(TokioRuntime), limit));
    |request| pipeline.call(move || Op::new(request))
}

/// Asked before the call, without a pipeline.
fn direct<R: Runtime + Send + Sync + 'static>(runtime: R, rate: policies::Rate) -> impl Limit {
    let (limit, runtime) = &*forever((policies::steadfast_rate_limit(rate), runtime));
    move |request| async move {
        let taken = limit.try_acquire(runtime, 1);
        taken.map_err(|_| Failure::Limited)?;
        Op::new(request).await
    }
}

/// As its documentation does it: asked before the call.
fn governor(rate: policies::Rate) -> impl Limit {
    let limiter = &*forever(policies::governor(rate));
    move |request| async move {
        limiter.check().map_err(|_| Failure::Limited)?;
        Op::new(request).await
    }
}

/// Tried, so that it refuses, as nobody waits in these rows.
fn leaky_bucket(rate: policies::Rate) -> impl Limit {
    let limiter = &*forever(policies::leaky_bucket(rate));
    move |request| async move {
        if !limiter.try_acquire(1) {
            return Err(Failure::Limited);
        }
        Op::new(request).await
    }
}

fn tower(rate: policies::Rate) -> impl Subject + 'static {
    let service = ServiceBuilder::new()
        .rate_limit(rate.units.into(), rate.per)
        .service(service_fn(Op::new));
    Served(service)
}

fn tower_resilience(rate: policies::Rate) -> impl Limit {
    let service = ServiceBuilder::new()
        .layer(policies::tower_resilience_rate_limit(rate))
        .service(service_fn(Op::new));
    Served(service)
}

#[cfg(test)]
mod tests {
    use steadfast::TokioRuntime;

    use super::{Limit, direct, governor, leaky_bucket, policies, spent, steadfast};
    use crate::{by_hand::Hand, harness::runtime, operation::Request, subject::Answer};

    #[test]
    fn a_limit_of_one_lets_one_call_through_and_clones_share_it() {
        fn refuses_the_second(limit: impl Limit) -> bool {
            let hand = Hand::new();
            let mut other = limit.clone();
            spent(limit);
            hand.finish(other.start(Request::Ready)).is_refusal()
        }
        let runtime = runtime();
        let _entered = runtime.enter();
        assert!(refuses_the_second(steadfast(policies::Rate::ONCE)));
        assert!(refuses_the_second(direct(
            TokioRuntime,
            policies::Rate::ONCE
        )));
        assert!(refuses_the_second(governor(policies::Rate::ONCE)));
        assert!(refuses_the_second(leaky_bucket(policies::Rate::ONCE)));
    }
}
