//! Policies, a runtime and a classifier: what calls go through.

use std::future::Future;

use crate::{
    AttemptInfo, ByError, Classify, ErrIsTransient, Event, Execute, Observed, Observer, Policies,
    Policy, Runtime, TokioRuntime, Verdict,
    operation::{Call, Informed, Plain},
};

/// Policies around arbitrary calls.
///
/// List the policies outside-in, give it a closure, await the result. A pipeline is made once and
/// shared, by reference or in an `Arc`: policies such as a breaker or a retry budget work by
/// remembering earlier calls.
///
/// The type is short enough for a struct field: `Pipeline<(Timeout, Retry, Timeout)>`. `R` is the
/// runtime, `C` the classifier that says what results mean.
///
/// # Cancel safety
///
/// Dropping a call's future at any point drops the operation and gives back all that policies held
/// for it. Whether the operation had its effect by then is not known.
#[derive(Clone, Copy, Debug)]
pub struct Pipeline<P, R = TokioRuntime, C = ErrIsTransient> {
    policies: P,
    runtime: R,
    classify: C,
}

#[cfg(feature = "tokio")]
impl<P: Policies> Pipeline<P> {
    /// A pipeline of these policies, outside-in, on tokio: one policy, or a tuple of 1 to 12.
    ///
    /// It takes every `Err` for a transient failure; [`classify`](Pipeline::classify) changes that.
    pub const fn new(policies: P) -> Self {
        Pipeline {
            policies,
            runtime: TokioRuntime,
            classify: ErrIsTransient,
        }
    }
}

impl<P: Policies, R: Runtime> Pipeline<P, R> {
    /// A pipeline of these policies, outside-in, on `runtime`: one policy, or a tuple of 1 to 12.
    pub const fn on(runtime: R, policies: P) -> Self {
        Pipeline {
            policies,
            runtime,
            classify: ErrIsTransient,
        }
    }
}

impl<P, R, C> Pipeline<P, R, C> {
    /// Replaces the classifier: a type that implements [`Classify`], or a closure
    /// `|result: &Result<T, E>| -> Verdict`.
    pub fn classify<C2>(self, classify: C2) -> Pipeline<P, R, C2> {
        Pipeline {
            policies: self.policies,
            runtime: self.runtime,
            classify,
        }
    }

    /// Replaces the classifier by one that looks at errors only: every `Ok` is a success, and
    /// `classify` says what an error means, `|error: &io::Error| -> Verdict`.
    pub fn classify_errors<E, F>(self, classify: F) -> Pipeline<P, R, ByError<F>>
    where
        F: Fn(&E) -> Verdict,
    {
        self.classify(ByError::new(classify))
    }

    /// Shows every event of this pipeline to a closure. An observer from before stays.
    pub fn observe<V: Fn(&Event<'_>)>(self, observer: V) -> Pipeline<P, Observed<R, V>, C> {
        self.observer(observer)
    }

    /// Shows every event of this pipeline to an [`Observer`]. An observer from before stays.
    pub fn observer<V: Observer>(self, observer: V) -> Pipeline<P, Observed<R, V>, C> {
        Pipeline {
            policies: self.policies,
            runtime: Observed::new(self.runtime, observer),
            classify: self.classify,
        }
    }

    /// The policies, to look at their state.
    pub const fn policies(&self) -> &P {
        &self.policies
    }

    /// The runtime, to ask it for the time.
    pub const fn runtime(&self) -> &R {
        &self.runtime
    }

    pub(crate) const fn classifier(&self) -> &C {
        &self.classify
    }
}

impl<P, R: Runtime, C> Pipeline<P, R, C> {
    /// Runs the operation that `f` starts, under the policies.
    ///
    /// Where a policy repeats, `f` is cloned for each attempt but the last one that is permitted,
    /// which consumes it: `move || async move { post(body).await }` works as it stands, with the
    /// captured body cloned per attempt.
    ///
    /// Nothing happens before the first poll.
    ///
    /// # Errors
    ///
    /// The future's error is [`Error::Operation`](crate::Error::Operation) with the operation's
    /// last error, or [`Error::Rejected`](crate::Error::Rejected) when a policy ended the call.
    #[inline]
    pub fn call<'p, T, E, F, Fut>(
        &'p self,
        f: F,
    ) -> Execute<'p, P, Call<'p, F, Plain, R::Lent<'p>, C>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
        P: Policy<'p, Call<'p, F, Plain, R::Lent<'p>, C>>,
    {
        let operation = Call::new(f, &self.classify);
        Execute::new(&self.policies, operation, self.runtime.lend())
    }

    /// Like [`call`](Pipeline::call), with a closure that is told which attempt it is, when it has
    /// to be over, and under which key.
    #[inline]
    pub fn call_with<'p, T, E, F, Fut>(
        &'p self,
        f: F,
    ) -> Execute<'p, P, Call<'p, F, Informed, R::Lent<'p>, C>>
    where
        F: FnOnce(AttemptInfo) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
        P: Policy<'p, Call<'p, F, Informed, R::Lent<'p>, C>>,
    {
        let operation = Call::new(f, &self.classify);
        Execute::new(&self.policies, operation, self.runtime.lend())
    }
}
