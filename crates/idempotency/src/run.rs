//! Handlers under a claim: detached from their caller, or part of it.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use pin_project_lite::pin_project;
use steadfast_core::{Attempt, Error, Event, Outcome, Runtime, Spawn};

use crate::{
    Background, Codec, Ctx, Id, Idempotent, IntoOutcome, OnRuntime, Refusal, Store,
    engine::{Ended, Engine, Grant, Work},
    settings::Settings,
    sync::Mutex,
};

/// A result, and whether it is that of another call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Answered<T> {
    /// The result.
    pub value: T,
    /// Whether it is the result of another call with this key, and nothing was run for this one.
    pub replayed: bool,
}

type Result<T, E> = std::result::Result<Answered<T>, Error<E>>;

fn answered<T, E>(ended: Ended<T, E>) -> Result<T, E> {
    let replayed = ended.replayed;
    let result = ended.outcome.result;
    result.map(|value| Answered { value, replayed })
}

impl<S: Store + 'static, C: 'static, B: Background<S>> Idempotent<S, C, B> {
    /// Runs a handler in a task of its own: a caller that goes away does not stop it, and its result is there for
    /// whoever asks again.
    ///
    /// The task is started at the first poll. The handler may return a `Result`, a
    /// [`Handled`](crate::Handled), or the report of a pipeline call; see [`IntoOutcome`].
    ///
    /// # Errors
    ///
    /// The handler's own, as [`Error::Operation`], or a rejection: [`Refusal::of`] says which. Where the handler
    /// panics nobody knows whether it was done, [`Refusal::Indeterminate`]; the record of it is written a moment later,
    /// and says until then that the call is in flight.
    ///
    /// # Cancel safety
    ///
    /// Dropped after its first poll it lets the handler go on.
    pub fn run<F, Fut>(
        &self,
        handler: F,
    ) -> Run<<Fut::Output as IntoOutcome>::Ok, <Fut::Output as IntoOutcome>::Err>
    where
        F: FnOnce(Ctx) -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome,
        <Fut::Output as IntoOutcome>::Ok: Send + 'static,
        <Fut::Output as IntoOutcome>::Err: Send + 'static,
        C: Codec<<Fut::Output as IntoOutcome>::Ok>,
        B: OnRuntime,
    {
        let claim = self.clone();
        let slot = Arc::new(Mutex::new(Slot {
            result: None,
            taken: false,
            waker: None,
        }));
        let sender = Sender {
            slot: Arc::clone(&slot),
            runtime: claim.shared.background.runtime().clone(),
            settings: Arc::clone(&claim.shared.settings),
            sent: false,
        };
        let spawn = move || {
            let runtime = claim.shared.background.runtime().clone();
            runtime.spawn_detached(async move {
                let mut sender = sender;
                let result = claim.run_inline(handler).await;
                sender.send(result);
            });
        };
        Run {
            slot,
            spawn: Some(Box::new(spawn)),
        }
    }

    /// Runs a handler as a part of the caller: it may borrow from it, and ends with it.
    ///
    /// # Errors
    ///
    /// As [`run`](Idempotent::run).
    ///
    /// # Cancel safety
    ///
    /// Dropped after the handler was started it leaves a key of which nobody knows whether it was done.
    pub fn run_inline<'p, F, Fut>(&'p self, handler: F) -> RunInline<'p, F, &'p B::Runtime, S, C, B>
    where
        F: FnOnce(Ctx) -> Fut,
        Fut: Future,
        Fut::Output: IntoOutcome,
        C: Codec<<Fut::Output as IntoOutcome>::Ok>,
        B: OnRuntime,
    {
        self.run_inline_on(self.shared.background.runtime(), handler)
    }
}

impl<S: Store + 'static, C, B: Background<S>> Idempotent<S, C, B> {
    /// As `run_inline`, on a runtime of the caller's: without
    /// [`spawn_on`](crate::IdempotencyBuilder::spawn_on) there is no other.
    ///
    /// # Errors
    ///
    /// As [`run`](Idempotent::run).
    ///
    /// # Cancel safety
    ///
    /// Dropped after the handler was started it leaves a key of which nobody knows whether it was done.
    pub fn run_inline_on<'p, R, F, Fut>(
        &'p self,
        runtime: R,
        handler: F,
    ) -> RunInline<'p, F, R, S, C, B>
    where
        R: Runtime,
        F: FnOnce(Ctx) -> Fut,
        Fut: Future,
        Fut::Output: IntoOutcome,
        C: Codec<<Fut::Output as IntoOutcome>::Ok>,
    {
        let store: Arc<dyn Store> = Arc::<S>::clone(&self.shared.store);
        let work = OfHandler {
            handler,
            store,
            settings: Arc::clone(&self.shared.settings),
            id: self.id.clone(),
            marker: PhantomData,
        };
        RunInline {
            engine: Engine::new(self, work, Attempt::first(runtime)),
        }
    }
}

