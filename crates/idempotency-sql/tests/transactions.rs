//! Record and effect in one transaction, and what a dropped future leaves behind.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "an error fails the story")]

mod common;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use common::{LEASE, Place, age, claimed, count, id, lease, request, result, run};
use sqlx::{Connection as _, SqlitePool, sqlite::SqlitePoolOptions};
use steadfast_core::TokioRuntime;
use steadfast_idempotency::{
    Begun, Claim, Detached, Ending, Fingerprint, Id, Idempotency, Key, Raw, Scope, State,
    Store as _, StoreError, TxStore as _, Written,
};
use steadfast_idempotency_sql::SqliteStore;

/// The claim, an effect and the completion, up to the commit.
async fn pay(store: &SqliteStore, id: &Id, owner: u128) -> Result<Claim, StoreError> {
    let mut tx = store.begin().await?;
    let claim = store.claim_in(&mut tx, request(id, owner)).await?;
    if let Claim::Granted { fence, .. } = claim {
        let effect =
            sqlx::query("INSERT INTO effects (key) VALUES (?1)").bind(id.key().as_str().to_owned());
        effect
            .execute(tx.connection().await.unwrap())
            .await
            .unwrap();
        let mine = lease(id, owner, fence.get());
        let written = store.complete_in(&mut tx, &mine, result("paid")).await?;
        assert_eq!(written, Written::Done);
        store.commit(tx).await?;
    }
    Ok(claim)
}

async fn shop(place: &Place) -> (SqliteStore, SqlitePool) {
    let store = place.store().await;
    let pool = store.reader().clone();
    run(&pool, "CREATE TABLE effects (key TEXT NOT NULL)").await;
    (store, pool)
}

#[tokio::test]
async fn effect_and_record_are_committed_together() {
    let place = Place::new();
    let (store, pool) = shop(&place).await;
    let id = id("pay");
    let first = pay(&store, &id, 1).await.unwrap();
    assert!(matches!(first, Claim::Granted { .. }));
    let again = pay(&store, &id, 2).await.unwrap();
    assert_eq!(again, Claim::Completed(result("paid")));
    assert_eq!(count(&pool, "effects").await, 1);
}

#[tokio::test]
async fn a_dropped_transaction_leaves_neither_effect_nor_record_nor_lock() {
    let place = Place::new();
    let (store, pool) = shop(&place).await;
    let id = id("dropped");
    let mut tx = store.begin().await.unwrap();
    store.claim_in(&mut tx, request(&id, 1)).await.unwrap();
    let effect = sqlx::query("INSERT INTO effects (key) VALUES ('dropped')");
    effect
        .execute(tx.connection().await.unwrap())
        .await
        .unwrap();
    drop(tx);

    let other = place.store().await;
    assert_eq!(other.find(&id).await.unwrap(), None);
    assert_eq!(count(&pool, "effects").await, 0);
    pay(&other, &id, 2).await.unwrap();
    assert_eq!(count(&pool, "effects").await, 1);
}

#[tokio::test]
async fn who_comes_second_waits_for_the_first_and_gets_its_result() {
    let place = Place::new();
    let (store, pool) = shop(&place).await;
    let id = id("twice");
    let mut tx = store.begin().await.unwrap();
    store.claim_in(&mut tx, request(&id, 1)).await.unwrap();
    let (other, same) = (place.store().await, id.clone());
    let second = tokio::spawn(async move { pay(&other, &same, 2).await });
    tokio::task::yield_now().await;
    let mine = lease(&id, 1, 1);
    store
        .complete_in(&mut tx, &mine, result("first"))
        .await
        .unwrap();
    store.commit(tx).await.unwrap();
    let second = second.await.unwrap().unwrap();
    assert_eq!(second, Claim::Completed(result("first")));
    assert_eq!(count(&pool, "effects").await, 0);
}

#[tokio::test]
async fn a_replay_in_a_transaction_does_not_wait_for_a_writer() {
    let place = Place::new();
    let (store, _) = shop(&place).await;
    let id = id("replay");
    pay(&store, &id, 1).await.unwrap();
    let mut writer = store.begin().await.unwrap();
    writer.connection().await.unwrap();
    // The only connection that writes is taken, and so is the lock.
    let replay = pay(&store, &id, 2).await.unwrap();
    assert_eq!(replay, Claim::Completed(result("paid")));
}

