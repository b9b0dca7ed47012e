//! What is deleted, and what never is.

use super::{
    Harness,
    story::{
        A, B, KEY_TTL, MOMENT, RESULT_TTL, Story, Told, answered, ask, broken, completed, expects,
        id, same, together,
    },
};
use crate::{Claim, Ending, Id, State, Store};

const MANY: usize = 20;

/// Records that are over, half of them completed and half released.
async fn over<H: Harness>(story: &Story<'_, H>) -> Told<Vec<Id>> {
    let ids: Vec<_> = (0..MANY).map(|n| id(&format!("over-{n}"))).collect();
    for (n, id) in ids.iter().enumerate() {
        let lease = story.granted("claim", ask(id, A)).await?;
        let ending = if n % 2 == 0 {
            completed()
        } else {
            Ending::Released
        };
        story.finished("end it", &lease, ending).await?;
    }
    story.advance(KEY_TTL + MOMENT).await;
    Ok(ids)
}

async fn there<H: Harness>(story: &Story<'_, H>, ids: &[Id]) -> Told<u64> {
    let mut there = 0;
    for id in ids {
        there += u64::from(story.find(id).await?.is_some());
    }
    Ok(there)
}

pub(super) async fn the_reaper_keeps_to_its_limit<H: Harness>(story: &Story<'_, H>) -> Told {
    let ids = over(story).await?;
    let mut left = there(story, &ids).await?;
    for limit in [0, 1, 7, 100, 100] {
        let step = format!("reap {limit} of {left}");
        let reaped = story.reap(&step, limit).await?;
        same(&step, &reaped, &left.min(u64::from(limit)))?;
        let now = there(story, &ids).await?;
        same("count what is left", &now, &(left - reaped))?;
        left = now;
    }
    Ok(())
}

pub(super) async fn the_reaper_takes_only_what_is_over<H: Harness>(story: &Story<'_, H>) -> Told {
    let (busy, unknown) = (id("in-flight"), id("indeterminate"));
    story.granted("claim", ask(&busy, A)).await?;
    let lease = story.granted("claim", ask(&unknown, A)).await?;
    story
        .finished("end without knowing how", &lease, Ending::Unknown)
        .await?;
    let ids = over(story).await?;
    let (faded, fresh) = (id("faded"), id("fresh"));
    let lease = story.granted("claim", ask(&faded, A)).await?;
    story.finished("complete", &lease, completed()).await?;
    story.advance(RESULT_TTL + MOMENT).await;
    let lease = story.granted("claim", ask(&fresh, A)).await?;
    story.finished("release", &lease, Ending::Released).await?;

    let mut expected = there(story, &ids).await?;
    while expected > 0 {
        let step = "reap all that is over";
        let reaped = story.reap(step, 8).await?;
        if reaped == 0 || reaped > expected {
            return Err(broken(step, format_args!("some of {expected}"), reaped));
        }
        expected -= reaped;
    }
    let step = "reap when nothing is over any more";
    same(step, &story.reap(step, 100).await?, &0)?;
    same("count what is left of it", &there(story, &ids).await?, &0)?;
    for (id, state) in [
        (&busy, State::InFlight),
        (&unknown, State::Indeterminate),
        (&faded, State::Completed),
        (&fresh, State::Released),
    ] {
        let step = format!("find what is {state} after the reaper came");
        same(&step, &story.record(&step, id).await?.state, &state)?;
    }
    let claim = story.claim("claim what has faded", ask(&faded, B)).await?;
    expects!("claim what has faded", claim, Claim::Expired);
    story
        .granted("claim what was reaped", ask(&ids[0], B))
        .await?;
    Ok(())
}

pub(super) async fn reapers_share_the_work<H: Harness>(story: &Story<'_, H>) -> Told {
    let ids = over(story).await?;
    let expected = there(story, &ids).await?;
    let step = "reap from four sides at once, while one of the keys is claimed";
    let taken = &ids[MANY / 2];
    let mut sides: Vec<_> = (0..4).map(|_| story.store.reap(5)).collect();
    sides.push(story.other().reap(5));
    let mut sum = 0;
    for reaped in together(sides).await {
        let reaped = answered(step, reaped)?;
        if reaped > 5 {
            return Err(broken(step, "at most 5 each", reaped));
        }
        sum += reaped;
    }
    let left = there(story, &ids).await?;
    same(
        "count what was reaped and what is left",
        &(sum + left),
        &expected,
    )?;
    story
        .granted("claim what may have been reaped", ask(taken, B))
        .await?;
    story.reap(step, 100).await?;
    let state = story
        .record("find what was claimed anew", taken)
        .await?
        .state;
    same("find what was claimed anew", &state, &State::InFlight)
}
