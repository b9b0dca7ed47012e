//! One purse for many: clones, threads, and the policies that one call passes through.

#![allow(
    clippy::disallowed_types,
    reason = "counts for these tests, nothing is decided by them"
)]

use std::{
    future::{Ready, ready},
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::SystemTime,
};

use steadfast_core::{Attempt, BudgetedCall, Instant, Ratio, RetryBudget, Runtime, Verdict};

use crate::{TRANSIENT, ZERO, bare_ratio, make_calls, retries_until_refused};

/// A runtime that stands still and counts how often it is asked for the time.
#[derive(Clone, Default)]
struct Frozen {
    reads: Arc<AtomicU64>,
}

impl Frozen {
    fn reads(&self) -> u64 {
        self.reads.load(Relaxed)
    }
}

impl Runtime for Frozen {
    type Sleep = Ready<()>;
    type Lent<'p> = &'p Frozen;

    fn lend(&self) -> &Frozen {
        self
    }

    fn now(&self) -> Instant {
        self.reads.fetch_add(1, Relaxed);
        ZERO
    }

    fn sleep_until(&self, _at: Instant) -> Ready<()> {
        ready(())
    }

    fn random(&self) -> u64 {
        4
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

fn half_in_flight() -> RetryBudget {
    let settings = RetryBudget::share_of_in_flight(Ratio::percent(100));
    settings.min_concurrent(0).build().unwrap()
}

#[test]
fn clones_share_one_purse() {
    let budget = bare_ratio(Ratio::percent(100));
    let clone = budget.clone();
    make_calls(&budget, 1, ZERO);
    make_calls(&clone, 1, ZERO);
    assert_eq!(budget.available_at(ZERO), 2);
    let mut call = clone.enter_at(ZERO);
    assert_eq!(retries_until_refused(&mut call, ZERO, &TRANSIENT), 3);
    assert_eq!(budget.available_at(ZERO), 0);
    assert!(budget.is_shared_with(&clone));
}

#[test]
fn budgets_that_were_built_apart_share_nothing() {
    let (one, other) = (RetryBudget::default(), RetryBudget::default());
    assert!(!one.is_shared_with(&other));
    make_calls(&one, 5, ZERO);
    assert_eq!(one.available_at(ZERO), 101);
    assert_eq!(other.available_at(ZERO), 100);
}

#[test]
fn a_call_is_counted_once_where_it_meets_the_same_budget_twice() {
    let budget = bare_ratio(Ratio::percent(100));
    let in_flight = half_in_flight();
    for budget in [&budget, &in_flight] {
        let mut attempt = Attempt::first(Frozen::default());
        let _outer = budget.enter(&mut attempt);
        let mut inner_attempt = attempt.clone(); // as a policy hands it on
        let _inner = budget.enter(&mut inner_attempt);
        let clone = budget.clone();
        let _innermost = clone.enter(&mut inner_attempt);
        assert_eq!(budget.available_at(ZERO), 1);
        let _another_call = budget.enter(&mut Attempt::first(Frozen::default()));
        assert_eq!(budget.available_at(ZERO), 2);
    }
}

#[test]
fn a_call_is_counted_once_by_each_of_two_budgets() {
    let (one, other) = (bare_ratio(Ratio::percent(100)), half_in_flight());
    let mut attempt = Attempt::first(Frozen::default());
    let _outer = one.enter(&mut attempt);
    let _inner = other.enter(&mut attempt);
    assert_eq!(one.available_at(ZERO), 1);
    assert_eq!(other.available_at(ZERO), 1);
}

#[test]
fn a_repeated_attempt_is_still_the_same_call() {
    let budget = bare_ratio(Ratio::percent(100));
    let mut attempt = Attempt::first(Frozen::default());
    let _call = budget.enter(&mut attempt);
    let _again = budget.enter(&mut attempt.repeated(1));
    assert_eq!(budget.available_at(ZERO), 1);
}

#[test]
fn the_inner_of_two_policies_can_reserve_and_refund_too() {
    for budget in [bare_ratio(Ratio::percent(200)), half_in_flight()] {
        let mut attempt = Attempt::first(Frozen::default());
        let mut outer = budget.enter(&mut attempt);
        let full = budget.available_at(ZERO);
        let mut inner = budget.enter(&mut attempt);
        assert!(inner.try_reserve_at(ZERO, &TRANSIENT));
        assert_eq!(outer.try_reserve_at(ZERO, &TRANSIENT), full == 2);
        drop(inner);
        assert!(outer.try_reserve_at(ZERO, &TRANSIENT));
        assert_eq!(budget.available_at(ZERO), full - 1);
    }
}

#[test]
fn only_a_ratio_budget_reads_the_clock_and_only_for_the_call_it_counts() {
    let without_time = [
        RetryBudget::success_tokens(10, Ratio::percent(10)).build(),
        RetryBudget::token_bucket(10, Ratio::percent(10)).build(),
        RetryBudget::cost_aware().build(),
        RetryBudget::share_of_in_flight(Ratio::percent(20)).build(),
    ];
    for budget in without_time.map(Result::unwrap) {
        let runtime = Frozen::default();
        let mut call = budget.enter(&mut Attempt::first(&runtime));
        call.record(&Verdict::success());
        assert_eq!(runtime.reads(), 0);
    }
    let (runtime, budget) = (Frozen::default(), RetryBudget::default());
    let mut attempt = Attempt::first(&runtime);
    let _outer = budget.enter(&mut attempt);
    let _inner = budget.enter(&mut attempt);
    assert_eq!(runtime.reads(), 1);
}

#[test]
fn threads_that_race_for_the_last_retries_get_exactly_those() {
    const THREADS: usize = 4;
    let ratio = bare_ratio(Ratio::percent(100));
    make_calls(&ratio, 5_000, ZERO);
    let token_bucket = RetryBudget::token_bucket(5_000, Ratio::percent(10)).build();
    let cost_aware = RetryBudget::cost_aware().capacity(70_000).build();
    for budget in [ratio, token_bucket.unwrap(), cost_aware.unwrap()] {
        let full = budget.available_at(ZERO);
        let start = Barrier::new(THREADS);
        let granted: u64 = thread::scope(|scope| {
            let race = || {
                start.wait();
                let mut attempt = Attempt::first(Frozen::default());
                let mut outer = budget.enter(&mut attempt); // counted, in the ratio form
                retries_until_refused(&mut outer, ZERO, &TRANSIENT)
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(race)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        let counted = granted - full;
        assert!(counted == 0 || counted == THREADS as u64, "{counted}");
        assert_eq!(budget.available_at(ZERO), 0);
    }
}

#[test]
fn threads_that_reserve_and_abandon_leave_the_budget_as_it_was() {
    let budget = RetryBudget::token_bucket(3, Ratio::percent(10)).build();
    let (budget, in_flight) = (budget.unwrap(), half_in_flight());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let _ = budget.enter_at(ZERO).try_reserve_at(ZERO, &TRANSIENT);
                    let mut call = in_flight.enter_at(ZERO);
                    assert!(call.try_reserve_at(ZERO, &TRANSIENT));
                    call.spend();
                }
            });
        }
    });
    assert_eq!(budget.available_at(ZERO), 3);
    assert_eq!(in_flight.available_at(ZERO), 0);
    let _one = in_flight.enter_at(ZERO);
    assert_eq!(in_flight.available_at(ZERO), 1);
}

#[test]
fn a_budget_and_its_calls_may_cross_threads() {
    static_assertions::assert_impl_all!(RetryBudget: Send, Sync, Clone, std::fmt::Debug);
    static_assertions::assert_impl_all!(BudgetedCall<'_>: Send, Sync, std::fmt::Debug);
    static_assertions::const_assert!(size_of::<BudgetedCall<'_>>() <= 16);
}
