//! The innermost thing: what the policies run.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{
        Arc,
        atomic::{self, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use crate::{Attempt, AttemptInfo, Classify, Outcome, Runtime};

/// Something that can be started with an [`Attempt`] and then is a future of an [`Outcome`].
///
/// It is consumed by value. Only a policy that repeats asks it to be [`Repeat`]able.
pub trait Operation {
    /// What it returns when it works.
    type Ok;
    /// Its own error.
    type Err;
    /// The runtime it is called on.
    type Runtime: Runtime;
    /// One attempt under way.
    type Future: Future<Output = Outcome<Self::Ok, Self::Err>>;

    /// Starts it.
    fn start(self, attempt: Attempt<Self::Runtime>) -> Self::Future;
}

/// An operation that can be started more than once, because it can be cloned.
#[diagnostic::on_unimplemented(
    message = "this operation can run only once, and a policy around it may run it again",
    label = "cannot be repeated",
    note = "a closure is repeatable when it is `Clone`: when it captures shared references, or owns values that are `Clone`; a `&mut` capture is neither",
    note = "a future runs once: put a closure that makes it in its place, `(|| fetch(url)).with(&retry)`"
)]
pub trait Repeat: Clone {}

#[diagnostic::do_not_recommend]
impl<O: Clone> Repeat for O {}

/// Marks a [`Call`] whose closure takes no argument.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// Marks a [`Call`] whose closure is told about the attempt.
#[derive(Clone, Copy, Debug)]
pub struct Informed;

/// The caller's closure as an operation: `FnOnce`, and `Clone` only where a policy repeats it.
pub struct Call<'p, F, A, R, C> {
    f: F,
    classify: &'p C,
    marker: PhantomData<fn(A) -> R>,
}

impl<'p, F, A, R, C> Call<'p, F, A, R, C> {
    #[inline]
    pub(crate) fn new(f: F, classify: &'p C) -> Self {
        Call {
            f,
            classify,
            marker: PhantomData,
        }
    }
}

impl<F: Clone, A, R, C> Clone for Call<'_, F, A, R, C> {
    #[inline]
    fn clone(&self) -> Self {
        Call::new(self.f.clone(), self.classify)
    }
}

impl<F, A, R, C> fmt::Debug for Call<'_, F, A, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

impl<'p, F, R, C, Fut, T, E> Operation for Call<'p, F, Plain, R, C>
where
    F: FnOnce() -> Fut,
    R: Runtime,
    Fut: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    type Ok = T;
    type Err = E;
    type Runtime = R;
    type Future = Classified<'p, Fut, C>;

    #[inline]
    fn start(self, _attempt: Attempt<R>) -> Self::Future {
        Classified::new((self.f)(), self.classify)
    }
}

impl<'p, F, R, C, Fut, T, E> Operation for Call<'p, F, Informed, R, C>
where
    F: FnOnce(AttemptInfo) -> Fut,
    R: Runtime,
    Fut: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    type Ok = T;
    type Err = E;
    type Runtime = R;
    type Future = Classified<'p, Fut, C>;

    #[inline]
    fn start(self, mut attempt: Attempt<R>) -> Self::Future {
        Classified::new((self.f)(attempt.info()), self.classify)
    }
}

/// A plain future as an operation. It can be started once.
pub struct Once<'p, F, R, C> {
    future: F,
    classify: &'p C,
    marker: PhantomData<fn() -> R>,
}

impl<'p, F, R, C> Once<'p, F, R, C> {
    #[inline]
    pub(crate) fn new(future: F, classify: &'p C) -> Self {
        Once {
            future,
            classify,
            marker: PhantomData,
        }
    }
}

impl<F, R, C> fmt::Debug for Once<'_, F, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl<'p, F, R, C, T, E> Operation for Once<'p, F, R, C>
where
    F: Future<Output = Result<T, E>>,
    R: Runtime,
    C: Classify<T, E>,
{
    type Ok = T;
    type Err = E;
    type Runtime = R;
    type Future = Classified<'p, F, C>;

    #[inline]
    fn start(self, _attempt: Attempt<R>) -> Self::Future {
        Classified::new(self.future, self.classify)
    }
}

pin_project! {
    /// One run of the caller's future, classified when it ends.
    #[must_use = "futures do nothing unless polled"]
    pub struct Classified<'p, F, C> {
        #[pin]
        future: F,
        classify: &'p C,
    }
}

impl<'p, F, C> Classified<'p, F, C> {
    #[inline]
    pub(crate) fn new(future: F, classify: &'p C) -> Self {
        Classified { future, classify }
    }
}

impl<T, E, F, C> Future for Classified<'_, F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    type Output = Outcome<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        match me.future.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(result) => {
                let verdict = me.classify.classify(&result);
                Poll::Ready(Outcome::new(result, verdict))
            }
        }
    }
}

impl<F, C> fmt::Debug for Classified<'_, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classified").finish_non_exhaustive()
    }
}

/// An operation whose starts are counted, for a report that stays exact when a timeout drops the
/// futures that knew.
#[derive(Clone, Debug)]
pub struct Counted<O> {
    operation: O,
    starts: Starts,
}

impl<O> Counted<O> {
    pub(crate) fn new(operation: O) -> (Self, Starts) {
        let starts = Starts::default();
        let counted = Counted {
            operation,
            starts: starts.clone(),
        };
        (counted, starts)
    }
}

impl<O: Operation> Operation for Counted<O> {
    type Ok = O::Ok;
    type Err = O::Err;
    type Runtime = O::Runtime;
    type Future = O::Future;

    fn start(self, attempt: Attempt<O::Runtime>) -> Self::Future {
        self.starts.add();
        self.operation.start(attempt)
    }
}

#[derive(Clone, Debug, Default)]
#[expect(
    clippy::disallowed_types,
    reason = "a tally for one reader, nothing is decided by it"
)]
pub(crate) struct Starts(Arc<atomic::AtomicU32>);

impl Starts {
    pub(crate) fn add(&self) {
        // Relaxed: a count; whoever reads it has been handed the outcome of the starts it counts.
        self.0.fetch_add(1, Relaxed);
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.load(Relaxed)
    }
}
