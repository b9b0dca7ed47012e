//! Finding out what became of a claim that was taken over.

use std::{fmt, future::Future, marker::PhantomData, pin::Pin, sync::Arc};

use crate::{Codec, Fence, Id, Stored, codec::encoded};

/// A claim of somebody of whom nobody knows how far they came, as the callback of
/// [`recover`](crate::IdempotencyBuilder::recover) is told of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TakenOver {
    /// What it is about. Its [`downstream_key`](Id::downstream_key)s are what to ask others for.
    pub id: Id,
    /// The last point that an earlier owner said it had reached.
    pub step: Option<Arc<str>>,
    /// The number of the claim that took over.
    pub fence: Fence,
}

/// What was found out about a claim that was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding<T> {
    /// It was done, with this result. It is kept and answered.
    Applied(T),
    /// It was not done. It runs now.
    NotApplied,
    /// Nobody knows. It stays indeterminate.
    Unknown,
}

pub(crate) type Found = Pin<Box<dyn Future<Output = Finding<Stored>> + Send>>;

/// A callback, whatever its types: what it finds is encoded at once. Where the codec could not, there is no body.
pub(crate) trait Recovering<C>: Send + Sync {
    fn find(&self, taken_over: TakenOver, codec: &Arc<C>) -> Found;
}

/// A callback that results in a `T`.
pub(crate) struct Callback<F, T> {
    pub(crate) find: F,
    pub(crate) marker: PhantomData<fn() -> T>,
}

impl<C, F, Fut, T> Recovering<C> for Callback<F, T>
where
    C: Codec<T> + 'static,
    F: Fn(TakenOver) -> Fut + Send + Sync,
    Fut: Future<Output = Finding<T>> + Send + 'static,
    T: 'static,
{
    fn find(&self, taken_over: TakenOver, codec: &Arc<C>) -> Found {
        let (found, codec) = ((self.find)(taken_over), Arc::clone(codec));
        Box::pin(async move {
            match found.await {
                Finding::Applied(value) => Finding::Applied(encoded(&*codec, &value)),
                Finding::NotApplied => Finding::NotApplied,
                Finding::Unknown => Finding::Unknown,
            }
        })
    }
}

impl<C> fmt::Debug for dyn Recovering<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recovering")
    }
}
