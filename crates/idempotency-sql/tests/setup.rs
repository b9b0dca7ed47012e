//! How a store is set up: files, pools, settings, and tables of one version or another.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "an error fails the story")]

mod common;

use std::{error::Error as _, time::Duration};

use common::{Place, claimed, count, file, id, run};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use steadfast_idempotency_sql::{SetupError, SqliteStore};

const STORMS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_migrates_at_once_makes_the_tables_once() {
    // Seldom does one come between another's look at a new file and its first lock.
    for _ in 0..STORMS {
        let place = Place::new();
        let opened = (0..8).map(|_| {
            let path = place.path();
            tokio::spawn(async move { SqliteStore::open(path).await.map(|_| ()) })
        });
        for task in opened.collect::<Vec<_>>() {
            task.await.unwrap().unwrap();
        }
        let pool = SqlitePool::connect_with(file(&place)).await.unwrap();
        assert_eq!(count(&pool, "idempotency_schema").await, 1);
    }
}

#[tokio::test]
async fn tables_that_are_newer_are_left_alone() {
    let place = Place::new();
    let store = place.store().await;
    let pool = SqlitePool::connect_with(file(&place)).await.unwrap();
    run(&pool, "INSERT INTO idempotency_schema VALUES (99)").await;
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(
        error,
        SetupError::Newer {
            found: 99,
            known: 1
        }
    ));
    assert!(SqliteStore::open(place.path()).await.is_err());
}

#[tokio::test]
async fn tables_that_are_newer_are_found_whatever_the_case_of_their_names() {
    let place = Place::new();
    let with = |prefix| SqliteStore::options().prefix(prefix).open(place.path());
    with("shop_").await.unwrap();
    let pool = SqlitePool::connect_with(file(&place)).await.unwrap();
    run(&pool, "INSERT INTO shop_idempotency_schema VALUES (99)").await;
    let error = with("Shop_").await.unwrap_err();
    assert!(matches!(error, SetupError::Newer { found: 99, .. }));
}

#[tokio::test]
async fn a_file_that_has_gone_is_not_made_anew_by_who_only_asks() {
    let place = Place::new();
    let store = place.store().await;
    claimed(&store, &id("before"), 1).await;
    let reader = store.reader().acquire().await.unwrap();
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{end}", place.path().display())).unwrap();
    }
    let next = store.reader().acquire().await;
    assert!(next.is_err(), "a connection to another file");
    assert!(!place.path().exists());
    drop(reader);
}

#[tokio::test]
async fn a_printed_migration_does_what_migrate_does() {
    let place = Place::new();
    let pool = SqlitePool::connect_with(file(&place)).await.unwrap();
    for migration in SqliteStore::migrations("shop_").unwrap() {
        run(&pool, &migration.to_string()).await;
    }
    let options = SqliteStore::options().prefix("shop_");
    let store = options.pool(pool.clone()).await.unwrap();
    claimed(&store, &id("printed"), 1).await;
    store.migrate().await.unwrap();
    assert_eq!(count(&pool, "shop_idempotency_records").await, 1);
}

#[tokio::test]
async fn prefixes_keep_records_apart() {
    let place = Place::new();
    let id = id("same");
    for prefix in ["", "a_", "b_"] {
        let options = SqliteStore::options().prefix(prefix);
        let store = options.open(place.path()).await.unwrap();
        claimed(&store, &id, 1).await;
    }
}

#[tokio::test]
async fn a_pool_that_would_break_the_promises_is_refused() {
    let place = Place::new();
    let found = |options: SqliteConnectOptions| async {
        let pool = SqlitePool::connect_with(options).await.unwrap();
        SqliteStore::from_pool(pool).await.unwrap_err().to_string()
    };
    let options = file(&place).synchronous(SqliteSynchronous::Normal);
    assert_eq!(
        found(options).await,
        "the pool's connections have pragma synchronous = 1, and need 2 (FULL) or 3 (EXTRA)"
    );
    let options = file(&place).busy_timeout(Duration::ZERO);
    assert!(found(options).await.contains("busy_timeout = 0"));
    let options = SqliteConnectOptions::new().in_memory(true);
    assert_eq!(
        found(options).await,
        "the database is in memory or temporary, and the store needs one in a file"
    );
    let options = file(&place).journal_mode(SqliteJournalMode::Memory);
    assert!(found(options).await.contains("journal_mode = memory"));
}

#[tokio::test]
async fn a_path_that_is_none_of_a_file_is_refused() {
    for path in [":memory:", ""] {
        let error = SqliteStore::open(path).await.unwrap_err();
        assert!(matches!(error, SetupError::Memory), "{path:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_named() {
    let place = Place::new();
    let path = place.path().with_file_name("none").join("shop.db");
    let error = SqliteStore::open(&path).await.unwrap_err();
    let message = error.to_string();
    assert_eq!(
        message,
        format!(
            "the database file {path:?} cannot be opened or made; its directory has to exist and to be writable"
        )
    );
    assert!(error.source().is_some(), "what SQLite says");
}

#[tokio::test]
async fn a_store_prints_its_prefix_and_no_sql() {
    let place = Place::new();
    let options = SqliteStore::options().prefix("shop_");
    let store = options.open(place.path()).await.unwrap();
    assert_eq!(
        format!("{store:?}"),
        r#"SqliteStore { prefix: "shop_", .. }"#
    );
}

#[tokio::test]
async fn a_setting_out_of_its_range_is_named() {
    let place = Place::new();
    let readers = SqliteStore::options().readers(0).open(place.path()).await;
    assert_eq!(
        readers.unwrap_err().to_string(),
        "readers is 0, and has to be 1 to 64"
    );
    let timeout = SqliteStore::options().busy_timeout(Duration::ZERO);
    assert!(timeout.open(place.path()).await.is_err());
    let prefix = SqliteStore::options()
        .prefix("a b")
        .open(place.path())
        .await;
    assert!(prefix.unwrap_err().to_string().contains("\"a b\" is none"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt() {
    let place = Place::new();
    std::fs::write(place.path(), vec![b'x'; 8192]).unwrap();
    let error = SqliteStore::open(place.path()).await.unwrap_err();
    assert!(matches!(error, SetupError::Open { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("the database file {:?} cannot be opened", place.path())
    );
}
