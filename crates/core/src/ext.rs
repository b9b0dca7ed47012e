//! Ways to run a policy without naming a pipeline.

use std::future::Future;

#[cfg(feature = "tokio")]
use crate::{AttemptInfo, TokioRuntime, operation::Informed};
use crate::{
    ErrIsTransient, Execute, Pipeline, Policy, Runtime,
    operation::{Call, Once, Plain},
};

const DEFAULT: &ErrIsTransient = &ErrIsTransient;

/// Puts a policy around a plain future: `fetch(url).with(&timeout)`.
///
/// A future runs once, so the policy must not repeat it; for one that does, see [`WithPolicyCall`].
/// Several chain, inside-out: `fetch(url).with(&inner).with(&outer)`.
pub trait WithPolicy: Sized {
    /// This future under `policy`, on tokio.
    #[cfg(feature = "tokio")]
    fn with<P, T, E>(
        self,
        policy: P,
    ) -> Execute<P, Once<'static, Self, TokioRuntime, ErrIsTransient>>
    where
        Self: Future<Output = Result<T, E>>,
        P: Policy<Once<'static, Self, TokioRuntime, ErrIsTransient>>,
    {
        Execute::new(policy, Once::new(self, DEFAULT), TokioRuntime)
    }

    /// This future under `policy`, on `runtime`.
    fn with_on<P, R, T, E>(
        self,
        runtime: R,
        policy: P,
    ) -> Execute<P, Once<'static, Self, R, ErrIsTransient>>
    where
        Self: Future<Output = Result<T, E>>,
        R: Runtime,
        P: Policy<Once<'static, Self, R, ErrIsTransient>>,
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
    fn with<P, T, E>(
        self,
        policy: P,
    ) -> Execute<P, Call<'static, Self, Plain, TokioRuntime, ErrIsTransient>>
    where
        Self: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        P: Policy<Call<'static, Self, Plain, TokioRuntime, ErrIsTransient>>,
    {
        Execute::new(policy, Call::new(self, DEFAULT), TokioRuntime)
    }

    /// What this closure starts under `policy`, on `runtime`.
    fn with_on<P, R, T, E>(
        self,
        runtime: R,
        policy: P,
    ) -> Execute<P, Call<'static, Self, Plain, R, ErrIsTransient>>
    where
        Self: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        R: Runtime,
        P: Policy<Call<'static, Self, Plain, R, ErrIsTransient>>,
    {
        Execute::new(policy, Call::new(self, DEFAULT), runtime)
    }
}

impl<F, Fut> WithPolicyCall<Fut> for F where F: FnOnce() -> Fut {}

/// Calls a policy by itself: `retry.call(|| fetch(url)).await`.
///
/// It is the same as a pipeline of that one policy, by reference.
pub trait PolicyExt {
    /// A pipeline of this policy, on `runtime`.
    fn on<R: Runtime>(&self, runtime: R) -> Pipeline<&Self, R> {
        Pipeline::on(runtime, self)
    }

    /// Runs the operation that `f` starts under this policy, on tokio.
    #[cfg(feature = "tokio")]
    #[inline]
    fn call<'p, T, E, F, Fut>(
        &'p self,
        f: F,
    ) -> Execute<&'p Self, Call<'static, F, Plain, TokioRuntime, ErrIsTransient>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        &'p Self: Policy<Call<'static, F, Plain, TokioRuntime, ErrIsTransient>>,
    {
        Execute::new(self, Call::new(f, DEFAULT), TokioRuntime)
    }

    /// Like `call`, with a closure that is told about the attempt.
    #[cfg(feature = "tokio")]
    #[inline]
    fn call_with<'p, T, E, F, Fut>(
        &'p self,
        f: F,
    ) -> Execute<&'p Self, Call<'static, F, Informed, TokioRuntime, ErrIsTransient>>
    where
        F: FnOnce(AttemptInfo) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        &'p Self: Policy<Call<'static, F, Informed, TokioRuntime, ErrIsTransient>>,
    {
        Execute::new(self, Call::new(f, DEFAULT), TokioRuntime)
    }
}

impl<P> PolicyExt for P {}
