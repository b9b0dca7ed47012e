//! What nobody knows, until somebody finds out and says.

use super::{
    Harness,
    leases::rises,
    story::{
        A, B, KEY_TTL, LEASE, MOMENT, RESULT_TTL, Story, Told, ask, completed, expects, id, result,
        same, take,
    },
};
use crate::{Claim, Ending, State, Stored, Written};

pub(super) async fn an_unknown_ending_is_indeterminate<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("unknown");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story
        .finished("end without knowing how", &lease, Ending::Unknown)
        .await?;
    let record = story.record("find it", &id).await?;
    same(
        "find it",
        &(record.state, record.fence),
        &(State::Indeterminate, lease.fence),
    )?;
    let step = "claim what ended unknown, within its lease";
    let claim = story.claim(step, ask(&id, B)).await?;
    expects!(step, claim, Claim::Indeterminate);
    let step = "take over what ended unknown, within its lease";
    let claim = story.claim(step, take(&id, B)).await?;
    expects!(
        step,
        claim,
        Claim::Granted {
            taken_over: true,
            ..
        }
    );
    Ok(())
}

pub(super) async fn only_what_is_indeterminate_is_resolved<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let endings = || [completed(), Ending::Released, Ending::Unknown];
    let (absent, busy, renewed) = (id("absent"), id("busy"), id("renewed"));
    let (done, released, unknown) = (id("done"), id("released"), id("unknown"));
    story.granted("claim", ask(&busy, A)).await?;
    let lease = story.granted("claim", ask(&renewed, A)).await?;
    story.advance(LEASE / 2).await;
    let written = story.renew("renew", &lease, LEASE * 9, None).await?;
    same("renew", &written, &Written::Done)?;
    let lease = story.granted("claim", ask(&done, A)).await?;
    story.finished("complete", &lease, completed()).await?;
    let lease = story.granted("claim", ask(&released, A)).await?;
    story.finished("release", &lease, Ending::Released).await?;
    for id in [&absent, &busy, &renewed, &done, &released] {
        let before = story.find(id).await?;
        for ending in endings() {
            let step = format!("resolve {:?} with {ending:?}", id.key());
            let resolved = story.resolve(&step, id, ending).await?;
            same(&step, &resolved, &false)?;
            same("compare the record", &story.find(id).await?, &before)?;
        }
    }
    let lease = story.granted("claim", ask(&unknown, A)).await?;
    story
        .finished("end without knowing how", &lease, Ending::Unknown)
        .await?;
    let before = story.find(&unknown).await?;
    let step = "resolve what is indeterminate without knowing how";
    let resolved = story.resolve(step, &unknown, Ending::Unknown).await?;
    same(step, &resolved, &false)?;
    same("compare the record", &story.find(&unknown).await?, &before)
}

pub(super) async fn what_was_done_is_replayed<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("was-done");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story.advance(LEASE + MOMENT).await;
    let claim = story.claim("claim what has lapsed", ask(&id, B)).await?;
    expects!("claim what has lapsed", claim, Claim::Indeterminate);
    let step = "resolve it as done";
    let resolved = story.resolve(step, &id, completed()).await?;
    same(step, &resolved, &true)?;
    let step = "resolve it once more";
    let other = Ending::Completed(Stored::body(*b"another receipt"));
    for ending in [other, Ending::Released] {
        let resolved = story.resolve(step, &id, ending).await?;
        same(step, &resolved, &false)?;
    }
    let claim = story.claim("claim what was resolved", take(&id, B)).await?;
    same(
        "claim what was resolved",
        &claim,
        &Claim::Completed(result()),
    )?;
    let step = "renew what was resolved";
    let written = story.renew(step, &lease, LEASE, None).await?;
    same(step, &written, &Written::Fenced(Some(result())))?;
    let step = "complete what was resolved, with another result";
    let other = Ending::Completed(Stored::body(*b"another receipt"));
    let written = story.finish(step, &lease, other).await?;
    same(step, &written, &Written::Fenced(Some(result())))
}

pub(super) async fn what_has_lapsed_is_resolved_before_anybody_asks<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    for (n, ending) in [completed(), Ending::Released].into_iter().enumerate() {
        let id = id(&format!("nobody-asked-{n}"));
        let lease = story.granted("claim", ask(&id, A)).await?;
        story.advance(LEASE + MOMENT).await;
        let before = story.find(&id).await?;
        let step = "resolve what has lapsed without knowing how";
        let resolved = story.resolve(step, &id, Ending::Unknown).await?;
        same(step, &resolved, &false)?;
        same("compare the record", &story.find(&id).await?, &before)?;
        let step = format!("resolve what has lapsed with {ending:?}");
        let resolved = story.resolve(&step, &id, ending.clone()).await?;
        same(&step, &resolved, &true)?;
        let step = "renew what was resolved";
        let written = story.renew(step, &lease, LEASE, None).await?;
        expects!(step, written, Written::Fenced(_));
        let step = "claim what was resolved";
        match ending {
            Ending::Released => drop(story.granted(step, ask(&id, B)).await?),
            _ => {
                let claim = story.claim(step, ask(&id, B)).await?;
                same(step, &claim, &Claim::Completed(result()))?;
            }
        }
    }
    Ok(())
}

pub(super) async fn what_was_done_is_replayed_however_late_that_is_known<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("known-late");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story
        .finished("end without knowing how", &lease, Ending::Unknown)
        .await?;
    story.advance(KEY_TTL * 2).await;
    let step = "resolve it as done, past the lifetime of its key";
    let resolved = story.resolve(step, &id, completed()).await?;
    same(step, &resolved, &true)?;
    story.advance(RESULT_TTL / 2).await;
    let step = "claim what was resolved";
    let claim = story.claim(step, ask(&id, B)).await?;
    same(step, &claim, &Claim::Completed(result()))?;
    story.advance(RESULT_TTL / 2 + MOMENT).await;
    let step = "claim what was resolved when its result has gone";
    let claim = story.claim(step, take(&id, B)).await?;
    expects!(step, claim, Claim::Expired);
    story.advance(KEY_TTL).await;
    let step = "claim what was resolved when its key has gone";
    story.granted(step, ask(&id, B)).await?;
    Ok(())
}

pub(super) async fn what_was_not_done_is_free<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("was-not-done");
    let first = story.granted("claim", ask(&id, A)).await?;
    story
        .finished("end without knowing how", &first, Ending::Unknown)
        .await?;
    let step = "resolve it as not done";
    let resolved = story.resolve(step, &id, Ending::Released).await?;
    same(step, &resolved, &true)?;
    let step = "complete what was resolved as not done";
    let written = story.finish(step, &first, completed()).await?;
    same(step, &written, &Written::Fenced(None))?;
    let step = "claim what was resolved as not done";
    let request = ask(&id, B);
    let claim = story.claim(step, request).await?;
    expects!(
        step,
        &claim,
        Claim::Granted {
            taken_over: false,
            step: None,
            ..
        }
    );
    let second = super::story::lease(step, &request, claim)?;
    rises(step, first.fence, second.fence)
}
