//! What keeps the records.

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{Fence, Fingerprint, Id, Lease, Owner, Record, Stored};

/// The table of records: the one place that decides who may run.
///
/// Each method is one atomic step on one record: no two of them see the same record as it was before
/// either. Everything after the claim is conditional on the [`Lease`]: where the record has another owner or
/// another fence nothing is written, and the answer is [`Written::Fenced`]. Leases and lifetimes are judged
/// by the store's own clock.
///
/// The trait is object safe: `Arc<dyn Store>` is a store. The rules themselves are the functions in
/// [`protocol`](crate::protocol), which a store that can run code inside a transaction may use as they are. A
/// store shows that it keeps them by passing the [conformance kit](crate::conformance).
///
/// # Cancel safety
///
/// Dropping an answer leaves open whether the step was taken. A claim may be made again by the same owner, and
/// a completion by the same lease: both answer what they answered the first time.
pub trait Store: Send + Sync {
    /// Asks for leave to run.
    fn claim<'a>(&'a self, request: ClaimRequest<'a>) -> Answer<'a, Claim>;

    /// Holds a claim for `length` from now on; with a `step`, remembers also that this point was reached. A
    /// lease that was over is held again where nobody has taken over.
    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        length: Duration,
        step: Option<&'a str>,
    ) -> Answer<'a, Written>;

    /// Ends a claim.
    ///
    /// The end may be said again, and late: what was not taken over is still the owner's to end. What is completed
    /// with another result, as it was resolved meanwhile, is not. What is completed only when its result would have
    /// expired is kept for at least as long as it was to be, from then on.
    fn finish<'a>(&'a self, lease: &'a Lease, ending: Ending) -> Answer<'a, Written>;

    /// Says what came of a record that is indeterminate, or in flight with its lease over: [`Ending::Completed`],
    /// which is kept for at least as long as it was to be, from now on, or [`Ending::Released`]. Answers `false`, and
    /// changes nothing, where the record is neither (any more).
    fn resolve<'a>(&'a self, id: &'a Id, ending: Ending) -> Answer<'a, bool>;

    /// The record, as it stands.
    fn find<'a>(&'a self, id: &'a Id) -> Answer<'a, Option<Record>>;

    /// Deletes up to `limit` records whose time is over, and says how many. Indeterminate ones and those in
    /// flight stay, whatever their age.
    fn reap(&self, limit: u32) -> Answer<'_, u64>;
}

/// A claim that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRequest<'a> {
    /// What is claimed.
    pub id: &'a Id,
    /// What for.
    pub fingerprint: Fingerprint,
    /// By whom: new for each claim, and the same when one is repeated because its answer was lost.
    pub owner: Owner,
    /// For how long, unless it is renewed.
    pub lease: Duration,
    /// How long the result is kept, from now on.
    pub result_ttl: Duration,
    /// How long the key is remembered, from now on.
    pub key_ttl: Duration,
    /// What happens to a claim of somebody else whose lease is over.
    pub lapsed: Lapsed,
}

/// What happens to a claim whose lease is over, or which ended without anybody knowing how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lapsed {
    /// Nobody runs it again: the record becomes, or stays, indeterminate.
    Block,
    /// Whoever claims it next takes over.
    TakeOver,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The claimant may run.
    Granted {
        /// The number of the claim.
        fence: Fence,
        /// Whether somebody else had claimed it, and nobody knows how far they came.
        taken_over: bool,
        /// The last point that an earlier claimant said it had reached.
        step: Option<Arc<str>>,
    },
    /// It was done, and this came of it.
    Completed(Stored),
    /// It was done, and what came of it is not kept any more.
    Expired,
    /// Somebody is at it.
    InFlight {
        /// How much time their lease has left.
        lease_left: Duration,
    },
    /// Nobody knows whether it was done.
    Indeterminate,
    /// The key was used for something else. The record is as it was.
    Mismatch,
}

/// How a claim ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was done, and this came of it.
    Completed(Stored),
    /// It is proven that it was not done, by this claim or by one that it took over from: the next one may do
    /// it.
    Released,
    /// Nobody knows.
    Unknown,
}

/// The answer to whoever writes under a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is written, or was already.
    Done,
    /// It is not: the record is not the writer's any more. Where it is completed, and for the same payload, this came
    /// of it.
    Fenced(Option<Stored>),
}

/// A store that shares transactions with the work: claim, effect and completion are committed together or not at
/// all. It is the one way to an effect that happens exactly once.
pub trait TxStore: Store {
    /// A transaction under way. Dropped, it is rolled back.
    type Tx: Send + 'static;

