//! It holds so many records and bytes and no more, and forgets what is over before it refuses anything.

use std::time::Duration;

use steadfast_core::VirtualRuntime;
use steadfast_idempotency::{
    Claim, Ending, Fence, MemoryStore, State, Store, StoreErrorKind, Stored, Written,
};

#[cfg(feature = "tokio")]
use super::shop::ask;
use super::shop::{KEY_TTL, LEASE, OVERHEAD, RESULT_TTL, Shop, id, now};

#[test]
fn a_full_store_refuses_a_new_key_and_serves_those_it_has() {
    let shop = Shop::with(|store| store.capacity(3));
    assert!(shop.store.is_empty());
    let leases: Vec<_> = (0..3).map(|n| shop.granted(&id(n))).collect();
    assert!(!shop.store.is_empty());
    assert_eq!(shop.claim(&id(3)), Err(StoreErrorKind::Full));
    assert!(!shop.is_there(&id(3)));
    assert_eq!((shop.store.len(), shop.store.capacity()), (3, 3));

    assert!(matches!(shop.claim(&id(0)), Ok(Claim::Granted { .. })));
    shop.complete(&leases[0], 7);
    assert!(matches!(shop.claim(&id(0)), Ok(Claim::Completed(_))));
    let renewed = now(shop.store.renew(&leases[1], LEASE, Some("half"))).unwrap();
    assert_eq!(renewed, Written::Done);
    assert_eq!(shop.claim(&id(3)), Err(StoreErrorKind::Full));
}

#[test]
fn a_full_store_gives_up_what_is_over() {
    for ended in [0, 40, 299] {
        let shop = Shop::with(|store| store.capacity(300));
        let leases: Vec<_> = (0..300).map(|n| shop.granted(&id(n))).collect();
        shop.complete(&leases[ended], 7);
        shop.advance(KEY_TTL);
        assert!(matches!(shop.claim(&id(300)), Ok(Claim::Granted { .. })));
        assert!(!shop.is_there(&id(ended)));
        assert_eq!(shop.claim(&id(301)), Err(StoreErrorKind::Full));
        assert_eq!(shop.store.len(), 300);
    }
}

#[test]
fn a_full_store_gives_up_no_more_at_once_than_it_has_to() {
    let shop = Shop::with(|store| store.capacity(10_000));
    for n in 0..10_000 {
        shop.release(&shop.granted(&id(n)));
    }
    shop.advance(KEY_TTL);
    shop.granted(&id(10_000));
    // What lies in one shard, and a few in that of the key; the rest goes with the claims that follow.
    assert!(shop.store.len() > 9_000, "{}", shop.store.len());
}

#[test]
fn what_nobody_may_delete_fills_it() {
    let shop = Shop::with(|store| store.capacity(2));
    let lease = shop.granted(&id(0));
    let written = now(shop.store.finish(&lease, Ending::Unknown)).unwrap();
    assert_eq!(written, Written::Done);
    shop.granted(&id(1));
    shop.advance(KEY_TTL * 10);
    assert_eq!(shop.claim(&id(2)), Err(StoreErrorKind::Full));
    assert_eq!(now(shop.store.reap(10)).unwrap(), 0);
    assert!(now(shop.store.resolve(&id(0), Ending::Released)).unwrap());
    assert!(matches!(shop.claim(&id(2)), Ok(Claim::Granted { .. })));
}

#[test]
fn what_is_over_goes_with_the_claims_that_follow() {
    let shop = Shop::with(|store| store);
    for n in 0..1000 {
        let lease = shop.granted(&id(n));
        match n % 2 {
            0 => shop.complete(&lease, 7),
            _ => shop.release(&lease),
        }
    }
    assert_eq!(shop.store.len(), 1000);
    shop.advance(KEY_TTL);
    // So many that to each shard come more than a quarter of what it held.
    for n in 1000..3000 {
        shop.granted(&id(n));
    }
    assert_eq!(shop.store.len(), 2000);
    assert!((0..1000).all(|n| !shop.is_there(&id(n))));
}

#[test]
fn a_claim_takes_along_no_more_than_a_few() {
    let shop = Shop::with(|store| store);
    for n in 0..1000 {
        shop.release(&shop.granted(&id(n)));
    }
    shop.advance(KEY_TTL);
    shop.granted(&id(1000));
    assert!(shop.store.len() >= 1000 + 1 - 4, "{}", shop.store.len());
}

