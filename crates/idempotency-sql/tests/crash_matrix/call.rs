//! One call, in each mode, past all the points.

use std::{sync::Arc, time::Duration};

use sqlx::SqlitePool;
use steadfast_idempotency::{
    Claim, ClaimRequest, Ending, Fingerprint, Lapsed, Lease, Owner, Store as _, Stored,
    TxStore as _, Written,
};
use steadfast_idempotency_sql::SqliteStore;

use crate::{
    plan::{Mode, Point},
    worker::{self, LEASE, Stops},
};

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) struct Calls {
    mode: Mode,
    store: SqliteStore,
    stops: Arc<Stops>,
    elsewhere: Option<SqlitePool>,
    made: std::cell::Cell<u64>,
}

impl Calls {
    pub(crate) fn new(
        mode: Mode,
        store: SqliteStore,
        stops: Arc<Stops>,
        elsewhere: Option<SqlitePool>,
    ) -> Self {
        Calls {
            mode,
            store,
            stops,
            elsewhere,
            made: std::cell::Cell::new(0),
        }
    }

    fn owner(&self) -> Owner {
        self.made.set(self.made.get() + 1);
        Owner::from_u128(u128::from(std::process::id()) << 64 | u128::from(self.made.get()))
    }

    /// `done <result>`, `unknown`, or `again`.
    pub(crate) async fn call(&self, key: &str) -> String {
        let id = worker::id(key);
        let owner = self.owner();
        let request = ClaimRequest {
            id: &id,
            fingerprint: Fingerprint::of(key.as_bytes()),
            owner,
            lease: LEASE,
            result_ttl: HOUR,
            key_ttl: HOUR,
            lapsed: if self.mode == Mode::Retake {
                Lapsed::TakeOver
            } else {
                Lapsed::Block
            },
        };
        let lease = |fence| Lease {
            id: id.clone(),
            owner,
            fence,
        };
        let own = format!("{key}-by-{:x}", owner.as_u128());
        let result = Stored::body(own.clone().into_bytes());
        let stops = &self.stops;
        if self.mode == Mode::Transactional {
            let mut tx = self.store.begin().await.unwrap();
            stops.pass(Point::BeforeClaim).await;
            let claim = self.store.claim_in(&mut tx, request).await.unwrap();
            let Claim::Granted { fence, .. } = claim else {
                return said(claim);
            };
            stops.pass(Point::AfterClaim).await;
            stops.pass(Point::BeforeEffect).await;
            worker::effect(key, tx.connection().await.unwrap()).await;
            stops.pass(Point::AfterEffect).await;
            stops.pass(Point::BeforeCompletion).await;
            let lease = lease(fence);
            let written = self
                .store
                .complete_in(&mut tx, &lease, result)
                .await
                .unwrap();
            assert_eq!(written, Written::Done);
            stops.pass(Point::AfterCompletion).await;
            stops.pass(Point::BeforeCommit).await;
            self.store.commit(tx).await.unwrap();
            stops.pass(Point::AfterCommit).await;
            return format!("done {own}");
        }
        stops.pass(Point::BeforeClaim).await;
        let claim = self.store.claim(request).await.unwrap();
        let Claim::Granted { fence, .. } = claim else {
            return said(claim);
        };
        let lease = lease(fence);
        let work = async {
            stops.pass(Point::AfterClaim).await;
            stops.be_renewed().await;
            stops.pass(Point::BeforeEffect).await;
            worker::effect_elsewhere(key, self.elsewhere.as_ref().unwrap()).await;
            stops.pass(Point::AfterEffect).await;
        };
        let renew = async {
            loop {
                a_third_of_the_lease().await;
                stops.pass(Point::BeforeRenewal).await;
                self.store.renew(&lease, LEASE, None).await.unwrap();
                stops.pass(Point::AfterRenewal).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = renew => {}
        }
        stops.pass(Point::BeforeCompletion).await;
        let ending = Ending::Completed(result);
        let written = self.store.finish(&lease, ending).await.unwrap();
        stops.pass(Point::AfterCompletion).await;
        match written {
            Written::Done => format!("done {own}"),
            Written::Fenced(Some(stored)) => said(Claim::Completed(stored)),
            Written::Fenced(None) => "again".to_owned(),
        }
    }
}

fn said(claim: Claim) -> String {
    match claim {
        Claim::Completed(stored) => {
            format!(
                "done {}",
                String::from_utf8(stored.body.unwrap().to_vec()).unwrap()
            )
        }
        Claim::Indeterminate => "unknown".to_owned(),
        Claim::InFlight { .. } => "again".to_owned(),
        other => panic!("{other:?}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a lease is over in real time")]
async fn a_third_of_the_lease() {
    tokio::time::sleep(LEASE / 3).await;
}
