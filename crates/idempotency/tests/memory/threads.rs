//! Threads that want the same: one gets it, and nothing is lost or held twice.

use std::{sync::Barrier, thread};

use steadfast_idempotency::{Claim, Store, StoreErrorKind};

use super::shop::{Shop, ask, id, now};

#[test]
fn one_of_many_threads_is_granted_a_key() {
    let shop = Shop::with(|store| store);
    let barrier = Barrier::new(8);
    let granted = |owner: u128| {
        barrier.wait();
        let granted = (0..500).filter(|n| {
            let claim = now(shop.store.claim(ask(&id(*n), owner))).unwrap();
            assert!(matches!(
                claim,
                Claim::Granted { .. } | Claim::InFlight { .. }
            ));
            matches!(claim, Claim::Granted { .. })
        });
        granted.count()
    };
    let granted: usize = thread::scope(|scope| {
        let granted = &granted;
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || granted(n))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(granted, 500);
    assert_eq!(shop.store.len(), 500);
}

#[test]
fn many_threads_never_hold_more_than_there_is_room_for() {
    let shop = Shop::with(|store| store.capacity(100));
    let barrier = Barrier::new(8);
    let granted = |thread: usize| {
        barrier.wait();
        let granted = (0..100).filter(|n| match shop.claim(&id(thread * 100 + n)) {
            Ok(Claim::Granted { .. }) => true,
            Err(StoreErrorKind::Full) => false,
            other => panic!("{other:?}"),
        });
        granted.count()
    };
    let granted: usize = thread::scope(|scope| {
        let granted = &granted;
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || granted(n))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!((granted, shop.store.len()), (100, 100));
}
