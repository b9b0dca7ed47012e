//! The models: generic over the breaker, so that a broken twin goes through the same one.

use loom::{
    model,
    sync::atomic::{
        AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    thread,
};
use std::sync::Arc;

use crate::forms::Rules;

/// What a breaker does. Times are numbers of slots of which a window of time has two.
pub(crate) trait Breaker: Send + Sync + 'static {
    type Permit<'b>: Permit;

    fn admit(&self, at: u64) -> Option<Self::Permit<'_>>;
    fn open(&self, at: u64);
    fn reset(&self);
    fn look(&self, at: u64) -> Seen;
}

/// Dropping it cancels the call.
pub(crate) trait Permit {
    fn succeeds(self);
    fn fails(self);
}

/// What a breaker shows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) is_open: bool,
    pub(crate) is_closed: bool,
    pub(crate) calls: u64,
    pub(crate) failures: u64,
    pub(crate) in_a_row: u64,
    /// How often it has opened.
    pub(crate) opened: u64,
    pub(crate) reopened: u64,
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = model::Builder::new();
    // Most races need one or two preemptions; `LOOM_MAX_PREEMPTIONS` asks for more.
    builder.preemption_bound.get_or_insert(4);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Runs `other` on a thread of its own beside `this`, and returns what both came to.
fn race<B: Breaker, T: Send + 'static, U>(
    breaker: &Arc<B>,
    other: impl FnOnce(&B) -> T + Send + 'static,
    this: impl FnOnce(&B) -> U,
) -> (T, U) {
    // Of an object that a thread loads before it exchanges it, loom forgets who else loaded it before, and
    // so may never run that thread first. It does for these, which order nothing that they do.
    let done = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let (theirs, shared) = (Arc::clone(breaker), Arc::clone(&done));
    let thread = thread::spawn(move || {
        shared[0].load(Relaxed);
        let other = other(&theirs);
        shared[1].store(1, Relaxed);
        other
    });
    done[1].load(Relaxed);
    let this = this(breaker);
    done[0].store(1, Relaxed);
    (thread.join().unwrap(), this)
}

fn succeed<B: Breaker>(breaker: &B, at: u64) {
    if let Some(permit) = breaker.admit(at) {
        permit.succeeds();
    }
}

fn fail<B: Breaker>(breaker: &B, at: u64) {
    if let Some(permit) = breaker.admit(at) {
        permit.fails();
    }
}

/// Two calls fail, each of which is enough.
pub(crate) fn trips_once<B: Breaker>(make: fn(Rules) -> B) {
    check(move || {
        let breaker = Arc::new(make(Rules::new(1, (1, 1))));
        // Admitted before it opens, so it always has something to say.
        let held = breaker.admit(0).unwrap();
        race(&breaker, |b| fail(b, 0), |_| held.fails());
        let seen = breaker.look(0);
        assert!(seen.is_open);
        assert_eq!(seen.opened, 1, "it opened twice");
        assert_eq!(seen.reopened, 0, "it opened twice");
    });
}

/// Two calls end, with no rule that minds.
pub(crate) fn outcomes_are_kept<B: Breaker>(make: fn(Rules) -> B) {
    for both_fail in [true, false] {
        check(move || {
            let breaker = Arc::new(make(Rules::new(4, (1, 1))));
            let other = move |b: &B| {
                if both_fail {
                    fail(b, 0);
                } else {
                    succeed(b, 0);
                }
            };
            race(&breaker, other, |b| fail(b, 0));
            let seen = breaker.look(0);
            assert_eq!(seen.calls, 2, "an outcome was lost");
            let failures = 1 + u64::from(both_fail);
            assert_eq!(seen.failures, failures, "an outcome was lost");
        });
    }
}

/// Two calls fail when the window is full of good ones.
pub(crate) fn failures_are_kept_in_a_full_window<B: Breaker>(make: fn(Rules) -> B) {
    check(move || {
        let breaker = Arc::new(make(Rules::new(4, (1, 1))));
        (0..70).for_each(|_| succeed(&*breaker, 0));
        race(&breaker, |b| fail(b, 0), |b| fail(b, 0));
        let seen = breaker.look(0);
        assert_eq!(seen.failures, 2, "an outcome was lost");
        succeed(&*breaker, 0);
        assert_eq!(breaker.look(0).failures, 2, "an outcome was lost");
    });
}

/// What happens, after which the rate is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Calls {
    TwoFailures,
    FailureAndSuccess,
    /// After a failure.
    TwoSuccesses,
    /// After successes that leave the window and a failure that does not.
    InALaterSlot,
    /// The same, and one more that makes the difference.
    BeforeOneMore,
    /// After calls of a time that is to come again.
    InAnEarlierSlot,
}

