//! The timeout as a policy, and its future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use steadfast_core::{
    Attempt, AttemptInfo, Event, Instant, Operation, Outcome, Policies, Policy, Rejection,
    RejectionKind, Runtime, Timer, saturating_nanos,
};

/// Bounds the time that everything inside it may take.
///
/// As the outermost policy it bounds the whole call, waits and retries included; inside a retry it
/// bounds each attempt. Of several deadlines the tightest wins, and policies inside know it: a retry
/// does not sleep past it.
///
/// When the time is up, what is inside is dropped and the call is rejected with
/// [`RejectionKind::TimedOut`], class [`Transient`](steadfast_core::Class::Transient): the operation
/// may or may not have had its effect.
///
/// The operation is polled before the clock, so a result that is ready is returned even when the
/// time ran out in the same poll. With `Duration::ZERO` only an operation that is ready at once
/// succeeds; `Duration::MAX` never ends.
///
/// # Cost
///
/// One clock read, which the whole stack shares. The timer is armed when the operation is first
/// pending, so an operation that is ready at once never touches it, and not at all where an outer
/// timeout will end the call sooner.
///
/// # Cancel safety
///
/// Dropping the future drops the operation and the timer.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use steadfast_core::{Error, Policies, VirtualRuntime};
/// use steadfast_timeout::Timeout;
///
/// let runtime = VirtualRuntime::new(1);
/// let timeout = Timeout::new(Duration::from_secs(2));
///
/// let quick = timeout.on(runtime.clone());
/// let answer = runtime.block_on(quick.call(|| async { Ok::<_, String>(42) }));
/// assert_eq!(answer, Ok(42));
///
/// let never = runtime.block_on(quick.call(std::future::pending::<Result<u8, String>>));
/// assert_eq!(never.unwrap_err().to_string(), "timeout cut the call off after 2s");
/// ```
#[derive(Clone)]
pub struct Timeout {
    length: Length,
    name: &'static str,
}

#[derive(Clone)]
enum Length {
    /// In nanoseconds, so that a call does not convert it.
    Fixed(u64),
    From(Arc<dyn Fn(&AttemptInfo) -> Duration + Send + Sync>),
}

impl Timeout {
    /// Ends what is inside after `after`, counted from when it begins.
    #[must_use]
    pub const fn new(after: Duration) -> Self {
        Timeout {
            length: Length::Fixed(saturating_nanos(after)),
            name: "timeout",
        }
    }

    /// Ends what is inside after what `length` says for the attempt.
    ///
    /// ```
    /// use std::time::Duration;
    /// use steadfast_timeout::Timeout;
    ///
    /// // Each attempt gets more time than the one before.
    /// let growing = Timeout::from_fn(|attempt| Duration::from_millis(200) * attempt.number);
    /// ```
    #[must_use]
    pub fn from_fn<F>(length: F) -> Self
    where
        F: Fn(&AttemptInfo) -> Duration + Send + Sync + 'static,
    {
        Timeout {
            length: Length::From(Arc::new(length)),
            name: "timeout",
        }
    }

    /// The name under which it speaks in rejections and events; default `timeout`.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    #[inline(always)]
    fn nanos<R: Runtime>(&self, attempt: &mut Attempt<R>) -> u64 {
        match &self.length {
            Length::Fixed(nanos) => *nanos,
            Length::From(length) => {
                // A copy is lent out, so that with a fixed length the attempt stays in registers.
                let mut asked = attempt.clone();
                let info = asked.info();
                *attempt = asked;
                saturating_nanos(length(&info))
            }
        }
    }

    #[cold]
    fn cut_off<R: Runtime, T, E>(&self, runtime: &R, after: Duration) -> Outcome<T, E> {
        let kind = RejectionKind::TimedOut { after };
        runtime.emit(&Event::rejected(self.name, kind));
        Outcome::rejected(Rejection::new(self.name, kind))
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Timeout");
        match &self.length {
            Length::Fixed(after) => debug.field("after", &Duration::from_nanos(*after)),
            Length::From(_) => debug.field("after", &"per attempt"),
        };
        debug.field("name", &self.name).finish()
    }
}

impl Policies for Timeout {}

impl<'p, O: Operation> Policy<'p, O> for Timeout {
    type Future = TimeoutFuture<'p, O::Runtime, O::Future>;

    #[inline]
    fn run(&'p self, operation: O, mut attempt: Attempt<O::Runtime>) -> Self::Future {
        let now = attempt.now();
        if !attempt.take_timeout_override() {
            let own = now.as_nanos().saturating_add(self.nanos(&mut attempt));
            attempt.tighten_deadline(Instant::from_nanos(own));
        }
        // Where an outer timeout ends the call no later, its timer serves here too.
        let timer = if attempt.is_deadline_enforced() {
            Timer::never()
        } else {
            attempt.deadline_is_enforced();
            Timer::new(now, attempt.deadline())
        };
        TimeoutFuture {
            policy: self,
            runtime: attempt.runtime().clone(),
            inner: Some(operation.start(attempt)),
            timer,
        }
    }
}

pin_project! {
    /// One run of an operation under a [`Timeout`].
    #[must_use = "futures do nothing unless polled"]
    pub struct TimeoutFuture<'p, R: Runtime, F> {
        // Gone once the time is up.
        #[pin]
        inner: Option<F>,
        #[pin]
        timer: Timer<R::Sleep>,
        runtime: R,
        policy: &'p Timeout,
    }
}

impl<R, F, T, E> Future for TimeoutFuture<'_, R, F>
where
    R: Runtime,
    F: Future<Output = Outcome<T, E>>,
{
    type Output = Outcome<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = self.project();
        let inner = me.inner.as_mut().as_pin_mut();
        if let Poll::Ready(outcome) = inner.expect("polled after its end").poll(cx) {
            return Poll::Ready(outcome);
        }
        if me.timer.as_mut().poll(me.runtime, cx).is_pending() {
            return Poll::Pending;
        }
        me.inner.set(None);
        Poll::Ready(me.policy.cut_off(me.runtime, me.timer.length()))
    }
}

impl<R: Runtime, F> fmt::Debug for TimeoutFuture<'_, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutFuture")
            .field("name", &self.policy.name)
            .field("timer", &self.timer)
            .finish_non_exhaustive()
    }
}
