//! The places of a map: who has one, who gets none, and who gives way.

use std::sync::{Arc, Mutex, OnceLock};

use steadfast_core::{Instant, Rejection};
use steadfast_rate_limit::{KeyedRateLimit, RateLimit};

use crate::common::{at, by_name, full};

#[test]
fn a_full_map_refuses_a_new_key_by_name_and_serves_the_known() {
    for capacity in [1, 2, 31, 32, 33, 100, 5000] {
        let limits = KeyedRateLimit::new(capacity, RateLimit::per_second(10).burst(3)).unwrap();
        for key in 0..capacity {
            limits.try_acquire_at(&key, at(0), 1).unwrap();
        }
        assert_eq!(limits.len(), capacity);
        let refused = limits.try_acquire_at(&capacity, at(99), 1).unwrap_err();
        assert_eq!(refused.kind(), full());
        let says = "rate limit refused the call: there is no place for another key";
        assert_eq!(refused.to_string(), says);
        assert!(refused.verdict() == Rejection::new("x", full()).verdict());
        for key in 0..capacity {
            limits.try_acquire_at(&key, at(99), 2).unwrap();
            assert!(limits.try_acquire_at(&key, at(99), 1).is_err());
        }
        assert_eq!(limits.len(), capacity);
    }
}

#[test]
fn only_a_key_of_which_nothing_is_taken_gives_way_and_not_a_nanosecond_before() {
    let limits = by_name(2);
    limits.try_acquire_at("a", at(0), 3).unwrap();
    limits.try_acquire_at("b", at(0), 1).unwrap();
    let before = Instant::from_nanos(at(100).as_nanos() - 1);
    assert_eq!(
        limits.try_acquire_at("c", before, 1).unwrap_err().kind(),
        full()
    );
    limits.try_acquire_at("c", at(100), 1).unwrap();
    // It was `b` that went.
    assert_eq!(limits.available_at("a", at(100)), 1);
    assert_eq!(
        limits.try_acquire_at("b", at(199), 1).unwrap_err().kind(),
        full()
    );
    assert_eq!(limits.len(), 2);
}

#[test]
fn nothing_gives_way_before_the_map_is_full() {
    let limits = KeyedRateLimit::new(1000, RateLimit::per_second(10)).unwrap();
    for key in 0..1000_u64 {
        limits.try_acquire_at(&key, at(key * 60_000), 1).unwrap();
        assert_eq!(limits.len() as u64, key + 1);
    }
    for key in 1000..5000_u64 {
        limits.try_acquire_at(&key, at(key * 60_000), 1).unwrap();
        assert_eq!(limits.len(), 1000);
    }
}

#[test]
fn a_refused_call_takes_no_place() {
    let limits = by_name(1);
    assert!(limits.try_acquire_at("dear", at(0), 4).is_err());
    assert!(limits.try_acquire_at("free", at(0), 0).is_ok());
    assert!(limits.is_empty());
    limits.refund("nobody", 3);
    assert_eq!(limits.available_at("asked", at(0)), 3);
    assert!(limits.is_empty());
}

#[test]
fn first_calls_that_meet_make_one_key_and_keep_one_place() {
    // The rate is asked for between the look and the making: the best moment for another caller to be first.
    for capacity in [1, 100] {
        let itself = Arc::new(OnceLock::<KeyedRateLimit<u8>>::new());
        let (other, rate) = (
            Arc::clone(&itself),
            RateLimit::per_second(10).burst(3).rate().unwrap(),
        );
        let inside = Mutex::new(false);
        let limits = KeyedRateLimit::with_rates(capacity, move |key: &u8| {
            if !std::mem::replace(&mut *inside.lock().unwrap(), true) {
                let limits = other.get().unwrap();
                limits.try_acquire_at(key, at(0), 2).unwrap();
            }
            rate
        });
        let limits = itself.get_or_init(|| limits.unwrap());
        limits.try_acquire_at(&7, at(0), 1).unwrap();
        assert!(limits.try_acquire_at(&7, at(0), 1).is_err());
        assert_eq!(limits.len(), 1);
        assert_eq!(limits.try_acquire_at(&8, at(0), 1).is_ok(), capacity > 1);
    }
}
