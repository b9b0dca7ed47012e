//! What a pipeline takes, and ways to run a policy without naming a pipeline.

use std::future::Future;

#[cfg(feature = "tokio")]
use crate::{AttemptInfo, TokioRuntime, operation::Informed};
use crate::{
    ErrIsTransient, Execute, Pipeline, Policy, Runtime,
    operation::{Call, Once, Plain},
};

const DEFAULT: &ErrIsTransient = &ErrIsTransient;

/// One policy or several: what a pipeline takes, and what can be called by itself,
/// `retry.call(|| fetch(url)).await`.
///
/// Policies implement it without a method of their own, `impl Policies for Mine {}`. So do
/// references, `Arc`, `Box` and `Option` of policies, and tuples of 1 to 12.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a policy",
    label = "not a policy",
    note = "a builder becomes a policy by `.build()?`; several policies go into a tuple of 1 to 12, outside-in",
    note = "for a policy of your own, write `impl Policies for Mine {{}}` beside its `impl Policy`"
)]
pub trait Policies {
    /// A pipeline of this policy by reference, on `runtime`.
    fn on<R: Runtime>(&self, runtime: R) -> Pipeline<&Self, R>
    where
        Self: Sized,
    {
        Pipeline::on(runtime, self)
    }

    /// Runs the operation that `f` starts under this policy, on tokio.
    ///
    /// # Errors
    ///
    /// As [`Pipeline::call`].
    #[cfg(feature = "tokio")]
    #[inline]
    fn call<'p, T, E, F, Fut>(
        &'p self,
        f: F,
    ) -> Execute<'p, Self, Call<'static, F, Plain, TokioRuntime, ErrIsTransient>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        Self: Policy<'p, Call<'static, F, Plain, TokioRuntime, ErrIsTransient>> + Sized,
    {
        Execute::new(self, Call::new(f, DEFAULT), TokioRuntime)
    }

    /// Like `call`, with a closure that is told about the attempt.
    ///
    /// # Errors
    ///
    /// As [`Pipeline::call`].
    #[cfg(feature = "tokio")]
    #[inline]
    fn call_with<'p, T, E, F, Fut>(
        &'p self,
        f: F,
    ) -> Execute<'p, Self, Call<'static, F, Informed, TokioRuntime, ErrIsTransient>>
    where
        F: FnOnce(AttemptInfo) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        Self: Policy<'p, Call<'static, F, Informed, TokioRuntime, ErrIsTransient>> + Sized,
    {
        Execute::new(self, Call::new(f, DEFAULT), TokioRuntime)
    }
}

/// Puts a policy around a plain future: `fetch(url).with(&timeout)`.
///
/// A future runs once, so the policy must not repeat it; for one that does, see [`WithPolicyCall`].
/// Several chain, inside-out: `fetch(url).with(&inner).with(&outer)`.
pub trait WithPolicy: Sized {
    /// This future under `policy`, on tokio.
    #[cfg(feature = "tokio")]
    fn with<'p, P, T, E>(
        self,
        policy: &'p P,
    ) -> Execute<'p, P, Once<'static, Self, TokioRuntime, ErrIsTransient>>
    where
        Self: Future<Output = Result<T, E>>,
        P: Policy<'p, Once<'static, Self, TokioRuntime, ErrIsTransient>>,
    {
        Execute::new(policy, Once::new(self, DEFAULT), TokioRuntime)
    }

    /// This future under `policy`, on `runtime`.
    fn with_on<'p, P, R, T, E>(
        self,
        runtime: R,
        policy: &'p P,
    ) -> Execute<'p, P, Once<'static, Self, R, ErrIsTransient>>
    where
        Self: Future<Output = Result<T, E>>,
        R: Runtime,
        P: Policy<'p, Once<'static, Self, R, ErrIsTransient>>,
    {
        Execute::new(policy, Once::new(self, DEFAULT), runtime)
    }
}

impl<F: Future> WithPolicy for F {}

/// Puts a policy around a closure that starts the operation: `(|| fetch(url)).with(&retry)`.
///
/// Several chain, inside-out: `(|| fetch(url)).with(&attempt_timeout).with(&retry)`.
pub trait WithPolicyCall<Fut>: Sized {
    /// What this closure starts under `policy`, on tokio.
    #[cfg(feature = "tokio")]
    fn with<'p, P, T, E>(
        self,
        policy: &'p P,
    ) -> Execute<'p, P, Call<'static, Self, Plain, TokioRuntime, ErrIsTransient>>
    where
        Self: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        P: Policy<'p, Call<'static, Self, Plain, TokioRuntime, ErrIsTransient>>,
    {
        Execute::new(policy, Call::new(self, DEFAULT), TokioRuntime)
    }

    /// What this closure starts under `policy`, on `runtime`.
    fn with_on<'p, P, R, T, E>(
        self,
        runtime: R,
        policy: &'p P,
    ) -> Execute<'p, P, Call<'static, Self, Plain, R, ErrIsTransient>>
    where
        Self: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        R: Runtime,
        P: Policy<'p, Call<'static, Self, Plain, R, ErrIsTransient>>,
    {
        Execute::new(policy, Call::new(self, DEFAULT), runtime)
    }
}

impl<F, Fut> WithPolicyCall<Fut> for F where F: FnOnce() -> Fut {}
