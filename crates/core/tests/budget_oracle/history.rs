//! Arbitrary histories of calls, and their replay on a budget and its oracle side by side.

use proptest::{collection::vec, prelude::*, sample::select};
use steadfast_core::{BudgetedCall, Instant, RetryBudget, Verdict};

/// What may happen to a budget. `call` picks one of the calls under way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Enter,
    Record { call: usize, verdict: Verdict },
    Reserve { call: usize, failure: Verdict },
    Spend { call: usize },
    End { call: usize },
    Wait { nanos: u64 },
    TurnBack { nanos: u64 },
}

/// The naive twin of a budget.
pub(crate) trait Oracle {
    /// What it remembers of one call.
    type Account;

    fn enter(&mut self, now: Instant) -> Self::Account;
    fn record(&mut self, account: &mut Self::Account, verdict: &Verdict);
    fn reserve(&mut self, account: &mut Self::Account, now: Instant, failure: &Verdict) -> bool;
    fn spend(&mut self, account: &mut Self::Account);
    fn end(&mut self, account: Self::Account);
    fn available(&self, now: Instant) -> u64;
}

/// Where the clock may begin: its ends, the places where slices wrap at 32 bits, and in between.
pub(crate) fn start() -> impl Strategy<Value = Instant> {
    let second = 1_000_000_000_u64;
    let nanos = prop_oneof![
        Just(0),
        Just(1_000 * second),
        Just((1 << 32) * second - 5 * second),
        Just((1 << 32) * (second / 10) - second / 2),
        Just(u64::MAX - 20 * second),
        any::<u64>(),
    ];
    nanos.prop_map(Instant::from_nanos)
}

fn verdict() -> impl Strategy<Value = Verdict> {
    select(vec![
        Verdict::success(),
        Verdict::success(),
        Verdict::transient(),
        Verdict::transient(),
        Verdict::overloaded(),
        Verdict::permanent(),
        Verdict::caller(),
        Verdict::permanent().with_pushback(),
        Verdict::overloaded().with_pushback(),
    ])
}

fn step() -> impl Strategy<Value = Step> {
    let failure = select(vec![Verdict::transient(), Verdict::overloaded()]);
    prop_oneof![
        6 => Just(Step::Enter),
        4 => (any::<usize>(), verdict()).prop_map(|(call, verdict)| Step::Record { call, verdict }),
        6 => (any::<usize>(), failure).prop_map(|(call, failure)| Step::Reserve { call, failure }),
        3 => any::<usize>().prop_map(|call| Step::Spend { call }),
        3 => any::<usize>().prop_map(|call| Step::End { call }),
        4 => (0..3_000_000_000_u64).prop_map(|nanos| Step::Wait { nanos }),
        1 => (0..64_u32, any::<u64>())
            .prop_map(|(shift, bits)| Step::Wait { nanos: bits >> shift }),
    ]
}

/// A history in which time passes, by up to three seconds or by a jump.
pub(crate) fn forward_steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 0..150)
}

/// A history in which the clock also goes backwards.
pub(crate) fn wild_steps() -> impl Strategy<Value = Vec<Step>> {
    let back = (0..64_u32, any::<u64>()).prop_map(|(shift, bits)| Step::TurnBack {
        nanos: bits >> shift,
    });
    let a_little = (0..15_000_000_000_u64).prop_map(|nanos| Step::TurnBack { nanos });
    vec(prop_oneof![12 => step(), 1 => back, 2 => a_little], 0..300)
}

/// Moves the clock as the step says; `false` when it says something else.
pub(crate) fn moved(now: &mut Instant, step: Step) -> bool {
    let nanos = now.as_nanos();
    *now = Instant::from_nanos(match step {
        Step::Wait { nanos: by } => nanos.saturating_add(by),
        Step::TurnBack { nanos: by } => nanos.saturating_sub(by),
        _ => return false,
    });
    true
}

/// Plays the same history to both, and compares every answer.
pub(crate) fn replay<O: Oracle>(
    budget: &RetryBudget,
    mut oracle: O,
    start: Instant,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let mut now = start;
    let mut calls: Vec<(BudgetedCall<'_>, O::Account)> = Vec::new();
    for &step in steps {
        // Calls are picked among those under way; without any, these steps say nothing.
        let picked = |call: usize| call.checked_rem(calls.len());
        match step {
            Step::Enter => calls.push((budget.enter_at(now), oracle.enter(now))),
            Step::Record { call, verdict } => {
                if let Some(at) = picked(call) {
                    let (call, account) = &mut calls[at];
                    call.record(&verdict);
                    oracle.record(account, &verdict);
                }
            }
            Step::Reserve { call, failure } => {
                if let Some(at) = picked(call) {
                    let (call, account) = &mut calls[at];
                    let expected = oracle.reserve(account, now, &failure);
                    prop_assert_eq!(call.try_reserve_at(now, &failure), expected);
                }
            }
            Step::Spend { call } => {
                if let Some(at) = picked(call) {
                    let (call, account) = &mut calls[at];
                    call.spend();
                    oracle.spend(account);
                }
            }
            Step::End { call } => {
                if let Some(at) = picked(call) {
                    let (call, account) = calls.swap_remove(at);
                    drop(call);
                    oracle.end(account);
                }
            }
            Step::Wait { .. } | Step::TurnBack { .. } => assert!(moved(&mut now, step)),
        }
        prop_assert_eq!(
            budget.available_at(now),
            oracle.available(now),
            "at {:?}",
            now
        );
    }
    Ok(())
}
