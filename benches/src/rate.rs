//! How many calls a second an SQLite file bears, with its write-ahead log on the disk of the system's temporary files.
//!
//! There is nobody to compare with: the figures say what a disk costs, as every first call waits until it has written.

use std::{
    cell::Cell,
    convert::Infallible,
    error::Error,
    time::{Duration, Instant},
};

use steadfast::TokioRuntime;
use steadfast_idempotency::{Detached, Fingerprint, Idempotency, Key, Raw, Scope};
use steadfast_idempotency_sql::SqliteStore;
use tokio::{runtime::Runtime, task::LocalSet};

/// So many callers at a time, as a server has.
pub const CALLERS: usize = 16;

/// The group that the rows belong to.
pub const GROUP: &str = "idempotency";

/// How many calls one row gets done.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// The row's name.
    pub row: &'static str,
    /// Calls a second, of all callers together.
    pub per_second: f64,
}

/// What a call does.
#[derive(Clone, Copy)]
enum Kind {
    /// One of many keys that were done before, a look at the file each time.
    Replay,
    /// One key that was done before: callers that ask at the same time share a look.
    Hot,
    /// A claim, and its end: two commits.
    First,
    /// Claim, effect and end in one transaction; the effect is none.
    Transaction,
}

/// So many keys are there to be replayed: more than there are callers, so that no two ask for the same one.
const KEYS: u64 = 4 * CALLERS as u64;

const ROWS: [(&str, Kind); 4] = [
    ("steadfast-sqlite-replay", Kind::Replay),
    ("steadfast-sqlite-replay-one-key", Kind::Hot),
    ("steadfast-sqlite-first", Kind::First),
    ("steadfast-sqlite-first-tx", Kind::Transaction),
];

/// Measures each row for this long.
///
/// # Errors
///
/// Where there is no room for the file, or a call is refused.
pub fn measure(runtime: &Runtime, length: Duration) -> Result<Vec<Rate>, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let local = LocalSet::new();
    local.block_on(runtime, async {
        let store = SqliteStore::open(dir.path().join("rate.db")).await?;
        let charges = Idempotency::builder(store).spawn_on(TokioRuntime).build()?;
        let mut rates = Vec::new();
        for (row, kind) in ROWS {
            let calls = Calls {
                charges: charges.clone(),
                kind,
                made: Cell::new(0),
            };
            // What is there to be replayed, and the connections, are made before.
            for _ in 0..KEYS {
                calls.make().await?;
            }
            let per_second = calls.rate(length).await?;
            rates.push(Rate { row, per_second });
        }
        Ok(rates)
    })
}

struct Calls {
    charges: Idempotency<SqliteStore, Raw, Detached<TokioRuntime>>,
    kind: Kind,
    made: Cell<u64>,
}

impl Calls {
    #[expect(
        clippy::disallowed_methods,
        reason = "elapsed time is what a benchmark is after"
    )]
    async fn rate(&self, length: Duration) -> Result<f64, Box<dyn Error>> {
        let (start, before) = (Instant::now(), self.made.get());
        let caller = || async {
            while start.elapsed() < length {
                self.make().await?;
            }
            Ok::<_, Box<dyn Error>>(())
        };
        let mut callers = Vec::new();
        callers.resize_with(CALLERS, caller);
        futures::future::try_join_all(callers).await?;
        Ok((self.made.get() - before) as f64 / start.elapsed().as_secs_f64())
    }

    async fn make(&self) -> Result<(), Box<dyn Error>> {
        let number = self.made.get();
        self.made.set(number + 1);
        let (name, key) = match self.kind {
            Kind::Replay => ("replay", (number % KEYS).to_string()),
            Kind::Hot => ("hot", "order-4711".to_owned()),
            Kind::First => ("first", number.to_string()),
            Kind::Transaction => ("transaction", number.to_string()),
        };
        let scope = Scope::new("customer-7", name)?;
        let body = Fingerprint::of(b"amount=10");
        let call = self.charges.key(&scope, Key::new(&key)?, body);
        let receipt = "receipt".to_owned();
        let replayed = match self.kind {
            Kind::Replay | Kind::Hot | Kind::First => {
                let done = call.run_inline(|_| async { Ok::<_, Infallible>(receipt) });
                done.await?.replayed
            }
            Kind::Transaction => {
                let done = call.run_tx(async |tx| Ok::<_, Infallible>(tx.returns(receipt)));
                done.await?.replayed
            }
        };
        let as_meant = number < KEYS || replayed == matches!(self.kind, Kind::Replay | Kind::Hot);
        as_meant
            .then_some(())
            .ok_or_else(|| format!("{name}: a call was not what it is measured as").into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::measure;
    use crate::harness::runtime;

    #[test]
    fn every_rate_is_one_of_calls_that_are_what_they_are_measured_as() {
        let rates = measure(&runtime(), Duration::from_millis(20)).expect("room for a file");
        assert_eq!(rates.len(), super::ROWS.len());
        assert!(rates.iter().all(|rate| rate.per_second > 0.0), "{rates:?}");
    }
}
