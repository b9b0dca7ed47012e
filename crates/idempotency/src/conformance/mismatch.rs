//! Another payload is refused whatever the state, and the record stays as it is.

use super::{
    Harness,
    story::{
        A, B, LEASE, MOMENT, Story, Told, ask, completed, expects, for_another_payload, id, same,
        take,
    },
};
use crate::{Claim, Ending, Id};

/// Claims it with another payload in each way there is.
async fn refused<H: Harness>(story: &Story<'_, H>, id: &Id) -> Told {
    let before = story.record("find it", id).await?;
    for (step, request) in [
        ("claim it for another payload", ask(id, B)),
        (
            "claim it for another payload, ready to take over",
            take(id, B),
        ),
        ("claim it for another payload, as its owner", ask(id, A)),
    ] {
        let claim = story.claim(step, for_another_payload(request)).await?;
        expects!(step, claim, Claim::Mismatch);
        let after = story.record("find it", id).await?;
        same("compare the record with the one before", &after, &before)?;
    }
    Ok(())
}

pub(super) async fn another_payload_is_refused_in_flight<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("in-flight");
    story.granted("claim", ask(&id, A)).await?;
    refused(story, &id).await
}

pub(super) async fn another_payload_is_refused_after_the_lease<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("lapsed");
    story.granted("claim", ask(&id, A)).await?;
    story.advance(LEASE + MOMENT).await;
    refused(story, &id).await
}

pub(super) async fn another_payload_is_refused_once_completed<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("completed");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story.finished("complete", &lease, completed()).await?;
    refused(story, &id).await
}

pub(super) async fn another_payload_is_refused_once_released<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("released");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story.finished("release", &lease, Ending::Released).await?;
    refused(story, &id).await
}

pub(super) async fn another_payload_is_refused_while_indeterminate<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("indeterminate");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story
        .finished("end without knowing how", &lease, Ending::Unknown)
        .await?;
    refused(story, &id).await
}
