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
    Attempt, CallOptions, Error, Operation, Outcome, Policy, Report,
    operation::{Counted, Starts},
    policy::Bound,
};

pin_project! {
    /// The future of a call. Nothing happens before it is first polled.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the operation and gives back all that policies held for the call.
    #[must_use = "futures do nothing unless polled"]
    pub struct Execute<P: Policy<O>, O: Operation> {
        #[pin]
        state: State<P, O, O::Runtime, P::Future>,
        // Once polled it cannot be moved any more, so the methods that take it by value always
        // find it idle.
        #[pin]
        pinned: PhantomPinned,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<P, O, R, F> {
        Idle { idle: Option<Idle<P, O, R>> },
        Running { #[pin] future: F },
    }
}

struct Idle<P, O, R> {
    policy: P,
    operation: O,
    attempt: Attempt<R>,
    timeout: Option<Duration>,
}

impl<P: Policy<O>, O: Operation> Execute<P, O> {
    #[inline]
    pub(crate) fn new(policy: P, operation: O, runtime: O::Runtime) -> Self {
        Execute::idle(Idle {
            policy,
            operation,
            attempt: Attempt::first(runtime),
            timeout: None,
        })
    }

    #[inline]
    fn idle(idle: Idle<P, O, O::Runtime>) -> Self {
        Execute {
            state: State::Idle { idle: Some(idle) },
            pinned: PhantomPinned,
        }
    }

    fn into_idle(self) -> Idle<P, O, O::Runtime> {
        match self.state {
            State::Idle { idle: Some(idle) } => idle,
            _ => unreachable!("a call that was polled is pinned and cannot be moved"),
        }
    }

    /// Says more of this call: a deadline, a key, whether it is idempotent.
    pub fn options(self, options: CallOptions) -> Self {
        let mut idle = self.into_idle();
        idle.attempt.apply(&options);
        idle.timeout = options.timeout;
        Execute::idle(idle)
    }

    /// The same call, whose output says how often the operation was started and why there was no
    /// further attempt.
    pub fn reported(self) -> Reported<P, O>
    where
        P: Policy<Counted<O>>,
    {
        let idle = self.into_idle();
        let (operation, starts) = Counted::new(idle.operation);
        let call = Execute::idle(Idle {
            policy: idle.policy,
            operation,
            attempt: idle.attempt,
            timeout: idle.timeout,
        });
        Reported {
            call: call.into_outcome(),
            starts,
        }
    }

    pub(crate) fn into_outcome(self) -> ExecuteOutcome<P, O> {
        ExecuteOutcome { call: self }
    }

    /// The same call under one more policy, around those it has.
    pub fn with<Q>(self, policy: Q) -> Execute<Q, Bound<P, O>>
    where
        Q: Policy<Bound<P, O>>,
    {
        let idle = self.into_idle();
        Execute::idle(Idle {
            policy,
            operation: Bound::new(idle.policy, idle.operation),
            attempt: idle.attempt,
            timeout: idle.timeout,
        })
    }
}

impl<P: Policy<O>, O: Operation> State<P, O, O::Runtime, P::Future> {
    /// Polls the policies, after starting them at the first poll.
    #[inline]
    fn poll_outcome(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<<P::Future as Future>::Output> {
        if let StateProj::Idle { idle } = self.as_mut().project() {
            let idle = idle
                .take()
                .expect("it is taken once: the state changes with it, unless a policy panicked");
            let mut attempt = idle.attempt;
            if let Some(timeout) = idle.timeout {
                attempt.override_timeout(timeout);
            }
            let future = idle.policy.run(idle.operation, attempt);
            self.set(State::Running { future });
        }
        match self.project() {
            StateProj::Running { future } => future.poll(cx),
            StateProj::Idle { .. } => unreachable!("it was started above"),
        }
    }
}

impl<P: Policy<O>, O: Operation> Future for Execute<P, O> {
    type Output = Result<O::Ok, Error<O::Err>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project()
            .state
            .poll_outcome(cx)
            .map(|outcome| outcome.result)
    }
}

impl<P: Policy<O>, O: Operation> fmt::Debug for Execute<P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Idle { .. } => "Execute(not started)",
            State::Running { .. } => "Execute(running)",
        })
    }
}

pin_project! {
    /// A call whose output is still the whole outcome.
    pub(crate) struct ExecuteOutcome<P: Policy<O>, O: Operation> {
        #[pin]
        call: Execute<P, O>,
    }
}

impl<P: Policy<O>, O: Operation> Future for ExecuteOutcome<P, O> {
    type Output = Outcome<O::Ok, O::Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().call.project().state.poll_outcome(cx)
    }
}

pin_project! {
    /// The future of a call whose output is a [`Report`].
    ///
    /// It allocates a counter, so that the number of attempts stays exact when a timeout drops them.
    #[must_use = "futures do nothing unless polled"]
    pub struct Reported<P: Policy<Counted<O>>, O: Operation> {
        #[pin]
        call: ExecuteOutcome<P, Counted<O>>,
        starts: Starts,
    }
}

impl<P: Policy<Counted<O>>, O: Operation> Future for Reported<P, O> {
    type Output = Report<O::Ok, O::Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let starts = me.starts;
        me.call
            .poll(cx)
            .map(|outcome| Report::new(outcome, starts.count()))
    }
}

impl<P: Policy<Counted<O>>, O: Operation> fmt::Debug for Reported<P, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reported").field(&self.call.call).finish()
    }
}
