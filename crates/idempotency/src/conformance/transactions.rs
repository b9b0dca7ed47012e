//! The claim, the effect and its result are committed together or not at all.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use super::{
    Harness,
    leases::rises,
    story::{
        A, B, C, LEASE, MOMENT, Story, Told, answered, ask, broken, completed, expects,
        for_another_payload, id, lease, result, same, take,
    },
};
use crate::{Claim, ClaimRequest, Lease, State, Store, StoreError, Stored, TxStore, Written};

type Tx<H> = <<H as Harness>::Store as TxStore>::Tx;

/// The steps of a transaction, with an error for what is not answered.
impl<H: Harness> Story<'_, H>
where
    H::Store: TxStore,
{
    async fn begun(&self) -> Told<Tx<H>> {
        answered("begin a transaction", self.store.begin().await)
    }

    async fn claim_in(&self, step: &str, tx: &mut Tx<H>, request: ClaimRequest<'_>) -> Told<Claim> {
        answered(step, self.store.claim_in(tx, request).await)
    }

    async fn granted_in(
        &self,
        step: &str,
        tx: &mut Tx<H>,
        request: ClaimRequest<'_>,
    ) -> Told<Lease> {
        let claim = self.claim_in(step, tx, request).await?;
        lease(step, &request, claim)
    }

    async fn completed_in(&self, step: &str, tx: &mut Tx<H>, lease: &Lease) -> Told {
        let written = self.store.complete_in(tx, lease, result()).await;
        same(step, &answered(step, written)?, &Written::Done)
    }

    async fn commit(&self, tx: Tx<H>) -> Told {
        answered("commit", self.store.commit(tx).await)
    }
}

pub(super) async fn a_claim_and_its_result_are_committed_together<H: Harness>(
    story: &Story<'_, H>,
) -> Told
where
    H::Store: TxStore,
{
    let id = id("together");
    let mut tx = story.begun().await?;
    let lease = story
        .granted_in("claim in a transaction", &mut tx, ask(&id, A))
        .await?;
    story
        .completed_in("complete in the transaction", &mut tx, &lease)
        .await?;
    story.commit(tx).await?;
    let step = "claim what was committed";
    let claim = answered(step, story.other().claim(ask(&id, B)).await)?;
    same(step, &claim, &Claim::Completed(result()))?;
    let record = story.record("find what was committed", &id).await?;
    let found = (record.state, record.owner, record.fence, record.attempts);
    same(
        "find what was committed",
        &found,
        &(State::Completed, A, lease.fence, 1),
    )?;
    story
        .finished("complete it once more, from outside", &lease, completed())
        .await
}

