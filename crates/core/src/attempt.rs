//! What travels inwards through the policies with each attempt.

use std::{fmt, time::Duration};

use crate::{CallOptions, IdempotencyKey, Instant, Nesting, Outcome, Priority, Runtime, Spent};

/// One attempt of one call, as the policies see it: by value, and `Copy` where the runtime is.
///
/// It carries the runtime, a deadline that only tightens on the way in, and what the caller said
/// of the call. The clock is read when somebody asks for [`now`](Attempt::now) the first time, and
/// the answer travels on inwards, so a stack reads it at most once per attempt and one that needs
/// no time reads none.
#[derive(Clone, Copy)]
pub struct Attempt<R> {
    runtime: R,
    /// `Instant::MAX` until somebody asks.
    now: Instant,
    deadline: Instant,
    key: IdempotencyKey,
    number: u32,
    cost: u32,
    budget: u32,
    marks: Marks,
}

/// The small fields in one word: written and copied byte by byte they cost more than a whole policy,
/// as a processor cannot forward several narrow stores to one wide load.
#[derive(Clone, Copy)]
struct Marks(u32);

const IDEMPOTENT: u32 = 1;
const KEYED: u32 = 1 << 1;
const ENFORCED: u32 = 1 << 2;
const OVERRIDDEN: u32 = 1 << 3;
const EXECUTED: u32 = 1 << 4;
/// The lowest bits of the three bytes above the flags.
const DEPTH: u32 = 8;
const SPENT: u32 = 16;
const PRIORITY: u32 = 24;

impl Marks {
    const FIRST: Marks = Marks((Priority::NORMAL.0 as u32) << PRIORITY);

    #[inline]
    const fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    #[inline]
    fn set(&mut self, flag: u32) {
        self.0 |= flag;
    }

    #[inline]
    fn clear(&mut self, flag: u32) {
        self.0 &= !flag;
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "one byte is asked for")]
    const fn byte(self, at: u32) -> u8 {
        (self.0 >> at) as u8
    }

    #[inline]
    fn set_byte(&mut self, at: u32, byte: u8) {
        self.0 = self.0 & !(0xff << at) | u32::from(byte) << at;
    }
}

impl<R: Runtime> Attempt<R> {
    /// The first attempt of a call without a deadline.
    #[inline]
    pub fn first(runtime: R) -> Self {
        Attempt {
            runtime,
            now: Instant::MAX,
            deadline: Instant::MAX,
            key: IdempotencyKey::from_u128(0),
            number: 1,
            cost: 1,
            budget: 0,
            marks: Marks::FIRST,
        }
    }

    pub(crate) fn apply(&mut self, options: &CallOptions) {
        if let Some(deadline) = options.deadline {
            self.tighten_deadline(deadline);
        }
        if let Some(timeout) = options.timeout {
            self.override_timeout(timeout);
        }
        if let Some(key) = options.key {
            self.set_key(key);
        }
        if options.idempotent {
            self.marks.set(IDEMPOTENT);
        }
        self.marks.set_byte(PRIORITY, options.priority.0);
        self.cost = options.cost;
    }

    /// The runtime of the call.
    #[inline]
    pub fn runtime(&self) -> &R {
        &self.runtime
    }

    /// When this attempt began: the clock is read at the first ask and the answer kept.
    #[inline]
    pub fn now(&mut self) -> Instant {
        if self.now == Instant::MAX {
            self.now = self.runtime.now();
        }
        self.now
    }

    /// When everything inside has to be over; [`Instant::MAX`] means never.
    #[inline]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Tightens the deadline. A deadline that is tighter already stays; a new one is not
    /// [enforced](Attempt::is_deadline_enforced) yet.
    #[inline]
    pub fn tighten_deadline(&mut self, deadline: Instant) {
        if deadline < self.deadline {
            self.deadline = deadline;
            self.marks.clear(ENFORCED);
        }
    }

    /// Whether somebody further out holds a timer for the current [`deadline`](Attempt::deadline),
    /// so that nobody further in needs another one for the same instant.
    #[inline]
    pub fn is_deadline_enforced(&self) -> bool {
        self.marks.has(ENFORCED)
    }

    /// Says that the caller of this method holds a timer for the current deadline and drops
    /// everything inside when it fires.
    #[inline]
    pub fn deadline_is_enforced(&mut self) {
        self.marks.set(ENFORCED);
    }

    /// Bounds the call by a timeout of its own, in the place of that of the outermost policy.
    fn override_timeout(&mut self, timeout: Duration) {
        let deadline = self.now() + timeout;
        self.tighten_deadline(deadline);
        self.marks.set(OVERRIDDEN);
    }

    /// Whether the call brought a timeout of its own, which is in the
    /// [`deadline`](Attempt::deadline) already. `true` once: the outermost timeout policy asks, and
    /// leaves its own length out.
    #[inline]
    pub fn take_timeout_override(&mut self) -> bool {
        let overridden = self.marks.has(OVERRIDDEN);
        self.marks.clear(OVERRIDDEN);
        overridden
    }

    /// The attempt begins now: whoever waits before the operation starts says so, or timeouts further
    /// in would count the wait.
    #[inline]
    pub fn begins_now(&mut self) {
        self.now = Instant::MAX;
    }

