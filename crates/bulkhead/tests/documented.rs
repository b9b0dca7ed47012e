//! What the documentation states of defaults is what is built.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{future::pending, time::Duration};

use steadfast_bulkhead::{Bulkhead, Order};
use steadfast_core::{Pipeline, VirtualRuntime};

const PAGE: &str = include_str!("../src/lib.rs");

#[track_caller]
fn documented(setting: &str, default: &str) {
    let row = format!("//! | {setting} | {default} |");
    assert!(PAGE.contains(&row), "no row `{row}`");
}

#[test]
fn nobody_waits() {
    documented("`max_waiting`", "0: refused at once");
    let runtime = VirtualRuntime::new(1);
    let bulkhead = Bulkhead::max_concurrent(1).build().unwrap();
    let _held = bulkhead.try_acquire(&runtime, 1).unwrap();
    let calls = Pipeline::on(runtime.clone(), &bulkhead);
    let mut call = runtime.drive(calls.call(pending::<Result<(), ()>>));
    assert!(call.poll().is_ready());
}

#[test]
fn who_waits_waits_a_second() {
    documented(
        "`max_wait`",
        "1s, and never beyond the deadline of the call",
    );
    let runtime = VirtualRuntime::new(1);
    let bulkhead = Bulkhead::max_concurrent(1).max_waiting(1).build().unwrap();
    let _held = bulkhead.try_acquire(&runtime, 1).unwrap();
    let calls = Pipeline::on(runtime.clone(), &bulkhead);
    let refused = runtime.block_on(calls.call(pending::<Result<(), ()>>));
    assert!(refused.is_err());
    assert_eq!(runtime.elapsed(), Duration::from_secs(1));
}

#[test]
fn orders() {
    documented("order", "first come, first served");
    assert_eq!(Order::default(), Order::Fifo);
    documented("target and interval of `Order::CODEL`", "5ms and 100ms");
    let Order::Codel { target, interval } = Order::CODEL else {
        panic!("another order");
    };
    assert_eq!(format!("{target:?} and {interval:?}"), "5ms and 100ms");
}