pub(super) async fn what_is_rolled_back_was_never_there<H: Harness>(story: &Story<'_, H>) -> Told
where
    H::Store: TxStore,
{
    let (claimed, done) = (id("claimed"), id("done"));
    let mut tx = story.begun().await?;
    story
        .granted_in("claim in a transaction", &mut tx, ask(&claimed, A))
        .await?;
    drop(tx);
    let mut tx = story.begun().await?;
    let lease = story
        .granted_in("claim in a transaction", &mut tx, ask(&done, A))
        .await?;
    story
        .completed_in("complete in the transaction", &mut tx, &lease)
        .await?;
    drop(tx);
    for id in [&claimed, &done] {
        same("find what was rolled back", &story.find(id).await?, &None)?;
        let step = "claim for another payload what was rolled back";
        let claim = story.claim(step, for_another_payload(ask(id, B))).await?;
        expects!(
            step,
            claim,
            Claim::Granted {
                taken_over: false,
                step: None,
                ..
            }
        );
    }
    let step = "complete from outside what was rolled back";
    let written = story.finish(step, &lease, completed()).await?;
    same(step, &written, &Written::Fenced(None))
}

pub(super) async fn a_takeover_is_rolled_back_too<H: Harness>(story: &Story<'_, H>) -> Told
where
    H::Store: TxStore,
{
    let id = id("taken-over");
    let first = story.granted("claim", ask(&id, A)).await?;
    story.advance(LEASE + MOMENT).await;
    let before = story.find(&id).await?;
    let mut tx = story.begun().await?;
    let second = story
        .granted_in("take over in a transaction", &mut tx, take(&id, B))
        .await?;
    rises("take over in a transaction", first.fence, second.fence)?;
    drop(tx);
    same(
        "find what was rolled back",
        &story.find(&id).await?,
        &before,
    )?;

    let mut tx = story.begun().await?;
    let third = story
        .granted_in("take over in a transaction", &mut tx, take(&id, C))
        .await?;
    story
        .completed_in("complete in the transaction", &mut tx, &third)
        .await?;
    story.commit(tx).await?;
    let step = "complete as the owner from whom it was taken over";
    let written = story.finish(step, &first, completed()).await?;
    same(step, &written, &Written::Fenced(Some(result())))
}

pub(super) async fn one_of_two_transactions_runs<H: Harness>(story: &Story<'_, H>) -> Told
where
    H::Store: TxStore,
{
    let id = id("wanted");
    let mut first = story.begun().await?;
    let lease = story
        .granted_in("claim in a transaction", &mut first, ask(&id, A))
        .await?;
    story
        .completed_in("complete in the transaction", &mut first, &lease)
        .await?;

    let second = async {
        let store = story.other();
        let mut tx = store.begin().await?;
        let claim = store.claim_in(&mut tx, ask(&id, B)).await?;
        Ok::<_, StoreError>(claim)
    };
    // It begins, and may get as far as it comes, before the first commits.
    let ahead = async {
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls < 64 {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        story.commit(first).await
    };
    let (claim, committed) = both(second, ahead).await;
    committed?;
    let step = "claim in a second transaction, while the first is under way";
    match answered(step, claim)? {
        Claim::InFlight { .. } => {}
        Claim::Completed(came) => same(step, &came, &result())?,
        claim => return Err(broken(step, "InFlight, or Completed once it is", claim)),
    }
    let claim = story.claim("claim what was committed", ask(&id, C)).await?;
    same(
        "claim what was committed",
        &claim,
        &Claim::Completed(result()),
    )
}

/// Waits for two, polling each in its turn.
async fn both<A, B>(one: impl Future<Output = A>, two: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut two) = (pin!(one), pin!(two));
    let (mut a, mut b) = (None, None);
    poll_fn(|cx| {
        if a.is_none() {
            if let Poll::Ready(ready) = one.as_mut().poll(cx) {
                a = Some(ready);
            }
        }
        if b.is_none() {
            if let Poll::Ready(ready) = two.as_mut().poll(cx) {
                b = Some(ready);
            }
        }
        match (a.take(), b.take()) {
            (Some(one), Some(two)) => Poll::Ready((one, two)),
            (one, two) => {
                (a, b) = (one, two);
                Poll::Pending
            }
        }
    })
    .await
}

pub(super) async fn a_transaction_sees_what_was_committed<H: Harness>(story: &Story<'_, H>) -> Told
where
    H::Store: TxStore,
{
    let (done, busy, unknown) = (id("done"), id("busy"), id("unknown"));
    let lease = story.granted("claim", ask(&done, A)).await?;
    story.finished("complete", &lease, completed()).await?;
    let lease = story.granted("claim", ask(&unknown, A)).await?;
    story
        .finished("end without knowing how", &lease, crate::Ending::Unknown)
        .await?;
    story.granted("claim", ask(&busy, A)).await?;

    let mut tx = story.begun().await?;
    let step = "claim in a transaction what is completed";
    let claim = story.claim_in(step, &mut tx, ask(&done, B)).await?;
    same(step, &claim, &Claim::Completed(result()))?;
    drop(tx);
    let mut tx = story.begun().await?;
    let step = "claim in a transaction what is in flight";
    let claim = story.claim_in(step, &mut tx, ask(&busy, B)).await?;
    expects!(step, claim, Claim::InFlight { .. });
    drop(tx);
    let mut tx = story.begun().await?;
    let step = "claim in a transaction what is indeterminate";
    let claim = story.claim_in(step, &mut tx, ask(&unknown, B)).await?;
    expects!(step, claim, Claim::Indeterminate);
    Ok(())
}

pub(super) async fn another_payload_is_refused_in_a_transaction<H: Harness>(
    story: &Story<'_, H>,
) -> Told
where
    H::Store: TxStore,
{
    let id = id("mismatch");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story.finished("complete", &lease, completed()).await?;
    let before = story.find(&id).await?;
    let mut tx = story.begun().await?;
    let step = "claim in a transaction for another payload";
    let claim = story
        .claim_in(step, &mut tx, for_another_payload(ask(&id, B)))
        .await?;
    expects!(step, claim, Claim::Mismatch);
    story.commit(tx).await?;
    same("compare the record", &story.find(&id).await?, &before)
}

pub(super) async fn a_claim_made_outside_is_completed_inside<H: Harness>(
    story: &Story<'_, H>,
) -> Told
where
    H::Store: TxStore,
{
    let id = id("hybrid");
    let lease = story.granted("claim", ask(&id, A)).await?;
    let before = story.find(&id).await?;
    let mut tx = story.begun().await?;
    story
        .completed_in("complete in a transaction", &mut tx, &lease)
        .await?;
    drop(tx);
    same(
        "find what was rolled back",
        &story.find(&id).await?,
        &before,
    )?;

    let mut tx = story.begun().await?;
    story
        .completed_in("complete in a transaction", &mut tx, &lease)
        .await?;
    story.commit(tx).await?;
    let claim = story.claim("claim what was committed", ask(&id, B)).await?;
    same(
        "claim what was committed",
        &claim,
        &Claim::Completed(result()),
    )
}

pub(super) async fn a_fenced_owner_completes_nothing<H: Harness>(story: &Story<'_, H>) -> Told
where
    H::Store: TxStore,
{
    let id = id("fenced");
    let stale = story.granted("claim", ask(&id, A)).await?;
    story.advance(LEASE + MOMENT).await;
    let request = take(&id, B);
    let current = story.granted("take over", request).await?;
    let before = story.find(&id).await?;
    let strange = Lease::new(&request, stale.fence);
    for (who, lease) in [
        ("the owner from whom it was taken over", &stale),
        ("a stranger", &strange),
    ] {
        let mut tx = story.begun().await?;
        let step = format!("complete in a transaction, as {who}");
        let other = Stored::body(*b"another receipt");
        let written = story.store.complete_in(&mut tx, lease, other).await;
        same(&step, &answered(&step, written)?, &Written::Fenced(None))?;
        story.commit(tx).await?;
        same("compare the record", &story.find(&id).await?, &before)?;
    }
    story
        .finished("complete as the one who took over", &current, completed())
        .await
}
