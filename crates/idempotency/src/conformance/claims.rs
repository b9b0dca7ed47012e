//! Who may run.

use std::time::Duration;

use super::{
    Harness,
    story::{
        A, B, LEASE, MOMENT, Story, Told, answered, ask, broken, completed, expects, id, result,
        same, take, together,
    },
};
use crate::{Claim, ClaimRequest, Owner, State, Store};

pub(super) async fn an_absent_key_is_granted<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("new");
    let claim = story.claim("claim a key that is new", ask(&id, A)).await?;
    expects!(
        "claim a key that is new",
        claim,
        Claim::Granted {
            taken_over: false,
            step: None,
            ..
        }
    );
    let record = story.record("find what was claimed", &id).await?;
    same("find what was claimed", &record.state, &State::InFlight)
}

pub(super) async fn one_of_many_claimants_is_granted<H: Harness>(story: &Story<'_, H>) -> Told {
    for round in 0..8 {
        let id = id(&format!("wanted-{round}"));
        let claims = (0..16).map(|n| {
            let store = if n % 2 == 0 {
                &story.store
            } else {
                story.other()
            };
            store.claim(ask(&id, Owner::from_u128(n)))
        });
        let step = "claim a key sixteen times at once";
        let (mut granted, mut in_flight) = (0, 0);
        for claim in together(claims.collect()).await {
            match answered(step, claim)? {
                Claim::Granted { .. } => granted += 1,
                Claim::InFlight { .. } => in_flight += 1,
                claim => return Err(broken(step, "Granted or InFlight", claim)),
            }
        }
        let expected = (1, 15);
        same(
            "count who is granted it and who is told it is in flight",
            &(granted, in_flight),
            &expected,
        )?;
    }
    Ok(())
}

pub(super) async fn a_second_claimant_is_told_how_long_it_takes<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let id = id("busy");
    story.granted("claim", ask(&id, A)).await?;
    let step = "claim what another has just claimed";
    let claim = story.claim(step, ask(&id, B)).await?;
    // Half of it is leeway for a store whose clock went on meanwhile.
    expects!(
        step,
        claim,
        Claim::InFlight { lease_left } if lease_left > LEASE / 2 && lease_left <= LEASE
    );
    story.advance(LEASE / 2).await;
    let before = story.find(&id).await?;
    for request in [ask(&id, B), take(&id, B)] {
        let step = "claim what is in flight, with half of the lease gone";
        let claim = story.claim(step, request).await?;
        expects!(
            step,
            claim,
            Claim::InFlight { lease_left } if lease_left > Duration::ZERO && lease_left <= LEASE / 2
        );
        same(step, &story.find(&id).await?, &before)?;
    }
    Ok(())
}

pub(super) async fn a_repeated_claim_is_the_same_claim<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("lost-answer");
    let first = story.claim("claim", ask(&id, A)).await?;
    let again = story
        .claim("claim again, as the answer was lost", ask(&id, A))
        .await?;
    same("claim again, as the answer was lost", &again, &first)?;
    let attempts = story.record("find it", &id).await?.attempts;
    same("count the attempts", &attempts, &1)?;

    story.advance(LEASE + MOMENT).await;
    let first = story.claim("take over", take(&id, B)).await?;
    expects!(
        "take over",
        first,
        Claim::Granted {
            taken_over: true,
            ..
        }
    );
    let again = story
        .claim("take over again, as the answer was lost", take(&id, B))
        .await?;
    same("take over again, as the answer was lost", &again, &first)?;
    let attempts = story.record("find it", &id).await?.attempts;
    same("count the attempts", &attempts, &2)?;

    // Too late to be the same: it was done meanwhile.
    let lease = story.granted("claim again", take(&id, B)).await?;
    story.finished("complete", &lease, completed()).await?;
    let step = "claim with the same owner what it has completed";
    let claim = story.claim(step, take(&id, B)).await?;
    same(step, &claim, &Claim::Completed(result()))
}

pub(super) async fn a_repeated_claim_holds_from_then_on<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("late-repeat");
    let lease = story.granted("claim", ask(&id, A)).await?;
    story.advance(LEASE + MOMENT).await;
    let step = "claim again after the lease, with nobody in between";
    let again = story.granted(step, ask(&id, A)).await?;
    same(step, &again.fence, &lease.fence)?;
    let step = "claim what was just claimed again";
    let claim = story.claim(step, take(&id, B)).await?;
    expects!(step, claim, Claim::InFlight { lease_left } if lease_left > LEASE / 2);

    let step = "claim again for a shorter time";
    let short = ClaimRequest {
        lease: MOMENT,
        ..ask(&id, A)
    };
    story.granted(step, short).await?;
    let claim = story.claim(step, take(&id, B)).await?;
    expects!(step, claim, Claim::InFlight { lease_left } if lease_left > LEASE / 2);
    Ok(())
}
