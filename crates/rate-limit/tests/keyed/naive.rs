//! Every answer beside that of limits that are never given up, each a fraction of whole numbers.

use std::{collections::HashMap, time::Duration};

use proptest::prelude::*;
use steadfast_core::{Instant, KeyedFull, Rejection, RejectionKind};
use steadfast_rate_limit::{KeyedRateLimit, Rate, RateLimit};

/// Units in nanoseconds times `n`, so that one is `per`.
#[derive(Clone, Copy, Debug)]
struct Naive {
    n: u32,
    per: u64,
    burst: u32,
    arrival: u128,
}

impl Naive {
    fn debt(&self, now: u64) -> u128 {
        self.arrival
            .saturating_sub(u128::from(now) * u128::from(self.n))
    }

    fn wait(&self, now: u64, cost: u32) -> Option<u128> {
        let room = u128::from(self.burst) * u128::from(self.per);
        let wanted = self.debt(now) + u128::from(cost) * u128::from(self.per);
        (cost <= self.burst).then(|| wanted.saturating_sub(room).div_ceil(self.n.into()))
    }

    fn take(&mut self, now: u64, cost: u32) {
        let now = u128::from(now) * u128::from(self.n);
        self.arrival = self.arrival.max(now) + u128::from(cost) * u128::from(self.per);
    }

    fn available(&self, now: u64) -> u128 {
        let room = u128::from(self.burst) * u128::from(self.per);
        room.saturating_sub(self.debt(now)) / u128::from(self.per)
    }

