//! A rate that adapts: what is sent at once, and calls that are throttled at once.

use std::{sync::Arc, time::Duration};

use loom::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::SeqCst},
};
use steadfast_core::{Instant, Verdict};
use steadfast_rate_limit::{AdaptiveRateLimit, RateLimit};

use crate::{
    adaptive::{AdaptiveRate, Control},
    models::{check, race},
};

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

/// A limit of which the rate adapts, at milliseconds.
pub(crate) trait Adapts: Send + Sync + 'static {
    fn send(&self, ms: u64);
    /// A call that was sent just then is throttled.
    fn throttle(&self, ms: u64);
    /// The rate that it says, in millionths of a unit a second.
    fn said(&self) -> u64;
    /// The rate at which it gives out units.
    fn given(&self) -> u64;
}

impl Adapts for AdaptiveRateLimit {
    fn send(&self, ms: u64) {
        self.try_acquire_at(at(ms), 1).unwrap();
    }

    fn throttle(&self, ms: u64) {
        self.record_at(at(ms), at(ms), &Verdict::overloaded());
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was an integer"
    )]
    fn said(&self) -> u64 {
        (self.rate_per_second().unwrap() * 1e6).round() as u64
    }

    fn given(&self) -> u64 {
        let later = 1_000_000;
        self.send(later);
        let refused = self.try_acquire_at(at(later), 1).unwrap_err();
        let nanos = refused.retry_after().unwrap().as_nanos();
        1_000_000_000_000_000 / u64::try_from(nanos).unwrap()
    }
}

pub(crate) fn free() -> AdaptiveRateLimit {
    let rate = steadfast_rate_limit::AdaptiveRate::new();
    RateLimit::adaptive(rate).burst(1).build().unwrap()
}

pub(crate) fn limited() -> AdaptiveRateLimit {
    let rate = steadfast_rate_limit::AdaptiveRate::new().initial(1000, Duration::from_secs(1));
    RateLimit::adaptive(rate).burst(1).build().unwrap()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Takes out what it has loaded, and not what is there.
    LoadsThenStores,
    /// Hands on what it has decided, and not what was decided last.
    HandsOnItsOwn,
}

pub(crate) struct Twin {
    flaw: Flaw,
    sent: AtomicU64,
    control: Mutex<Control>,
    decided: AtomicU64,
    given: Mutex<u64>,
}

pub(crate) fn twin(rate: &AdaptiveRate, flaw: Flaw) -> Twin {
    Twin {
        flaw,
        sent: AtomicU64::new(0),
        control: Mutex::new(Control::new(rate)),
        decided: AtomicU64::new(0),
        given: Mutex::new(0),
    }
}

impl Twin {
    fn hand_over(&self, control: &mut Control, ms: u64) {
        let sent = if self.flaw == Flaw::LoadsThenStores {
            let sent = self.sent.load(SeqCst);
            self.sent.store(0, SeqCst);
            sent
        } else {
            self.sent.swap(0, SeqCst)
        };
        if sent > 0 {
            control.sent_at(at(ms), sent);
        }
    }
}

impl Adapts for Twin {
    fn send(&self, ms: u64) {
        self.sent.fetch_add(1, SeqCst);
        if ms % 500 == 0 {
            self.hand_over(&mut self.control.lock().unwrap(), ms);
        }
    }

    fn throttle(&self, ms: u64) {
        let mut control = self.control.lock().unwrap();
        self.hand_over(&mut control, ms);
        control.throttled_at(at(ms), at(ms));
        let own = control.rate_micros().unwrap();
        self.decided.store(own, SeqCst);
        drop(control);
        let mut given = self.given.lock().unwrap();
        *given = if self.flaw == Flaw::HandsOnItsOwn {
            own
        } else {
            self.decided.load(SeqCst)
        };
    }

    fn said(&self) -> u64 {
        self.decided.load(SeqCst)
    }

    fn given(&self) -> u64 {
        *self.given.lock().unwrap()
    }
}

/// A call is sent while another one ends the half second: it is in that or in the next, once.
pub(crate) fn what_is_sent_is_counted_once<L: Adapts>(
    limit: impl Fn() -> L + Send + Sync + 'static,
) {
    check(move || {
        let limit = Arc::new(limit());
        limit.send(0);
        let other = Arc::clone(&limit);
        race(move || other.send(100), || limit.send(500));
        limit.send(1000);
        limit.throttle(1000);
        // Of a half second with 3 calls and one with 1, or with 2 each: 0.7 * (0.8 * last + 0.16 * first) * 2.
        let rates = [0.7 * (1.6 + 0.32 * 3.0), 0.7 * (3.2 + 0.32 * 2.0)];
        let said = limit.said() as f64 / 1e6;
        let is_one = rates.iter().any(|rate| (rate - said).abs() < 1e-5);
        assert!(is_one, "a call was lost, or came twice");
    });
}

/// Two calls are throttled at once: what is given out is what is said, which is less by both.
pub(crate) fn the_last_rate_is_given<L: Adapts>(limit: impl Fn() -> L + Send + Sync + 'static) {
    check(move || {
        let limit = Arc::new(limit());
        limit.send(0);
        limit.send(1000);
        let other = Arc::clone(&limit);
        race(move || other.throttle(1000), || limit.throttle(1000));
        let (said, given) = (limit.said(), limit.given());
        let off = said.abs_diff(given);
        assert!(off <= said / 500, "it gives what it does not say");
    });
}
