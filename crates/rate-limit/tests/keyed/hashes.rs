//! Hashes that are bad, and hashes that panic.

use std::{
    cell::Cell,
    hash::{BuildHasherDefault, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
};

use steadfast_rate_limit::{KeyedRateLimit, RateLimit};

use crate::common::at;

#[test]
fn a_hasher_that_spreads_badly_costs_time_and_nothing_else() {
    #[derive(Clone, Default)]
    struct Same;
    impl Hasher for Same {
        fn finish(&self) -> u64 {
            7
        }
        fn write(&mut self, _: &[u8]) {}
    }
    let hasher = BuildHasherDefault::<Same>::default();
    let settings = RateLimit::per_second(10).burst(1);
    let limits = KeyedRateLimit::with_hasher(500, settings, hasher).unwrap();
    for key in 0..500_u32 {
        limits.try_acquire_at(&key, at(0), 1).unwrap();
    }
    assert!((0..500).all(|key| limits.available_at(&key, at(99)) == 0));
    // Where they lie in one heap, a look may miss it: then the map is full for that key, and not for the next.
    let taken = (500..1000).filter(|key| limits.try_acquire_at(key, at(100), 1).is_ok());
    assert!(taken.count() > 50);
    let empty = (0..1000).filter(|key| limits.available_at(key, at(100)) == 0);
    assert!(empty.count() > 50);
    assert_eq!(limits.len(), 500);
}

#[test]
fn a_hash_that_panics_loses_no_key() {
    thread_local!(static LEFT: Cell<u32> = const { Cell::new(u32::MAX) });
    #[derive(Clone, PartialEq, Eq)]
    struct Key(u32);
    impl Hash for Key {
        fn hash<H: Hasher>(&self, state: &mut H) {
            LEFT.set(LEFT.get().checked_sub(1).expect("no hash left"));
            self.0.hash(state);
        }
    }

    // One key of each ten is idle at 100 ms; the others are not.
    let limits = KeyedRateLimit::new(60, RateLimit::per_second(10).burst(9)).unwrap();
    for key in 0..60 {
        let cost = if key % 10 == 0 { 1 } else { 9 };
        limits.try_acquire_at(&Key(key), at(0), cost).unwrap();
    }
    let mut panicked = 0;
    for new in 1000..1100 {
        for hashes in 0..20 {
            LEFT.set(hashes);
            let call = || limits.try_acquire_at(&Key(new), at(100), 9);
            panicked += u32::from(catch_unwind(AssertUnwindSafe(call)).is_err());
        }
        LEFT.set(u32::MAX);
        assert!(limits.len() <= 60);
        for key in (0..60).filter(|key| key % 10 != 0) {
            assert_eq!(limits.available_at(&Key(key), at(100)), 1, "{key} is lost");
        }
    }
    assert!(panicked > 0);
    assert_eq!(limits.len(), 60);
}
