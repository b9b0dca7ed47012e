//! Threads that race for keys and for places. All state is under the lock of a shard, and what is outside is one
//! count, so that there is nothing to model-check.

use std::sync::Mutex;
use std::thread;

use steadfast_core::Instant;
use steadfast_rate_limit::{KeyedRateLimit, RateLimit};

const THREADS: u64 = 4;

#[test]
fn a_key_never_gets_more_than_its_burst_whoever_asks() {
    const KEYS: usize = 300;
    let limits = KeyedRateLimit::new(KEYS, RateLimit::per_second(1).burst(7)).unwrap();
    let granted = Mutex::new(vec![0; KEYS]);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (limits, granted) = (&limits, &granted);
            scope.spawn(move || {
                let mut own = vec![0; KEYS];
                for call in 0..20 * KEYS {
                    let key = (call * 7 + usize::try_from(thread).unwrap()) % KEYS;
                    let taken = limits.try_acquire_at(&key, Instant::from_nanos(1000), 1);
                    own[key] += u32::from(taken.is_ok());
                }
                let mut granted = granted.lock().unwrap();
                granted
                    .iter_mut()
                    .zip(own)
                    .for_each(|(all, own)| *all += own);
            });
        }
    });
    assert_eq!(*granted.lock().unwrap(), vec![7; KEYS]);
    assert_eq!(limits.len(), KEYS);
}

#[test]
fn racing_new_keys_never_outgrow_the_map_and_never_gain_by_eviction() {
    const CAPACITY: usize = 64;
    const KEYS: u64 = 200;
    // A unit each 100 ns of the clock of each call, which goes from 0 to 100,000.
    let settings = RateLimit::new(1, std::time::Duration::from_nanos(100)).burst(2);
    let limits = KeyedRateLimit::new(CAPACITY, settings).unwrap();
    let granted = Mutex::new(vec![0_u64; usize::try_from(KEYS).unwrap()]);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (limits, granted) = (&limits, &granted);
            scope.spawn(move || {
                for now in 0..100_000_u64 {
                    let key = (now * 31 + thread * 17) % KEYS;
                    if limits
                        .try_acquire_at(&key, Instant::from_nanos(now), 1)
                        .is_ok()
                    {
                        granted.lock().unwrap()[usize::try_from(key).unwrap()] += 1;
                    }
                    assert!(limits.len() <= CAPACITY);
                }
            });
        }
    });
    let granted = granted.lock().unwrap();
    assert!(
        granted.iter().all(|granted| *granted <= 2 + 1000),
        "{granted:?}"
    );
    assert!(granted.iter().sum::<u64>() > 1000);
}
