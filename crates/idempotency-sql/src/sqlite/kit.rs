//! The conformance kit on SQLite: as it is it passes, and with a statement that says something else it does not.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::AssertSqlSafe;
use steadfast_idempotency::{
    Claim, ClaimRequest, Fingerprint, Id, Key, Lapsed, Owner, Scope, Store as _, StoreError,
    conformance::{self, Harness},
};
use tempfile::TempDir;

use super::{Inner, SqliteStore, sql::Sql};

/// Stores in files of a folder, each with a second pool of connections as another process would have.
struct Files {
    dir: TempDir,
    made: std::cell::Cell<u32>,
    flaw: Flaw,
}

#[derive(Clone, Copy, Debug)]
enum Flaw {
    None,
    /// A part of the statements, and what is in its place.
    Says(&'static str, &'static str),
    /// What the database does by itself after a record is written.
    Then(&'static str),
}

impl Files {
    async fn new(flaw: Flaw) -> Self {
        let files = Files {
            dir: TempDir::new().unwrap(),
            made: 0.into(),
            flaw,
        };
        let store = SqliteStore::open(files.path(0)).await.unwrap();
        if let Flaw::Then(then) = flaw {
            for event in ["INSERT", "UPDATE"] {
                let trigger = format!(
                    "CREATE TRIGGER flaw_{event} AFTER {event} ON idempotency_records \
                     BEGIN {then}; END"
                );
                let trigger = sqlx::raw_sql(AssertSqlSafe(trigger));
                trigger.execute(store.writer()).await.unwrap();
            }
        }
        // What is in the log goes into the file when nobody has it open.
        store.writer().close().await;
        files
    }

    /// The first one is what the others are copied from.
    fn path(&self, number: u32) -> PathBuf {
        self.dir.path().join(format!("{number}.db"))
    }

    async fn open(&self, path: &Path) -> SqliteStore {
        let options = SqliteStore::options().busy_timeout(Duration::from_secs(20));
        let store = options.open(path).await.unwrap();
        // Nobody pulls the plug.
        let quick = sqlx::raw_sql("PRAGMA synchronous = OFF");
        quick.execute(store.writer()).await.unwrap();
        let sql = Sql::new(&store.inner.prefix);
        let sql = match self.flaw {
            Flaw::Says(part, by) => sql.replaced(part, by),
            Flaw::None | Flaw::Then(_) => sql,
        };
        SqliteStore {
            inner: Arc::new(Inner {
                reader: store.reader().clone(),
                writer: store.writer().clone(),
                prefix: store.inner.prefix.clone(),
                sql,
            }),
        }
    }
}

impl Harness for Files {
    type Store = SqliteStore;

    async fn fresh(&self) -> SqliteStore {
        self.made.set(self.made.get() + 1);
        let path = self.path(self.made.get());
        std::fs::copy(self.path(0), &path).unwrap();
        self.open(&path).await
    }

    async fn advance(&self, store: &SqliteStore, by: Duration) {
        let by = by.as_micros();
        let sql = format!(
            "UPDATE idempotency_records SET lease_until = lease_until - {by}, \
             created_at = created_at - {by}, result_expires_at = result_expires_at - {by}, \
             expires_at = expires_at - {by}"
        );
        let aged = sqlx::raw_sql(AssertSqlSafe(sql)).execute(store.writer());
        aged.await.unwrap();
    }