#[test]
fn a_result_goes_before_its_key() {
    let shop = Shop::with(|store| store);
    let lease = shop.granted(&id(0));
    shop.complete(&lease, 1000);
    assert_eq!(shop.store.bytes(), OVERHEAD + 12 + 1000);
    shop.advance(RESULT_TTL - Duration::from_micros(1));
    assert_eq!(now(shop.store.reap(10)).unwrap(), 0);
    assert_eq!(shop.store.bytes(), OVERHEAD + 12 + 1000);

    shop.advance(Duration::from_micros(1));
    assert_eq!(now(shop.store.reap(10)).unwrap(), 0);
    assert_eq!(shop.store.bytes(), OVERHEAD + 12);
    assert_eq!(shop.claim(&id(0)), Ok(Claim::Expired));
    let record = now(shop.store.find(&id(0))).unwrap().unwrap();
    assert_eq!((record.state, record.result), (State::Completed, None));

    shop.advance(KEY_TTL - RESULT_TTL - Duration::from_micros(1));
    assert_eq!(now(shop.store.reap(10)).unwrap(), 0);
    shop.advance(Duration::from_micros(1));
    assert_eq!(now(shop.store.reap(10)).unwrap(), 1);
    assert_eq!((shop.store.bytes(), shop.store.len()), (0, 0));
    assert!(shop.store.is_empty());
}

#[test]
fn a_result_without_room_is_kept_without_its_body() {
    let shop = Shop::with(|store| store.max_bytes(65_536));
    let large = shop.granted(&id(0));
    shop.complete(&large, 60_000);
    let second = shop.granted(&id(1));
    shop.complete(&second, 10_000);
    let expected = Stored::body(*b"").without_body();
    assert_eq!(shop.claim(&id(1)), Ok(Claim::Completed(expected.clone())));
    assert_eq!(shop.store.bytes(), 2 * (OVERHEAD + 12) + 60_000);

    // Also where somebody finds it out later.
    let third = shop.granted(&id(2));
    assert_eq!(
        now(shop.store.finish(&third, Ending::Unknown)).unwrap(),
        Written::Done
    );
    let result = Ending::Completed(Stored::body(vec![7; 10_000]));
    assert!(now(shop.store.resolve(&id(2), result)).unwrap());
    assert_eq!(shop.claim(&id(2)), Ok(Claim::Completed(expected)));
}

#[test]
fn a_result_gets_the_room_of_one_that_has_gone() {
    let shop = Shop::with(|store| store.max_bytes(65_536));
    let first = shop.granted(&id(0));
    shop.complete(&first, 60_000);
    shop.advance(RESULT_TTL);
    let second = shop.granted(&id(1));
    shop.complete(&second, 60_000);
    assert_eq!(
        shop.claim(&id(1)),
        Ok(Claim::Completed(Stored::body(vec![7; 60_000])))
    );
    assert_eq!(shop.claim(&id(0)), Ok(Claim::Expired));
    assert_eq!(shop.store.bytes(), 2 * (OVERHEAD + 12) + 60_000);
}

#[test]
fn a_result_fills_the_room_to_the_last_byte() {
    let room = 65_536 - usize::try_from(OVERHEAD).unwrap() - 12;
    for (bytes, kept) in [(room, true), (room + 1, false)] {
        let shop = Shop::with(|store| store.max_bytes(65_536));
        let lease = shop.granted(&id(0));
        shop.complete(&lease, bytes);
        let Ok(Claim::Completed(result)) = shop.claim(&id(0)) else {
            panic!("it is completed")
        };
        assert_eq!(result.body.is_some(), kept, "{bytes}");
    }
}

