//! What is kept comes back as it was.

use std::sync::Arc;

use super::{
    Harness,
    story::{
        A, B, KEY_TTL, LEASE, MOMENT, RESULT_TTL, Story, Told, ask, broken, expects, id, same, take,
    },
};
use crate::{Claim, ClaimRequest, Ending, State, Stored, Written};

pub(super) async fn a_record_says_what_it_is<H: Harness>(story: &Story<'_, H>) -> Told {
    let id = id("record");
    same("find what nobody claimed", &story.find(&id).await?, &None)?;
    let request = ask(&id, A);
    let lease = story.granted("claim", request).await?;
    let record = story.record("find what was claimed", &id).await?;
    same("read its id", &record.id, &id)?;
    same(
        "read its fingerprint",
        &record.fingerprint,
        &request.fingerprint,
    )?;
    same("read its state", &record.state, &State::InFlight)?;
    same(
        "read whose it is",
        &(record.owner, record.fence),
        &(A, lease.fence),
    )?;
    same(
        "read its step and result",
        &(record.step.clone(), record.result.clone()),
        &(None, None),
    )?;
    same(
        "count its attempts",
        &(record.attempts, record.taken_over),
        &(1, false),
    )?;
    let times = [
        record.lease_until.since(record.created_at),
        record.result_expires_at.since(record.created_at),
        record.expires_at.since(record.created_at),
    ];
    same("read its times", &times, &[LEASE, RESULT_TTL, KEY_TTL])?;

    let written = story
        .renew("renew", &lease, LEASE * 2, Some("half"))
        .await?;
    same("renew", &written, &Written::Done)?;
    let renewed = story.record("find what was renewed", &id).await?;
    let held = renewed.lease_until.since(record.created_at);
    if held < LEASE * 2 || held > LEASE * 3 {
        return Err(broken(
            "read until when it is held",
            "twice the lease",
            held,
        ));
    }
    same("read its step", &renewed.step, &Some("half".into()))?;
    let created = (
        renewed.created_at,
        renewed.result_expires_at,
        renewed.expires_at,
    );
    let before = (
        record.created_at,
        record.result_expires_at,
        record.expires_at,
    );
    same("read its other times", &created, &before)?;

    // What takes a while is not kept for longer because of it.
    story.advance(LEASE).await;
    story
        .finished(
            "complete",
            &lease,
            Ending::Completed(Stored::body(*b"done")),
        )
        .await?;
    let done = story.record("find what was completed", &id).await?;
    same("read its state", &done.state, &State::Completed)?;
    same(
        "read its result",
        &done.result,
        &Some(Stored::body(*b"done")),
    )?;
    same(
        "read whose it is",
        &(done.owner, done.fence),
        &(A, lease.fence),
    )?;
    // A table that is aged has its times moved, all of them alike.
    let times = [
        done.result_expires_at.since(done.created_at),
        done.expires_at.since(done.created_at),
    ];
    same("read its other times", &times, &[RESULT_TTL, KEY_TTL])
}

pub(super) async fn results_come_back_as_they_were<H: Harness>(story: &Story<'_, H>) -> Told {
    let every_byte: Vec<u8> = (0..=255).collect();
    let texts: [&[u8]; 6] = [
        b"",
        b"\0",
        b"plain",
        b"'; DROP TABLE x; --",
        b"\r\n\r\n",
        &every_byte,
    ];
    let mut results = Vec::new();
    for (n, headers) in texts.iter().enumerate() {
        for (m, body) in texts.iter().enumerate() {
            let status = [0, 1, 200, 599, 32_768, u16::MAX][(n + m) % 6];
            results.push(stored(status, headers, Some(body)));
        }
    }
    for (n, result) in results.into_iter().enumerate() {
        comes_back(story, &format!("result-{n}"), result).await?;
    }
    Ok(())
}

pub(super) async fn a_large_result_comes_back<H: Harness>(story: &Story<'_, H>) -> Told {
    let mut bits = 1_u32;
    let mut noise = |length: usize| -> Vec<u8> {
        let byte = |_| {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bits.to_be_bytes()[0]
        };
        (0..length).map(byte).collect()
    };
    let (headers, body) = (noise(8 << 10), noise(1 << 20));
    comes_back(story, "large", stored(200, &headers, Some(&body))).await
}

pub(super) async fn an_omitted_body_is_not_an_empty_one<H: Harness>(story: &Story<'_, H>) -> Told {
    comes_back(story, "omitted", stored(200, b"", None)).await?;
    comes_back(story, "omitted-with-headers", stored(0, b"a: b", None)).await?;
    comes_back(story, "empty", stored(200, b"", Some(b""))).await
}

pub(super) async fn a_step_is_any_text<H: Harness>(story: &Story<'_, H>) -> Told {
    let long = "x".repeat(1000);
    let points = [
        "",
        " ",
        "charged",
        "Gebühr \u{1f4b6}",
        "a'b\"c\\d%_;--",
        "tab\tline\n",
        &long,
    ];
    for (n, point) in points.into_iter().enumerate() {
        let id = id(&format!("point-{n}"));
        let lease = story.granted("claim", ask(&id, A)).await?;
        let step = format!("remember the point {point:?}");
        let written = story.renew(&step, &lease, LEASE, Some(point)).await?;
        same(&step, &written, &Written::Done)?;
        let found = story.record("find it", &id).await?.step;
        same(&step, &found.as_deref(), &Some(point))?;
        story.advance(LEASE + MOMENT).await;
        let claim = story.claim("take over", take(&id, B)).await?;
        expects!(&step, claim, Claim::Granted { step: Some(reached), .. } if *reached == *point);
    }
    Ok(())
}

fn stored(status: u16, headers: &[u8], body: Option<&[u8]>) -> Stored {
    Stored {
        status,
        headers: headers.into(),
        body: body.map(Arc::from),
    }
}

/// Completes a claim with it, and expects it of everybody who asks.
async fn comes_back<H: Harness>(story: &Story<'_, H>, key: &str, result: Stored) -> Told {
    let id = id(key);
    let request: ClaimRequest<'_> = ask(&id, A);
    let lease = story.granted("claim", request).await?;
    story
        .finished("complete", &lease, Ending::Completed(result.clone()))
        .await?;
    let step = format!("replay {result:?}");
    let claim = story.claim(&step, ask(&id, B)).await?;
    let found = story.record(&step, &id).await?.result;
    if claim == Claim::Completed(result.clone()) && found == Some(result) {
        return Ok(());
    }
    let shown = match claim {
        Claim::Completed(came) => format!("{came:?}, or other bytes of that length"),
        claim => format!("{claim:?}"),
    };
    Err(broken(&step, "the same", shown))
}
