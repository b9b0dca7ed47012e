//! What is promised to allocate nothing.

use std::{
    array,
    future::Future,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use benches::allocations::during;
use steadfast::{Instant, IpPrefix, KeyedRateLimit, RateLimit, Runtime as _, TokioRuntime};
use tokio::runtime::Builder;

#[test]
fn a_limit_of_a_key_that_is_known_allocates_nothing_and_nor_does_its_refusal() {
    let limits: KeyedRateLimit<String> =
        KeyedRateLimit::new(10_000, RateLimit::per_second(10).burst(2)).unwrap();
    let now = |step: u64| Instant::from_nanos(step * 10_000_000);
    let names: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let first = during(|| {
        for name in &names {
            limits.try_acquire_at(name.as_str(), now(0), 1).unwrap();
        }
    });
    assert!(first >= 1000, "each makes a key of its own");
    let mut refused = 0;
    let later = during(|| {
        for step in 0..100 {
            for name in &names {
                refused += u32::from(limits.try_acquire_at(name.as_str(), now(step), 1).is_err());
            }
        }
    });
    assert!(refused > 0);
    assert_eq!(later, 0);
}

#[test]
fn a_full_map_of_plain_keys_changes_them_without_an_allocation() {
    let limits = KeyedRateLimit::new(1000, RateLimit::per_second(10).burst(1)).unwrap();
    let call = |number: u32, seconds: u64| {
        let key = IpPrefix::of(std::net::IpAddr::from(number.to_be_bytes()));
        let now = Instant::from_nanos(seconds * 1_000_000_000);
        limits.try_acquire_at(&key, now, 1)
    };
    for number in 0..20_000 {
        call(number, number.into()).unwrap();
    }
    let later = during(|| {
        for number in 20_000..30_000 {
            call(number, number.into()).unwrap();
        }
    });
    assert_eq!((later, limits.len()), (0, 1000));
}

#[test]
fn a_thread_that_has_waited_on_tokio_arms_its_next_timers_without_an_allocation() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let first = during(arm_two);
        assert!(first >= 2, "each is made once");
        let later = during(|| (0..1000).for_each(|_| arm_two()));
        assert_eq!(later, 0);
    });
}

fn arm_two() {
    let mut nobody = Context::from_waker(Waker::noop());
    let after = |seconds| TokioRuntime.now() + Duration::from_secs(seconds);
    let mut long = pin!(TokioRuntime.sleep_until(after(10)));
    let mut short = pin!(TokioRuntime.sleep_until(after(2)));
    assert!(long.as_mut().poll(&mut nobody).is_pending());
    assert!(short.as_mut().poll(&mut nobody).is_pending());
}

#[test]
fn a_thread_keeps_1024_timers_and_no_more() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        arm_1100();
        let later = during(arm_1100);
        assert_eq!(later, 1100 - 1024);
    });
}

fn arm_1100() {
    let mut nobody = Context::from_waker(Waker::noop());
    let at = TokioRuntime.now() + Duration::from_secs(10);
    let mut sleeps: [_; 1100] = array::from_fn(|_| TokioRuntime.sleep_until(at));
    for sleep in &mut sleeps {
        assert!(pin!(sleep).poll(&mut nobody).is_pending());
    }
}
