//! The models: generic over the budget, so that a broken twin goes through the same one.

use loom::{
    model::Builder,
    sync::atomic::{
        AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    thread,
};
use std::sync::Arc;

/// What a budget does, with slices of time by their number.
pub(crate) trait Budget: Send + Sync + 'static {
    type Call<'b>: Call;

    fn enter(&self, at: u64) -> Self::Call<'_>;
    fn available(&self, at: u64) -> u64;
}

/// One call's account with it. Dropping it gives back what was not spent.
pub(crate) trait Call {
    fn reserve(&mut self, at: u64) -> bool;
    fn spend(&mut self);
    fn succeeds(&mut self);
    fn fails(&mut self);
}

pub(crate) fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    // Most races need one or two preemptions; `LOOM_MAX_PREEMPTIONS` asks for more.
    builder.preemption_bound.get_or_insert(3);
    builder.check(model);
}

/// Runs `other` on a thread of its own beside `this`, and returns what both came to.
pub(crate) fn race<B: Send + Sync + 'static, T: Send + 'static, U>(
    shared: &Arc<B>,
    other: impl FnOnce(&B) -> T + Send + 'static,
    this: impl FnOnce(&B) -> U,
) -> (T, U) {
    // Of an object that a thread loads before it exchanges it, loom forgets who else loaded it before, and
    // so may never run that thread first. It does for these, which order nothing that they do.
    let began = Arc::new(AtomicUsize::new(0));
    let ended = Arc::new(AtomicUsize::new(0));
    let flags = (Arc::clone(&began), Arc::clone(&ended));
    let theirs = Arc::clone(shared);
    let thread = thread::spawn(move || {
        flags.0.load(Relaxed);
        let answer = other(&theirs);
        flags.1.store(1, Relaxed);
        answer
    });
    ended.load(Relaxed);
    let this = this(shared);
    began.store(1, Relaxed);
    (thread.join().unwrap(), this)
}

fn take<B: Budget>(budget: &B, at: u64) -> u64 {
    let mut call = budget.enter(at);
    let granted = call.reserve(at);
    call.spend();
    u64::from(granted)
}

/// Two take, where there is one.
pub(crate) fn takers_share_nothing<B: Budget>(make: fn() -> B) {
    check(move || {
        let budget = Arc::new(make());
        let (theirs, ours) = race(&budget, |b| take(b, 0), |b| take(b, 0));
        assert_ne!(theirs + ours, 2, "two took one token");
        assert_ne!(theirs + ours, 0, "nobody took the token");
        assert_eq!(budget.available(0), 0);
    });
}

/// Two reserve, where there is one, and look whether the other holds it too.
pub(crate) fn only_one_holds<B: Budget>(make: fn() -> B) {
    fn hold<B: Budget>(budget: &B, holders: &AtomicUsize) -> usize {
        let mut call = budget.enter(0);
        if !call.reserve(0) {
            return 0;
        }
        let others = holders.fetch_add(1, SeqCst);
        holders.fetch_sub(1, SeqCst);
        others
    }
    check(move || {
        let budget = Arc::new(make());
        let holders = Arc::new(AtomicUsize::new(0));
        let shared = Arc::clone(&holders);
        let (theirs, ours) = race(&budget, move |b| hold(b, &shared), |b| hold(b, &holders));
        assert_eq!(theirs + ours, 0, "two are under way");
    });
}

fn abandon<B: Budget>(budget: &B) -> bool {
    budget.enter(0).reserve(0)
}

/// Two reserve and abandon, where there is one.
pub(crate) fn abandoned_ones_come_back<B: Budget>(make: fn() -> B) {
    check(move || {
        let budget = Arc::new(make());
        let (theirs, ours) = race(&budget, abandon, abandon);
        assert!(theirs || ours);
        assert_eq!(budget.available(0), 1, "a reservation leaked");
    });
}

/// One reserves and abandons while the other takes, where there is one.
pub(crate) fn abandoned_ones_can_be_taken<B: Budget>(make: fn() -> B) {
    check(move || {
        let budget = Arc::new(make());
        let (_, taken) = race(&budget, abandon, |b| take(b, 0));
        let sum = taken + budget.available(0);
        assert_eq!(sum, 1, "a token was lost or doubled");
    });
}

/// Two calls that each pay in and take; `paid` is what they paid together.
pub(crate) fn deposits_are_kept<B: Budget>(make: fn() -> B, paid: u64) {
    check(move || {
        let budget = Arc::new(make());
        let (theirs, ours) = race(&budget, |b| take(b, 0), |b| take(b, 0));
        let sum = theirs + ours + budget.available(0);
        assert_eq!(sum, paid, "deposits and retries do not add up");
    });
}

/// Two failures and a success at once, of the eight tokens of which four have to be left.
pub(crate) fn failures_are_kept<B: Budget>(make: fn() -> B) {
    check(move || {
        let budget = Arc::new(make());
        let mut before = budget.enter(0);
        before.fails();
        let left = budget.available(0);
        let mixed = |b: &B| {
            let mut call = b.enter(0);
            call.fails();
            call.succeeds();
        };
        race(&budget, |b| b.enter(0).fails(), mixed);
        assert_eq!(budget.available(0), left - 1, "an outcome was lost");
    });
}

/// Two find a call that has left the window, and pay and take in the present.
pub(crate) fn slices_expire_once<B: Budget>(make: fn() -> B) {
    check(move || {
        let budget = Arc::new(make());
        drop(budget.enter(0));
        let (theirs, ours) = race(&budget, |b| take(b, 3), |b| take(b, 3));
        drop(budget.enter(3));
        let sum = theirs + ours + budget.available(3);
        assert!(sum <= 3, "the old call counts still");
        assert_eq!(sum, 3, "a slice expired twice");
    });
}

/// A reservation that the clock has left behind is dropped, while another call looks at the window
/// at the time `later`.
pub(crate) fn refund_races_expiry<B: Budget>(make: fn() -> B) {
    // In one of them it takes over the slice of the reservation, in the other that of the payment.
    for later in [3, 4] {
        check(move || {
            let budget = Arc::new(make());
            drop(budget.enter(0));
            let mut held = budget.enter(0);
            assert!(held.reserve(1));
            let (theirs, ()) = race(&budget, move |b| take(b, later), |_| drop(held));
            let sum = theirs + budget.available(later);
            assert_eq!(sum, 1, "only the call of the present counts");
            drop(budget.enter(later));
            assert_eq!(theirs + budget.available(later), 2, "a call was lost");
        });
    }
}

/// A reservation is dropped while a call in the next round of the ring takes its slice over.
pub(crate) fn refund_races_takeover<B: Budget>(make: fn() -> B) {
    check(move || {
        let budget = Arc::new(make());
        let mut held = budget.enter(0);
        assert!(held.reserve(0));
        race(&budget, |b| drop(b.enter(2)), |_| drop(held));
        assert_eq!(
            budget.available(2),
            1,
            "only the call of the present counts"
        );
    });
}

/// Two calls reserve, retry and end.
pub(crate) fn counts_return_to_zero<B: Budget>(make: fn() -> B) {
    check(move || {
        let budget = Arc::new(make());
        let (theirs, ours) = race(&budget, |b| take(b, 0), |b| take(b, 0));
        assert_eq!(theirs + ours, 2); // each call allows its own retry
        assert_eq!(budget.available(0), 0, "a count did not return to zero");
        let _one = budget.enter(0);
        assert_eq!(budget.available(0), 1, "a count did not return to zero");
    });
}
