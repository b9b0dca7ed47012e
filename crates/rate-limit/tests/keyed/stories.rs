//! One story a promise.

use std::{cell::RefCell, future::ready, rc::Rc, sync::Mutex, time::Duration};

use static_assertions::{assert_impl_all, const_assert};
use steadfast_core::{
    Event, Instant, InvalidConfig, KeyedFull, Pipeline, Rejection, RejectionKind, Runtime,
    VirtualRuntime,
};
use steadfast_rate_limit::{IpPrefix, KeyRateLimit, KeyedRateLimit, Rate, RateLimit};

type ByName = KeyedRateLimit<String>;

assert_impl_all!(ByName: Send, Sync, Clone, std::fmt::Debug);
assert_impl_all!(Rate: Send, Sync, Copy, Eq, std::hash::Hash, std::fmt::Debug);
const_assert!(size_of::<KeyRateLimit<'static, u64>>() == 2 * size_of::<usize>());

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn full() -> RejectionKind {
    Rejection::from(KeyedFull::new(1)).kind()
}

/// Ten a second, three at once.
fn by_name(capacity: usize) -> ByName {
    KeyedRateLimit::new(capacity, RateLimit::per_second(10).burst(3)).unwrap()
}

#[test]
fn each_key_has_its_own() {
    let runtime = VirtualRuntime::new(1);
    let limits = by_name(100);
    limits.try_acquire(&runtime, "a", 3).unwrap();
    let refused = limits.try_acquire(&runtime, "a", 1).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::RateLimited);
    assert_eq!(refused.retry_after(), Some(ms(100)));
    assert_eq!(limits.available(&runtime, "b"), 3);
    limits.try_acquire(&runtime, "b", 2).unwrap();
    assert_eq!(limits.available(&runtime, "a"), 0);
    assert_eq!(limits.available(&runtime, "b"), 1);
    assert_eq!((limits.len(), limits.capacity()), (2, 100));
    runtime.advance(ms(100));
    assert_eq!(limits.retry_after(&runtime, "a", 2), Some(ms(100)));
    limits.try_acquire(&runtime, "a", 1).unwrap();
}

#[test]
fn clones_share_the_keys_and_a_name_is_that_of_the_handle() {
    let runtime = VirtualRuntime::new(1);
    let limits = by_name(100);
    let named = limits.clone().named("per tenant");
    limits.try_acquire(&runtime, "a", 3).unwrap();
    let refused = named.try_acquire(&runtime, "a", 1).unwrap_err();
    let says = "per tenant has no permit left; try again after 100ms";
    assert_eq!(refused.to_string(), says);
    assert_eq!((limits.name(), named.name()), ("rate limit", "per tenant"));
    let built = RateLimit::per_second(1).named("search");
    assert_eq!(
        KeyedRateLimit::<u8>::new(1, built).unwrap().name(),
        "search"
    );
}

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
fn a_cost_above_the_burst_is_refused_by_name_whether_or_not_the_key_is_known() {
    let limits = by_name(10);
    for _ in 0..2 {
        let refused = limits.try_acquire_at("a", at(0), 4).unwrap_err();
        let kind = RejectionKind::Other("it costs more than there ever is at once");
        assert_eq!((refused.kind(), refused.retry_after()), (kind, None));
        assert_eq!(limits.retry_after_at("a", at(0), 4), None);
        assert_eq!(limits.retry_after_at("a", at(0), 0), Some(ms(0)));
        limits.try_acquire_at("a", at(0), 1).unwrap();
    }
    assert_eq!(limits.available_at("a", at(0)), 1);
}

#[test]
fn what_is_given_back_is_there_and_never_more_than_all() {
    let limits = by_name(10);
    limits.try_acquire_at("a", at(0), 3).unwrap();
    limits.refund("a", 2);
    assert_eq!(limits.available_at("a", at(0)), 2);
    limits.refund("a", u32::MAX);
    assert_eq!(limits.available_at("a", at(50)), 3);
    limits.try_acquire_at("a", at(50), 3).unwrap();
    assert!(limits.try_acquire_at("a", at(149), 1).is_err());
}

#[test]
fn a_clock_that_is_turned_back_grants_nothing() {
    let limits = by_name(1);
    limits.try_acquire_at("a", at(1000), 3).unwrap();
    let refused = limits.try_acquire_at("a", at(500), 1).unwrap_err();
    assert_eq!(refused.retry_after(), Some(ms(600)));
    // Given up at 1300 ms, `a` has not been full at 1200: it comes back as of 1300, and has a burst and no more.
    limits.try_acquire_at("b", at(1300), 1).unwrap();
    assert_eq!(
        limits.try_acquire_at("a", at(1200), 1).unwrap_err().kind(),
        full()
    );
    limits.try_acquire_at("b", at(1200), 2).unwrap();
    let refused = limits.try_acquire_at("b", at(1200), 1).unwrap_err();
    assert_eq!(refused.retry_after(), Some(ms(200)));
    assert_eq!(limits.retry_after_at("b", at(1200), 1), Some(ms(200)));
    assert!(limits.try_acquire_at("b", at(1399), 1).is_err());
    limits.try_acquire_at("b", at(1400), 1).unwrap();
}

