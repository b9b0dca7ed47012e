//! Keys with rates of their own.

use std::sync::{Arc, Mutex};

use steadfast_rate_limit::{KeyedRateLimit, RateLimit};

use crate::common::{at, full, ms};

#[test]
fn a_rate_is_that_of_its_key_and_asked_for_when_the_key_comes() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let rates = [1, 2, 3].map(|burst| RateLimit::per_second(10).burst(burst).rate().unwrap());
    let log = Arc::clone(&asked);
    let limits = KeyedRateLimit::with_rates(2, move |key: &usize| {
        log.lock().unwrap().push(*key);
        rates[*key]
    });
    let limits = limits.unwrap();
    for _ in 0..2 {
        let _ = limits.try_acquire_at(&0, at(0), 1);
        let _ = limits.try_acquire_at(&2, at(0), 3);
    }
    assert_eq!(*asked.lock().unwrap(), [0, 2]);
    assert_eq!(limits.retry_after_at(&0, at(0), 1), Some(ms(100)));
    assert_eq!(limits.retry_after_at(&2, at(0), 3), Some(ms(300)));
    assert_eq!(
        limits.try_acquire_at(&1, at(99), 1).unwrap_err().kind(),
        full()
    );
    limits.try_acquire_at(&1, at(100), 2).unwrap();
    assert_eq!(limits.available_at(&2, at(100)), 1);
    assert_eq!(limits.available_at(&1, at(100)), 0);
}

#[test]
fn there_may_be_a_thousand_rates_at_a_time() {
    let rate = |key: &u32| RateLimit::per_second(10).burst(key + 1).rate().unwrap();
    let limits = KeyedRateLimit::with_rates(32, rate).unwrap();
    for key in 0..10_000 {
        let now = at(u64::from(key) * 1000);
        limits
            .try_acquire_at(&key, now, key + 1)
            .unwrap_or_else(|refused| {
                assert_eq!(refused.kind(), full());
            });
    }
    // One shard of its own has no more than 1,024; the rest is spread over 64.
    let limits = KeyedRateLimit::with_rates(1 << 20, rate).unwrap();
    let mut refused = (0..100_000).filter_map(|key| limits.try_acquire_at(&key, at(0), 1).err());
    let says = "rate limit refused the call: there are too many rates at a time";
    assert_eq!(refused.next().unwrap().to_string(), says);
    // Many more keys than rates there may be, so that every shard has as many as it can.
    refused.for_each(drop);
    assert_eq!(limits.len(), 64 * 1024);
}

#[test]
fn a_rate_that_panics_takes_no_place_and_may_be_asked_again() {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let rate = RateLimit::per_second(10).burst(2).rate().unwrap();
    let panics = Arc::new(Mutex::new(true));
    let shared = Arc::clone(&panics);
    let limits = KeyedRateLimit::with_rates(1, move |_: &u8| {
        let panics = *shared.lock().unwrap();
        assert!(!panics, "no rate");
        rate
    });
    let limits = limits.unwrap();
    for _ in 0..3 {
        let call = || limits.try_acquire_at(&1, at(0), 1);
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        assert!(limits.is_empty());
        limits.refund(&1, 1);
    }
    *panics.lock().unwrap() = false;
    limits.try_acquire_at(&1, at(0), 2).unwrap();
    assert!(limits.try_acquire_at(&1, at(99), 1).is_err());
}

#[test]
fn a_rate_that_is_another_by_now_is_that_of_the_key_when_it_comes_anew() {
    let burst = Arc::new(Mutex::new(2));
    let shared = Arc::clone(&burst);
    let limits = KeyedRateLimit::with_rates(1, move |_: &u8| {
        let burst = *shared.lock().unwrap();
        RateLimit::per_second(10).burst(burst).rate().unwrap()
    });
    let limits = limits.unwrap();
    limits.try_acquire_at(&1, at(0), 1).unwrap();
    *burst.lock().unwrap() = 5;
    assert_eq!(limits.available_at(&1, at(1_000)), 2);
    limits.try_acquire_at(&2, at(1_000), 1).unwrap();
    limits.try_acquire_at(&1, at(1_100), 5).unwrap();
    assert!(limits.try_acquire_at(&1, at(1_199), 1).is_err());
}
