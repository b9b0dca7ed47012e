//! Who may write: the latest claim and nobody else, late too, and once.

use super::{
    Harness,
    leases::rises,
    story::{A, B, C, LEASE, MOMENT, Story, Told, ask, completed, expects, id, result, same, take},
};
use crate::{Claim, Ending, Fence, Id, Lease, State, Stored, Written};

const FENCED: Written = Written::Fenced(None);

fn endings() -> [Ending; 3] {
    [completed(), Ending::Released, Ending::Unknown]
}

/// A claim that A made and B took over, and A's lease.
async fn taken_over<H: Harness>(story: &Story<'_, H>, id: &Id) -> Told<(Lease, Lease)> {
    let first = story.granted("claim", ask(id, A)).await?;
    story.advance(LEASE + MOMENT).await;
    let second = story.granted("take over", take(id, B)).await?;
    Ok((first, second))
}

/// Renews and ends it with this lease, and expects that nothing comes of it.
async fn refused<H: Harness>(story: &Story<'_, H>, lease: &Lease, who: &str) -> Told {
    let before = story.find(&lease.id).await?;
    let step = format!("renew as {who}");
    let written = story.renew(&step, lease, LEASE * 9, Some("stale")).await?;
    expects!(&step, written, Written::Fenced(_));
    for ending in endings() {
        let step = format!("end it as {who}, with {ending:?}");
        let written = story.finish(&step, lease, ending).await?;
        expects!(&step, written, Written::Fenced(_));
        let after = story.find(&lease.id).await?;
        same(&format!("{step}, and compare the record"), &after, &before)?;
    }
    Ok(())
}

pub(super) async fn a_taken_over_owner_cannot_renew<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("stale-renewal");
    let (stale, _) = taken_over(story, &id).await?;
    let before = story.find(&id).await?;
    let step = "renew as the owner from whom it was taken over";
    let written = story.renew(step, &stale, LEASE * 9, Some("stale")).await?;
    same(step, &written, &FENCED)?;
    same("compare the record", &story.find(&id).await?, &before)
}

pub(super) async fn a_taken_over_owner_cannot_end_it<H: Harness>(story: &Story<'_, H>) -> Told {
    for (n, ending) in endings().into_iter().enumerate() {
        let id = id(&format!("stale-end-{n}"));
        let (stale, lease) = taken_over(story, &id).await?;
        let before = story.find(&id).await?;
        let step = format!("end it as the owner from whom it was taken over, with {ending:?}");
        let written = story.finish(&step, &stale, ending).await?;
        same(&step, &written, &FENCED)?;
        same("compare the record", &story.find(&id).await?, &before)?;
        story
            .finished("complete as the one who took over", &lease, completed())
            .await?;
    }
    Ok(())
}

pub(super) async fn a_taken_over_owner_is_told_what_came_of_it<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("told");
    let (stale, lease) = taken_over(story, &id).await?;
    story
        .finished("complete as the one who took over", &lease, completed())
        .await?;
    let step = "complete with another result, as the owner from whom it was taken over";
    let other = Ending::Completed(Stored::body(*b"another receipt"));
    let written = story.finish(step, &stale, other).await?;
    same(step, &written, &Written::Fenced(Some(result())))?;
    let step = "renew as the owner from whom it was taken over";
    let written = story.renew(step, &stale, LEASE, None).await?;
    same(step, &written, &Written::Fenced(Some(result())))?;
    let claim = story.claim("claim it", ask(&id, C)).await?;
    same("claim it", &claim, &Claim::Completed(result()))
}

pub(super) async fn a_stranger_writes_nothing<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("strangers");
    let lease = story.granted("claim", ask(&id, A)).await?;
    let strange = |owner, fence| Lease {
        owner,
        fence,
        ..lease.clone()
    };
    refused(
        story,
        &strange(B, lease.fence),
        "another owner with the same fence",
    )
    .await?;
    refused(
        story,
        &strange(A, lease.fence.next()),
        "the owner with a later fence",
    )
    .await?;
    let earlier = Fence::new(lease.fence.get() - 1);
    refused(
        story,
        &strange(A, earlier),
        "the owner with an earlier fence",
    )
    .await?;

    story
        .finished("end without knowing how", &lease, Ending::Unknown)
        .await?;
    refused(
        story,
        &strange(B, lease.fence),
        "another owner, of what is indeterminate",
    )
    .await?;
    story.finished("complete", &lease, completed()).await?;
    refused(
        story,
        &strange(B, lease.fence),
        "another owner, of what is completed",
    )
    .await
}

pub(super) async fn a_released_key_keeps_its_row<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("released");
    let first = story.granted("claim", ask(&id, A)).await?;
    story.finished("release", &first, Ending::Released).await?;
    story
        .finished(
            "release again, as the answer was lost",
            &first,
            Ending::Released,
        )
        .await?;
    let record = story.record("find what was released", &id).await?;
    same(
        "find what was released",
        &(record.state, record.fence),
        &(State::Released, first.fence),
    )?;

    let step = "claim what was released";
    let request = ask(&id, B);
    let claim = story.claim(step, request).await?;
    expects!(
        step,
        &claim,
        Claim::Granted {
            taken_over: false,
            ..
        }
    );
    let second = super::story::lease(step, &request, claim)?;
    rises(step, first.fence, second.fence)?;
    let attempts = story.record(step, &id).await?.attempts;
    same("count the attempts", &attempts, &2)
}

