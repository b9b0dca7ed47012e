//! Each step on a record, as the protocol takes it.

use std::{hash::BuildHasher, time::Duration};

use steadfast_core::Runtime;

use super::{BATCH, MemoryStore};
use crate::{
    Answer, Claim, ClaimRequest, Ending, Id, Lease, Record, Store, Stored, Written, protocol,
};

impl<R: Runtime + Send + Sync> Store for MemoryStore<R> {
    #[inline]
    fn claim<'a>(&'a self, request: ClaimRequest<'a>) -> Answer<'a, Claim> {
        let now = self.now();
        let claim = |found: Option<&Record>| protocol::claim(found, &request, now);
        Answer::ready(self.step(request.id, now, claim, |_| false))
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        length: Duration,
        step: Option<&'a str>,
    ) -> Answer<'a, Written> {
        let now = self.now();
        let renew = |found: Option<&Record>| protocol::renew(found, lease, length, step, now);
        Answer::ready(self.step(&lease.id, now, renew, |_| false))
    }

    fn finish<'a>(&'a self, lease: &'a Lease, ending: Ending) -> Answer<'a, Written> {
        let now = self.now();
        let finish = |found: Option<&Record>| protocol::finish(found, lease, ending.clone(), now);
        Answer::ready(self.step(&lease.id, now, finish, without_body))
    }

    fn resolve<'a>(&'a self, id: &'a Id, ending: Ending) -> Answer<'a, bool> {
        let now = self.now();
        let resolve = |found: Option<&Record>| protocol::resolve(found, ending.clone(), now);
        Answer::ready(self.step(id, now, resolve, without_body))
    }

    fn find<'a>(&'a self, id: &'a Id) -> Answer<'a, Option<Record>> {
        let hash = self.hasher.hash_one(id);
        let table = self.shard(hash).lock();
        let place = table.find(hash, id);
        Answer::ready(Ok(place.map(|place| table.record(place).clone())))
    }

    fn reap(&self, limit: u32) -> Answer<'_, u64> {
        let (now, limit) = (self.now(), u64::from(limit));
        let mut reaped = 0;
        for shard in &self.shards {
            while reaped < limit {
                let left = usize::try_from(limit - reaped).unwrap_or(usize::MAX);
                let swept = self.sweep(&mut shard.0.lock(), now, left.min(BATCH));
                if swept.is_empty() {
                    break;
                }
                reaped += swept.records() as u64;
            }
        }
        Answer::ready(Ok(reaped))
    }
}

/// A result for which there is no room was nevertheless a result.
fn without_body(record: &mut Record) -> bool {
    record.result = record.result.take().map(Stored::without_body);
    true
}
