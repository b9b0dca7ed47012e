//! What can be seen of a map, and taken out of it.

use std::sync::Arc;

use crate::{ZERO, at, keys, probes};

#[test]
fn the_entries_are_every_key_with_its_policy() {
    for capacity in [4, 64] {
        let map = probes(capacity);
        assert!(map.is_empty());
        for key in ["a", "b", "c"] {
            map.get_at(key, ZERO).unwrap().remembers_until(at(1));
        }
        let mut entries = map.entries();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        assert_eq!(keys(&map), ["a", "b", "c"]);
        for (number, (key, policy)) in entries.iter().enumerate() {
            assert_eq!(policy.number, number as u64);
            assert!(Arc::ptr_eq(policy, &map.get_at(key, ZERO).unwrap()));
        }
        assert_eq!(map.len(), 3);
        assert!(!map.is_empty());
    }
}

#[test]
fn a_removed_policy_is_free_of_the_map_and_its_key_starts_anew() {
    for capacity in [2, 64] {
        let map = probes(capacity);
        let held = map.get_at("a", ZERO).unwrap();
        held.remembers_until(at(1));
        let removed = map.remove("a").unwrap();
        assert!(Arc::ptr_eq(&held, &removed));
        assert!(map.remove("a").is_none());
        assert!(!map.contains("a"));
        assert!(map.is_empty());
        assert_eq!(map.get_at("a", ZERO).unwrap().number, 1);
        drop(held);
        assert_eq!(Arc::try_unwrap(removed).unwrap().number, 0);
    }
}

#[test]
fn a_map_of_many_finds_what_is_left_after_removals() {
    let map = probes(1000);
    let key = |n: u64| n.to_string();
    for n in 0..1000 {
        drop(map.get_at(&key(n), ZERO));
    }
    for n in (0..1000).filter(|n| n % 3 != 0) {
        assert_eq!(map.remove(&key(n)).unwrap().number, n);
    }
    for n in 0..1000 {
        assert_eq!(map.contains(&key(n)), n % 3 == 0);
        if n % 3 == 0 {
            assert_eq!(map.get_at(&key(n), ZERO).unwrap().number, n);
        }
    }
    assert_eq!(map.len(), 334);
}

#[test]
fn a_map_tells_how_full_it_is_and_nothing_of_its_keys() {
    let map = probes(8);
    drop(map.get_at("secret", ZERO));
    assert_eq!(format!("{map:?}"), "Keyed { len: 1, capacity: 8, .. }");
}