/// Two calls end that are together what it takes.
pub(crate) fn trips_together<B: Breaker>(make: fn(Rules) -> B, calls: Calls) {
    fn run<B: Breaker>(make: fn(Rules) -> B, rules: Rules, before: fn(&B), ends: [fn(&B); 2]) {
        run_on(make, rules, before, ends, |_| ());
    }
    fn run_on<B: Breaker>(
        make: fn(Rules) -> B,
        rules: Rules,
        before: fn(&B),
        ends: [fn(&B); 2],
        after: fn(&B),
    ) {
        check(move || {
            let breaker = Arc::new(make(rules));
            before(&breaker);
            assert_eq!(breaker.look(0).opened, 0);
            let [other, this] = ends;
            race(&breaker, other, this);
            after(&breaker);
            let seen = breaker.look(0);
            assert_ne!(seen.opened, 0, "there was enough, and it did not open");
            assert_eq!(seen.opened, 1);
        });
    }
    match calls {
        Calls::TwoFailures => {
            let rules = Rules::new(2, (1, 1));
            run(make, rules, |_| (), [|b| fail(b, 0), |b| fail(b, 0)]);
        }
        Calls::FailureAndSuccess => {
            let ends: [fn(&B); 2] = [|b| fail(b, 0), |b| succeed(b, 0)];
            run(make, Rules::new(2, (1, 2)), |_| (), ends);
            run(make, Rules::new(3, (2, 3)), |b| fail(b, 0), ends);
            run(make, Rules::new(3, (1, 3)), |b| succeed(b, 0), ends);
        }
        Calls::TwoSuccesses => {
            let ends: [fn(&B); 2] = [|b| succeed(b, 0), |b| succeed(b, 0)];
            run(make, Rules::new(3, (1, 3)), |b| fail(b, 0), ends);
        }
        Calls::InALaterSlot => {
            let before = |b: &B| {
                (0..4).for_each(|_| succeed(b, 0));
                fail(b, 1);
            };
            let ends: [fn(&B); 2] = [|b| succeed(b, 2), |b| succeed(b, 2)];
            run(make, Rules::new(2, (1, 3)), before, ends);
            run(make, Rules::new(3, (1, 3)), before, ends);
            let ends: [fn(&B); 2] = [|b| succeed(b, 2), |b| fail(b, 2)];
            run(make, Rules::new(3, (2, 3)), before, ends);
        }
        Calls::BeforeOneMore => {
            let ends: [fn(&B); 2] = [|b| succeed(b, 2), |b| fail(b, 2)];
            // With it there are calls enough.
            let rules = Rules::new(3, (1, 3));
            run_on(make, rules, |b| fail(b, 0), ends, |b| succeed(b, 2));
            // When it comes, older successes have left the window.
            let before = |b: &B| {
                (0..3).for_each(|_| succeed(b, 0));
                fail(b, 0);
                (0..3).for_each(|_| succeed(b, 1));
            };
            let rules = Rules::new(2, (1, 3));
            run_on(make, rules, before, ends, |b| succeed(b, 3));
        }
        Calls::InAnEarlierSlot => {
            let ends: [fn(&B); 2] = [|b| fail(b, 0), |b| succeed(b, 0)];
            run(make, Rules::new(2, (1, 2)), |b| succeed(b, 9), ends);
        }
    }
}

/// When it is over that it is open.
const LATER: u64 = 100;
/// When half-open has lasted too long after that.
const TOO_LATE: u64 = 1000;

/// Two callers come when the open time is over.
pub(crate) fn probes_are_lent<B: Breaker>(make: fn(Rules) -> B) {
    fn hold<B: Breaker>(breaker: &B, holders: &AtomicUsize) -> (bool, usize) {
        let Some(permit) = breaker.admit(LATER) else {
            return (false, 0);
        };
        let others = holders.fetch_add(1, SeqCst);
        holders.fetch_sub(1, SeqCst);
        drop(permit);
        (true, others)
    }
    for probes in [1, 2] {
        check(move || {
            let breaker = Arc::new(make(Rules::new(1, (1, 1)).probes(probes)));
            fail(&*breaker, 0);
            let holders = Arc::new(AtomicUsize::new(0));
            let shared = Arc::clone(&holders);
            let (theirs, ours) = race(&breaker, move |b| hold(b, &shared), |b| hold(b, &holders));
            if probes == 1 {
                assert_eq!(theirs.1 + ours.1, 0, "more probes than there are");
                assert!(theirs.0 || ours.0, "a probe was refused");
            } else {
                assert!(theirs.0 && ours.0, "a probe was refused");
            }
        });
    }
}

/// Two callers come when half-open has lasted too long.
pub(crate) fn reopens_once<B: Breaker>(make: fn(Rules) -> B) {
    check(move || {
        let breaker = Arc::new(make(Rules::new(1, (1, 1))));
        fail(&*breaker, 0);
        let hung = breaker.admit(LATER).unwrap();
        let come = |b: &B| b.admit(TOO_LATE).is_some();
        assert_eq!(race(&breaker, come, come), (false, false));
        let seen = breaker.look(TOO_LATE);
        assert!(seen.is_open);
        assert_eq!(seen.opened, 2, "it opened twice");
        assert_eq!(seen.reopened, 1, "it opened twice");
        drop(hung);
    });
}