/// A closure that is told of its claim and starts a handler. Every `FnOnce(Ctx) -> Fut` whose output is an
/// [`IntoOutcome`] is one.
///
/// The future's type comes with the closure's here, and is no parameter beside it: the types of calls that named
/// both could not be spawned as soon as a capture is borrowed.
pub trait Handler: Sized {
    /// The future that it starts.
    type Future: Future<Output: IntoOutcome<Ok = Self::Ok, Err = Self::Err>>;
    /// The result where it was done.
    type Ok;
    /// The error where it was not, or is not known.
    type Err;

    /// Starts it.
    fn handle(self, ctx: Ctx) -> Self::Future;
}

impl<F, Fut> Handler for F
where
    F: FnOnce(Ctx) -> Fut,
    Fut: Future,
    Fut::Output: IntoOutcome,
{
    type Future = Fut;
    type Ok = <Fut::Output as IntoOutcome>::Ok;
    type Err = <Fut::Output as IntoOutcome>::Err;

    fn handle(self, ctx: Ctx) -> Fut {
        self(ctx)
    }
}

/// A handler as work.
struct OfHandler<F, R> {
    handler: F,
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
    id: Id,
    marker: PhantomData<fn(R)>,
}

impl<F: Handler, R: Runtime> Work for OfHandler<F, R> {
    type Ok = F::Ok;
    type Err = F::Err;
    type Runtime = R;
    type Future = Handling<F::Future>;

    fn start(self, _: Attempt<R>, grant: Grant) -> Handling<F::Future> {
        let ctx = Ctx::new(self.store, self.settings, self.id, grant);
        Handling {
            future: self.handler.handle(ctx),
        }
    }
}

pin_project! {
    struct Handling<Fut> {
        #[pin]
        future: Fut,
    }
}

impl<Fut: Future> Future for Handling<Fut>
where
    Fut::Output: IntoOutcome,
{
    type Output = Outcome<<Fut::Output as IntoOutcome>::Ok, <Fut::Output as IntoOutcome>::Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project()
            .future
            .poll(cx)
            .map(IntoOutcome::into_outcome)
    }
}

pin_project! {
    /// The future of [`Idempotent::run_inline`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RunInline<'p, F: Handler, R: Runtime, S: Store, C, B: Background<S>> {
        #[pin]
        engine: Engine<'p, OfHandler<F, R>, S, C, B>,
    }
}

impl<F, R, S, C, B> Future for RunInline<'_, F, R, S, C, B>
where
    F: Handler,
    R: Runtime,
    S: Store,
    C: Codec<F::Ok>,
    B: Background<S>,
{
    type Output = Result<F::Ok, F::Err>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().engine.poll(cx).map(answered)
    }
}

impl<F, R, S, C, B> fmt::Debug for RunInline<'_, F, R, S, C, B>
where
    F: Handler,
    R: Runtime,
    S: Store,
    B: Background<S>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunInline({})", self.engine.place())
    }
}

/// The future of [`Idempotent::run`].
#[must_use = "futures do nothing unless polled"]
pub struct Run<T, E> {
    slot: Arc<Mutex<Slot<T, E>>>,
    spawn: Option<Box<dyn FnOnce() + Send>>,
}

struct Slot<T, E> {
    result: Option<Result<T, E>>,
    taken: bool,
    waker: Option<Waker>,
}

impl<T, E> Future for Run<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(spawn) = self.spawn.take() {
            spawn();
        }
        let waker = cx.waker().clone();
        let mut slot = self.slot.lock();
        if let Some(result) = slot.result.take() {
            slot.taken = true;
            return Poll::Ready(result);
        }
        assert!(!slot.taken, "a run was polled after its end");
        let replaced = slot.waker.replace(waker);
        drop(slot);
        drop(replaced);
        Poll::Pending
    }
}

impl<T, E> fmt::Debug for Run<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.spawn {
            Some(_) => "Run(not started)",
            None => "Run(started)",
        })
    }
}

/// The task's side of a run. Dropped without a result, it says that nobody knows of one.
struct Sender<T, E, R: Runtime> {
    slot: Arc<Mutex<Slot<T, E>>>,
    runtime: R,
    settings: Arc<Settings>,
    sent: bool,
}

impl<T, E, R: Runtime> Sender<T, E, R> {
    fn send(&mut self, result: Result<T, E>) {
        self.sent = true;
        let mut slot = self.slot.lock();
        slot.result = Some(result);
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T, E, R: Runtime> Drop for Sender<T, E, R> {
    fn drop(&mut self) {
        // The other side has its result, or is gone.
        if self.sent || Arc::strong_count(&self.slot) == 1 {
            return;
        }
        let name = self.settings.name;
        let refused = Refusal::Indeterminate.rejection(name);
        self.send(Err(Error::Rejected(refused)));
        self.runtime.emit(&Event::noted(name, "task_lost"));
    }
}
