//! The rules of the protocol, bent as the fault says.

use std::{sync::Arc, time::Duration};

use steadfast_idempotency::{
    Claim, ClaimRequest, Ending, Fence, Fingerprint, Lapsed, Lease, Owner, Record, State, Written,
    protocol,
};

use super::{
    fault::Fault,
    plain::{Asked, Plain, Step},
};

impl Plain {
    pub(crate) fn claim_at(&self, found: Option<&Record>, request: &ClaimRequest<'_>) -> Asked {
        let now = self.now();
        let mut request = *request;
        let found = found.filter(|record| {
            let lapsed = now >= record.lease_until;
            !(self.is(Fault::LeaseIsTtl) && lapsed)
        });
        if self.is(Fault::LeaseIsTtl) {
            request.key_ttl = request.lease;
            request.result_ttl = request.lease;
        }
        if self.is(Fault::ResultKeepsForTheKey) {
            request.result_ttl = request.key_ttl;
        }
        if self.is(Fault::AlwaysTakesOver) {
            request.lapsed = Lapsed::TakeOver;
        }
        if let Some(record) = found {
            let (over, lapsed) = (protocol::is_over(record, now), now >= record.lease_until);
            let is_busy = record.state == State::InFlight;
            let own = record.owner == request.owner;
            if self.is(Fault::PayloadOutlivesTheKey) && record.fingerprint != request.fingerprint {
                return Asked::says(Claim::Mismatch);
            }
            let judged = match self.fault {
                Fault::StateBeforePayload => is_busy && !lapsed,
                Fault::PayloadOnlyWithinTheLease => lapsed && !over,
                Fault::ForgetsThePayload => true,
                _ => false,
            };
            if judged {
                request.fingerprint = record.fingerprint;
            }
            if is_busy && own && self.is(Fault::RepeatIsRefused) {
                request.owner = Owner::from_u128(!request.owner.as_u128());
            }
            if is_busy && own && self.is(Fault::RepeatDoesNotHold) {
                request.lease = Duration::ZERO;
            }
            if is_busy && lapsed && self.is(Fault::NeverLapses) && !own {
                return Asked::says(Claim::InFlight {
                    lease_left: Duration::ZERO,
                });
            }
        }
        let step = protocol::claim(found, &request, now);
        let (mut answer, mut write) = (step.answer, step.write);
        if let Some(found) = found {
            self.carry_over(found, &request, &mut answer, &mut write);
        }
        match (&mut answer, self.fault) {
            (Claim::Mismatch, Fault::KeepsTheOtherPayload) => {
                write = found.cloned();
                if let Some(record) = &mut write {
                    record.fingerprint = request.fingerprint;
                }
            }
            (Claim::Granted { taken_over, .. }, Fault::AlwaysSaysTakenOver) => *taken_over = true,
            (Claim::InFlight { lease_left }, Fault::TellsTheLifetime) => {
                *lease_left = request.key_ttl;
            }
            _ => {}
        }
        if let (
            Claim::Granted {
                fence, taken_over, ..
            },
            Some(record),
        ) = (&mut answer, &mut write)
        {
            let before = found.map_or(Fence::FIRST, |record| record.fence);
            if *taken_over && self.is(Fault::TakeoverKeepsTheFence) {
                (*fence, record.fence) = (before, before);
            }
            if record.attempts == 1 && self.is(Fault::FenceResets) {
                (*fence, record.fence) = (Fence::FIRST, Fence::FIRST);
            }
        }
        Asked { answer, write }
    }

    /// What a claim does with the record that it finds.
    fn carry_over(
        &self,
        found: &Record,
        request: &ClaimRequest<'_>,
        answer: &mut Claim,
        write: &mut Option<Record>,
    ) {
        let over = protocol::is_over(found, self.now());
        match (answer, write, self.fault) {
            (Claim::Granted { .. }, Some(record), Fault::KeepsTheFormerPayload) if over => {
                record.fingerprint = found.fingerprint;
            }
            (Claim::Granted { step, .. }, Some(record), Fault::StepOutlivesTheKey) if over => {
                step.clone_from(&found.step);
                record.step.clone_from(&found.step);
            }
            (Claim::Granted { .. }, Some(record), Fault::TakeoverKeepsTheLifetime) if !over => {
                record.result_expires_at = found.result_expires_at;
                record.expires_at = found.expires_at;
            }
            (Claim::InFlight { .. }, write, Fault::DuplicatesHold) => {
                let mut record = found.clone();
                record.lease_until = self.now().after(request.lease);
                *write = Some(record);
            }
            (answer @ Claim::Completed(_), _, Fault::OwnersRunAgain)
                if found.owner == request.owner =>
            {
                *answer = Claim::Granted {
                    fence: found.fence,
                    taken_over: false,
                    step: None,
                };
            }
            _ => {}
        }
    }

