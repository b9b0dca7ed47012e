//! What SQLite adds to the protocol: rows, locks, and what becomes of errors.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "an error fails the story")]

mod common;

use std::{error::Error as _, time::Duration};

use common::{DAY, LEASE, Place, age, claimed, count, file, id, lease, request, result, run};
use sqlx::{SqlitePool, sqlite::SqlitePoolOptions};
use steadfast_idempotency::{
    Claim, Ending, Fence, Fingerprint, Lapsed, State, Store as _, StoreErrorKind, Stored, Written,
};
use steadfast_idempotency_sql::SqliteStore;

#[tokio::test]
async fn a_record_comes_back_as_it_was_written() {
    let place = Place::new();
    let store = place.store().await;
    let id = id("all fields");
    let mine = claimed(&store, &id, u128::MAX).await;
    store.renew(&mine, LEASE, Some("halfway")).await.unwrap();
    let stored = Stored {
        status: 201,
        headers: b"a: b".to_vec().into(),
        body: Some(vec![0, 159, 146, 150].into()),
    };
    let ending = Ending::Completed(stored.clone());
    assert_eq!(store.finish(&mine, ending).await.unwrap(), Written::Done);

    let record = place.store().await.find(&id).await.unwrap().unwrap();
    assert_eq!(record.id, id);
    assert_eq!(record.owner, mine.owner);
    assert_eq!(record.state, State::Completed);
    assert_eq!(record.fence, Fence::FIRST);
    assert_eq!(record.step.as_deref(), Some("halfway"));
    assert_eq!(record.result, Some(stored));
    assert_eq!((record.attempts, record.taken_over), (1, false));
    assert_eq!(record.result_expires_at.since(record.created_at), DAY);
    assert_eq!(record.expires_at.since(record.created_at), DAY * 30);
}

#[tokio::test]
async fn an_empty_body_is_not_one_that_was_left_out() {
    let place = Place::new();
    let store = place.store().await;
    for (key, stored) in [
        ("empty", Stored::body(Vec::new())),
        ("omitted", result("too large").without_body()),
    ] {
        let id = id(key);
        let mine = claimed(&store, &id, 1).await;
        let ending = Ending::Completed(stored.clone());
        store.finish(&mine, ending).await.unwrap();
        let again = store.claim(request(&id, 2)).await.unwrap();
        assert_eq!(again, Claim::Completed(stored), "{key}");
    }
}