    /// The attempt began at `now`, which whoever says so has just read.
    #[inline]
    pub fn began_at(&mut self, now: Instant) {
        self.now = now;
    }

    /// What runs inside will outlive what is around it, such as a spawned task: nobody holds a timer
    /// for its deadline any more.
    #[inline]
    pub fn outlives(&mut self) {
        self.marks.clear(ENFORCED);
        self.begins_now();
    }

    /// Which start of the operation this is within the call, from one; a lower bound where a timeout
    /// cut off a retry further in.
    #[inline]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The idempotency key of the call, the same on every attempt.
    #[inline]
    pub fn key(&self) -> Option<IdempotencyKey> {
        self.marks.has(KEYED).then_some(self.key)
    }

    /// Gives the call its idempotency key.
    #[inline]
    pub fn set_key(&mut self, key: IdempotencyKey) {
        self.key = key;
        self.marks.set(KEYED);
    }

    /// Whether running the operation twice is as good as once: it carries a key, or
    /// [`CallOptions::idempotent`] said so.
    #[inline]
    pub fn is_idempotent(&self) -> bool {
        self.marks.has(IDEMPOTENT | KEYED)
    }

    /// How much the call matters to who sheds load.
    #[inline]
    pub fn priority(&self) -> Priority {
        Priority(self.marks.byte(PRIORITY))
    }

    /// How many permits the call takes where permits are counted. One unless the caller said so.
    #[inline]
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// The same call once more, after the operation has been started `starts` times by whoever
    /// asks. The clock will be read anew.
    #[inline]
    #[must_use]
    pub fn repeated(&self, starts: u32) -> Self
    where
        R: Clone,
    {
        let mut again = self.clone();
        again.number = self.number.saturating_add(starts);
        again.now = Instant::MAX;
        again
    }

    /// What is told to the caller's own closures.
    #[inline]
    pub fn info(&mut self) -> AttemptInfo {
        let remaining = if self.deadline == Instant::MAX {
            None
        } else {
            Some(self.deadline.saturating_duration_since(self.now()))
        };
        AttemptInfo {
            number: self.number,
            deadline: self.deadline,
            remaining,
            key: self.key(),
            priority: self.priority(),
            cost: self.cost,
        }
    }

    /// How many repeating policies are around this one.
    #[inline]
    pub fn nesting(&self) -> Nesting {
        Nesting(self.marks.byte(DEPTH))
    }

    /// Whether a repeating policy at this place has spent its attempts earlier in this call. It
    /// should then make a single one, so that nested retries do not multiply.
    #[inline]
    pub fn is_spent(&self) -> bool {
        self.spent().contains(self.nesting())
    }

    fn spent(&self) -> Spent {
        Spent(self.marks.byte(SPENT))
    }

    /// Goes one repeating policy inwards. From here on a timeout is one of several, so the call's own
    /// does not take its place.
    #[inline]
    pub fn nest(&mut self) {
        self.marks.clear(OVERRIDDEN);
        let depth = self.marks.byte(DEPTH).saturating_add(1);
        self.marks.set_byte(DEPTH, depth);
    }

    /// Remembers of a failed attempt what counts for the whole call: which repeating policies inside
    /// this one have spent their attempts, and whether the operation may have executed.
    #[inline]
    pub fn remember<T, E>(&mut self, outcome: &Outcome<T, E>) {
        let inside = outcome.spent().0 & Spent::inside(self.nesting());
        self.marks.set_byte(SPENT, self.spent().0 | inside);
        if outcome.verdict.may_have_executed() {
            self.marks.set(EXECUTED);
        }
    }

    /// Puts what was [remembered](Attempt::remember) into the outcome of the whole call. `spent` says
    /// whether the repeating policy at this place has spent its attempts.
    pub fn conclude<T, E>(&self, outcome: Outcome<T, E>, spent: bool) -> Outcome<T, E> {
        let mut outcome = outcome;
        if self.marks.has(EXECUTED) {
            outcome.verdict = outcome.verdict.may_be_executed();
        }
        let inside = self.spent().0 & Spent::inside(self.nesting());
        let itself = if spent { Spent::bit(self.nesting()) } else { 0 };
        outcome.spent = Spent(inside | itself);
        outcome
    }

    /// Makes `purse` the budget that counts this call; `false` when it has counted it already.
    pub(crate) fn enter_budget(&mut self, purse: u32) -> bool {
        let enters = self.budget != purse;
        self.budget = purse;
        enters
    }
}

impl<R> fmt::Debug for Attempt<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("number", &self.number)
            .field("deadline", &self.deadline)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

/// What an attempt tells the caller's own closures: no borrow and no runtime, so that they stay
/// easy to spawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptInfo {
    /// Which start of the operation this is within the call, from one; a lower bound where a timeout
    /// cut off a retry further in.
    pub number: u32,
    /// When it has to be over, on the runtime's clock; [`Instant::MAX`] means never.
    pub deadline: Instant,
    /// How much time that leaves, for a header such as `grpc-timeout`; `None` means no deadline.
    pub remaining: Option<Duration>,
    /// The idempotency key of the call, the same on every attempt.
    pub key: Option<IdempotencyKey>,
    /// How much the call matters.
    pub priority: Priority,
    /// How many permits it takes.
    pub cost: u32,
}
