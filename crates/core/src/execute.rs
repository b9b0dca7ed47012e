//! A call under way, and the call with a report of how it went.

use std::{
    fmt,
    future::Future,
    marker::PhantomPinned,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;

use crate::{
    Attempt, CallOptions, Error, IdempotencyKey, Instant, Operation, Outcome, Policy, Priority,
    Report,
    operation::{Counted, Starts},
    options::Options,
    policy::Bound,
};

pin_project! {
    /// The future of a call. Nothing happens before it is first polled.
    ///
    /// Before that it can be told more of the call, such as its [key](Execute::key) or a
    /// [timeout](Execute::timeout) of its own, and be asked for a [report](Execute::reported). `X` is
    /// nothing, or the [`CallOptions`] that it was told.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the operation and gives back all that policies held for the call.
    #[must_use = "futures do nothing unless polled"]
    pub struct Execute<'p, P: Policy<'p, O>, O: Operation, X: Options = ()> {
        #[pin]
        state: State<'p, P, O, X, O::Runtime, P::Future, X::Limit<O::Runtime>>,
        // Once polled it cannot be moved any more, so the methods that take it by value always
        // find it idle.
        #[pin]
        pinned: PhantomPinned,
    }
}

pin_project! {
    #[project = StateProj]
    #[project_replace = StateReplaced]
    enum State<'p, P, O, X, R, F, L> {
        Idle { idle: Option<Idle<'p, P, O, X, R>> },
        Running { #[pin] future: F, #[pin] limit: L },
        Over,
    }
}

struct Idle<'p, P, O, X, R> {
    policy: &'p P,
    operation: O,
    options: X,
    runtime: R,
}

impl<'p, P: Policy<'p, O>, O: Operation> Execute<'p, P, O> {
    #[inline]
    pub(crate) fn new(policy: &'p P, operation: O, runtime: O::Runtime) -> Self {
        Execute::idle(Idle {
            policy,
            operation,
            options: (),
            runtime,
        })
    }
}

impl<'p, P: Policy<'p, O>, O: Operation, X: Options> Execute<'p, P, O, X> {
    #[inline]
    fn idle(idle: Idle<'p, P, O, X, O::Runtime>) -> Self {
        Execute {
            state: State::Idle { idle: Some(idle) },
            pinned: PhantomPinned,
        }
    }

    fn into_idle(self) -> Idle<'p, P, O, X, O::Runtime> {
        match self.state {
            State::Idle { idle: Some(idle) } => idle,
            _ => unreachable!("a call that was polled is pinned and cannot be moved"),
        }
    }

    /// Says of this call what `options` says, in the place of what was said before.
    pub fn options(self, options: CallOptions) -> Execute<'p, P, O, CallOptions> {
        let idle = self.into_idle();
        Execute::idle(Idle {
            policy: idle.policy,
            operation: idle.operation,
            options,
            runtime: idle.runtime,
        })
    }

    fn told(self, more: impl FnOnce(CallOptions) -> CallOptions) -> Execute<'p, P, O, CallOptions> {
        let idle = self.into_idle();
        let options = more(idle.options.get());
        Execute::idle(idle).options(options)
    }

    /// How long the whole call may take, from its first poll; see [`CallOptions::timeout`].
    pub fn timeout(self, timeout: Duration) -> Execute<'p, P, O, CallOptions> {
        self.told(|options| options.timeout(timeout))
    }

    /// When the call has to be over, on the runtime's clock; see [`CallOptions::deadline`].
    pub fn deadline(self, deadline: Instant) -> Execute<'p, P, O, CallOptions> {
        self.told(|options| options.deadline(deadline))
    }

    /// The idempotency key of the call; see [`CallOptions::key`].
    pub fn key(self, key: IdempotencyKey) -> Execute<'p, P, O, CallOptions> {
        self.told(|options| options.key(key))
    }

    /// Running it twice is as good as once; see [`CallOptions::idempotent`].
    pub fn idempotent(self) -> Execute<'p, P, O, CallOptions> {
        self.told(CallOptions::idempotent)
    }

    /// How much it matters to who sheds load; see [`CallOptions::priority`].
    pub fn priority(self, priority: Priority) -> Execute<'p, P, O, CallOptions> {
        self.told(|options| options.priority(priority))
    }

    /// How many permits it takes where they are counted; see [`CallOptions::cost`].
    pub fn cost(self, cost: u32) -> Execute<'p, P, O, CallOptions> {
        self.told(|options| options.cost(cost))
    }

    /// The same call, whose output says how often the operation was started and why there was no
    /// further attempt. Options come before it.
    pub fn reported(self) -> Reported<'p, P, O, X>
    where
        P: Policy<'p, Counted<O>>,
    {
        let idle = self.into_idle();
        let (operation, starts) = Counted::new(idle.operation);
        let call = Execute::idle(Idle {
            policy: idle.policy,
            operation,
            options: idle.options,
            runtime: idle.runtime,
        });
        Reported {
            call: call.into_outcome(),
            starts,
        }
    }

    /// The same call under one more policy, around those it has.
    pub fn with<'q, Q>(self, policy: &'q Q) -> Execute<'q, Q, Bound<'p, P, O>, X>
    where
        Q: Policy<'q, Bound<'p, P, O>>,
    {
        let idle = self.into_idle();
        Execute::idle(Idle {
            policy,
            operation: Bound::new(idle.policy, idle.operation),
            options: idle.options,
            runtime: idle.runtime,
        })
    }

    pub(crate) fn into_outcome(self) -> ExecuteOutcome<'p, P, O, X> {
        ExecuteOutcome { call: self }
    }
}