#[tokio::test]
async fn who_only_asks_waits_for_no_writer() {
    let place = Place::new();
    let store = SqliteStore::options()
        .busy_timeout(Duration::from_millis(20))
        .open(place.path())
        .await
        .unwrap();
    let (done, busy) = (id("done"), id("busy"));
    let mine = claimed(&store, &done, 1).await;
    let ending = Ending::Completed(result("x"));
    store.finish(&mine, ending).await.unwrap();
    claimed(&store, &busy, 1).await;

    let other = SqlitePool::connect_with(file(&place)).await.unwrap();
    let writer = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let replay = store.claim(request(&done, 2)).await.unwrap();
    assert_eq!(replay, Claim::Completed(result("x")));
    let duplicate = store.claim(request(&busy, 2)).await.unwrap();
    assert!(matches!(duplicate, Claim::InFlight { .. }));
    assert_eq!(store.reap(10).await.unwrap(), 0);

    // Whoever has to write does wait, and says so when it takes too long.
    let new = id("new");
    let error = store.claim(request(&new, 1)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    assert!(error.source().unwrap().to_string().contains("locked"));
    writer.rollback().await.unwrap();
    claimed(&store, &new, 1).await;
}

#[tokio::test]
async fn a_row_that_nobody_wrote_so_is_corrupt_and_stays_as_it_is() {
    let place = Place::new();
    let store = place.store().await;
    let pool = SqlitePool::connect_with(file(&place)).await.unwrap();
    for (key, damage) in [
        ("short fingerprint", "fingerprint = x'00'"),
        ("long owner", "owner = zeroblob(17)"),
        ("negative fence", "fence = -1"),
        ("result without a state", "status = 200"),
        ("completed without a result", "state = 'completed'"),
        (
            "no body",
            "state = 'completed', status = 200, body = NULL, body_omitted = 0",
        ),
        (
            "status of more than 16 bits",
            "state = 'completed', status = 70000",
        ),
        ("attempts of more than 32 bits", "attempts = 5000000000"),
    ] {
        let id = id(key);
        claimed(&store, &id, 1).await;
        run(
            &pool,
            &format!("UPDATE idempotency_records SET {damage} WHERE key = '{key}'"),
        )
        .await;
        let before = count(&pool, "idempotency_records").await;
        let error = store.claim(request(&id, 2)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{key}");
        assert_eq!(count(&pool, "idempotency_records").await, before);
    }
}

#[tokio::test]
async fn a_full_file_is_said_to_be_full_and_goes_on_when_there_is_room() {
    let place = Place::new();
    // The limit is one of a connection, so there is only one.
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(file(&place)).await.unwrap();
    let store = SqliteStore::from_pool(pool.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let id = id("large");
    let mine = claimed(&store, &id, 1).await;
    run(&pool, "PRAGMA max_page_count = 1").await;
    let large = Stored::body(vec![1; 1 << 20]);
    let error = store.finish(&mine, Ending::Completed(large.clone())).await;
    assert_eq!(error.unwrap_err().kind(), StoreErrorKind::Full);
    let record = store.find(&id).await.unwrap().unwrap();
    assert_eq!(record.state, State::InFlight);
    run(&pool, "PRAGMA max_page_count = 100000").await;
    let done = store.finish(&mine, Ending::Completed(large)).await.unwrap();
    assert_eq!(done, Written::Done);
}

#[tokio::test]
async fn what_nobody_knows_is_listed_oldest_first_until_somebody_says() {
    let place = Place::new();
    let store = place.store().await;
    let pool = SqlitePool::connect_with(file(&place)).await.unwrap();
    for key in ["first", "second", "third"] {
        let mine = claimed(&store, &id(key), 1).await;
        store.finish(&mine, Ending::Unknown).await.unwrap();
        age(&pool, Duration::from_secs(1)).await;
    }
    claimed(&store, &id("in flight"), 1).await;
    let listed = store.indeterminate(2).await.unwrap();
    let keys: Vec<_> = listed.iter().map(|record| record.id.clone()).collect();
    assert_eq!(keys, [id("first"), id("second")]);

    // What nobody has asked for since its lease was over is listed as well.
    age(&pool, LEASE).await;
    claimed(&store, &id("at work"), 1).await;
    let listed = store.indeterminate(10).await.unwrap();
    let states: Vec<_> = listed.iter().map(|record| record.state).collect();
    let unknown = State::Indeterminate;
    assert_eq!(states, [unknown, unknown, unknown, State::InFlight]);
    assert_eq!(listed[3].id, id("in flight"));
    let released = store.resolve(&listed[3].id, Ending::Released).await;
    assert!(released.unwrap());

    let done = Ending::Completed(result("it was done"));
    assert!(store.resolve(&keys[0], done.clone()).await.unwrap());
    assert!(!store.resolve(&keys[0], done).await.unwrap());
    assert!(store.resolve(&keys[1], Ending::Released).await.unwrap());
    let listed = store.indeterminate(10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, id("third"));
}

#[tokio::test]
async fn a_reaper_takes_what_is_over_in_batches_and_nothing_else() {
    let place = Place::new();
    let store = place.store().await;
    let pool = SqlitePool::connect_with(file(&place)).await.unwrap();
    for key in 0..5 {
        let mine = claimed(&store, &id(&format!("done {key}")), 1).await;
        let ending = Ending::Completed(result("x"));
        store.finish(&mine, ending).await.unwrap();
    }
    let mine = claimed(&store, &id("unknown"), 1).await;
    store.finish(&mine, Ending::Unknown).await.unwrap();
    claimed(&store, &id("in flight"), 1).await;
    assert_eq!(store.reap(100).await.unwrap(), 0);
    age(&pool, DAY * 31).await;
    assert_eq!(store.reap(3).await.unwrap(), 3);
    assert_eq!(store.reap(3).await.unwrap(), 2);
    assert_eq!(store.reap(3).await.unwrap(), 0);
    assert_eq!(count(&pool, "idempotency_records").await, 2);
}

#[tokio::test]
async fn the_reaper_and_the_listing_go_by_an_index() {
    let place = Place::new();
    let store = place.store().await;
    for (sql, index) in [
        (
            "SELECT rowid FROM idempotency_records WHERE state IN ('completed', 'released') \
             AND expires_at <= 1 ORDER BY expires_at LIMIT 1",
            "idempotency_reapable",
        ),
        (
            "SELECT key FROM idempotency_records WHERE state IN ('in flight', 'indeterminate') \
             AND (state = 'indeterminate' OR lease_until <= 1) ORDER BY created_at LIMIT 1",
            "idempotency_open",
        ),
    ] {
        let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sql).fetch_all(store.reader()).await.unwrap();
        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(plan[0].3.contains(index), "{plan:?}");
    }
}

#[tokio::test]
async fn of_many_pools_that_claim_at_once_one_is_granted() {
    let place = Place::new();
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(place.store().await);
    }
    for round in 0..20 {
        let id = id(&format!("round {round}"));
        let tasks: Vec<_> = (0..8)
            .map(|owner| {
                let store = stores[owner % stores.len()].clone();
                let id = id.clone();
                tokio::spawn(async move { store.claim(request(&id, owner as u128)).await })
            })
            .collect();
        let mut granted = 0;
        for task in tasks {
            match task.await.unwrap().unwrap() {
                Claim::Granted { .. } => granted += 1,
                Claim::InFlight { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(granted, 1);
    }
}

#[tokio::test]
async fn a_late_owner_is_fenced_and_told_what_came_of_it() {
    let place = Place::new();
    let store = place.store().await;
    let pool = SqlitePool::connect_with(file(&place)).await.unwrap();
    let id = id("late");
    let first = claimed(&store, &id, 1).await;
    age(&pool, LEASE).await;
    let mut take_over = request(&id, 2);
    take_over.lapsed = Lapsed::TakeOver;
    let claim = store.claim(take_over).await.unwrap();
    assert!(matches!(
        claim,
        Claim::Granted {
            taken_over: true,
            ..
        }
    ));
    let second = lease(&id, 2, 2);
    let ending = Ending::Completed(result("second"));
    store.finish(&second, ending).await.unwrap();
    let late = store
        .finish(&first, Ending::Completed(result("first")))
        .await;
    assert_eq!(late.unwrap(), Written::Fenced(Some(result("second"))));
}

#[tokio::test]
async fn a_key_that_is_free_again_is_for_what_it_is_claimed_for_then() {
    let place = Place::new();
    let store = place.store().await;
    let pool = SqlitePool::connect_with(file(&place)).await.unwrap();
    let id = id("free again");
    let mine = claimed(&store, &id, 1).await;
    let ending = Ending::Completed(result("before"));
    store.finish(&mine, ending).await.unwrap();
    age(&pool, DAY * 31).await;
    let mut other = request(&id, 2);
    other.fingerprint = Fingerprint::of(b"something else");
    let claim = store.claim(other).await.unwrap();
    // The number goes on, as long as the row is there.
    assert!(matches!(claim, Claim::Granted { fence, .. } if fence.get() == 2));
    let claim = store.claim(request(&id, 3)).await.unwrap();
    assert_eq!(claim, Claim::Mismatch);
}
