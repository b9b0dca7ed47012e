//! A pipeline behind one type, whatever its policies.

use std::{fmt, future::Future, marker::PhantomData, pin::Pin, sync::Arc};

use crate::{
    Attempt, AttemptInfo, CallOptions, Classify, Error, Execute, Operation, Outcome, Pipeline,
    Policy, Report, Runtime,
    operation::{Classified, Starts},
};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A pipeline whose type does not say what is in it: to store it, or to choose one at run time.
///
/// It is a handle; clones share one pipeline. A call costs three allocations: for the closure, for
/// the call, and for the attempt; each further attempt costs one. As the pipeline may repeat, the
/// closure has to be `Clone`, and it is cloned for each attempt.
///
/// # Cancel safety
///
/// As [`Pipeline`].
///
/// ```
/// # #[cfg(feature = "test-util")] {
/// use steadfast_core::{BoxPipeline, Pipeline, VirtualRuntime};
///
/// # struct Mine;
/// # impl steadfast_core::Policies for Mine {}
/// # impl<'p, O: steadfast_core::Operation> steadfast_core::Policy<'p, O> for Mine {
/// #     type Future = O::Future;
/// #     fn run(&'p self, o: O, a: steadfast_core::Attempt<O::Runtime>) -> O::Future { o.start(a) }
/// # }
/// let runtime = VirtualRuntime::new(1);
/// let careful = true; // read from a file
/// let pipeline: BoxPipeline<u8, String> = if careful {
///     Pipeline::on(runtime.clone(), (Mine, Mine)).boxed()
/// } else {
///     Pipeline::on(runtime.clone(), Mine).boxed()
/// };
/// assert_eq!(runtime.block_on(pipeline.call(|| async { Ok(7) })), Ok(7));
/// # }
/// ```
pub struct BoxPipeline<T, E> {
    pipeline: Arc<dyn Erased<T, E>>,
}

impl<T: 'static, E: 'static> BoxPipeline<T, E> {
    /// Runs the operation that `f` starts, under the policies of the pipeline.
    ///
    /// # Errors
    ///
    /// As [`Pipeline::call`].
    pub fn call<'a, F, Fut>(&'a self, f: F) -> BoxFuture<'a, Result<T, Error<E>>>
    where
        F: FnOnce() -> Fut + Clone + Send + Sync + 'a,
        Fut: Future<Output = Result<T, E>> + Send + 'a,
    {
        self.call_with(CallOptions::new(), move |_| f())
    }

    /// Like [`call`](BoxPipeline::call), with options and a closure that is told about the attempt.
    ///
    /// # Errors
    ///
    /// As [`Pipeline::call`].
    pub fn call_with<'a, F, Fut>(
        &'a self,
        options: CallOptions,
        f: F,
    ) -> BoxFuture<'a, Result<T, Error<E>>>
    where
        F: FnOnce(AttemptInfo) -> Fut + Clone + Send + Sync + 'a,
        Fut: Future<Output = Result<T, E>> + Send + 'a,
    {
        self.pipeline.call_erased(Arc::new(Closure(f)), options)
    }

    /// Like [`call_with`](BoxPipeline::call_with), with a report of how it went.
    pub fn report_with<'a, F, Fut>(
        &'a self,
        options: CallOptions,
        f: F,
    ) -> BoxFuture<'a, Report<T, E>>
    where
        F: FnOnce(AttemptInfo) -> Fut + Clone + Send + Sync + 'a,
        Fut: Future<Output = Result<T, E>> + Send + 'a,
    {
        let starts = Starts::default();
        let counted = {
            let starts = starts.clone();
            move |info| {
                starts.add();
                f(info)
            }
        };
        let call = self
            .pipeline
            .run_erased(Arc::new(Closure(counted)), options);
        Box::pin(async move { Report::new(call.await, starts.count()) })
    }
}

impl<T, E> Clone for BoxPipeline<T, E> {
    fn clone(&self) -> Self {
        BoxPipeline {
            pipeline: Arc::clone(&self.pipeline),
        }
    }
}

impl<T, E> fmt::Debug for BoxPipeline<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxPipeline").finish_non_exhaustive()
    }
}

impl<P, R, C> Pipeline<P, R, C> {
    /// Hides the types of the policies, the runtime and the classifier.
    pub fn boxed<T, E>(self) -> BoxPipeline<T, E>
    where
        T: 'static,
        E: 'static,
        Self: IntoBoxed<T, E>,
    {
        BoxPipeline {
            pipeline: sealed::Sealed::into_shared(self),
        }
    }
}

/// A pipeline that can be [boxed](Pipeline::boxed) for results of this type: its parts are `Send`,
/// `Sync` and `'static`, and so are the futures of its policies.
pub trait IntoBoxed<T, E>: sealed::Sealed<T, E> {}

