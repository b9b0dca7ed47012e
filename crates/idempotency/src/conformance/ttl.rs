//! How long results and keys are kept.

use super::{
    Harness,
    leases::rises,
    story::{
        A, B, C, KEY_TTL, LEASE, MOMENT, RESULT_TTL, Story, Told, ask, completed, expects,
        for_another_payload, id, result, same, take,
    },
};
use crate::{Claim, ClaimRequest, Ending, Stored, Written};

pub(super) async fn a_result_goes_before_its_key<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("fading");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story.finished("complete", &lease, completed()).await?;
    story.advance(RESULT_TTL / 2).await;
    let step = "claim it while its result is kept";
    let claim = story.claim(step, ask(&id, B)).await?;
    same(step, &claim, &Claim::Completed(result()))?;

    story.advance(RESULT_TTL / 2 + MOMENT).await;
    for step in ["claim it when its result has gone", "claim it once more"] {
        let claim = story.claim(step, take(&id, B)).await?;
        expects!(step, claim, Claim::Expired);
    }
    let step = "claim it for another payload when its result has gone";
    let claim = story.claim(step, for_another_payload(ask(&id, B))).await?;
    expects!(step, claim, Claim::Mismatch);
    story.advance(KEY_TTL - RESULT_TTL * 2).await;
    let step = "claim it shortly before its key has gone";
    let claim = story.claim(step, ask(&id, B)).await?;
    expects!(step, claim, Claim::Expired);
    Ok(())
}

pub(super) async fn a_key_is_free_when_its_time_is_over<H: Harness>(story: &Story<'_, H>) -> Told {
    for (n, ending) in [completed(), Ending::Released].into_iter().enumerate() {
        let id = id(&format!("over-{n}"));
        let lease = story.granted("claim", ask(&id, A)).await?;
        let step = "say which point is reached";
        let written = story.renew(step, &lease, LEASE, Some("charged")).await?;
        same(step, &written, &Written::Done)?;
        story.finished("end it", &lease, ending).await?;
        story.advance(KEY_TTL + MOMENT).await;
        // For something else, even: its lifetime is judged before its payload.
        let step = "claim for another payload what is over";
        let claim = story.claim(step, for_another_payload(ask(&id, B))).await?;
        expects!(
            step,
            claim,
            Claim::Granted {
                taken_over: false,
                step: None,
                ..
            }
        );
        let attempts = story.record(step, &id).await?.attempts;
        same("count the attempts of its new life", &attempts, &1)?;
        let step = "claim it for the payload of its former life";
        let claim = story.claim(step, ask(&id, C)).await?;
        expects!(step, claim, Claim::Mismatch);
        let step = "claim it for the payload of its new life";
        let claim = story.claim(step, for_another_payload(ask(&id, C))).await?;
        expects!(step, claim, Claim::InFlight { .. });
    }

    let id = id("result-longer-than-key");
    let request = ClaimRequest {
        result_ttl: KEY_TTL,
        key_ttl: MOMENT,
        ..ask(&id, A)
    };
    let lease = story
        .granted("claim, with the key kept for less than the result", request)
        .await?;
    story.finished("complete", &lease, completed()).await?;
    story.advance(RESULT_TTL).await;
    let step = "claim while the result is kept";
    let claim = story.claim(step, ask(&id, B)).await?;
    same(step, &claim, &Claim::Completed(result()))
}

pub(super) async fn a_fence_outlives_the_lifetime<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("second-life");
    let first = story.granted("claim", ask(&id, A)).await?;
    story.finished("complete", &first, completed()).await?;
    story.advance(KEY_TTL + MOMENT).await;
    let is_there = story.find(&id).await?.is_some();
    let step = "claim what is over";
    let second = story.granted(step, ask(&id, B)).await?;
    if is_there {
        rises(step, first.fence, second.fence)?;
    }
    let step = "end it as the owner of its former life";
    for ending in [completed(), Ending::Released, Ending::Unknown] {
        let written = story.finish(step, &first, ending).await?;
        expects!(step, written, Written::Fenced(_));
    }
    story
        .finished(
            "complete as the owner of its new life",
            &second,
            completed(),
        )
        .await?;
    let claim = story.claim("claim it", ask(&id, C)).await?;
    same("claim it", &claim, &Claim::Completed(result()))
}

pub(super) async fn a_former_owner_is_told_nothing_of_another_payload<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("third-party");
    let former = story.granted("claim", ask(&id, A)).await?;
    story.finished("complete", &former, completed()).await?;
    story.advance(KEY_TTL + MOMENT).await;
    let step = "claim for another payload what is over";
    let lease = story
        .granted(step, for_another_payload(ask(&id, B)))
        .await?;
    story.finished("complete it", &lease, completed()).await?;
    let step = "complete as the owner of its former life";
    let other = Ending::Completed(Stored::body(*b"another receipt"));
    let written = story.finish(step, &former, other).await?;
    same(step, &written, &Written::Fenced(None))?;
    let step = "renew as the owner of its former life";
    let written = story.renew(step, &former, LEASE, None).await?;
    same(step, &written, &Written::Fenced(None))
}

pub(super) async fn what_takes_longer_than_its_result_is_kept_from_its_end<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    for (n, took) in [RESULT_TTL, KEY_TTL].into_iter().enumerate() {
        let id = id(&format!("slow-{n}"));
        let lease = story.granted("claim", ask(&id, A)).await?;
        story.advance(took + MOMENT).await;
        let step = format!("complete it after {took:?}");
        story.finished(&step, &lease, completed()).await?;
        story.advance(RESULT_TTL - MOMENT).await;
        let step = "claim it while its result is kept";
        let claim = story.claim(step, ask(&id, B)).await?;
        same(step, &claim, &Claim::Completed(result()))?;
        story.advance(KEY_TTL - RESULT_TTL - MOMENT).await;
        let step = "claim it while its key is kept";
        let claim = story.claim(step, ask(&id, B)).await?;
        expects!(step, claim, Claim::Expired);
    }
    Ok(())
}

pub(super) async fn what_is_in_flight_outlives_the_lifetime<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("long-work");
    let request = ClaimRequest {
        lease: KEY_TTL * 3,
        ..ask(&id, A)
    };
    let lease = story
        .granted("claim for longer than the key is kept", request)
        .await?;
    story.advance(KEY_TTL * 2).await;
    let step = "claim what is in flight, past the lifetime of its key";
    let claim = story.claim(step, take(&id, B)).await?;
    expects!(step, claim, Claim::InFlight { .. });
    let claim = story.claim(step, for_another_payload(ask(&id, B))).await?;
    expects!(step, claim, Claim::Mismatch);
    story.advance(KEY_TTL * 2).await;
    let step = "claim what has lapsed, past the lifetime of its key";
    let claim = story.claim(step, ask(&id, B)).await?;
    expects!(step, claim, Claim::Indeterminate);
    story.finished("complete it", &lease, completed()).await
}

pub(super) async fn what_is_indeterminate_outlives_the_lifetime<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("unresolved");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story
        .finished("end without knowing how", &lease, Ending::Unknown)
        .await?;
    story.advance(KEY_TTL * 2).await;
    let step = "claim what is indeterminate, past the lifetime of its key";
    let claim = story.claim(step, ask(&id, B)).await?;
    expects!(step, claim, Claim::Indeterminate);
    let claim = story.claim(step, for_another_payload(take(&id, B))).await?;
    expects!(step, claim, Claim::Mismatch);
    Ok(())
}
