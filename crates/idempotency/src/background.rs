//! What goes on after a call is over.

use std::{
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use steadfast_core::{Event, Runtime, Spawn};

use crate::{
    Answer, Claim, ClaimRequest, Ending, Fingerprint, Id, Lease, Owner, Store, StoreErrorKind,
    Written,
    hold::Held,
    settings::{Settings, backoff},
};

const FIRST: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_secs(2);

/// Where the end of a claim is written when its call cannot: [`Inline`] or [`Detached`].
pub trait Background<S>: sealed::Sealed<S> {}

pub(crate) mod sealed {
    use super::Task;

    pub trait Sealed<S> {
        /// Sees to it that this is done. `false` where nobody can.
        #[doc(hidden)]
        fn take(&self, task: Task<S>) -> bool;
    }

    pub trait OnRuntime {}
}

/// What is left to do of a call.
#[doc(hidden)]
#[derive(Debug)]
pub struct Task<S> {
    pub(crate) store: Arc<S>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) left: Left,
}

#[derive(Debug)]
pub(crate) enum Left {
    /// An end that has to be written.
    End(Arc<Held>, Ending),
    /// A claim of which nobody knows whether it was granted, and for which nothing was started.
    Withdrawal(Id, Fingerprint, Owner),
}

/// Nothing goes on: the default. A claim whose end could not be written ends with its lease, and then counts as
/// unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inline;

impl<S> Background<S> for Inline {}

impl<S> sealed::Sealed<S> for Inline {
    fn take(&self, _: Task<S>) -> bool {
        false
    }
}

/// Tasks on a runtime that can [`Spawn`]: see
/// [`spawn_on`](crate::IdempotencyBuilder::spawn_on).
#[derive(Clone)]
pub struct Detached<R> {
    pub(crate) runtime: R,
}

/// A background with a runtime, which is [`Detached`].
#[diagnostic::on_unimplemented(
    message = "this idempotency has no runtime to run on",
    label = "needs a runtime",
    note = "name one where it is built, `.spawn_on(TokioRuntime)`; without one, `run_inline_on`, `run_tx_on` and `begin_tx_on` take it"
)]
pub trait OnRuntime: sealed::OnRuntime + Send + Sync + 'static {
    /// The runtime.
    type Runtime: Spawn<Sleep: Send> + Send + Sync + 'static;

    /// The runtime.
    #[doc(hidden)]
    fn runtime(&self) -> &Self::Runtime;
}

impl<R> sealed::OnRuntime for Detached<R> {}

impl<R> OnRuntime for Detached<R>
where
    R: Spawn<Sleep: Send> + Send + Sync + 'static,
{
    type Runtime = R;

    fn runtime(&self) -> &R {
        &self.runtime
    }
}

impl<R> fmt::Debug for Detached<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Detached")
    }
}

impl<S, R> Background<S> for Detached<R>
where
    S: Store + 'static,
    R: Spawn + Send + Sync + 'static,
    R::Sleep: Send,
{
}

impl<S, R> sealed::Sealed<S> for Detached<R>
where
    S: Store + 'static,
    R: Spawn + Send + Sync + 'static,
    R::Sleep: Send,
{
    fn take(&self, task: Task<S>) -> bool {
        let runtime = self.runtime.clone();
        let task = async move {
            let (store, settings) = (&*task.store, &*task.settings);
            let note = match task.left {
                Left::End(held, ending) => {
                    match finish(&runtime, store, settings, &held.lease, ending).await {
                        Some(Written::Done) => Some("ended_in_background"),
                        Some(Written::Fenced(_)) => Some("fenced_in_background"),
                        None => Some("completion_lost"),
                    }
                }
                Left::Withdrawal(id, fingerprint, owner) => {
                    let claim = settings.claim(&id, fingerprint, owner);
                    withdraw(&runtime, store, settings, claim).await
                }
            };
            if let Some(note) = note {
                runtime.emit(&Event::noted(settings.name, note));
            }
        };
        // Calls are dropped anywhere, and some runtimes panic where they cannot be reached. From a drop, and even
        // from one that is part of another panic, that must not get out: it is as if there were no background.
        catch_unwind(AssertUnwindSafe(|| self.runtime.spawn_detached(task))).is_ok()
    }
}

async fn withdraw<S: Store, R: Runtime>(
    runtime: &R,
    store: &S,
    settings: &Settings,
    claim: ClaimRequest<'_>,
) -> Option<&'static str> {
    let granted = persist(runtime, settings, || store.claim(claim)).await?;
    let Claim::Granted {
        fence, taken_over, ..
    } = granted
    else {
        return None;
    };
    let lease = Lease::new(&claim, fence);
    // Who took over from somebody has proven nothing of them.
    let ending = if taken_over {
        Ending::Unknown
    } else {
        Ending::Released
    };
    let written = finish(runtime, store, settings, &lease, ending).await;
    written.map(|_| "withdrawn")
}

async fn finish<S: Store, R: Runtime>(
    runtime: &R,
    store: &S,
    settings: &Settings,
    lease: &Lease,
    ending: Ending,
) -> Option<Written> {
    let ask = || store.finish(lease, ending.clone());
    persist(runtime, settings, ask).await
}

/// Asks until there is an answer, for about as long as a lease, and once at least.
async fn persist<'a, T, R: Runtime>(
    runtime: &R,
    settings: &Settings,
    ask: impl Fn() -> Answer<'a, T>,
) -> Option<T> {
    let end = runtime.now() + settings.lease;
    let mut tries = 0;
    loop {
        let limit = runtime.sleep_until(runtime.now() + settings.store_patience);
        match within(ask(), limit).await {
            Some(Ok(answer)) => return Some(answer),
            Some(Err(error)) if error.kind() == StoreErrorKind::Corrupt => return None,
            Some(Err(_)) | None => {}
        }
        let at = runtime.now() + backoff(FIRST, MOST, tries, runtime.random());
        if at >= end {
            return None;
        }
        runtime.sleep_until(at).await;
        tries += 1;
    }
}

/// What is answered before the limit; one that takes longer is given up.
pub(crate) async fn within<T>(
    answer: impl Future<Output = T>,
    limit: impl Future<Output = ()>,
) -> Option<T> {
    let (mut answer, mut limit) = (pin!(answer), pin!(limit));
    poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => limit.as_mut().poll(cx).map(|()| None),
    })
    .await
}
