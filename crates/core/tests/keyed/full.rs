//! A map holds what it was told to, and says so when that is not enough.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use steadfast_core::{Class, Error, Keyed, Rejection, RejectionKind};

use crate::{Map, Probe, ZERO, at, keys, probes};

fn hold(map: &Map, count: usize) -> Vec<Arc<Probe>> {
    let keys = (0..count).map(|n| n.to_string());
    keys.map(|key| map.get_at(&key, ZERO).unwrap()).collect()
}

#[test]
fn a_full_map_refuses_and_names_its_capacity() {
    let map = probes(2);
    let _held = hold(&map, 2);
    let full = map.get_at("another", ZERO).unwrap_err();
    assert_eq!(full.capacity(), 2);
    let says = "the map is full: none of its 2 policies can be dropped; raise its `capacity`";
    assert_eq!(full.to_string(), says);
    assert!(map.get_at("0", ZERO).is_ok());
}

#[test]
fn a_refusal_is_a_rejection_that_executed_nothing() {
    let map = probes(1);
    let _held = hold(&map, 1);
    let call = || -> Result<(), Error<std::io::Error>> {
        map.get_at("another", ZERO)?;
        Ok(())
    };
    let rejection = *call().unwrap_err().rejection().unwrap();
    assert_eq!(rejection.policy(), "keyed");
    assert!(matches!(rejection.kind(), RejectionKind::Other(_)));
    assert_eq!(
        rejection.to_string(),
        "keyed refused the call: there is no place for another key"
    );
    assert_eq!(rejection.verdict().class(), Class::Transient);
    assert!(!rejection.verdict().may_have_executed());
    let full = map.get_at("another", ZERO).unwrap_err();
    assert_eq!(Rejection::from(full), rejection);
}

#[test]
fn a_refused_key_leaves_nothing_behind() {
    let map = probes(3);
    let held = hold(&map, 3);
    for n in 0..100 {
        assert!(map.get_at(&format!("refused {n}"), ZERO).is_err());
    }
    assert_eq!(keys(&map), ["0", "1", "2"]);
    assert_eq!(map.len(), 3);
    assert!(!map.contains("refused 1"));
    drop(held);
    assert_eq!(map.get_at("refused 1", ZERO).unwrap().number, 3);
}

#[test]
fn every_capacity_is_held_to_the_last_place() {
    for capacity in [1, 2, 3, 16, 31, 32, 33, 34, 48, 100, 1000] {
        let map = probes(capacity);
        let held = hold(&map, capacity);
        assert_eq!(map.len(), capacity);
        assert_eq!(map.entries().len(), capacity);
        assert!(map.get_at("another", ZERO).is_err(), "{capacity}");
        assert_eq!(hold(&map, capacity).len(), held.len());
        assert!(map.remove("0").is_some());
        assert!(map.get_at("another", ZERO).is_ok());
        assert_eq!(map.len(), capacity);
    }
}

#[test]
fn a_small_map_is_full_only_when_nothing_can_go() {
    for capacity in 1..=32 {
        let map = probes(capacity);
        for idle in 0..capacity {
            let held = hold(&map, capacity);
            let mut held: Vec<_> = held.into_iter().map(Some).collect();
            assert!(map.get_at("another", ZERO).is_err());
            held[idle] = None;
            assert!(map.get_at("another", ZERO).is_ok());
            assert!(!map.contains(&idle.to_string()));
            map.remove("another");
        }
    }
}

#[test]
fn a_refusal_looks_at_32_entries_and_the_next_one_at_others() {
    let map = probes(1000);
    let policies = hold(&map, 1000);
    for policy in &policies {
        policy.remembers_until(at(9));
    }
    drop(policies);
    let asked = || {
        let entries = map.entries();
        let asked = entries.iter().map(|(_, policy)| policy.asked.load(SeqCst));
        asked.collect::<Vec<_>>()
    };
    let mut refusals = 0;
    while asked().contains(&0) {
        assert!(map.get_at("another", ZERO).is_err());
        refusals += 1;
        let looks: u64 = asked().iter().sum();
        assert_eq!(looks, 32 * refusals);
        assert!(refusals < 100, "some are never looked at");
    }
    // Sixteen shards of about 62 in turn.
    let most = asked().into_iter().max().unwrap();
    assert!(most <= 4, "some are looked at {most} times");
}

#[test]
fn a_large_map_finds_the_one_that_is_idle_in_time() {
    for idle in [0, 123, 499] {
        let map = probes(500);
        let mut held = hold(&map, 500);
        held.swap_remove(idle);
        let found = (0..50).any(|_| map.get_at("another", ZERO).is_ok());
        assert!(found, "fifty looks did not find it");
        assert!(!map.contains(&idle.to_string()));
        assert_eq!(map.len(), 500);
    }
}

#[test]
fn keys_that_come_once_never_displace_more_than_they_need() {
    let map = probes(100);
    let regulars = hold(&map, 20);
    for n in 0..10_000 {
        assert!(map.get_at(&format!("once {n}"), ZERO).is_ok());
        assert!(map.len() <= 100);
    }
    assert_eq!(map.len(), 100);
    for (number, policy) in hold(&map, 20).iter().zip(&regulars) {
        assert!(Arc::ptr_eq(number, policy));
    }
}

#[test]
fn threads_never_hold_more_than_the_capacity() {
    const THREADS: u64 = 4;
    for capacity in [1, 2, 3, 40] {
        let map = probes(capacity);
        let (held, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        let hold_and_let_go = &|thread: u64| {
            let mut handles = Vec::new();
            for n in 0..2_000 {
                assert!(map.len() <= capacity);
                // Each key is used once, so every handle is of another policy.
                if let Ok(handle) = map.get_at(&format!("{thread} {n}"), ZERO) {
                    handles.push(handle);
                    let all = held.fetch_add(1, SeqCst) + 1;
                    assert!(all <= capacity as u64, "{all} are held");
                } else {
                    refused.fetch_add(1, SeqCst);
                    held.fetch_sub(handles.len() as u64, SeqCst);
                    handles.clear();
                }
            }
            held.fetch_sub(handles.len() as u64, SeqCst);
        };
        thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || hold_and_let_go(thread));
            }
        });
        assert!(refused.load(SeqCst) > 0);
        assert!(map.len() <= capacity);
        assert_eq!(map.len(), map.entries().len());
    }
}

#[test]
fn a_capacity_of_nothing_or_of_more_than_a_million_is_refused() {
    for capacity in [0, 1_000_001, usize::MAX] {
        let error = Keyed::new(capacity, |_: &u8| Probe::new(0)).unwrap_err();
        assert_eq!(error.field(), "capacity");
        assert_eq!(error.value(), capacity.to_string());
        assert_eq!(error.allowed(), "1 to 1000000");
    }
    for capacity in [1, 1_000_000] {
        let map = Keyed::new(capacity, |_: &u8| Probe::new(0)).unwrap();
        assert_eq!(map.capacity(), capacity);
    }
}