#[test]
fn no_pause_and_no_uptime_is_taken_for_another() {
    // A word of these reaches a fraction of a second, so that its mark is moved all the time.
    let settings = || RateLimit::per_second(4_294_967_291).burst(4_294_967_295);
    let (keyed, alone) = (
        KeyedRateLimit::new(100, settings()).unwrap(),
        settings().build().unwrap(),
    );
    let mut now = 0_u64;
    for step in 0..2000_u64 {
        now += 1 << (step * 7 % 55);
        let cost = u32::try_from(step * 2_654_435_761 % 4_294_967_296).unwrap();
        let now = Instant::from_nanos(now);
        let answer = keyed.try_acquire_at(&7, now, cost);
        assert_eq!(answer, alone.try_acquire_at(now, cost));
        assert_eq!(keyed.available_at(&7, now), alone.available_at(now));
        let _ = keyed.try_acquire_at(&(100 + step % 50), now, 1);
    }
    let end = Instant::from_nanos(u64::MAX - 1);
    assert_eq!(keyed.available_at(&7, end), 4_294_967_295);
    keyed.try_acquire_at(&7, end, 4_294_967_295).unwrap();
    assert!(keyed.try_acquire_at(&7, end, 1).is_err());
}

#[test]
fn a_rate_is_that_of_its_key_and_asked_for_when_the_key_comes() {
    let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
    let rates = [1, 2, 3].map(|burst| RateLimit::per_second(10).burst(burst).rate().unwrap());
    let log = std::sync::Arc::clone(&asked);
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
fn first_calls_that_meet_make_one_key_and_keep_one_place() {
    use std::sync::{Arc, OnceLock};

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
fn a_fixed_window_is_kept_for_each_key_and_gives_way_at_its_end() {
    let limits = KeyedRateLimit::new(1, RateLimit::new(2, ms(100)).fixed()).unwrap();
    limits.try_acquire_at("a", at(50), 2).unwrap();
    let refused = limits.try_acquire_at("a", at(99), 1).unwrap_err();
    assert_eq!(refused.retry_after(), Some(ms(1)));
    assert_eq!(
        limits.try_acquire_at("b", at(99), 1).unwrap_err().kind(),
        full()
    );
    limits.try_acquire_at("b", at(100), 2).unwrap();
}

#[test]
fn what_cannot_work_cannot_be_built() {
    let says = |limits: Result<KeyedRateLimit<u8>, InvalidConfig>| limits.unwrap_err().to_string();
    let rate = || RateLimit::per_second(1);
    for (capacity, said) in [(0, "0"), (16_777_217, "16777217")] {
        let error = says(KeyedRateLimit::new(capacity, rate()));
        assert!(
            error.contains("capacity") && error.contains(said) && error.contains("1 to 16777216")
        );
    }
    assert!(says(KeyedRateLimit::new(1, rate().sliding())).contains("shape"));
    assert!(says(KeyedRateLimit::new(1, rate().wait(ms(1)))).contains("wait"));
    assert!(says(KeyedRateLimit::new(1, rate().burst(0))).contains("burst"));
    assert!(RateLimit::per_second(0).rate().is_err());
}

#[test]
fn one_key_is_a_policy_that_speaks_and_does_nothing_before_the_first_poll() {
    let runtime = VirtualRuntime::new(1);
    let events = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&events);
    let limits: KeyedRateLimit<String> =
        KeyedRateLimit::new(10, RateLimit::per_second(10).burst(1).named("per host")).unwrap();
    let key = limits.key("a.example");
    let calls = Pipeline::on(runtime.clone(), (key, limits.key("total")))
        .observe(move |event: &Event<'_>| log.borrow_mut().push(format!("{event:?}")));
    drop(calls.call(|| ready(Ok::<_, ()>(()))));
    assert!(limits.is_empty());
    assert!(
        runtime
            .block_on(calls.call(|| ready(Ok::<_, ()>(()))))
            .is_ok()
    );
    assert_eq!(limits.len(), 2);
    let refused = runtime.block_on(calls.call(|| -> std::future::Ready<Result<(), ()>> {
        panic!("a refused call is not started")
    }));
    let refused = *refused.unwrap_err().rejection().unwrap();
    assert_eq!(refused.retry_after(), Some(ms(100)));
    assert_eq!(refused.policy(), "per host");
    assert_eq!(events.borrow().len(), 1, "{events:?}");
    assert_eq!(limits.available_at("total", runtime.now()), 0);
    runtime.advance(ms(100));
    assert!(
        runtime
            .block_on(calls.call(|| ready(Ok::<_, ()>(()))))
            .is_ok()
    );
}

#[test]
fn a_hasher_that_spreads_badly_costs_time_and_nothing_else() {
    #[derive(Clone, Default)]
    struct Same;
    impl std::hash::Hasher for Same {
        fn finish(&self) -> u64 {
            7
        }
        fn write(&mut self, _: &[u8]) {}
    }
    let hasher = std::hash::BuildHasherDefault::<Same>::default();
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
    use std::{
        cell::Cell,
        hash::{Hash, Hasher},
        panic::{AssertUnwindSafe, catch_unwind},
    };

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

#[test]
fn prefixes_are_keys() {
    let runtime = VirtualRuntime::new(1);
    let per_ip = KeyedRateLimit::new(100, RateLimit::per_second(1).burst(1)).unwrap();
    let of = |address: &str| IpPrefix::of(address.parse().unwrap());
    per_ip.try_acquire(&runtime, &of("2001:db8::1"), 1).unwrap();
    assert!(
        per_ip
            .try_acquire(&runtime, &of("2001:db8::ffff:2"), 1)
            .is_err()
    );
    per_ip.try_acquire(&runtime, &of("203.0.113.7"), 1).unwrap();
    assert!(
        per_ip
            .try_acquire(&runtime, &of("::ffff:203.0.113.7"), 1)
            .is_err()
    );
    assert_eq!(per_ip.len(), 2);
}