    /// Begins a transaction in which a claim can be made: one that comes second waits, or is told that the
    /// first is in flight.
    fn begin(&self) -> Answer<'_, Self::Tx>;

    /// Asks for leave to run, as a part of the transaction.
    fn claim_in<'a>(&'a self, tx: &'a mut Self::Tx, request: ClaimRequest<'a>)
    -> Answer<'a, Claim>;

    /// Ends the claim with what came of it, as a part of the transaction.
    fn complete_in<'a>(
        &'a self,
        tx: &'a mut Self::Tx,
        lease: &'a Lease,
        result: Stored,
    ) -> Answer<'a, Written>;

    /// Makes it all happen. Where the answer is an error nobody knows whether it did, until the record is
    /// looked at.
    fn commit(&self, tx: Self::Tx) -> Answer<'_, ()>;
}

/// The future answer of a store: at once, without an allocation, or a boxed future.
///
/// ```
/// use steadfast_idempotency::{Answer, StoreError};
///
/// fn at_once<'a>() -> Answer<'a, u64> {
///     Answer::ready(Ok(3))
/// }
///
/// fn later<'a>() -> Answer<'a, u64> {
///     Answer::later(async { Ok(3) })
/// }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Answer<'a, T>(Inner<'a, T>);

enum Inner<'a, T> {
    Ready(Option<Result<T, StoreError>>),
    Later(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>),
}

impl<'a, T> Answer<'a, T> {
    /// An answer that is there.
    #[inline]
    pub fn ready(answer: Result<T, StoreError>) -> Self {
        Answer(Inner::Ready(Some(answer)))
    }

    /// An answer that will be there when this future ends. Nothing is done before it is polled.
    pub fn later(answer: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> Self {
        Answer(Inner::Later(Box::pin(answer)))
    }
}

/// Nothing in it is ever pinned in place: a boxed future is pinned by its box.
impl<T> Unpin for Answer<'_, T> {}

impl<T> Future for Answer<'_, T> {
    type Output = Result<T, StoreError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Inner::Ready(answer) => {
                Poll::Ready(answer.take().expect("an answer was polled after its end"))
            }
            Inner::Later(answer) => answer.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for Answer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Inner::Ready(_) => "Answer(ready)",
            Inner::Later(_) => "Answer(later)",
        })
    }
}

/// Why a store did not answer.
#[derive(Clone, Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Arc<dyn error::Error + Send + Sync>>,
}

/// The kinds of [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It could not be reached or could not do it. Whether the step was taken is not known.
    Unavailable,
    /// Somebody else has what the step needs, such as a lock, and did not give it back in time. Nothing was written.
    Busy,
    /// It has no room for another record. Nothing was written.
    Full,
    /// It holds a record that cannot be read. Nothing was written.
    Corrupt,
}

impl StoreError {
    /// An error without anything below it.
    #[must_use]
    pub const fn new(kind: StoreErrorKind) -> Self {
        StoreError { kind, source: None }
    }

    /// An error that comes from the one below it.
    pub fn caused_by(
        kind: StoreErrorKind,
        source: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        StoreError {
            kind,
            source: Some(source.into().into()),
        }
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the idempotency store is unavailable",
            StoreErrorKind::Busy => "the idempotency store is busy",
            StoreErrorKind::Full => "the idempotency store is full",
            StoreErrorKind::Corrupt => "the idempotency store holds a record that cannot be read",
        })
    }
}

impl error::Error for StoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn error::Error + 'static))
    }
}

/// Hands every step on to the store behind a pointer.
macro_rules! pointer_store {
    ($($pointer:ty),*) => { $(
        impl<S: Store + ?Sized> Store for $pointer {
            #[inline]
            fn claim<'a>(&'a self, request: ClaimRequest<'a>) -> Answer<'a, Claim> {
                (**self).claim(request)
            }

            fn renew<'a>(
                &'a self,
                lease: &'a Lease,
                length: Duration,
                step: Option<&'a str>,
            ) -> Answer<'a, Written> {
                (**self).renew(lease, length, step)
            }

            fn finish<'a>(&'a self, lease: &'a Lease, ending: Ending) -> Answer<'a, Written> {
                (**self).finish(lease, ending)
            }

            fn resolve<'a>(&'a self, id: &'a Id, ending: Ending) -> Answer<'a, bool> {
                (**self).resolve(id, ending)
            }

            fn find<'a>(&'a self, id: &'a Id) -> Answer<'a, Option<Record>> {
                (**self).find(id)
            }

            fn reap(&self, limit: u32) -> Answer<'_, u64> {
                (**self).reap(limit)
            }
        }
    )* };
}
pointer_store!(&S, Arc<S>, Box<S>);