#[test]
fn without_room_for_bytes_no_key_is_new_and_no_step_remembered() {
    let shop = Shop::with(|store| store.max_bytes(65_536));
    let lease = shop.granted(&id(0));
    shop.complete(&lease, 64_000);
    let busy = shop.granted(&id(1));
    let used = shop.store.bytes();
    assert_eq!(shop.claim(&id(2)), Err(StoreErrorKind::Full));
    let long = "x".repeat(1000);
    let renewed = now(shop.store.renew(&busy, LEASE * 2, Some(&long)));
    assert_eq!(renewed.unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!((shop.store.bytes(), shop.store.len()), (used, 2));
    let record = now(shop.store.find(&id(1))).unwrap().unwrap();
    assert_eq!(record.step, None);
    assert_eq!(record.lease_until.since(record.created_at), LEASE);

    let renewed = now(shop.store.renew(&busy, LEASE * 2, None)).unwrap();
    assert_eq!(renewed, Written::Done);
    let renewed = now(shop.store.renew(&busy, LEASE * 2, Some("half"))).unwrap();
    assert_eq!(renewed, Written::Done);
    assert_eq!(shop.store.bytes(), used + 4);
}

#[test]
fn whatever_happens_the_bytes_are_counted_back() {
    let shop = Shop::with(|store| store);
    for n in 0..100 {
        let lease = shop.granted(&id(n));
        let point = "x".repeat(n);
        let renewed = now(shop.store.renew(&lease, LEASE, Some(&point))).unwrap();
        assert_eq!(renewed, Written::Done);
        let shorter = now(shop.store.renew(&lease, LEASE, Some("y"))).unwrap();
        assert_eq!(shorter, Written::Done);
        match n % 3 {
            0 => shop.complete(&lease, n * 10),
            1 => shop.release(&lease),
            _ => {
                let written = now(shop.store.finish(&lease, Ending::Unknown)).unwrap();
                assert_eq!(written, Written::Done);
                let result = Ending::Completed(Stored::body(vec![1; n]));
                assert!(now(shop.store.resolve(&id(n), result)).unwrap());
            }
        }
    }
    shop.advance(KEY_TTL);
    assert_eq!(now(shop.store.reap(100)).unwrap(), 100);
    assert_eq!((shop.store.bytes(), shop.store.len()), (0, 0));
}

#[test]
fn a_key_that_is_claimed_and_released_for_ever_takes_the_room_of_one() {
    let shop = Shop::with(|store| store.capacity(1));
    for n in 1..=1000 {
        let lease = shop.granted(&id(0));
        assert_eq!(lease.fence, Fence::new(n));
        shop.release(&lease);
        shop.advance(Duration::from_secs(1));
    }
    assert_eq!((shop.store.len(), shop.store.bytes()), (1, OVERHEAD + 12));
    // Its lifetime is that of the last claim.
    shop.advance(KEY_TTL - Duration::from_secs(2));
    assert_eq!(now(shop.store.reap(1)).unwrap(), 0);
    shop.advance(Duration::from_secs(1));
    assert_eq!(now(shop.store.reap(1)).unwrap(), 1);
}

#[test]
fn a_clock_that_goes_back_brings_nothing_back() {
    let shop = Shop::with(|store| store);
    let lease = shop.granted(&id(0));
    shop.complete(&lease, 7);
    let start = steadfast_core::Runtime::now(&shop.runtime);
    shop.advance(RESULT_TTL);
    assert_eq!(now(shop.store.reap(1)).unwrap(), 0);
    shop.runtime.set_now(start);
    assert_eq!(shop.claim(&id(0)), Ok(Claim::Expired));
    shop.runtime.set_now(steadfast_core::Instant::from_nanos(0));
    assert_eq!(shop.claim(&id(0)), Ok(Claim::Expired));
    shop.runtime.set_now(steadfast_core::Instant::MAX);
    assert!(matches!(shop.claim(&id(0)), Ok(Claim::Granted { .. })));
}

#[test]
fn settings_out_of_range_are_refused() {
    let build = |records, bytes| {
        let builder = MemoryStore::builder_on(VirtualRuntime::new(1));
        builder.capacity(records).max_bytes(bytes).build()
    };
    for (records, bytes) in [(1, 65_536), (10_000_000, 1 << 40)] {
        let store = build(records, bytes).unwrap();
        assert_eq!((store.capacity(), store.max_bytes()), (records, bytes));
    }
    for (records, bytes, said) in [
        (0, 65_536, "`capacity` is 0; allowed: 1 to 10000000"),
        (
            10_000_001,
            65_536,
            "`capacity` is 10000001; allowed: 1 to 10000000",
        ),
        (
            1,
            65_535,
            "`max_bytes` is 65535; allowed: 65536 to 1099511627776",
        ),
        (
            1,
            (1 << 40) + 1,
            "`max_bytes` is 1099511627777; allowed: 65536 to 1099511627776",
        ),
    ] {
        assert_eq!(build(records, bytes).unwrap_err().to_string(), said);
    }
    let store = MemoryStore::on(VirtualRuntime::new(1));
    assert_eq!((store.capacity(), store.max_bytes()), (100_000, 256 << 20));
    assert_eq!(
        format!("{store:?}"),
        "MemoryStore { len: 0, capacity: 100000, bytes: 0, max_bytes: 268435456 }"
    );
}

#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn it_runs_on_tokios_clock() {
    let store = MemoryStore::new();
    assert_eq!(
        store.capacity(),
        MemoryStore::builder().build().unwrap().capacity()
    );
    let id = id(0);
    assert!(matches!(
        store.claim(ask(&id, 1)).await,
        Ok(Claim::Granted { .. })
    ));
    let claim = store.claim(ask(&id, 2)).await.unwrap();
    assert_eq!(claim, Claim::InFlight { lease_left: LEASE });
    tokio::time::advance(LEASE).await;
    assert_eq!(
        store.claim(ask(&id, 2)).await.unwrap(),
        Claim::Indeterminate
    );
}
