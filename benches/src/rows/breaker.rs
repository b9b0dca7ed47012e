//! A circuit breaker that is closed and counts, and one that is open and refuses.
//!
//! All calls of a closed one succeed. That is the common case and the best one of ours, which writes nothing down while a
//! full window of calls holds good ones only; with failures in it each call costs a compare-and-swap, so what two threads
//! get done here is an upper bound.

use layered::{Execute, Service, Stack};
use recloser::AsyncRecloser;
use steadfast::{CircuitBreakerBuilder, FastClock, Pipeline, TokioRuntime};
use tower::{ServiceBuilder, service_fn};

use super::{Group, forever, policies};
use crate::{
    by_hand::Hand,
    contend::ContendRow,
    harness::Row,
    operation::{Op, Request},
    subject::{Served, Subject},
};

pub(super) const GROUP: Group = Group {
    name: "breaker",
    about: "opens at 50 % failures of the last 100 calls; closed, or `-open` and refusing",
    rows,
    contend,
};

fn rows() -> Vec<Row> {
    vec![
        Row::new("steadfast", steadfast()),
        Row::new("steadfast-64", steadfast_64()),
        Row::new("steadfast-time", steadfast_time()),
        Row::new("steadfast-time-fast-clock", steadfast_time_fast_clock()),
        Row::new("recloser", recloser()),
        Row::new("failsafe", failsafe()),
        Row::new("tower-resilience", tower_resilience()),
        Row::new("seatbelt", seatbelt()),
        Row::refused("steadfast-open", opened(steadfast())),
        Row::refused("steadfast-64-open", opened(steadfast_64())),
        Row::refused("steadfast-time-open", opened(steadfast_time())),
        Row::refused(
            "steadfast-open-fast-clock",
            opened(steadfast_time_fast_clock()),
        ),
        Row::refused("recloser-open", opened(recloser())),
        Row::refused("failsafe-open", opened(failsafe())),
        Row::refused("tower-resilience-open", opened(tower_resilience())),
        Row::refused("seatbelt-open", opened(seatbelt())),
    ]
}

fn contend() -> Vec<ContendRow> {
    vec![
        ContendRow::new("steadfast", steadfast()),
        ContendRow::new("steadfast-64", steadfast_64()),
        ContendRow::new("steadfast-time", steadfast_time()),
        ContendRow::new("recloser", recloser()),
        ContendRow::new("failsafe", failsafe()),
        ContendRow::new("tower-resilience", tower_resilience()),
        ContendRow::new("seatbelt", seatbelt()),
    ]
}

/// More failures than any of them stands: each opens by its own rule, as not all can be opened by hand.
fn opened<S: Subject>(mut breaker: S) -> S {
    let hand = Hand::new();
    for _ in 0..2 * policies::WINDOW {
        hand.finish(breaker.start(Request::Refuse));
    }
    breaker
}

/// Anything that makes calls, whose clones share one breaker.
trait Breaker: Subject + Clone + Send + 'static {}

impl<S: Subject + Clone + Send + 'static> Breaker for S {}

/// The window of the peers: more calls than a word has bits.
fn steadfast() -> impl Breaker {
    steadfast_over(|breaker| breaker.over_last(policies::WINDOW))
}

/// The largest window that is a word.
fn steadfast_64() -> impl Breaker {
    steadfast_over(|breaker| breaker.over_last(64))
}

/// A window as of those peers that look back in time.
fn steadfast_time() -> impl Breaker {
    steadfast_over(|breaker| breaker.over(policies::PERIOD))
}

/// The same on the processor's counter. Its calls that are refused read no more than the others' do.
fn steadfast_time_fast_clock() -> impl Breaker {
    let breaker = policies::steadfast_breaker(|breaker| breaker.over(policies::PERIOD));
    let pipeline = &*forever(Pipeline::on(FastClock::new(TokioRuntime), breaker));
    |request| pipeline.call(move || Op::new(request))
}

fn steadfast_over(
    window: impl FnOnce(CircuitBreakerBuilder) -> CircuitBreakerBuilder,
) -> impl Breaker {
    let pipeline = forever(Pipeline::new(policies::steadfast_breaker(window)));
    |request| pipeline.call(move || Op::new(request))
}

fn recloser() -> impl Breaker {
    let breaker = forever(AsyncRecloser::from(policies::recloser()));
    |request| breaker.call(Op::new(request))
}

fn failsafe() -> impl Breaker {
    use failsafe::futures::CircuitBreaker;
    let breaker = forever(policies::failsafe());
    |request| breaker.call(Op::new(request))
}

fn tower_resilience() -> impl Breaker {
    let service = ServiceBuilder::new()
        .layer(policies::tower_resilience_breaker())
        .service(service_fn(Op::new));
    Served(service)
}

fn seatbelt() -> impl Breaker {
    let stack = (
        policies::seatbelt_breaker(&policies::seatbelt_context()),
        Execute::new(Op::new),
    );
    let service = forever(stack.into_service());
    |request| service.execute(request)
}

#[cfg(test)]
mod tests {
    use super::{
        Breaker, failsafe, opened, recloser, seatbelt, steadfast, steadfast_64, steadfast_time,
        tower_resilience,
    };
    use crate::{by_hand::Hand, harness::runtime, operation::Request, subject::Answer};

    /// Whether `breaker` refuses after many calls of which every `nth` fails.
    fn opens(mut breaker: impl Breaker, nth: usize) -> bool {
        let hand = Hand::new();
        for call in 1..=600 {
            hand.finish(breaker.start(match call % nth {
                0 => Request::Refuse,
                _ => Request::Ready,
            }));
        }
        hand.finish(breaker.start(Request::Ready)).is_refusal()
    }

    /// failsafe is missing: it judges no rate before 10 s.
    #[test]
    fn breakers_open_at_half_and_not_at_a_third() {
        let runtime = runtime();
        let _entered = runtime.enter();
        assert!(opens(steadfast(), 2) && !opens(steadfast(), 3));
        assert!(opens(steadfast_64(), 2) && !opens(steadfast_64(), 3));
        assert!(opens(steadfast_time(), 2) && !opens(steadfast_time(), 3));
        assert!(opens(recloser(), 2) && !opens(recloser(), 3));
        assert!(opens(tower_resilience(), 2) && !opens(tower_resilience(), 3));
        assert!(opens(seatbelt(), 2) && !opens(seatbelt(), 3));
    }

    #[test]
    fn clones_share_one_breaker() {
        fn shared(breaker: impl Breaker) -> bool {
            let hand = Hand::new();
            let mut other = breaker.clone();
            let before = hand.finish(other.start(Request::Ready)).is_right();
            opened(breaker);
            before && hand.finish(other.start(Request::Ready)).is_refusal()
        }
        let runtime = runtime();
        let _entered = runtime.enter();
        assert!(shared(steadfast()));
        assert!(shared(steadfast_64()));
        assert!(shared(steadfast_time()));
        assert!(shared(recloser()));
        assert!(shared(failsafe()));
        assert!(shared(tower_resilience()));
        assert!(shared(seatbelt()));
    }
}
