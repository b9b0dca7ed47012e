//! How long a claim holds, and what happens after that.

use std::time::Duration;

use super::{
    Harness,
    story::{
        A, B, C, KEY_TTL, LEASE, MOMENT, RESULT_TTL, Story, Told, ask, broken, completed, expects,
        for_another_payload, id, result, same, take,
    },
};
use crate::{Claim, State, Written};

pub(super) async fn a_lapsed_claim_becomes_indeterminate<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("blocked");
    story.granted("claim", ask(&id, A)).await?;
    story.advance(LEASE + MOMENT).await;
    for step in ["claim what has lapsed", "claim it once more"] {
        let claim = story.claim(step, ask(&id, B)).await?;
        expects!(step, claim, Claim::Indeterminate);
        let state = story.record(step, &id).await?.state;
        same("find the record marked", &state, &State::Indeterminate)?;
    }
    let step = "claim it with the same owner as the first time";
    let claim = story.claim(step, ask(&id, A)).await?;
    expects!(step, claim, Claim::Indeterminate);
    Ok(())
}

pub(super) async fn a_lapsed_claim_is_taken_over<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("taken-over");
    let mut lease = story.granted("claim", ask(&id, A)).await?;
    for owner in [B, C] {
        story.advance(LEASE + MOMENT).await;
        let step = "take over what has lapsed";
        let request = take(&id, owner);
        let claim = story.claim(step, request).await?;
        expects!(
            step,
            &claim,
            Claim::Granted {
                taken_over: true,
                step: None,
                ..
            }
        );
        let next = super::story::lease(step, &request, claim)?;
        rises(step, lease.fence, next.fence)?;
        lease = next;
    }
    let record = story.record("find it", &id).await?;
    let kept = [
        record.result_expires_at.since(record.lease_until),
        record.expires_at.since(record.lease_until),
    ];
    same(
        "read how long it is kept after the latest claim",
        &kept,
        &[RESULT_TTL - LEASE, KEY_TTL - LEASE],
    )?;
    same("count the attempts", &record.attempts, &3)?;
    same(
        "see whose it is",
        &(record.owner, record.fence),
        &(C, lease.fence),
    )
}

/// That the later fence is the higher one.
pub(super) fn rises(step: &str, before: crate::Fence, after: crate::Fence) -> Told {
    match after > before {
        true => Ok(()),
        false => Err(broken(
            step,
            format_args!("a fence above {before:?}"),
            after,
        )),
    }
}

pub(super) async fn what_is_indeterminate_is_taken_over_by_whoever_may<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("from-indeterminate");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story.advance(LEASE + MOMENT).await;
    let claim = story.claim("claim what has lapsed", ask(&id, B)).await?;
    expects!("claim what has lapsed", claim, Claim::Indeterminate);
    let step = "take over what is indeterminate";
    let request = take(&id, C);
    let claim = story.claim(step, request).await?;
    expects!(
        step,
        &claim,
        Claim::Granted {
            taken_over: true,
            ..
        }
    );
    let next = super::story::lease(step, &request, claim)?;
    rises(step, lease.fence, next.fence)
}

pub(super) async fn a_renewal_extends_the_lease<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("renewed");
    let lease = story.granted("claim", ask(&id, A)).await?;
    for _ in 0..5 {
        story.advance(LEASE * 2 / 3).await;
        let written = story.renew("renew", &lease, LEASE, None).await?;
        same("renew", &written, &Written::Done)?;
        let step = "claim what was renewed";
        let claim = story.claim(step, take(&id, B)).await?;
        expects!(step, claim, Claim::InFlight { lease_left } if lease_left > LEASE / 2 && lease_left <= LEASE);
    }
    story.advance(LEASE + MOMENT).await;
    let step = "take over what is not renewed any more";
    story.granted(step, take(&id, B)).await?;
    Ok(())
}

pub(super) async fn a_renewal_never_shortens_the_lease<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("renewed-short");
    let lease = story.granted("claim", ask(&id, A)).await?;
    for length in [MOMENT, Duration::ZERO] {
        let written = story
            .renew("renew for a shorter time", &lease, length, None)
            .await?;
        same("renew for a shorter time", &written, &Written::Done)?;
    }
    let step = "claim what is held for longer than the renewal was for";
    let claim = story.claim(step, take(&id, B)).await?;
    expects!(step, claim, Claim::InFlight { lease_left } if lease_left > LEASE / 2);
    Ok(())
}

