//! Who is given up for a new key.

use std::{
    mem::{self, ManuallyDrop},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use steadfast_core::{Idle, Instant, Keyed};

use crate::{Map, ZERO, at, keys, probes};

/// Asks for these keys in turn and keeps none.
fn touch(map: &Map, keys: &[&str]) {
    for key in keys {
        drop(map.get_at(*key, ZERO).unwrap());
    }
}

#[test]
fn nothing_goes_before_a_place_is_needed() {
    let map = probes(3);
    touch(&map, &["a", "b", "c", "a", "b", "c"]);
    assert_eq!(keys(&map), ["a", "b", "c"]);
    for (_, policy) in map.entries() {
        assert_eq!(policy.asked.load(SeqCst), 0);
    }
}

#[test]
fn the_least_recently_used_idle_entry_goes_first() {
    let map = probes(3);
    touch(&map, &["a", "b", "c", "a"]);
    touch(&map, &["d"]);
    assert_eq!(keys(&map), ["a", "c", "d"]);
    touch(&map, &["e"]);
    assert_eq!(keys(&map), ["a", "d", "e"]);
    touch(&map, &["a", "f", "g"]);
    assert_eq!(keys(&map), ["a", "f", "g"]);
}

#[test]
fn a_map_of_one_holds_whoever_came_last() {
    let map = probes(1);
    for (number, key) in ["a", "b", "a", "a", "c"].into_iter().enumerate() {
        let policy = map.get_at(key, ZERO).unwrap();
        assert_eq!(policy.number, [0, 1, 2, 2, 3][number]);
        assert_eq!(keys(&map), [key]);
    }
}

#[test]
fn an_entry_in_use_is_never_evicted() {
    let map = probes(2);
    let held = map.get_at("held", ZERO).unwrap();
    for key in ["a", "b", "c", "d"] {
        touch(&map, &[key]);
        assert_eq!(keys(&map), [key, "held"]);
    }
    assert!(Arc::ptr_eq(&held, &map.get_at("held", ZERO).unwrap()));
    let copy = Arc::clone(&held);
    drop(held);
    touch(&map, &["e", "f"]);
    assert!(map.contains("held"));
    let weak = Arc::downgrade(&copy);
    drop(copy);
    touch(&map, &["g", "h"]);
    assert!(map.contains("held"));
    drop(weak);
    touch(&map, &["i"]);
    touch(&map, &["j"]);
    assert_eq!(keys(&map), ["i", "j"]);
}

#[test]
fn an_entry_that_remembers_something_is_never_evicted() {
    let map = probes(2);
    let open = map.get_at("open", at(0)).unwrap();
    open.remembers_until(at(30));
    drop(open);
    touch(&map, &["a"]);
    for now in [0, 10, 29] {
        assert!(map.get_at(&format!("at {now}"), at(now)).is_ok());
        assert!(map.contains("open"));
    }
    drop(map.get_at("last", at(30)));
    assert!(!map.contains("open"));
}

#[test]
fn dashboards_do_not_count_as_use() {
    let map = probes(2);
    touch(&map, &["a", "b"]);
    assert!(map.contains("a"));
    drop(map.entries());
    touch(&map, &["c"]);
    assert_eq!(keys(&map), ["b", "c"]);
}

#[test]
fn what_a_dashboard_holds_is_not_evicted() {
    let map = probes(2);
    touch(&map, &["a", "b"]);
    let shown = map.entries();
    assert!(map.get_at("c", ZERO).is_err());
    drop(shown);
    assert!(map.get_at("c", ZERO).is_ok());
}

/// A full map whose least recently used entry, once it is looked at, meets with `then`.
fn looked_at(then: impl Fn(&Map) + Send + 'static) -> Arc<Map> {
    let map = probes(2);
    touch(&map, &["first", "second"]);
    let weak = Arc::downgrade(&map);
    let first = map.entries().into_iter().find(|(key, _)| key == "first");
    let hook = move || then(&weak.upgrade().unwrap());
    first.unwrap().1.when_asked(hook);
    map
}

#[test]
fn an_entry_used_while_it_is_looked_at_stays() {
    let map = looked_at(|map| {
        let first = map.get_at("first", ZERO).unwrap();
        first.remembers_until(at(9));
    });
    assert_eq!(map.get_at("third", ZERO).unwrap().number, 2);
    assert_eq!(keys(&map), ["first", "third"]);
}

#[test]
fn an_entry_used_through_a_dashboard_while_it_is_looked_at_stays() {
    let map = looked_at(|map| {
        for (_, policy) in map.entries() {
            policy.remembers_until(at(9));
        }
    });
    assert!(map.get_at("third", ZERO).is_err());
    assert_eq!(keys(&map), ["first", "second"]);
}

#[test]
fn an_entry_used_and_looked_at_again_while_it_is_looked_at_stays() {
    let map = looked_at(|map| {
        map.get_at("second", ZERO).unwrap().remembers_until(at(9));
        map.get_at("first", ZERO).unwrap().remembers_until(at(9));
        assert!(map.get_at("another", ZERO).is_err());
    });
    assert!(map.get_at("third", ZERO).is_err());
    assert_eq!(keys(&map), ["first", "second"]);
}

#[test]
fn an_entry_looked_at_by_two_goes_once() {
    let map = looked_at(|map| {
        touch(map, &["faster"]);
        assert_eq!(keys(map), ["faster", "second"]);
    });
    touch(&map, &["third"]);
    assert_eq!(keys(&map), ["faster", "third"]);
}

#[test]
fn an_entry_removed_while_it_is_looked_at_leaves_its_place() {
    let map = looked_at(|map| {
        map.get_at("second", ZERO).unwrap().remembers_until(at(9));
        assert!(map.remove("first").is_some());
    });
    touch(&map, &["third"]);
    assert_eq!(keys(&map), ["second", "third"]);
}

#[test]
fn a_caller_that_is_outrun_looks_again() {
    let map = looked_at(|map| {
        map.get_at("second", ZERO).unwrap().remembers_until(at(9));
        touch(map, &["first"]); // still idle
    });
    touch(&map, &["third"]);
    assert_eq!(keys(&map), ["second", "third"]);
}

#[test]
fn a_caller_that_is_outrun_every_time_gives_up() {
    fn use_it(map: &Arc<Map>) {
        let policy = map.get_at("a", ZERO).unwrap();
        let again = Arc::downgrade(map);
        policy.when_asked(move || use_it(&again.upgrade().unwrap()));
    }
    let map = probes(1);
    use_it(&map);
    assert!(map.get_at("b", ZERO).is_err());
    let policy = map.get_at("a", ZERO).unwrap();
    assert_eq!(policy.asked.load(SeqCst), 4);
}

#[test]
fn a_panic_of_an_entry_that_is_looked_at_harms_nobody_else() {
    let map = looked_at(|_| panic!("cannot say"));
    let call = || map.get_at("third", ZERO).map(drop);
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(keys(&map), ["first", "second"]);
    assert_eq!(map.len(), 2);
    assert_eq!(call(), Ok(()));
    assert_eq!(keys(&map), ["second", "third"]);
}

/// A key or a policy that uses the map when it is dropped, if it is called so.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Parting(&'static str);

static PARTINGS: OnceLock<Keyed<Parting, Parting>> = OnceLock::new();
static PARTED: Mutex<Vec<&str>> = Mutex::new(Vec::new());

impl Idle for Parting {
    fn is_idle_at(&self, _now: Instant) -> bool {
        true
    }
}

impl Drop for Parting {
    fn drop(&mut self) {
        let map = PARTINGS.get().unwrap();
        if self.0.starts_with("parting") {
            PARTED.lock().unwrap().push(self.0);
            // Not even the gate of the key for which it goes is in its way.
            drop(map.get_at(&Parting("next"), ZERO));
            assert!(map.len() <= 1);
        }
    }
}

fn parted() -> Vec<&'static str> {
    mem::take(&mut *PARTED.lock().unwrap())
}

