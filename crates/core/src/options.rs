//! What a caller may say of one call.

use std::{
    fmt,
    future::{Future, Pending, pending},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;

use crate::{
    Attempt, Event, IdempotencyKey, Instant, Outcome, Rejection, RejectionKind, Runtime, Timer,
};

/// What one call says of itself, whatever the pipeline: `pipeline.call(..).options(options)`.
///
/// ```
/// use std::time::Duration;
/// use steadfast_core::{CallOptions, IdempotencyKey, Priority};
///
/// let options = CallOptions::new()
///     .timeout(Duration::from_secs(60)) // a large upload: longer than the pipeline's default
///     .key(IdempotencyKey::from_u128(7))
///     .priority(Priority::HIGH);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct CallOptions {
    pub(crate) deadline: Option<Instant>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) idempotent: bool,
    pub(crate) priority: Priority,
    pub(crate) cost: u32,
}

impl CallOptions {
    /// No deadline, no key, not idempotent, [`Priority::NORMAL`], cost 1.
    pub const fn new() -> Self {
        CallOptions {
            deadline: None,
            timeout: None,
            key: None,
            idempotent: false,
            priority: Priority::NORMAL,
            cost: 1,
        }
    }

    /// When the call has to be over, on the clock of its runtime: `runtime.now() + budget`.
    ///
    /// The tightest of this and the timeouts of the pipeline wins. Policies start no wait beyond it,
    /// and the call is cut off by then whatever the pipeline: the rejection names `call`.
    pub const fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How long the whole call may take, from its first poll, whatever the pipeline: the rejection
    /// names `call`.
    ///
    /// It replaces, be it longer or shorter, the duration of a timeout policy that bounds the whole
    /// call, which is the outermost one outside every retry. Timeouts further in, such as one per
    /// attempt, stay as they are.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The idempotency key of the call. With it the call counts as idempotent: whoever receives the
    /// key twice has the effect once.
    pub const fn key(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Declares that running the operation twice is as good as once.
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// How much the call matters to who sheds load.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// How many permits the call takes where permits are counted.
    pub const fn cost(mut self, cost: u32) -> Self {
        self.cost = cost;
        self
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        CallOptions::new()
    }
}

/// What a call is told before it starts: nothing, or [`CallOptions`].
pub trait Options: sealed::Sealed {
    /// Ready when the call's own time is over.
    #[doc(hidden)]
    type Limit<R: Runtime>: Future<Output = TimeOver<R>>;

    #[doc(hidden)]
    fn get(&self) -> CallOptions;

    #[doc(hidden)]
    fn apply<R: Runtime>(&self, attempt: &mut Attempt<R>) -> Self::Limit<R>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for super::CallOptions {}
}

impl Options for () {
    type Limit<R: Runtime> = Pending<TimeOver<R>>;

    fn get(&self) -> CallOptions {
        CallOptions::new()
    }

    #[inline]
    fn apply<R: Runtime>(&self, _attempt: &mut Attempt<R>) -> Self::Limit<R> {
        pending()
    }
}

impl Options for CallOptions {
    type Limit<R: Runtime> = Limit<R>;

    fn get(&self) -> CallOptions {
        *self
    }

    fn apply<R: Runtime>(&self, attempt: &mut Attempt<R>) -> Limit<R> {
        attempt.apply(self);
        let deadline = attempt.deadline();
        let timer = if deadline == Instant::MAX {
            Timer::never()
        } else {
            attempt.deadline_is_enforced();
            Timer::new(attempt.now(), deadline)
        };
        Limit {
            timer,
            runtime: attempt.runtime().clone(),
        }
    }
}

pin_project! {
    /// The timer of a call that brought a deadline or a timeout of its own.
    #[doc(hidden)]
    pub struct Limit<R: Runtime> {
        #[pin]
        timer: Timer<R::Sleep>,
        runtime: R,
    }
}

impl<R: Runtime> Future for Limit<R> {
    type Output = TimeOver<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TimeOver<R>> {
        let mut me = self.project();
        me.timer.as_mut().poll(me.runtime, cx).map(|()| TimeOver {
            after: me.timer.length(),
            runtime: me.runtime.clone(),
        })
    }
}

/// The end of the time that a call allowed itself.
#[doc(hidden)]
#[derive(Debug)]
pub struct TimeOver<R> {
    after: Duration,
    runtime: R,
}

impl<R: Runtime> TimeOver<R> {
    /// Tells the observer, once nothing of the call is left.
    pub(crate) fn reject<T, E>(self) -> Outcome<T, E> {
        const NAME: &str = "call";
        let kind = RejectionKind::TimedOut { after: self.after };
        self.runtime.emit(&Event::rejected(NAME, kind));
        Outcome::rejected(Rejection::new(NAME, kind))
    }
}

impl<R: Runtime> fmt::Debug for Limit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit").finish_non_exhaustive()
    }
}

/// How much a call matters; higher is shed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(pub u8);

impl Priority {
    /// Work that nobody waits for.
    pub const LOW: Priority = Priority(64);
    /// The default.
    pub const NORMAL: Priority = Priority(128);
    /// Work that must get through first.
    pub const HIGH: Priority = Priority(192);
}

impl Default for Priority {
    fn default() -> Self {
        Priority::NORMAL
    }
}