    async fn another(&self, store: &SqliteStore) -> Option<SqliteStore> {
        let options = store.reader().connect_options();
        Some(self.open(options.get_filename()).await)
    }
}

#[tokio::test]
async fn it_keeps_the_protocol() {
    let files = Files::new(Flaw::None).await;
    let report = conformance::run(&files).await;
    report.assert_passed();
    assert!(report.verdicts().count() > 40);
}

#[tokio::test]
async fn it_keeps_the_protocol_in_transactions() {
    let files = Files::new(Flaw::None).await;
    let report = conformance::run_tx(&files).await;
    report.assert_passed();
    assert!(report.verdicts().count() > 5);
}

/// What is said otherwise, and a story that notices.
const FLAWS: [(Flaw, &str); 18] = [
    (
        Flaw::Says(
            "ON CONFLICT (id) DO UPDATE SET",
            "ON CONFLICT (id) DO NOTHING --",
        ),
        "a_lapsed_claim_is_taken_over",
    ),
    (
        Flaw::Says(
            "ON CONFLICT (id) DO NOTHING",
            "ON CONFLICT DO UPDATE SET owner = ?6",
        ),
        "one_of_many_claimants_is_granted",
    ),
    (
        Flaw::Says("fence = ?7, ", ""),
        "a_taken_over_owner_cannot_end_it",
    ),
    (
        Flaw::Says("owner = ?8, ", ""),
        "a_released_owner_cannot_return",
    ),
    (
        Flaw::Says("lease_until = ?9, ", ""),
        "a_repeated_claim_holds_from_then_on",
    ),
    (
        Flaw::Says("MAX(lease_until, ", "MAX(0, "),
        "a_renewal_never_shortens_the_lease",
    ),
    (
        Flaw::Says(", step = COALESCE(?5, step)", ""),
        "a_step_is_told_to_whoever_takes_over",
    ),
    (
        Flaw::Says("body_omitted = ?8", "body_omitted = 0"),
        "an_omitted_body_is_not_an_empty_one",
    ),
    (
        Flaw::Says("owner = ?2 AND fence = ?3 AND ", ""),
        "a_stranger_writes_nothing",
    ),
    (
        Flaw::Says(" AND state IN ('in flight', 'indeterminate')", ""),
        "a_result_is_never_replaced",
    ),
    (
        Flaw::Says("AND result_expires_at > ", "AND 0 < "),
        "what_takes_longer_than_its_result_is_kept_from_its_end",
    ),
    (
        Flaw::Says("taken_over = ?19", "taken_over = 0"),
        "a_repeated_claim_is_the_same_claim",
    ),
    (
        Flaw::Says("attempts = ?18", "attempts = 1"),
        "a_released_key_keeps_its_row",
    ),
    (
        Flaw::Says("r.id = ?1", "r.key = 'x'"),
        "a_second_claimant_is_told_how_long_it_takes",
    ),
    (
        Flaw::Says("state IN ('completed', 'released') AND ", ""),
        "the_reaper_takes_only_what_is_over",
    ),
    (
        Flaw::Says(" LIMIT ?1)", ")"),
        "the_reaper_keeps_to_its_limit",
    ),
    (
        // What a release must not do, as the fence goes with the row.
        Flaw::Then("DELETE FROM idempotency_records WHERE state = 'released'"),
        "a_released_key_keeps_its_row",
    ),
    (
        Flaw::Then(
            "UPDATE idempotency_records SET state = 'released' WHERE state = 'indeterminate'",
        ),
        "a_lapsed_claim_becomes_indeterminate",
    ),
];

#[tokio::test]
async fn whatever_else_a_statement_said_would_be_noticed() {
    let mut unnoticed = Vec::new();
    for (flaw, story) in FLAWS {
        let report = conformance::run(&Files::new(flaw).await).await;
        let broken = report.broken();
        if !broken.contains(&story) {
            unnoticed.push(format!("{flaw:?}: {story} is not among {broken:?}"));
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// How many of those that take over at once, from two pools, are granted it, in each of some rounds. An error is
/// none of the answers they may get.
async fn takeovers(flaw: Flaw) -> Result<Vec<usize>, StoreError> {
    let files = Files::new(flaw).await;
    let store = files.fresh().await;
    let stores = [files.another(&store).await.unwrap(), store];
    let mut rounds = Vec::new();
    for round in 0..30 {
        let scope = Scope::new("me", "take over").unwrap();
        let id = Id::new(scope, Key::new(&format!("round {round}")).unwrap());
        let claim = |owner: u128| {
            let (store, id) = (stores[owner as usize % 2].clone(), id.clone());
            tokio::spawn(async move {
                let request = ClaimRequest {
                    id: &id,
                    fingerprint: Fingerprint::of(b"x"),
                    owner: Owner::from_u128(owner),
                    lease: Duration::from_secs(30),
                    result_ttl: Duration::from_secs(60),
                    key_ttl: Duration::from_secs(60),
                    lapsed: Lapsed::TakeOver,
                };
                store.claim(request).await
            })
        };
        claim(99).await.unwrap()?;
        files.advance(&stores[0], Duration::from_secs(31)).await;
        let claims: Vec<_> = (0..8).map(claim).collect();
        let mut granted = 0;
        for answer in claims {
            granted += usize::from(matches!(answer.await.unwrap()?, Claim::Granted { .. }));
        }
        rounds.push(granted);
    }
    Ok(rounds)
}

#[tokio::test]
async fn of_many_that_take_over_at_once_one_is_granted() {
    assert_eq!(takeovers(Flaw::None).await.unwrap(), [1; 30]);
}

#[tokio::test]
async fn without_the_lock_from_the_beginning_a_takeover_fails() {
    let late = takeovers(Flaw::Says("BEGIN IMMEDIATE", "BEGIN")).await;
    assert!(late.is_err(), "{late:?}");
}
