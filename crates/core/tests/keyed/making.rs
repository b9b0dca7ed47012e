//! Who makes a policy, when, and how often.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use steadfast_core::{Keyed, VirtualRuntime};

use crate::{Map, Probe, ZERO, keys, probes};

const THREADS: usize = 4;

/// What the threads got for the same key, all asking at once.
fn race(map: &Map, key: &str) -> Vec<Option<Arc<Probe>>> {
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        let call = || {
            start.wait();
            map.get_at(key, ZERO).ok()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(call)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

#[test]
fn racing_first_calls_build_one_policy() {
    let map = probes(1000);
    for round in 0..500 {
        let got = race(&map, &format!("host {round}"));
        for policy in got {
            assert_eq!(policy.unwrap().number, round);
        }
    }
    assert_eq!(map.len(), 500);
}

#[test]
fn racing_first_calls_share_the_place_that_one_of_them_finds() {
    for capacity in [1, 2, 40] {
        let map = probes(capacity);
        let places: Vec<_> = (1..capacity).map(|n| n.to_string()).collect();
        let _held: Vec<_> = places.iter().map(|key| map.get_at(key, ZERO)).collect();
        drop(map.get_at("idle", ZERO).unwrap());
        for round in 0..200 {
            let got = race(&map, &format!("host {round}"));
            let number = capacity as u64 + round;
            for policy in got {
                // A large map may look past the one that is idle.
                match policy {
                    Some(policy) => assert_eq!(policy.number, number),
                    None => assert!(capacity > 32),
                }
            }
            if capacity > 32 {
                break;
            }
        }
    }
}

#[test]
fn a_key_keeps_the_policy_of_its_first_call() {
    let map = probes(8);
    let first = map.get_at("a", ZERO).unwrap();
    let other = map.get_at("b", ZERO).unwrap();
    assert!(Arc::ptr_eq(&first, &map.get_at("a", ZERO).unwrap()));
    assert!(!Arc::ptr_eq(&first, &other));
    drop(first);
    assert_eq!(map.get_at("a", ZERO).unwrap().number, 0);
    assert_eq!(map.len(), 2);
}

#[test]
fn a_policy_is_made_from_its_key() {
    let map = Keyed::new(8, |key: &u64| Probe::new(key * 2)).unwrap();
    assert_eq!(map.get_at(&21, ZERO).unwrap().number, 42);
}

#[test]
fn the_clock_is_read_once_and_only_for_a_place() {
    let (map, runtime) = (probes(1), VirtualRuntime::new(1));
    drop(map.get("a", &runtime).unwrap());
    drop(map.get("a", &runtime).unwrap());
    assert_eq!(runtime.clock_reads(), 0);
    let held = map.get("b", &runtime).unwrap();
    assert_eq!(runtime.clock_reads(), 1);
    assert!(map.get("c", &runtime).is_err());
    assert_eq!(runtime.clock_reads(), 2);
    assert_eq!(map.get("b", &runtime).unwrap().number, held.number);
    assert_eq!(runtime.clock_reads(), 2);
}

#[test]
fn a_key_that_is_there_is_not_cloned() {
    static CLONES: AtomicU64 = AtomicU64::new(0);

    #[derive(PartialEq, Eq, Hash)]
    struct Host(&'static str);

    impl Clone for Host {
        fn clone(&self) -> Self {
            CLONES.fetch_add(1, SeqCst);
            Host(self.0)
        }
    }

    let map = Keyed::new(8, |_: &Host| Probe::new(0)).unwrap();
    drop(map.get_at(&Host("a"), ZERO));
    let clones = CLONES.load(SeqCst);
    assert!(clones > 0);
    for _ in 0..10 {
        drop(map.get_at(&Host("a"), ZERO));
    }
    assert!(map.contains(&Host("a")));
    assert_eq!(CLONES.load(SeqCst), clones);
}

#[test]
fn a_panicking_constructor_leaves_the_key_free() {
    let broken = Arc::new(AtomicBool::new(true));
    let broken_too = Arc::clone(&broken);
    let map = Keyed::new(1, move |_: &String| {
        assert!(!broken_too.load(SeqCst), "no settings for this host");
        Probe::new(0)
    });
    let map = map.unwrap();
    for _ in 0..3 {
        let call = || map.get_at("a", ZERO).map(drop);
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        assert!(!map.contains("a"));
        assert_eq!(map.len(), 0);
        assert_eq!(map.entries().len(), 0);
    }
    broken.store(false, SeqCst);
    assert!(map.get_at("b", ZERO).is_ok());
    assert!(map.get_at("a", ZERO).is_ok());
    assert_eq!(map.len(), 1);
}

#[test]
fn whoever_waited_for_a_panicking_constructor_tries_again() {
    for _ in 0..100 {
        let (begun, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let may_go_on = Mutex::new(may_go_on);
        let calls = AtomicU64::new(0);
        let map = Keyed::new(1, move |_: &String| {
            let call = calls.fetch_add(1, SeqCst);
            if call == 0 {
                begun.send(()).unwrap();
                may_go_on.lock().unwrap().recv().unwrap();
                panic!("no settings for this host");
            }
            Probe::new(call)
        });
        let map = map.unwrap();
        let call = || map.get_at("a", ZERO).map(|policy| policy.number);
        thread::scope(|scope| {
            let go_on = go_on; // dropped when this fails
            let first = scope.spawn(call);
            has_begun.recv().unwrap();
            let waits = [scope.spawn(call), scope.spawn(call)];
            go_on.send(()).unwrap();
            assert!(first.join().is_err());
            for waits in waits {
                assert_eq!(waits.join().unwrap(), Ok(1));
            }
        });
    }
}

#[test]
fn callers_of_other_keys_do_not_wait_for_a_constructor() {
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let map = Keyed::new(3, move |key: &String| {
        if key == "slow" {
            begun.send(()).unwrap();
            may_go_on.lock().unwrap().recv().unwrap();
        }
        Probe::new(0)
    });
    let map = map.unwrap();
    thread::scope(|scope| {
        let go_on = go_on; // dropped when this fails
        let slow = scope.spawn(|| map.get_at("slow", ZERO).map(drop));
        has_begun.recv().unwrap();
        assert!(map.get_at("fast", ZERO).is_ok());
        assert!(map.get_at("fast", ZERO).is_ok());
        assert_eq!(map.len(), 2);
        // It has its place, but is not there yet.
        assert_eq!(keys(&map), ["fast"]);
        assert!(!map.contains("slow"));
        assert!(map.remove("slow").is_none());
        // Nor does it go for others.
        let _third = map.get_at("third", ZERO);
        assert!(map.get_at("fourth", ZERO).is_ok());
        go_on.send(()).unwrap();
        assert_eq!(slow.join().unwrap(), Ok(()));
    });
    assert_eq!(keys(&map), ["fourth", "slow", "third"]);
}

#[test]
fn a_constructor_may_use_the_map() {
    static HOSTS: OnceLock<Map> = OnceLock::new();
    let map = Keyed::new(2, |key: &String| {
        let hosts = HOSTS.get().unwrap();
        let number = match key.as_str() {
            "replica" => hosts.get_at("primary", ZERO).unwrap().number + 1,
            _ => hosts.len() as u64,
        };
        assert!(hosts.remove("nobody").is_none());
        assert!(!hosts.contains(key));
        Probe::new(number)
    });
    let map = HOSTS.get_or_init(|| map.unwrap());
    assert_eq!(map.get_at("replica", ZERO).unwrap().number, 3);
    assert_eq!(map.get_at("primary", ZERO).unwrap().number, 2);
    assert_eq!(map.len(), 2);
}

#[test]
fn a_constructor_that_asks_for_its_own_key_panics_instead_of_waiting_for_itself() {
    static HOSTS: OnceLock<Map> = OnceLock::new();
    let map = Keyed::new(2, |key: &String| {
        if key == "circle" {
            drop(HOSTS.get().unwrap().get_at(key, ZERO));
        }
        Probe::new(0)
    });
    let map = HOSTS.get_or_init(|| map.unwrap());
    let call = || map.get_at("circle", ZERO).map(drop);
    let panic = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    let says = panic.downcast_ref::<&str>().unwrap();
    assert!(says.contains("while this thread was making it"), "{says}");
    assert!(map.is_empty());
    assert!(map.get_at("line", ZERO).is_ok());
}
