//! What the adaptive limits promise.
//!
//! The decisions are not public, so their source is part of this crate: the tests and the simulation drive
//! the very code that a bulkhead drives.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "helpers of tests may do as the tests do, and the source is private to its crate"
)]

#[path = "../../src/adaptive/mod.rs"]
mod adaptive;
#[path = "../../src/check.rs"]
mod check;

mod aimd;
mod convergence;
mod gradient;
mod oracle;
mod outage;
mod probes;
mod properties;
mod regressions;
mod settings;
mod vegas;
mod windows;
mod world;

use std::time::Duration;

use adaptive::{AdaptiveLimit, Control, Window};

const MS: u64 = 1_000_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn control(limit: impl Into<AdaptiveLimit>) -> Control {
    let limit = limit.into();
    limit.check().unwrap();
    Control::new(&limit)
}

/// A window of a hundred calls that were answered after so many milliseconds, with so many in flight.
fn answered(rtt_ms: u64, max_in_flight: u32) -> Window {
    Window {
        calls: 100,
        max_in_flight,
        rtt_nanos: Some(rtt_ms * MS),
    }
}

/// A window of a hundred calls of which too many were dropped.
fn dropped(max_in_flight: u32) -> Window {
    Window {
        calls: 100,
        max_in_flight,
        rtt_nanos: None,
    }
}