pub(super) async fn a_released_owner_cannot_return<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("there-and-back");
    let first = story.granted("claim", ask(&id, A)).await?;
    story.finished("release", &first, Ending::Released).await?;
    let step = "renew what was released";
    let written = story.renew(step, &first, LEASE, None).await?;
    same(step, &written, &FENCED)?;
    let step = "complete what was released";
    let written = story.finish(step, &first, completed()).await?;
    same(step, &written, &FENCED)?;

    let second = story
        .granted("claim what was released", ask(&id, B))
        .await?;
    refused(story, &first, "the owner who released it").await?;
    story.finished("release", &second, Ending::Released).await?;
    // The same owner once more: only the fence tells its claims apart.
    let third = story
        .granted("claim what was released, as the first owner", ask(&id, A))
        .await?;
    rises("claim for the third time", second.fence, third.fence)?;
    refused(story, &first, "the same owner with its first claim").await?;
    story
        .finished("complete with the latest claim", &third, completed())
        .await?;
    refused(story, &second, "the second of three owners").await
}

pub(super) async fn an_end_comes_late<H: Harness>(story: &Story<'_, H>) -> Told {
    for (n, ending) in endings().into_iter().enumerate() {
        let id = id(&format!("late-{n}"));
        let lease = story.granted("claim", ask(&id, A)).await?;
        story.advance(LEASE * 10).await;
        let step = format!("end it long after the lease, with {ending:?}");
        story.finished(&step, &lease, ending).await?;
    }
    let claim = story
        .claim("claim what was completed late", take(&id("late-0"), B))
        .await?;
    same(
        "claim what was completed late",
        &claim,
        &Claim::Completed(result()),
    )?;
    story
        .granted("claim what was released late", ask(&id("late-1"), B))
        .await?;
    let claim = story
        .claim("claim what ended late and unknown", ask(&id("late-2"), B))
        .await?;
    expects!(
        "claim what ended late and unknown",
        claim,
        Claim::Indeterminate
    );
    Ok(())
}

pub(super) async fn an_end_comes_late_to_what_is_indeterminate<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    for (n, ending) in [completed(), Ending::Released].into_iter().enumerate() {
        let id = id(&format!("late-{n}"));
        let lease = story.granted("claim", ask(&id, A)).await?;
        story.advance(LEASE + MOMENT).await;
        let claim = story.claim("claim what has lapsed", ask(&id, B)).await?;
        expects!("claim what has lapsed", claim, Claim::Indeterminate);
        let step = format!("end what became indeterminate, with {ending:?}");
        story.finished(&step, &lease, ending).await?;
    }
    let claim = story
        .claim("claim what was completed late", ask(&id("late-0"), B))
        .await?;
    same(
        "claim what was completed late",
        &claim,
        &Claim::Completed(result()),
    )?;
    story
        .granted("claim what was released late", ask(&id("late-1"), B))
        .await?;
    Ok(())
}

pub(super) async fn an_end_may_be_said_again<H: Harness>(story: &Story<'_, H>) -> Told {
    for (n, ending) in endings().into_iter().enumerate() {
        let id = id(&format!("again-{n}"));
        let lease = story.granted("claim", ask(&id, A)).await?;
        story.finished("end it", &lease, ending.clone()).await?;
        let before = story.find(&id).await?;
        let step = format!("end it again, as the answer was lost, with {ending:?}");
        story.finished(&step, &lease, ending).await?;
        same("compare the record", &story.find(&id).await?, &before)?;
    }
    Ok(())
}

pub(super) async fn a_result_is_never_replaced<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("first-result");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story.finished("complete", &lease, completed()).await?;
    let before = story.find(&id).await?;
    let step = "complete again with another result";
    let other = Ending::Completed(Stored::body(*b"another receipt"));
    let written = story.finish(step, &lease, other).await?;
    same(step, &written, &Written::Fenced(Some(result())))?;
    same(step, &story.find(&id).await?, &before)?;
    for ending in [Ending::Released, Ending::Unknown] {
        let step = format!("end what is completed, with {ending:?}");
        let written = story.finish(&step, &lease, ending).await?;
        same(&step, &written, &Written::Fenced(Some(result())))?;
    }
    let step = "renew what is completed";
    let written = story.renew(step, &lease, LEASE, Some("more")).await?;
    same(step, &written, &Written::Fenced(Some(result())))?;
    same(step, &story.find(&id).await?, &before)
}

pub(super) async fn without_a_record_nothing_is_written<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("nothing-there");
    let request = ask(&id, A);
    let lease = Lease::new(&request, Fence::FIRST);
    refused(story, &lease, "somebody who never claimed").await?;
    same("find what nobody claimed", &story.find(&id).await?, &None)
}