/// The only probe is cancelled while a caller comes, who keeps it.
pub(crate) fn a_probe_is_given_back<B: Breaker>(make: fn(Rules) -> B) {
    check(move || {
        let breaker = Arc::new(make(Rules::new(1, (1, 1))));
        fail(&*breaker, 0);
        let held = breaker.admit(LATER).unwrap();
        let keep = |b: &B| b.admit(LATER).map(std::mem::forget).is_some();
        let (theirs, ()) = race(&breaker, keep, |_| drop(held));
        let after = [(); 2].map(|()| breaker.admit(LATER));
        let lent = usize::from(theirs) + after.iter().flatten().count();
        assert!(lent <= 1, "a place for one, twice");
        assert_eq!(lent, 1, "a place was lost");
    });
    // Two of them are cancelled.
    check(move || {
        let breaker = Arc::new(make(Rules::new(1, (1, 1)).probes(2)));
        fail(&*breaker, 0);
        let held = breaker.admit(LATER).unwrap();
        race(&breaker, |b| drop(b.admit(LATER).unwrap()), |_| drop(held));
        let after = [(); 3].map(|()| breaker.admit(LATER));
        let lent = after.iter().flatten().count();
        assert!(lent <= 2, "a place for one, twice");
        assert_eq!(lent, 2, "a place was lost");
    });
}

fn assert_new<B: Breaker>(breaker: &B) {
    let seen = breaker.look(LATER);
    assert!(seen.is_closed, "a late result was counted: {seen:?}");
    let counts = (seen.calls, seen.failures, seen.in_a_row);
    assert_eq!(counts, (0, 0, 0), "a late result was counted");
    // Of what is hidden, too: whatever comes first is the first.
    succeed(breaker, LATER);
    let seen = breaker.look(LATER);
    assert!(seen.is_closed && seen.calls <= 1 && seen.failures == 0 && seen.in_a_row == 0);
    fail(breaker, LATER);
    let seen = breaker.look(LATER);
    assert!(seen.calls <= 2 && seen.failures <= 1 && seen.in_a_row <= 1);
}

/// A call ends while somebody resets it.
pub(crate) fn late_results_are_stale_when_it_is_reset<B: Breaker>(make: fn(Rules) -> B) {
    for min_calls in [1, 4] {
        check(move || {
            let breaker = Arc::new(make(Rules::new(min_calls, (1, 1))));
            let held = breaker.admit(LATER).unwrap();
            race(&breaker, B::reset, |_| held.fails());
            assert_new(&*breaker);
        });
    }
}

/// A call comes while somebody resets it, to a period in whose place there was a full window.
pub(crate) fn a_new_period_has_its_own_calls<B: Breaker>(make: fn(Rules) -> B) {
    check(move || {
        let breaker = Arc::new(make(Rules::new(2, (1, 1))));
        (0..4).for_each(|_| succeed(&*breaker, LATER));
        // As many periods as take turns, but for one.
        (0..3).for_each(|_| breaker.reset());
        breaker.open(LATER);
        let come = |b: &B| b.admit(LATER).map(Permit::fails).is_some();
        let ((), is_admitted) = race(&breaker, B::reset, come);
        let seen = breaker.look(LATER);
        let most = seen.calls.max(seen.failures).max(seen.in_a_row);
        assert!(seen.is_closed, "{seen:?}");
        let own = u64::from(is_admitted);
        assert_eq!(most, own, "other calls than its own");
    });
}

/// A call of the closed period before ends while the last probe does.
pub(crate) fn late_results_are_stale_when_it_closes<B: Breaker>(make: fn(Rules) -> B) {
    check(move || {
        let breaker = Arc::new(make(Rules::new(1, (1, 1))));
        let held = breaker.admit(LATER).unwrap();
        fail(&*breaker, 0);
        race(&breaker, |b| succeed(b, LATER), |_| held.fails());
        assert_new(&*breaker);
    });
}

/// A call ends while it is opened by hand, a probe closes it, and another call is the first failure of the new period.
pub(crate) fn late_results_are_stale_when_it_opens_and_closes<B: Breaker>(make: fn(Rules) -> B) {
    check(move || {
        let breaker = Arc::new(make(Rules::new(2, (1, 1))));
        let held = breaker.admit(LATER).unwrap();
        let cycle = |b: &B| {
            b.open(0);
            succeed(b, LATER);
            fail(b, LATER);
        };
        race(&breaker, cycle, |_| held.fails());
        let seen = breaker.look(LATER);
        assert!(seen.is_closed, "a late result was counted: {seen:?}");
        let most = seen.calls.max(seen.failures).max(seen.in_a_row);
        assert!(most <= 1, "a late result was counted: {seen:?}");
        assert_eq!(most, 1, "a result was lost as another was late");
    });
}
