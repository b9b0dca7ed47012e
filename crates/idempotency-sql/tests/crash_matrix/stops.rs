//! The points of a call, and a store that comes past them.

use std::{
    io::{self, Write},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use steadfast_idempotency::{
    Answer, Claim, ClaimRequest, Ending, Id, Lease, Record, Store, Stored, TxStore, Written,
};
use tokio::sync::Notify;

use crate::plan::Point;

/// Where the call under way is to be stopped.
#[derive(Default)]
pub(crate) struct Stops {
    armed: Mutex<Option<Point>>,
    go_on: Notify,
    renewed: Notify,
}

impl Stops {
    /// For the next call, of which nothing was said yet.
    pub(crate) fn arm(&self, point: Option<Point>) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = point;
        for left in [&self.go_on, &self.renewed] {
            // What was said and not heard was for the call before.
            pin!(left.notified()).enable();
        }
    }

    /// Comes past a point: says so where it is the one, and goes on when it is told to.
    pub(crate) async fn pass(&self, point: Point) {
        let armed = {
            let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
            armed.take_if(|armed| *armed == point).is_some()
        };
        if armed {
            say(&format!("at {point}"));
            self.go_on.notified().await;
        }
        if point == Point::AfterRenewal {
            self.renewed.notify_one();
        }
    }

    /// Lets the call go on that said where it is.
    pub(crate) fn go_on(&self) {
        self.go_on.notify_one();
    }

    /// Waits for a renewal where the call is to be stopped at one.
    pub(crate) async fn be_renewed(&self) {
        let waits = {
            let armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
            matches!(*armed, Some(Point::BeforeRenewal | Point::AfterRenewal))
        };
        if waits {
            self.renewed.notified().await;
        }
    }
}

pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Without anybody to hear it there is nothing to work for.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// A store whose steps come past the points.
pub(crate) struct Watched<S> {
    store: S,
    stops: Arc<Stops>,
}

impl<S: Sync> Watched<S> {
    pub(crate) fn new(store: S, stops: Arc<Stops>) -> Self {
        Watched { store, stops }
    }

    /// A step between two points.
    fn between<'a, T: Send + 'a>(
        &'a self,
        before: Point,
        step: Answer<'a, T>,
        after: Point,
    ) -> Answer<'a, T> {
        Answer::later(async move {
            self.stops.pass(before).await;
            let answer = step.await?;
            self.stops.pass(after).await;
            Ok(answer)
        })
    }
}

impl<S: Store> Store for Watched<S> {
    fn claim<'a>(&'a self, request: ClaimRequest<'a>) -> Answer<'a, Claim> {
        self.between(
            Point::BeforeClaim,
            self.store.claim(request),
            Point::AfterClaim,
        )
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        length: Duration,
        step: Option<&'a str>,
    ) -> Answer<'a, Written> {
        let renewal = self.store.renew(lease, length, step);
        self.between(Point::BeforeRenewal, renewal, Point::AfterRenewal)
    }

    fn finish<'a>(&'a self, lease: &'a Lease, ending: Ending) -> Answer<'a, Written> {
        let end = self.store.finish(lease, ending);
        self.between(Point::BeforeCompletion, end, Point::AfterCompletion)
    }

    fn resolve<'a>(&'a self, id: &'a Id, ending: Ending) -> Answer<'a, bool> {
        self.store.resolve(id, ending)
    }

    fn find<'a>(&'a self, id: &'a Id) -> Answer<'a, Option<Record>> {
        self.store.find(id)
    }

    fn reap(&self, limit: u32) -> Answer<'_, u64> {
        self.store.reap(limit)
    }
}

impl<S: TxStore> TxStore for Watched<S> {
    type Tx = S::Tx;

    fn begin(&self) -> Answer<'_, S::Tx> {
        self.store.begin()
    }

    fn claim_in<'a>(&'a self, tx: &'a mut S::Tx, request: ClaimRequest<'a>) -> Answer<'a, Claim> {
        let claim = self.store.claim_in(tx, request);
        self.between(Point::BeforeClaim, claim, Point::AfterClaim)
    }

    fn complete_in<'a>(
        &'a self,
        tx: &'a mut S::Tx,
        lease: &'a Lease,
        result: Stored,
    ) -> Answer<'a, Written> {
        let end = self.store.complete_in(tx, lease, result);
        self.between(Point::BeforeCompletion, end, Point::AfterCompletion)
    }

    fn commit(&self, tx: S::Tx) -> Answer<'_, ()> {
        let commit = self.store.commit(tx);
        self.between(Point::BeforeCommit, commit, Point::AfterCommit)
    }
}