pub(super) async fn a_lapsed_lease_is_held_again<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("held-again");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story.advance(LEASE + MOMENT).await;
    let step = "renew a lapsed lease, with nobody in between";
    let written = story.renew(step, &lease, LEASE, None).await?;
    same(step, &written, &Written::Done)?;
    let claim = story.claim(step, take(&id, B)).await?;
    expects!("claim what is held again", claim, Claim::InFlight { .. });

    story.advance(LEASE + MOMENT).await;
    let claim = story.claim("claim what has lapsed", ask(&id, B)).await?;
    expects!("claim what has lapsed", claim, Claim::Indeterminate);
    let step = "renew what became indeterminate, with nobody in between";
    let written = story.renew(step, &lease, LEASE, None).await?;
    same(step, &written, &Written::Done)?;
    let claim = story.claim("claim what is held again", ask(&id, B)).await?;
    expects!("claim what is held again", claim, Claim::InFlight { .. });
    Ok(())
}

pub(super) async fn the_lease_is_not_the_lifetime<H: Harness>(story: &Story<'_, H>) -> Told {
    let done = id("done");
    let lease = story.granted("claim", ask(&done, A)).await?;
    story.finished("complete", &lease, completed()).await?;
    let lapsed = id("not-done");
    let lease = story.granted("claim another", ask(&lapsed, A)).await?;
    story.advance(LEASE * 3).await;

    let step = "claim what was completed, long after its lease";
    let claim = story.claim(step, ask(&done, B)).await?;
    same(step, &claim, &Claim::Completed(result()))?;
    let step = "claim what has lapsed, for another payload";
    let claim = story
        .claim(step, for_another_payload(take(&lapsed, B)))
        .await?;
    expects!(step, claim, Claim::Mismatch);
    let step = "complete what has lapsed, and claim it long after";
    story.finished(step, &lease, completed()).await?;
    story.advance(LEASE * 3).await;
    let claim = story.claim(step, take(&lapsed, B)).await?;
    same(step, &claim, &Claim::Completed(result()))
}

pub(super) async fn a_step_is_told_to_whoever_takes_over<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("steps");
    let mut lease = story.granted("claim", ask(&id, A)).await?;
    for point in ["reserved", "charged"] {
        let written = story
            .renew("say which point is reached", &lease, LEASE, Some(point))
            .await?;
        same("say which point is reached", &written, &Written::Done)?;
    }
    let written = story
        .renew("renew without another point", &lease, LEASE, None)
        .await?;
    same("renew without another point", &written, &Written::Done)?;
    for owner in [B, C] {
        story.advance(LEASE + MOMENT).await;
        let step = "take over after a point was reached";
        let request = take(&id, owner);
        let claim = story.claim(step, request).await?;
        expects!(step, &claim, Claim::Granted { step: Some(point), .. } if &**point == "charged");
        lease = super::story::lease(step, &request, claim)?;
    }
    let step = "claim what was released after a point was reached";
    story
        .finished(step, &lease, crate::Ending::Released)
        .await?;
    let claim = story.claim(step, ask(&id, A)).await?;
    expects!(
        step,
        claim,
        Claim::Granted {
            step: None,
            taken_over: false,
            ..
        }
    );
    Ok(())
}

pub(super) async fn the_clock_is_the_stores_own<H: Harness>(story: &Story<'_, H>) -> Told {
    let (busy, done) = (id("busy"), id("done"));
    story.granted("claim", ask(&busy, A)).await?;
    let lease = story.granted("claim another", ask(&done, A)).await?;
    story.finished("complete it", &lease, completed()).await?;
    for ahead in [LEASE * 2, RESULT_TTL * 2, KEY_TTL * 2] {
        story.mislead(ahead)?;
        let claim = story.claim("claim", take(&busy, B)).await;
        let replay = story.claim("claim", ask(&done, B)).await;
        story.mislead(Duration::ZERO)?;
        let step = "claim what is in flight, by a clock that is ahead";
        expects!(step, claim?, Claim::InFlight { lease_left } if lease_left > LEASE / 2 && lease_left <= LEASE);
        let step = "claim what is completed, by a clock that is ahead";
        same(step, &replay?, &Claim::Completed(result()))?;
    }
    story.mislead(KEY_TTL)?;
    let late = id("claimed-ahead");
    let claim = story.claim("claim", ask(&late, A)).await;
    story.mislead(Duration::ZERO)?;
    expects!(
        "claim by a clock that is ahead",
        claim?,
        Claim::Granted { .. }
    );
    story.advance(LEASE + MOMENT).await;
    let step = "claim what has lapsed, though not by the clock it was claimed by";
    let claim = story.claim(step, ask(&late, B)).await?;
    expects!(step, claim, Claim::Indeterminate);
    Ok(())
}