#[test]
fn keys_and_policies_are_dropped_outside_every_lock() {
    let map = Keyed::new(1, |key: &Parting| match key.0 {
        "parting key" => Parting("parting policy"),
        _ => Parting("policy"),
    });
    let map = PARTINGS.get_or_init(|| map.unwrap());
    let parting = ManuallyDrop::new(Parting("parting key"));
    let come = || drop(map.get_at(&*parting, ZERO).unwrap());
    come();
    parted();
    drop(map.get_at(&Parting("next"), ZERO).unwrap()); // evicts
    assert_eq!(parted(), ["parting key", "parting policy"]);
    come();
    parted();
    drop(map.entries());
    assert_eq!(parted(), ["parting key"]); // a copy
    drop(map.get_at(&Parting("next"), ZERO).unwrap());
    come();
    parted();
    drop(map.remove(&*parting));
    assert_eq!(parted(), ["parting key", "parting policy"]);
}

#[test]
fn a_policy_that_is_not_given_up_is_not_dropped() {
    struct Counted(Arc<AtomicU64>);
    impl Idle for Counted {
        fn is_idle_at(&self, _now: Instant) -> bool {
            true
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let drops = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&drops);
    let map = Keyed::new(2, move |_: &u8| Counted(Arc::clone(&count))).unwrap();
    for (key, dropped) in [(1, 0), (2, 0), (1, 0), (3, 1), (4, 2), (3, 2)] {
        drop(map.get_at(&key, ZERO).unwrap());
        assert_eq!(drops.load(SeqCst), dropped);
    }
    drop(map);
    assert_eq!(drops.load(SeqCst), 4);
}

/// Dispensable, but never idle; or idle.
struct Dispensable {
    idle: bool,
}

impl Idle for Dispensable {
    fn is_idle_at(&self, _now: Instant) -> bool {
        self.idle
    }

    fn is_dispensable_at(&self, _now: Instant) -> bool {
        true
    }
}

#[test]
fn what_is_dispensable_goes_where_nothing_is_idle() {
    let map = Keyed::new(3, |key: &&str| Dispensable {
        idle: key.starts_with("idle"),
    });
    let map = map.unwrap();
    let touch = |key: &'static str| drop(map.get_at(&key, at(0)).unwrap());
    let holds = |key: &'static str| map.contains(&key);
    touch("a");
    touch("idle");
    touch("b");
    touch("c");
    assert!(holds("a") && !holds("idle"), "the idle one goes first");
    touch("a");
    touch("d");
    assert!(!holds("b"), "then the one that was used least recently");
    let held = map.get_at(&"a", at(0)).unwrap();
    touch("e");
    touch("f");
    assert!(holds("a"), "but none that is held");
    drop(held);
}