#[tokio::test]
async fn a_lapsed_claim_that_a_transaction_finds_is_indeterminate_from_then_on() {
    let place = Place::new();
    let (store, pool) = shop(&place).await;
    let id = id("lapsed");
    claimed(&store, &id, 1).await;
    age(&pool, LEASE).await;
    assert_eq!(pay(&store, &id, 2).await.unwrap(), Claim::Indeterminate);
    let record = store.find(&id).await.unwrap().unwrap();
    assert_eq!(record.state, State::Indeterminate);
    assert_eq!(count(&pool, "effects").await, 0);
}

#[tokio::test]
async fn a_transaction_whose_claim_was_taken_over_completes_nothing() {
    let place = Place::new();
    let (store, pool) = shop(&place).await;
    let id = id("fenced");
    let mine = claimed(&store, &id, 1).await;
    store.finish(&mine, Ending::Released).await.unwrap();
    claimed(&store, &id, 2).await;
    let mut tx = store.begin().await.unwrap();
    let written = store
        .complete_in(&mut tx, &mine, result("late"))
        .await
        .unwrap();
    assert_eq!(written, Written::Fenced(None));
    drop(tx);
    assert_eq!(
        count(&pool, "idempotency_records WHERE state = 'in flight'").await,
        1
    );
}

/// Polls the future so often, and drops it when it is woken once more.
async fn dropped_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

#[tokio::test]
async fn wherever_a_step_is_dropped_the_record_is_whole_and_the_lock_is_free() {
    let place = Place::new();
    let (store, _) = shop(&place).await;
    let other = place.store().await;
    let mut polls = 1;
    loop {
        let id = id(&format!("dropped after {polls} polls"));
        let ended = dropped_after(polls, store.claim(request(&id, 1))).await;
        // Whether it was made or not, it is made again as the same one.
        let again = other.claim(request(&id, 1)).await.unwrap();
        assert!(matches!(again, Claim::Granted { fence, .. } if fence.get() == 1));
        let mine = lease(&id, 1, 1);
        let finish = |store: &SqliteStore| {
            let (store, mine) = (store.clone(), mine.clone());
            async move { store.finish(&mine, Ending::Completed(result("x"))).await }
        };
        dropped_after(polls, finish(&store)).await;
        assert_eq!(finish(&other).await.unwrap(), Written::Done);
        if ended.is_some() {
            break;
        }
        polls += 1;
    }
    assert!(polls > 1, "{polls} polls are not all that it waits for");
}

#[tokio::test]
async fn wherever_a_payment_is_dropped_it_is_made_once() {
    let place = Place::new();
    let (store, pool) = shop(&place).await;
    let other = place.store().await;
    let mut dropped = 0;
    // How many it takes depends on how soon the thread of the connection answers.
    for polls in 1..=24 {
        let id = id(&format!("dropped after {polls} polls"));
        let ended = dropped_after(polls, pay(&store, &id, 1)).await;
        pay(&other, &id, 2).await.unwrap();
        let effects = format!("effects WHERE key = '{}'", id.key());
        assert_eq!(count(&pool, &effects).await, 1, "after {polls} polls");
        dropped += usize::from(ended.is_none());
    }
    assert!(dropped > 1, "it was dropped {dropped} times");
}

#[tokio::test]
async fn no_connection_goes_back_to_a_pool_inside_a_transaction() {
    let place = Place::new();
    shop(&place).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.path());
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options).await.unwrap();
    let store = SqliteStore::from_pool(pool.clone()).await.unwrap();
    for polls in 1..20 {
        let id = id(&format!("dropped after {polls} polls"));
        dropped_after(polls, pay(&store, &id, 1)).await;
        let mut connection = pool.acquire().await.unwrap();
        assert!(!connection.is_in_transaction());
        // Not only is it not counted as one: SQLite refuses to begin one inside another.
        let begin = sqlx::raw_sql("BEGIN; ROLLBACK")
            .execute(&mut *connection)
            .await;
        begin.unwrap();
    }
}

#[tokio::test]
async fn a_connection_whose_transaction_sqlite_ended_serves_nobody_else() {
    let place = Place::new();
    shop(&place).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.path());
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.acquire_timeout(Duration::from_secs(5));
    let pool = pool.connect_with(options).await.unwrap();
    let store = SqliteStore::from_pool(pool.clone()).await.unwrap();
    let id = id("ended");
    let mut tx = store.begin().await.unwrap();
    store.claim_in(&mut tx, request(&id, 1)).await.unwrap();
    // What a full disk does, and sqlx does not get to know.
    let rollback = sqlx::raw_sql("ROLLBACK");
    rollback
        .execute(tx.connection().await.unwrap())
        .await
        .unwrap();
    drop(tx);
    pay(&store, &id, 1).await.unwrap();
    assert_eq!(count(&pool, "effects").await, 1);
}

