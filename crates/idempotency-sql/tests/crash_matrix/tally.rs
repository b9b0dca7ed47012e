//! What was promised, held against what is in the files.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use steadfast_idempotency::{Codec as _, Raw, Record, State, Store as _};

use crate::{
    plan::{KEYS, Mode},
    worker,
};

pub(crate) const HEAD: &str =
    "mode           keys  kills  pauses  no effect  one  more  indeterminate     time";

/// What the clients were told.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) kills: usize,
    pub(crate) pauses: usize,
    /// The result, or that nobody knows, for each answer of a key.
    told: HashMap<usize, Vec<Option<String>>>,
}

impl Answers {
    pub(crate) fn add(&mut self, key: usize, answer: &str) {
        let result = answer.strip_prefix("done ").map(str::to_owned);
        self.told.entry(key).or_default().push(result);
    }
}

/// What became of one mode.
pub(crate) struct Tally {
    mode: Mode,
    keys: Vec<Fate>,
    kills: usize,
    pauses: usize,
}

/// What became of one key.
struct Fate {
    key: usize,
    effects: i64,
    record: Option<Record>,
    told: Vec<Option<String>>,
}

impl Fate {
    fn is(&self, state: State) -> bool {
        self.record
            .as_ref()
            .is_some_and(|record| record.state == state)
    }

    fn result(&self) -> Option<String> {
        let stored = self.record.as_ref()?.result.as_ref()?;
        Raw.decode(stored).ok()
    }
}

impl Tally {
    fn count(&self, what: impl Fn(&Fate) -> bool) -> usize {
        self.keys.iter().filter(|fate| what(fate)).count()
    }

    /// The promises that were not kept, and those of the other modes that it would have kept as well: a mode that
    /// promises less has to show that the matrix sees the difference.
    pub(crate) fn broken(&self) -> Vec<String> {
        let mut broken = self.broken_as(self.mode);
        let more = match self.mode {
            Mode::Transactional => None,
            Mode::Block => Some(Mode::Transactional),
            Mode::Retake => Some(Mode::Block),
        };
        if let Some(more) = more
            && self.broken_as(more).is_empty()
        {
            broken.push(format!("{}: it did all that {more} promises", self.mode));
        }
        broken
    }

    fn broken_as(&self, mode: Mode) -> Vec<String> {
        let mut broken = Vec::new();
        for fate in &self.keys {
            let Fate { key, effects, .. } = fate;
            let state = fate.record.as_ref().map(|record| record.state);
            let kept = match mode {
                Mode::Transactional => *effects == 1 && fate.is(State::Completed),
                Mode::Block => match effects {
                    0 => fate.is(State::Indeterminate),
                    1 => fate.is(State::Indeterminate) || fate.is(State::Completed),
                    _ => false,
                },
                Mode::Retake => *effects >= 1 && fate.is(State::Completed),
            };
            if !kept {
                broken.push(format!(
                    "{}: key {key} has {effects} effects and is {state:?}",
                    self.mode
                ));
            }
            // Nobody was told of another result than the one that is kept, nor that it was done where it is not known.
            let result = fate.result();
            if let Some(other) = fate
                .told
                .iter()
                .flatten()
                .find(|told| Some(*told) != result.as_ref())
            {
                broken.push(format!(
                    "{}: key {key} is {result:?}, and somebody was told {other}",
                    self.mode
                ));
            }
        }
        // A call that is not stopped does not lose its lease, so all of this comes from blows.
        let blows = self.kills + self.pauses;
        let more: i64 = self.keys.iter().map(|fate| (fate.effects - 1).max(0)).sum();
        let unknown = self.count(|fate| fate.is(State::Indeterminate));
        if usize::try_from(more).is_ok_and(|more| more > blows) || unknown > blows {
            broken.push(format!(
                "{}: {more} effects too many and {unknown} unknown after {blows} kills and pauses",
                self.mode
            ));
        }
        if self.kills == 0 || self.pauses == 0 {
            broken.push(format!(
                "{}: nothing was killed, or nothing paused",
                self.mode
            ));
        }
        broken
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:13} {:5} {:6} {:7} {:10} {:4} {:5} {:14}",
            self.mode,
            self.keys.len(),
            self.kills,
            self.pauses,
            self.count(|fate| fate.effects == 0),
            self.count(|fate| fate.effects == 1),
            self.count(|fate| fate.effects > 1),
            self.count(|fate| fate.is(State::Indeterminate)),
        )
    }
}

/// Makes the files and their tables.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn prepare(mode: Mode, place: &Path) {
    worker::store(place).await;
    let effects = effects(mode, place).await;
    // Without a constraint: what happens twice is there twice.
    let table = sqlx::raw_sql("CREATE TABLE effects (key TEXT NOT NULL)").execute(&effects);
    table.await.expect("the table is new");
}

/// Where the effects are: beside the records, or in a file that commits by itself.
pub(crate) async fn effects(mode: Mode, place: &Path) -> SqlitePool {
    let file = match mode {
        Mode::Transactional => "records.db",
        Mode::Block | Mode::Retake => "effects.db",
    };
    let options = SqliteConnectOptions::new()
        .filename(place.join(file))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A process that is killed loses nothing that it wrote.
        .synchronous(SqliteSynchronous::Off)
        .busy_timeout(Duration::from_secs(20));
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await;
    pool.expect("the file can be opened")
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn of(mode: Mode, place: &Path, mut answers: Answers) -> Tally {
    let place: PathBuf = place.to_owned();
    let store = worker::store(&place).await;
    let pool = effects(mode, &place).await;
    let mut keys = Vec::new();
    for key in 0..KEYS {
        let name = key.to_string();
        let effects =
            sqlx::query_scalar("SELECT COUNT(*) FROM effects WHERE key = ?1").bind(name.clone());
        let effects = effects
            .fetch_one(&pool)
            .await
            .expect("the effects can be counted");
        let record = store
            .find(&worker::id(&name))
            .await
            .expect("the records can be read");
        let told = answers.told.remove(&key).unwrap_or_default();
        keys.push(Fate {
            key,
            effects,
            record,
            told,
        });
    }
    Tally {
        mode,
        keys,
        kills: answers.kills,
        pauses: answers.pauses,
    }
}
