//! A rate limit for each of ten thousand keys, none of which ever runs out; each call is of a random one.
//!
//! Each is asked before the call, as governor is. Both hash as they do by default, governor with the standard library's
//! hasher; `-std-hasher` is what it costs here. The binary `keys` says how much memory a key takes.

use std::{
    hash::{BuildHasher, RandomState},
    iter,
};

use governor::RateLimiter;
use steadfast::{FastClock, KeyHashing, KeyedRateLimit, RateLimit, Runtime, TokioRuntime};

use super::{Group, forever, policies};
use crate::{
    contend::ContendRow,
    harness::Row,
    operation::{Failure, Op},
    subject::Subject,
};

pub(super) const GROUP: Group = Group {
    name: "keyed",
    about: "a thousand million calls a second for each of 10,000 keys, one of which is taken at random",
    rows,
    contend,
};

const KEYS: u64 = 10_000;
/// How many calls there are before the same keys come again.
const CALLS: usize = 1 << 16;

fn rows() -> Vec<Row> {
    vec![
        Row::new("steadfast", steadfast(TokioRuntime, KeyHashing::default())),
        Row::new("steadfast-fast-clock", on_the_fast_clock()),
        Row::new(
            "steadfast-std-hasher-fast-clock",
            steadfast(FastClock::new(TokioRuntime), RandomState::new()),
        ),
        Row::new("governor", governor()),
    ]
}

fn contend() -> Vec<ContendRow> {
    vec![
        ContendRow::new("steadfast-fast-clock", on_the_fast_clock()),
        ContendRow::new("governor", governor()),
    ]
}

/// Anything that makes calls, whose clones share the limits.
trait Limits: Subject + Clone + Send + 'static {}

impl<S: Subject + Clone + Send + 'static> Limits for S {}

fn on_the_fast_clock() -> impl Limits {
    steadfast(FastClock::new(TokioRuntime), KeyHashing::default())
}

/// With room for twice as many keys, as its documentation says that there should be some.
fn steadfast<R, S>(runtime: R, hasher: S) -> impl Limits
where
    R: Runtime + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    let rate = policies::Rate::NEVER_OUT;
    let each = RateLimit::new(rate.units, rate.per);
    let limits = KeyedRateLimit::<u64, S>::with_hasher(2 * KEYS as usize, each, hasher);
    let limits = limits.expect("it fits the arithmetic");
    let (limits, runtime) = &*forever((limits, runtime));
    let mut keys = keys();
    move |request| {
        let key = keys.next();
        async move {
            let taken = limits.try_acquire(runtime, &key, 1);
            taken.map_err(|_| Failure::Limited)?;
            Op::new(request).await
        }
    }
}

/// With its default clock, map and hasher.
fn governor() -> impl Limits {
    let limiter = &*forever(RateLimiter::keyed(policies::governor_quota(
        policies::Rate::NEVER_OUT,
    )));
    let mut keys = keys();
    move |request| {
        let key = keys.next();
        async move {
            limiter.check_key(&key).map_err(|_| Failure::Limited)?;
            Op::new(request).await
        }
    }
}

/// Keys one after another, round and round: drawn beforehand, so that drawing one costs next to nothing.
#[derive(Clone)]
struct Keys {
    drawn: &'static [u64],
    at: usize,
}

impl Keys {
    fn next(&mut self) -> u64 {
        self.at = (self.at + 1) % CALLS;
        self.drawn[self.at]
    }
}

fn keys() -> Keys {
    // The generator of Vigna's `SplitMix64`.
    let mut state = 1_u64;
    let random = iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    });
    let drawn: Vec<_> = random.map(|bits| bits % KEYS).take(CALLS).collect();
    Keys {
        drawn: forever(drawn),
        at: 0,
    }
}
