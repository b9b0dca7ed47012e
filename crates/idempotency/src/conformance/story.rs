//! What the stories are told with: a store, its clock, and expectations that say what came instead.

use std::{
    fmt::Debug,
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
    time::Duration,
};

use super::{Failure, Harness, Verdict};
use crate::{
    Answer, Claim, ClaimRequest, Ending, Fingerprint, Id, Key, Lapsed, Lease, Owner, Record, Scope,
    Store, StoreError, Stored, Written,
};

pub(super) type Told<T = ()> = Result<T, Verdict>;

/// Owners whose bits show what signs, zeroes and bytes that are no text are made of.
pub(super) const A: Owner = Owner::from_u128(0x8000_0000_0000_0000_0000_0000_0000_00ff);
pub(super) const B: Owner = Owner::from_u128(1);
pub(super) const C: Owner = Owner::from_u128(u128::MAX);

pub(super) const LEASE: Duration = Duration::from_secs(30);
pub(super) const RESULT_TTL: Duration = Duration::from_secs(24 * 60 * 60);
pub(super) const KEY_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Past the end of whatever it follows, however long a step on a real clock takes.
pub(super) const MOMENT: Duration = Duration::from_secs(1);

/// A store without a record, and what it takes to use it.
pub(super) struct Story<'h, H: Harness> {
    harness: &'h H,
    pub(super) store: H::Store,
    other: Option<H::Store>,
}

impl<'h, H: Harness> Story<'h, H> {
    pub(super) async fn begin(harness: &'h H) -> Self {
        let store = harness.fresh().await;
        let other = harness.another(&store).await;
        Story {
            harness,
            store,
            other,
        }
    }

    /// Another handle on the same records, where there is one.
    pub(super) fn other(&self) -> &H::Store {
        self.other.as_ref().unwrap_or(&self.store)
    }

    pub(super) async fn advance(&self, by: Duration) {
        self.harness.advance(&self.store, by).await;
    }

    pub(super) fn mislead(&self, by: Duration) -> Told {
        match self.harness.mislead(by) {
            true => Ok(()),
            false => Err(Verdict::Skipped("the harness misleads nobody")),
        }
    }

    pub(super) async fn claim(&self, step: &str, request: ClaimRequest<'_>) -> Told<Claim> {
        answered(step, self.store.claim(request).await)
    }

    /// Claims, and expects to be granted it.
    pub(super) async fn granted(&self, step: &str, request: ClaimRequest<'_>) -> Told<Lease> {
        let claim = self.claim(step, request).await?;
        lease(step, &request, claim)
    }

    pub(super) async fn renew(
        &self,
        step: &str,
        lease: &Lease,
        length: Duration,
        point: Option<&str>,
    ) -> Told<Written> {
        answered(step, self.store.renew(lease, length, point).await)
    }

    pub(super) async fn finish(&self, step: &str, lease: &Lease, ending: Ending) -> Told<Written> {
        answered(step, self.store.finish(lease, ending).await)
    }

    /// Ends a claim, and expects it to be written.
    pub(super) async fn finished(&self, step: &str, lease: &Lease, ending: Ending) -> Told {
        let written = self.finish(step, lease, ending).await?;
        same(step, &written, &Written::Done)
    }

    pub(super) async fn resolve(&self, step: &str, id: &Id, ending: Ending) -> Told<bool> {
        answered(step, self.store.resolve(id, ending).await)
    }

    pub(super) async fn find(&self, id: &Id) -> Told<Option<Record>> {
        answered("find it", self.store.find(id).await)
    }

    /// The record that has to be there.
    pub(super) async fn record(&self, step: &str, id: &Id) -> Told<Record> {
        let found = self.find(id).await?;
        found.ok_or_else(|| broken(step, "a record", "none"))
    }

    pub(super) async fn reap(&self, step: &str, limit: u32) -> Told<u64> {
        answered(step, self.store.reap(limit).await)
    }
}

