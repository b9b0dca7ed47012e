//! What the documentation states of defaults is what is built.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{future::ready, time::Duration};

use steadfast_core::{Pipeline, VirtualRuntime};
use steadfast_rate_limit::RateLimit;

const PAGE: &str = include_str!("../src/lib.rs");

#[track_caller]
fn documented(setting: &str, default: &str) {
    let row = format!("//! | {setting} | {default} |");
    assert!(PAGE.contains(&row), "no row `{row}`");
}

#[test]
fn a_period_is_there_at_once() {
    documented("`burst`", "`n`: what a period has");
    assert_eq!(RateLimit::per_second(17).build().unwrap().burst(), 17);
}

#[test]
fn nobody_waits() {
    documented("who finds nothing", "is refused at once");
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(1).build().unwrap();
    limit.try_acquire(&runtime, 1).unwrap();
    let calls = Pipeline::on(runtime.clone(), &limit);
    let mut call = runtime.drive(calls.call(|| ready(Ok::<(), ()>(()))));
    assert!(call.poll().is_ready());
}

#[test]
fn a_thousand_wait() {
    documented("`max_waiting`, where they wait", "1000");
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(1).wait(Duration::from_secs(86_400));
    let limit = limit.build().unwrap();
    limit.try_acquire(&runtime, 1).unwrap();
    let calls = Pipeline::on(runtime.clone(), &limit);
    let call = || {
        let mut call = runtime.drive(calls.call(|| ready(Ok::<(), ()>(()))));
        let waits = call.poll().is_pending();
        (call, waits)
    };
    let waiting: Vec<_> = (0..1000).map(|_| call()).collect();
    assert!(waiting.iter().all(|(_, waits)| *waits));
    assert!(!call().1);
}