    fn rate(&self) -> Rate {
        RateLimit::new(self.n, Duration::from_nanos(self.per))
            .burst(self.burst)
            .rate()
            .unwrap()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Take { key: u16, cost: u32 },
    Refund { key: u16, cost: u32 },
    Pass(u64),
    Back(u64),
}

fn steps(back: bool) -> impl Strategy<Value = Vec<Step>> {
    let pass = prop_oneof![
        0..40_u64,
        0..2000_u64,
        (0..58_u32).prop_map(|bits| 1 << bits)
    ];
    let step = prop_oneof![
        8 => (0..120_u16, 0..6_u32).prop_map(|(key, cost)| Step::Take { key, cost }),
        1 => (0..120_u16, 0..6_u32).prop_map(|(key, cost)| Step::Refund { key, cost }),
        2 => pass.prop_map(Step::Pass),
        u32::from(back) => (0..500_u64).prop_map(Step::Back),
    ];
    prop::collection::vec(step, 0..400)
}

fn rates() -> impl Strategy<Value = Vec<Naive>> {
    let n = prop_oneof![Just(1), 1..20_u32, Just(u32::MAX)];
    let rate = (n, 1..500_u64, 1..6_u32).prop_map(|(n, per, burst)| Naive {
        n,
        per,
        burst,
        arrival: 0,
    });
    prop::collection::vec(rate, 1..5)
}

fn is_full(refused: &Rejection) -> bool {
    refused.kind() == Rejection::from(KeyedFull::new(1)).kind()
}

fn keyed(capacity: usize, rates: &[Naive]) -> KeyedRateLimit<u16> {
    if let [one] = rates {
        let each = RateLimit::new(one.n, Duration::from_nanos(one.per)).burst(one.burst);
        return KeyedRateLimit::new(capacity, each).unwrap();
    }
    let rates: Vec<Rate> = rates.iter().map(Naive::rate).collect();
    KeyedRateLimit::with_rates(capacity, move |key: &u16| {
        rates[usize::from(*key) % rates.len()]
    })
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// On a clock that goes on, each answer is that of limits that are never given up; a new key is refused only
    /// where the map is full, and of up to 32 keys only where every one is in use.
    #[test]
    fn forgetting_makes_no_difference(
        capacity in prop_oneof![1..8_usize, 30..36_usize, Just(70), Just(1000)],
        rates in rates(),
        steps in steps(false),
    ) {
        let limits = keyed(capacity, &rates);
        let fresh = |key: u16| rates[usize::from(key) % rates.len()];
        let mut naive = HashMap::new();
        let mut now = 0_u64;
        for step in steps {
            let at = Instant::from_nanos(now);
            match step {
                Step::Take { key, cost } => {
                    let own = naive.entry(key).or_insert_with(|| fresh(key));
                    let before = limits.retry_after_at(&key, at, cost);
                    let wait = own.wait(now, cost);
                    let nanos = |wait: Duration| wait.as_nanos();
                    prop_assert_eq!(before.map(nanos), if cost == 0 { Some(0) } else { wait });
                    prop_assert_eq!(u128::from(limits.available_at(&key, at)), own.available(now));
                    match limits.try_acquire_at(&key, at, cost) {
                        Ok(()) if cost == 0 => {}
                        Ok(()) => {
                            prop_assert_eq!(wait, Some(0));
                            own.take(now, cost);
                        }
                        Err(full) if is_full(&full) => {
                            prop_assert_eq!((wait, limits.len()), (Some(0), capacity));
                            // It was not there, so that nothing of it was remembered.
                            prop_assert_eq!(own.debt(now), 0);
                            let used = naive.values().filter(|limit| limit.debt(now) > 0).count();
                            prop_assert!(used >= capacity.min(32), "{} in use", used);
                            if capacity <= 32 {
                                prop_assert_eq!(used, capacity);
                            }
                        }
                        Err(refused) => {
                            prop_assert_eq!(refused.retry_after().map(nanos), wait);
                            prop_assert!(wait != Some(0));
                            let never = matches!(refused.kind(), RejectionKind::Other(_));
                            prop_assert_eq!(never, wait.is_none());
                        }
                    }
                }
                Step::Refund { key, cost } => {
                    limits.refund(&key, cost);
                    if let Some(own) = naive.get_mut(&key) {
                        let cost = u128::from(cost) * u128::from(own.per);
                        let full = own.arrival.min(u128::from(now) * u128::from(own.n));
                        own.arrival = own.arrival.saturating_sub(cost).max(full);
                    }
                }
                Step::Pass(nanos) => now = now.saturating_add(nanos),
                Step::Back(_) => {}
            }
            prop_assert!(limits.len() <= capacity);
        }
    }

    /// On a clock that is turned back now and then, no key has more than its burst and what its rate adds from
    /// the time of one call to the latest time that there was when another was admitted.
    #[test]
    fn a_clock_that_is_turned_back_gains_nothing(
        capacity in prop_oneof![1..8_usize, Just(40)],
        rates in rates(),
        steps in steps(true),
    ) {
        let limits = keyed(capacity, &rates);
        let mut taken: HashMap<u16, Vec<(u64, u64, u32)>> = HashMap::new();
        let (mut now, mut latest) = (1000_u64, 1000_u64);
        for step in steps {
            match step {
                Step::Take { key, cost } => {
                    let taken_now = limits.try_acquire_at(&key, Instant::from_nanos(now), cost);
                    // What costs nothing passes whatever the time, and is no admission to count from.
                    if taken_now.is_ok() && cost > 0 {
                        taken.entry(key).or_default().push((now, latest, cost));
                    }
                }
                Step::Refund { .. } => {}
                Step::Pass(nanos) => now = now.saturating_add(nanos),
                Step::Back(nanos) => now = now.saturating_sub(nanos),
            }
            latest = latest.max(now);
        }
        for (key, calls) in taken {
            let rate = rates[usize::from(key) % rates.len()];
            for first in 0..calls.len() {
                let mut sum = 0_u128;
                for (_, latest, cost) in &calls[first..] {
                    sum += u128::from(*cost);
                    let length = u128::from(latest - calls[first].0.min(*latest));
                    let most = u128::from(rate.burst) * u128::from(rate.per);
                    let most = most + length * u128::from(rate.n);
                    prop_assert!(sum * u128::from(rate.per) <= most);
                }
            }
        }
    }
}
