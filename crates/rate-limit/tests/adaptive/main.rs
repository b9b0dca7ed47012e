//! What the adaptive rate promises.
//!
//! The decision is not public, so its source is part of this crate: the tests and the simulation drive the very
//! code that a limit drives.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "helpers of tests may do as the tests do, and the source is private to its crate"
)]

#[path = "../../src/adaptive/mod.rs"]
mod adaptive;

mod convergence;
mod oracle;
mod properties;
mod settings;
mod steps;
mod time;
mod world;

use std::time::Duration;

use adaptive::{AdaptiveRate, Control};
use steadfast_core::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn control(rate: &AdaptiveRate) -> Control {
    rate.check().unwrap();
    Control::new(rate)
}

/// What a limit is told: so many units in so much time.
fn units_per(control: &Control) -> Option<(u32, Duration)> {
    control.rate_micros().map(adaptive::units_per)
}

/// So many milliseconds from the origin of the clock.
fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

/// A thousandth of a unit a second is all that is looked at.
#[track_caller]
fn assert_rate(control: &Control, per_second: f64) {
    let micros = control.rate_micros().expect("it is not limited");
    let rate = micros as f64 / 1e6;
    assert!(
        (rate - per_second).abs() < 1e-3,
        "{rate} a second, not {per_second}"
    );
}

/// Sends a call every so often, from one instant to before another.
fn send(control: &mut Control, from: u64, to: u64, every: u64) {
    for ms in (from..to).step_by(usize::try_from(every).unwrap()) {
        control.sent_at(at(ms), 1);
    }
}

/// Long enough for the average to be exact, a hundred a second; then a call is throttled at 20 s.
fn throttled_at_a_hundred() -> Control {
    let mut control = control(&AdaptiveRate::new());
    send(&mut control, 0, 20_001, 10);
    control.throttled_at(at(20_000), at(20_000));
    control
}