#[tokio::test]
async fn what_follows_a_transaction_that_sqlite_ended_is_not_committed_by_itself() {
    let place = Place::new();
    let (store, pool) = shop(&place).await;
    run(&pool, "CREATE UNIQUE INDEX once ON effects (key)").await;
    run(&pool, "INSERT INTO effects (key) VALUES ('there')").await;
    for (n, end) in [
        "INSERT OR ROLLBACK INTO effects (key) VALUES ('there')",
        "ROLLBACK",
        "COMMIT",
    ]
    .into_iter()
    .enumerate()
    {
        let id = id(&format!("ended {n}"));
        let mut tx = store.begin().await.unwrap();
        store.claim_in(&mut tx, request(&id, 1)).await.unwrap();
        let connection = tx.connection().await.unwrap();
        let ended = sqlx::raw_sql(end).execute(&mut *connection).await;
        assert_eq!(ended.is_ok(), end == "ROLLBACK", "{end}");
        // As by whoever takes the error for one that concerns that statement alone.
        let effect = sqlx::query("INSERT INTO effects (key) VALUES ('effect')");
        effect.execute(&mut *connection).await.unwrap_err();
        let mine = lease(&id, 1, 1);
        let written = store.complete_in(&mut tx, &mine, result("paid")).await;
        assert_eq!(written.unwrap(), Written::Fenced(None));
        drop(tx);
        let effect = count(&pool, "effects WHERE key = 'effect'").await;
        assert_eq!(effect, 0, "{end}");
        assert_eq!(store.find(&id).await.unwrap(), None);
        pay(&store, &id, 2).await.unwrap();
    }
}

#[tokio::test]
async fn a_step_that_nobody_polls_any_more_holds_up_nobody() {
    let place = Place::new();
    let store = place.store().await;
    let id = id("forgotten");
    let mine = claimed(&store, &id, 1).await;
    // As of a renewal beside work that has ended: it is kept, and not polled.
    let mut forgotten = Box::pin(store.renew(&mine, LEASE, Some("reached")));
    let polled = poll_fn(|cx| Poll::Ready(forgotten.as_mut().poll(cx).is_ready())).await;
    assert!(!polled);
    let ending = Ending::Completed(result("x"));
    assert_eq!(store.finish(&mine, ending).await.unwrap(), Written::Done);
    assert_eq!(forgotten.await.unwrap(), Written::Done);
}

/// An idempotency of its own on this store, as another process has it.
fn waiting(
    store: &SqliteStore,
    patience: Duration,
) -> Idempotency<SqliteStore, Raw, Detached<TokioRuntime>> {
    let builder = Idempotency::builder(store.clone()).wait_in_flight(Duration::from_secs(60));
    let builder = builder.store_patience(patience);
    builder.spawn_on(TokioRuntime).build().unwrap()
}

#[tokio::test]
async fn a_duplicate_waits_for_a_long_transaction_of_another_process_though_the_file_is_busy() {
    let place = Place::new();
    let busy = SqliteStore::options().busy_timeout(Duration::from_millis(20));
    let stores = [place.store().await, busy.open(place.path()).await.unwrap()];
    let scope = Scope::new("me", "pay").unwrap();
    let call = |store, patience| {
        let idempotency = waiting(store, patience);
        idempotency.key(&scope, Key::new("k").unwrap(), Fingerprint::of(b"10"))
    };
    let first = call(&stores[0], Duration::from_secs(10));
    let second = call(&stores[1], Duration::from_millis(10));
    let Begun::Run(tx) = first.begin_tx::<String>().await.unwrap() else {
        panic!("it is new");
    };
    let again = second.run_tx(async |tx| Ok::<_, ()>(tx.returns("twice".to_owned())));
    let mut again = pin!(again);
    // The file is busy for longer than it may be, several times.
    for _ in 0..5 {
        let look = tokio::time::timeout(Duration::from_millis(30), again.as_mut()).await;
        assert!(look.is_err(), "{look:?}");
    }
    tx.commit("paid".to_owned()).await.unwrap();
    let again = again.await.unwrap();
    assert_eq!((again.value.as_str(), again.replayed), ("paid", true));
}