    pub(crate) fn lease(&self, found: Option<&Record>, lease: &Lease) -> Lease {
        let mut lease = lease.clone();
        if let Some(record) = found {
            if self.is(Fault::ForgetsTheOwner) {
                lease.owner = record.owner;
            }
            if self.is(Fault::ForgetsTheFence) {
                lease.fence = record.fence;
            }
            if self.is(Fault::ForgetsTheLease) {
                (lease.owner, lease.fence) = (record.owner, record.fence);
            }
        }
        lease
    }

    pub(crate) fn finish_at(
        &self,
        found: Option<&Record>,
        lease: &Lease,
        ending: Ending,
    ) -> Step<Written> {
        let lease = self.lease(found, lease);
        let mut ending = ending;
        match (&mut ending, self.fault) {
            (ending @ Ending::Unknown, Fault::UnknownIsReleased) => *ending = Ending::Released,
            (Ending::Completed(result), Fault::OmittedIsEmpty) => {
                let _ = result.body.get_or_insert_default();
            }
            (Ending::Completed(result), Fault::StatusIsAByte) => result.status &= 0xff,
            (Ending::Completed(result), Fault::TruncatesBodies) => {
                let body = result.body.as_deref();
                let body = body.map(|body| &body[..body.len().min(65_535)]);
                result.body = body.map(Arc::from);
            }
            _ => {}
        }
        if let Some(record) = found {
            let own = record.owner == lease.owner && record.fence == lease.fence;
            let refused = match self.fault {
                Fault::LateIsRefused => {
                    record.state == State::InFlight && self.now() >= record.lease_until
                }
                Fault::IndeterminateIsLost => record.state == State::Indeterminate,
                _ => false,
            };
            if refused {
                return (Written::Fenced(None), None);
            }
            if let (true, Ending::Completed(result)) = (own, &ending) {
                if self.is(Fault::AnyEndIsTheSame) && record.state == State::Completed {
                    return (Written::Done, None);
                }
                if self.is(Fault::CompletesTwice) && record.state == State::Completed {
                    let mut record = record.clone();
                    record.result = Some(result.clone());
                    return (Written::Done, Some(record));
                }
            }
        }
        if found.is_none() && self.is(Fault::WritesWithoutARow) {
            let fingerprint = Fingerprint::of(b"");
            let request = ClaimRequest {
                id: &lease.id,
                fingerprint,
                owner: lease.owner,
                lease: Duration::ZERO,
                result_ttl: Duration::MAX,
                key_ttl: Duration::MAX,
                lapsed: Lapsed::Block,
            };
            return (
                Written::Done,
                protocol::claim(None, &request, self.now()).write,
            );
        }
        let step = protocol::finish(found, &lease, ending, self.now());
        let answer = match (step.answer, self.fault) {
            (Written::Fenced(_), Fault::FencedIsToldNothing) => Written::Fenced(None),
            (Written::Fenced(_), Fault::FencedIsToldAnything) => {
                Written::Fenced(found.and_then(|record| record.result.clone()))
            }
            (answer, _) => answer,
        };
        let mut write = step.write;
        if let (Some(record), Fault::LivesFromItsEnd) = (&mut write, self.fault) {
            let (now, from) = (self.now(), record.created_at);
            record.result_expires_at = now.after(record.result_expires_at.since(from));
            record.expires_at = now.after(record.expires_at.since(from));
        }
        if let (Some(record), Some(found), Fault::FadesBeforeItsEnd) =
            (&mut write, found, self.fault)
        {
            record.result_expires_at = found.result_expires_at;
            record.expires_at = found.expires_at;
        }
        (answer, write)
    }
}