pub(super) fn id(key: &str) -> Id {
    let scope = Scope::new("customer-7", "POST /charges").expect("its parts are printable");
    Id::new(scope, self::key(key))
}

pub(super) fn key(key: &str) -> Key {
    Key::new(key).expect("the keys of the stories are printable")
}

/// A claim that blocks what has lapsed, with lengths of time that no store's own work reaches.
pub(super) fn ask(id: &Id, owner: Owner) -> ClaimRequest<'_> {
    ClaimRequest {
        id,
        fingerprint: Fingerprint::from_bytes([0x80; 32]),
        owner,
        lease: LEASE,
        result_ttl: RESULT_TTL,
        key_ttl: KEY_TTL,
        lapsed: Lapsed::Block,
    }
}

/// A claim that takes over what has lapsed.
pub(super) fn take(id: &Id, owner: Owner) -> ClaimRequest<'_> {
    ClaimRequest {
        lapsed: Lapsed::TakeOver,
        ..ask(id, owner)
    }
}

/// The same claim for something else.
pub(super) fn for_another_payload(request: ClaimRequest<'_>) -> ClaimRequest<'_> {
    let mut bytes = *request.fingerprint.as_bytes();
    // One bit, and the last one: a store that keeps only the beginning does not see it.
    bytes[31] ^= 1;
    ClaimRequest {
        fingerprint: Fingerprint::from_bytes(bytes),
        ..request
    }
}

pub(super) fn result() -> Stored {
    Stored {
        status: 201,
        headers: b"etag: 7".as_slice().into(),
        body: Some(b"receipt".as_slice().into()),
    }
}

pub(super) fn completed() -> Ending {
    Ending::Completed(result())
}

/// The lease that this claim was answered with.
pub(super) fn lease(step: &str, request: &ClaimRequest<'_>, claim: Claim) -> Told<Lease> {
    match claim {
        Claim::Granted { fence, .. } => Ok(Lease::new(request, fence)),
        claim => Err(broken(step, "Granted", claim)),
    }
}

/// What a store answered, where it did.
pub(super) fn answered<T>(step: &str, answer: Result<T, StoreError>) -> Told<T> {
    answer.map_err(|error| broken(step, "an answer", error))
}

pub(super) fn same<T: PartialEq + Debug>(step: &str, came: &T, expected: &T) -> Told {
    match came == expected {
        true => Ok(()),
        false => Err(broken(step, format_args!("{expected:?}"), came)),
    }
}

pub(super) fn broken(step: &str, expected: impl ToString, came: impl Debug) -> Verdict {
    Verdict::Broken(Failure {
        step: step.to_owned(),
        expected: expected.to_string(),
        came: format!("{came:?}"),
    })
}

/// Expects that what came has this shape.
macro_rules! expects {
    ($step:expr, $came:expr, $shape:pat $(if $guard:expr)?) => {
        match $came {
            $shape $(if $guard)? => {}
            came => {
                let expected = concat!(stringify!($shape) $(, " if ", stringify!($guard))?);
                return Err($crate::conformance::story::broken($step, expected, came));
            }
        }
    };
}
pub(super) use expects;

/// Waits for all of them, polling each in its turn: those whose work is done elsewhere are at it at the same time.
pub(super) async fn together<T>(answers: Vec<Answer<'_, T>>) -> Vec<Result<T, StoreError>> {
    let mut answers: Vec<_> = answers.into_iter().map(|answer| (answer, None)).collect();
    poll_fn(|cx| {
        let mut all = Poll::Ready(());
        for (answer, came) in answers.iter_mut().filter(|(_, came)| came.is_none()) {
            match Pin::new(answer).poll(cx) {
                Poll::Ready(ready) => *came = Some(ready),
                Poll::Pending => all = Poll::Pending,
            }
        }
        all
    })
    .await;
    answers.into_iter().filter_map(|(_, came)| came).collect()
}
