//! A worker: serves one send after another, and stops where it is told to.

use std::{
    io::{self, BufRead},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{SqliteConnection, SqlitePool};
use steadfast_idempotency::{Id, Key, Scope};
use steadfast_idempotency_sql::SqliteStore;
use tokio::sync::mpsc;

use crate::{
    call,
    plan::Mode,
    run::PLACE,
    stops::{Stops, say},
    tally,
};

/// Short, so that the matrix is quick; not so short that a busy machine is taken for a dead one.
pub(crate) const LEASE: Duration = Duration::from_millis(300);
/// Others may hold the lock for writing while they are paused.
const BUSY: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve(mode: Mode) {
    let place = PathBuf::from(std::env::var_os(PLACE).expect("the matrix names a folder"));
    let (lines, mut told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if lines.send(line.expect("the matrix writes UTF-8")).is_err() {
                return;
            }
        }
        // The matrix is gone.
        std::process::exit(0);
    });
    let store = store(&place).await;
    // What is done somewhere else, whose transactions are its own.
    let elsewhere = match mode {
        Mode::Transactional => None,
        Mode::Block | Mode::Retake => Some(tally::effects(mode, &place).await),
    };
    let stops = Arc::new(Stops::default());
    let calls = call::Calls::new(mode, store, &stops, elsewhere);
    while let Some(line) = told.recv().await {
        let (key, point) = line.split_once(' ').expect("a send is a key and a point");
        stops.arm(point.parse().ok());
        let mut call = std::pin::pin!(calls.call(key));
        let answer = loop {
            tokio::select! {
                answer = &mut call => break answer,
                line = told.recv() => {
                    assert_eq!(line.as_deref(), Some("go"));
                    stops.go_on();
                }
            }
        };
        say(&format!("answer {answer}"));
    }
}

pub(crate) async fn store(place: &Path) -> SqliteStore {
    let options = SqliteStore::options().busy_timeout(BUSY).readers(1);
    let store = options.open(place.join("records.db")).await;
    store.expect("the file can be opened")
}

pub(crate) fn id(key: &str) -> Id {
    let scope = Scope::new("client", "effect").expect("it is printable");
    Id::new(scope, Key::new(key).expect("it is printable"))
}

pub(crate) async fn effect(key: &str, connection: &mut SqliteConnection) {
    let effect = sqlx::query("INSERT INTO effects (key) VALUES (?1)").bind(key.to_owned());
    effect
        .execute(connection)
        .await
        .expect("the effects have a table");
}

pub(crate) async fn effect_elsewhere(key: &str, pool: &SqlitePool) {
    let mut connection = pool.acquire().await.expect("the effects have a file");
    effect(key, &mut connection).await;
}