impl<'p, P, O, X> State<'p, P, O, X, O::Runtime, P::Future, X::Limit<O::Runtime>>
where
    P: Policy<'p, O>,
    O: Operation,
    X: Options,
{
    /// Polls the policies, after starting them at the first poll.
    #[inline]
    fn poll_outcome(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Outcome<O::Ok, O::Err>> {
        if let StateProj::Idle { idle } = self.as_mut().project() {
            let idle = idle
                .take()
                .expect("it is taken once: the state changes with it, unless a policy panicked");
            let mut attempt = Attempt::first(idle.runtime);
            let limit = idle.options.apply(&mut attempt);
            let future = idle.policy.run(idle.operation, attempt);
            // Unlike `set` this drops nothing but the empty place that `take` left, so the future is
            // made where it stays.
            self.as_mut()
                .project_replace(State::Running { future, limit });
        }
        match self.as_mut().project() {
            StateProj::Running { future, limit } => {
                if let Poll::Ready(outcome) = future.poll(cx) {
                    return Poll::Ready(outcome);
                }
                match limit.poll(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(over) => {
                        self.set(State::Over);
                        Poll::Ready(over.reject())
                    }
                }
            }
            _ => panic!("a call was polled after its end"),
        }
    }
}

impl<'p, P, O, X> Future for Execute<'p, P, O, X>
where
    P: Policy<'p, O>,
    O: Operation,
    X: Options,
{
    type Output = Result<O::Ok, Error<O::Err>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project()
            .state
            .poll_outcome(cx)
            .map(|outcome| outcome.result)
    }
}

impl<'p, P: Policy<'p, O>, O: Operation, X: Options> fmt::Debug for Execute<'p, P, O, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Idle { .. } => "Execute(not started)",
            State::Running { .. } => "Execute(running)",
            State::Over => "Execute(over)",
        })
    }
}

pin_project! {
    /// A call whose output is still the whole outcome.
    pub(crate) struct ExecuteOutcome<'p, P: Policy<'p, O>, O: Operation, X: Options = ()> {
        #[pin]
        call: Execute<'p, P, O, X>,
    }
}

impl<'p, P, O, X> Future for ExecuteOutcome<'p, P, O, X>
where
    P: Policy<'p, O>,
    O: Operation,
    X: Options,
{
    type Output = Outcome<O::Ok, O::Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().call.project().state.poll_outcome(cx)
    }
}

pin_project! {
    /// The future of a call whose output is a [`Report`].
    ///
    /// It allocates a counter, so that the number of attempts stays exact when a timeout drops them.
    ///
    /// # Cancel safety
    ///
    /// As [`Execute`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Reported<'p, P: Policy<'p, Counted<O>>, O: Operation, X: Options = ()> {
        #[pin]
        call: ExecuteOutcome<'p, P, Counted<O>, X>,
        starts: Starts,
    }
}

impl<'p, P, O, X> Future for Reported<'p, P, O, X>
where
    P: Policy<'p, Counted<O>>,
    O: Operation,
    X: Options,
{
    type Output = Report<O::Ok, O::Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let starts = me.starts;
        me.call
            .poll(cx)
            .map(|outcome| Report::new(outcome, starts.count()))
    }
}

impl<'p, P: Policy<'p, Counted<O>>, O: Operation, X: Options> fmt::Debug for Reported<'p, P, O, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reported").field(&self.call.call).finish()
    }
}