mod sealed {
    use std::sync::Arc;

    pub trait Sealed<T, E> {
        fn into_shared(self) -> Arc<dyn super::Erased<T, E>>;
    }
}

#[doc(hidden)]
pub trait Erased<T, E>: Send + Sync {
    fn call_erased<'a>(
        &'a self,
        start: Arc<dyn Start<'a, T, E> + 'a>,
        options: CallOptions,
    ) -> BoxFuture<'a, Result<T, Error<E>>>;

    fn run_erased<'a>(
        &'a self,
        start: Arc<dyn Start<'a, T, E> + 'a>,
        options: CallOptions,
    ) -> BoxFuture<'a, Outcome<T, E>>;
}

impl<T, E, P, R, C> Erased<T, E> for Pipeline<P, R, C>
where
    T: 'static,
    E: 'static,
    P: Send + Sync,
    R: Runtime<Sleep: Send> + Send + Sync + 'static,
    for<'a> R::Lent<'a>: Send,
    C: Classify<T, E> + Send + Sync,
    for<'a> P: Policy<'a, ErasedCall<'a, T, E, R::Lent<'a>, C>, Future: Send>,
{
    fn call_erased<'a>(
        &'a self,
        start: Arc<dyn Start<'a, T, E> + 'a>,
        options: CallOptions,
    ) -> BoxFuture<'a, Result<T, Error<E>>> {
        Box::pin(self.erased(start).options(options))
    }

    fn run_erased<'a>(
        &'a self,
        start: Arc<dyn Start<'a, T, E> + 'a>,
        options: CallOptions,
    ) -> BoxFuture<'a, Outcome<T, E>> {
        Box::pin(self.erased(start).options(options).into_outcome())
    }
}

impl<P, R: Runtime, C> Pipeline<P, R, C> {
    fn erased<'a, T, E>(
        &'a self,
        start: Arc<dyn Start<'a, T, E> + 'a>,
    ) -> Execute<'a, P, ErasedCall<'a, T, E, R::Lent<'a>, C>>
    where
        C: Classify<T, E>,
        P: Policy<'a, ErasedCall<'a, T, E, R::Lent<'a>, C>>,
    {
        let operation = ErasedCall {
            start,
            classify: self.classifier(),
            runtime: PhantomData,
        };
        Execute::new(self.policies(), operation, self.runtime().lend())
    }
}

impl<T, E, P, R, C> sealed::Sealed<T, E> for Pipeline<P, R, C>
where
    Self: Erased<T, E> + 'static,
{
    fn into_shared(self) -> Arc<dyn Erased<T, E>> {
        Arc::new(self)
    }
}

impl<T, E, P, R, C> IntoBoxed<T, E> for Pipeline<P, R, C> where Self: Erased<T, E> + 'static {}

/// A closure that can be started again and again, each time by a clone of itself.
#[doc(hidden)]
pub trait Start<'a, T, E>: Send + Sync {
    fn start(&self, info: AttemptInfo) -> BoxFuture<'a, Result<T, E>>;
}

struct Closure<F>(F);

impl<'a, T, E, F, Fut> Start<'a, T, E> for Closure<F>
where
    F: FnOnce(AttemptInfo) -> Fut + Clone + Send + Sync + 'a,
    Fut: Future<Output = Result<T, E>> + Send + 'a,
{
    fn start(&self, info: AttemptInfo) -> BoxFuture<'a, Result<T, E>> {
        Box::pin(self.0.clone()(info))
    }
}

/// The caller's closure behind a pointer, as an operation of the pipeline that is behind one too.
#[doc(hidden)]
pub struct ErasedCall<'a, T, E, R, C> {
    start: Arc<dyn Start<'a, T, E> + 'a>,
    classify: &'a C,
    runtime: PhantomData<fn() -> R>,
}

impl<T, E, R, C> Clone for ErasedCall<'_, T, E, R, C> {
    fn clone(&self) -> Self {
        ErasedCall {
            start: Arc::clone(&self.start),
            classify: self.classify,
            runtime: PhantomData,
        }
    }
}

impl<T, E, R, C> fmt::Debug for ErasedCall<'_, T, E, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedCall").finish_non_exhaustive()
    }
}

impl<'a, T, E, R, C> Operation for ErasedCall<'a, T, E, R, C>
where
    R: Runtime,
    C: Classify<T, E>,
{
    type Ok = T;
    type Err = E;
    type Runtime = R;
    type Future = Classified<'a, BoxFuture<'a, Result<T, E>>, C>;

    fn start(self, mut attempt: Attempt<R>) -> Self::Future {
        Classified::new(self.start.start(attempt.info()), self.classify)
    }
}
