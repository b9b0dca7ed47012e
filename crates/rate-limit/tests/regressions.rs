//! Defects of other libraries that this one must not have, one test each.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use std::{future::ready, time::Duration};

use steadfast_core::{CallOptions, Instant, Pipeline, RejectionKind, VirtualRuntime};
use steadfast_rate_limit::{RateLimit, RateLimitBuilder};

const DAY: Duration = Duration::from_secs(86_400);

/// governor 0.10.4: `Quota::with_period(day).allow_burst(300_000)` wraps: 86,496 are granted in release, and debug
/// panics.
#[test]
fn governor_grants_a_part_of_a_burst_that_wraps() {
    let refused = RateLimit::new(1, DAY).burst(300_000).build().unwrap_err();
    assert_eq!(
        (refused.field(), refused.allowed()),
        ("burst", "1 to 103415")
    );
    // The same burst at a rate at which it fits is granted to the last.
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::new(3, DAY).burst(300_000).build().unwrap();
    let granted = (0..300_001).filter(|_| limit.try_acquire(&runtime, 1).is_ok());
    assert_eq!(granted.count(), 300_000);
}

/// governor keeps the time of a unit in whole nanoseconds, rounded down: three take a nanosecond less than a second.
#[test]
fn governor_rounds_the_time_of_a_unit_down() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(3).build().unwrap();
    limit.try_acquire(&runtime, 3).unwrap();
    runtime.advance(Duration::from_nanos(999_999_999));
    let refused = limit.try_acquire(&runtime, 3).unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_nanos(1)));
    runtime.advance(Duration::from_nanos(1));
    assert!(limit.try_acquire(&runtime, 3).is_ok());
}

/// `tower_governor`: `per_second(n)` means one in n seconds.
#[test]
fn tower_governor_takes_per_second_for_seconds_per_unit() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(50).burst(1).build().unwrap();
    limit.try_acquire(&runtime, 1).unwrap();
    let wait = limit.retry_after(&runtime, 1);
    assert_eq!(wait, Some(Duration::from_millis(20)));
}

/// governor: `until_ready` sleeps and asks again, so whoever asks at the right moment is first, and the others
/// starve.
#[test]
fn governor_lets_late_arrivals_overtake_those_who_sleep() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(1).burst(1).wait(DAY).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), &limit);
    limit.try_acquire(&runtime, 1).unwrap();
    let mut waits = runtime.drive(calls.call(|| ready(Ok::<_, ()>("its turn"))));
    assert!(waits.poll().is_pending());
    runtime.set_now(steadfast_core::Runtime::now(&runtime) + Duration::from_secs(1));
    // Before the one that sleeps is polled.
    assert!(limit.try_acquire(&runtime, 1).is_err());
    assert_eq!(waits.poll(), std::task::Poll::Ready(Ok("its turn")));
    assert_eq!(waits.polls(), 2);
}

/// tower-resilience sleeps for as long as a call may wait, and fails then.
#[test]
fn tower_resilience_sleeps_before_it_refuses() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_minute(1)
        .wait(Duration::from_secs(30))
        .build()
        .unwrap();
    let calls = Pipeline::on(runtime.clone(), &limit);
    limit.try_acquire(&runtime, 1).unwrap();
    let refused = runtime.block_on(calls.call(|| ready(Ok::<_, ()>(()))));
    assert!(refused.is_err());
    assert_eq!(runtime.elapsed(), Duration::ZERO);
}

/// Where a call that costs more than there ever is may wait, it hangs.
#[test]
fn a_wait_for_more_than_there_ever_is_hangs() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(5).burst(5).wait(DAY).build().unwrap();
    let calls = Pipeline::on(runtime.clone(), &limit);
    let call = calls
        .call(|| ready(Ok::<_, ()>(())))
        .options(CallOptions::new().cost(6));
    let refused = runtime.block_on(call).unwrap_err();
    let kind = RejectionKind::Other("it costs more than there ever is at once");
    assert_eq!(refused.rejection().unwrap().kind(), kind);
    assert_eq!(runtime.sleeps_started(), 0);
}

/// A fixed window admits twice its number around its end, which is why it is not the default.
#[test]
fn fixed_windows_admit_two_bursts_around_their_end_and_are_not_the_default() {
    let (before, after) = (1_999_999_999, 2_000_000_000);
    let granted = |settings: RateLimitBuilder| {
        let limit = settings.build().unwrap();
        let at = |nanos| {
            limit
                .try_acquire_at(Instant::from_nanos(nanos), 100)
                .is_ok()
        };
        (at(before), at(after))
    };
    let per_second = || RateLimit::per_second(100);
    assert_eq!(granted(per_second().fixed()), (true, true));
    assert_eq!(granted(per_second()), (true, false));
    assert_eq!(granted(per_second().sliding()), (true, false));
}
