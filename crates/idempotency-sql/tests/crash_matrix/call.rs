//! One call, in each mode.

use std::{cell::Cell, convert::Infallible, sync::Arc, time::Duration};

use sqlx::SqlitePool;
use steadfast_core::{Error, TokioRuntime};
use steadfast_idempotency::{Detached, ExactlyOnce, Fingerprint, Idempotency, Raw, Refusal};
use steadfast_idempotency_sql::SqliteStore;

use crate::{
    plan::{Mode, Point},
    stops::{Stops, Watched},
    worker::{self, LEASE},
};

type Watch = Idempotency<Watched<SqliteStore>, Raw, Detached<TokioRuntime>>;

pub(crate) struct Calls {
    idempotency: Watch,
    stops: Arc<Stops>,
    /// Where the effects are, if not in the transaction.
    elsewhere: Option<SqlitePool>,
    made: Cell<u32>,
}

impl Calls {
    pub(crate) fn new(
        mode: Mode,
        store: SqliteStore,
        stops: &Arc<Stops>,
        elsewhere: Option<SqlitePool>,
    ) -> Self {
        let patience = Duration::from_secs(20);
        let store = Watched::new(store, Arc::clone(stops));
        let builder = Idempotency::builder(store)
            .spawn_on(TokioRuntime)
            .lease(LEASE)
            .store_patience(patience)
            .wait_in_flight(patience);
        let builder = match mode {
            Mode::Transactional | Mode::Block => builder.block(),
            Mode::Retake => builder.retake(),
        };
        Calls {
            idempotency: builder.build().expect("all is in its range"),
            stops: Arc::clone(stops),
            elsewhere,
            made: Cell::new(0),
        }
    }

    /// What the client is told: `done <result>`, `unknown`, or `again`.
    pub(crate) async fn call(&self, key: &str) -> String {
        self.made.set(self.made.get() + 1);
        // No other run has the same.
        let result = format!("{key}-by-{}-{}", std::process::id(), self.made.get());
        let fingerprint = Fingerprint::of(key.as_bytes());
        let claim = self.idempotency.id(worker::id(key), fingerprint);
        let stops = &self.stops;
        let answer: Result<String, Error<Infallible>> = match &self.elsewhere {
            None => {
                let answer = claim.run_tx(|mut tx| async move {
                    stops.pass(Point::BeforeEffect).await;
                    let connection = tx.connection().await.expect("it has begun");
                    worker::effect(key, connection).await;
                    stops.pass(Point::AfterEffect).await;
                    Ok(tx.returns(result))
                });
                answer.await.map(ExactlyOnce::into_value)
            }
            Some(elsewhere) => {
                let answer = claim.run_inline(|_| async {
                    stops.be_renewed().await;
                    stops.pass(Point::BeforeEffect).await;
                    worker::effect_elsewhere(key, elsewhere).await;
                    stops.pass(Point::AfterEffect).await;
                    Ok(result)
                });
                answer.await.map(|answered| answered.value)
            }
        };
        match answer {
            Ok(result) => format!("done {result}"),
            Err(error) => match error.rejection().and_then(Refusal::of) {
                Some(Refusal::Indeterminate) => "unknown".to_owned(),
                // Whether the store was slow or somebody was at it: the client comes again.
                Some(
                    Refusal::InFlight
                    | Refusal::Fenced
                    | Refusal::StoreUnavailable
                    | Refusal::Undecided,
                ) => "again".to_owned(),
                other => panic!("{other:?}: {error}"),
            },
        }
    }
}
