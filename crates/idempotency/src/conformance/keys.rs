//! What is another key, and what is the same.

use super::{
    Harness,
    story::{A, B, Story, Told, ask, expects, for_another_payload, id, key, same},
};
use crate::{Claim, Id, Scope, Stored};

/// Claims each of them for something else, and expects that each is new and keeps its own result.
async fn all_different<H: Harness>(story: &Story<'_, H>, ids: &[Id]) -> Told {
    for (n, id) in ids.iter().enumerate() {
        let step = format!("claim {id:?} after {n} others");
        let request = ask(id, A);
        let request = if n % 2 == 0 {
            request
        } else {
            for_another_payload(request)
        };
        let lease = story.granted(&step, request).await?;
        let ending = crate::Ending::Completed(Stored::body(n.to_string().into_bytes()));
        story
            .finished("complete it with a result of its own", &lease, ending)
            .await?;
    }
    for (n, id) in ids.iter().enumerate() {
        let step = format!("replay {id:?}");
        let request = ask(id, B);
        let request = if n % 2 == 0 {
            request
        } else {
            for_another_payload(request)
        };
        let claim = story.claim(&step, request).await?;
        let expected = Claim::Completed(Stored::body(n.to_string().into_bytes()));
        same(&step, &claim, &expected)?;
        let record = story.record(&step, id).await?;
        same(&step, &record.id, id)?;
    }
    Ok(())
}

pub(super) async fn similar_keys_are_different<H: Harness>(story: &Story<'_, H>) -> Told {
    let keys = [
        "order", "Order", "ORDER", "order ", "order  ", " order", "order%", "orde_", "order*",
        "order?", "order'", "order\"", "order\\", "order--", "order;", "order:1", "order/1",
        "{order}", "0", "00", "-0", "0.0", "0x0", "1e1", "10", "null", "NULL", "~", " ", "%",
    ];
    let ids: Vec<_> = keys.into_iter().map(id).collect();
    all_different(story, &ids).await
}

pub(super) async fn parts_do_not_run_together<H: Harness>(story: &Story<'_, H>) -> Told {
    let mut ids = Vec::new();
    for between in ["", ":", "/", "|", ",", " ", "\"", "\\", "--"] {
        // Each joins to the same text, however it is cut into three.
        let parts = [
            ("a", format!("b{between}c"), "d".to_owned()),
            ("a", "b".to_owned(), format!("c{between}d")),
        ];
        for (principal, operation, key) in parts {
            ids.push(of(principal, &operation, &key));
        }
        let principal = format!("a{between}b");
        ids.push(of(&principal, "c", "d"));
    }
    all_different(story, &ids).await
}

fn of(principal: &str, operation: &str, key: &str) -> Id {
    let scope = Scope::new(principal, operation).expect("its parts are printable");
    Id::new(scope, self::key(key))
}

pub(super) async fn a_shared_scope_is_nobodys_own<H: Harness>(story: &Story<'_, H>) -> Told {
    let shared = |reason, key| {
        let scope = Scope::shared(reason).expect("the reason is printable");
        Id::new(scope, self::key(key))
    };
    let ids = [
        shared("a", "k"),
        of("a", "a", "k"),
        of("shared", "a", "k"),
        of("principal", "a", "k"),
        of(" ", "a", "k"),
        of("null", "a", "k"),
        of("None", "a", "k"),
        shared("b", "k"),
        shared("A", "k"),
        of("A", "a", "k"),
        of("a", "A", "k"),
    ];
    all_different(story, &ids).await
}

pub(super) async fn long_keys_differ_to_the_last_character<H: Harness>(
    story: &Story<'_, H>,
) -> Told {
    let long = "x".repeat(254);
    let (one, two) = (format!("{long}1"), format!("{long}2"));
    let ids = [
        of("a", "b", &one),
        of("a", "b", &two),
        of("a", "b", &long),
        of("a", &one, &one),
        of("a", &two, &one),
        of(&one, &one, &one),
        of(&two, &one, &one),
    ];
    all_different(story, &ids).await?;
    let step = "claim the longest id for another payload";
    let claim = story
        .claim(step, for_another_payload(ask(&ids[6], B)))
        .await?;
    expects!(step, claim, Claim::Mismatch);
    Ok(())
}
