//! The rules of the protocol: pure functions from a record, a wish and a moment to an answer and what is to be
//! written.
//!
//! A store that can run code between reading a record and writing it, with nobody else in between, uses them as
//! they are. One that says the same in its own language is held to them by the
//! [conformance kit](crate::conformance).
//!
//! ```text
//! (absent) --claim--> in flight --finish--> completed --result ttl--> "done, result expired" --key ttl--> (absent)
//!                      |    |  \--finish(released)--> released --claim--> in flight (fence + 1)
//!                 renew     |
//!                           lease over, or finish(unknown):
//!                             Block    -> indeterminate
//!                             resolve  -> completed | released
//!                             TakeOver -> in flight (fence + 1)
//! ```

use crate::{
    Claim, ClaimRequest, Ending, Fence, Lapsed, Lease, Record, State, StoreTime, Stored, Written,
};

/// An answer, and the record to write before it is given. Without one nothing is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Step<T> {
    /// What is answered.
    pub answer: T,
    /// What is to be written, in the place of the record that was read.
    pub write: Option<Record>,
}

impl<T> Step<T> {
    fn says(answer: T) -> Self {
        Step {
            answer,
            write: None,
        }
    }

    fn writes(answer: T, record: Record) -> Self {
        Step {
            answer,
            write: Some(record),
        }
    }
}

/// Whether the time of this record is over, so that it counts as absent and may be deleted.
///
/// One in flight ends by its lease, and an indeterminate one by being resolved: neither may be forgotten as
/// long as nobody knows whether it was done.
#[must_use]
pub fn is_over(record: &Record, now: StoreTime) -> bool {
    matches!(record.state, State::Completed | State::Released) && now >= record.expires_at
}

/// A claim, judged in this order: lifetime, fingerprint, state, lease.
pub fn claim(record: Option<&Record>, request: &ClaimRequest<'_>, now: StoreTime) -> Step<Claim> {
    let Some(record) = record.filter(|record| !is_over(record, now)) else {
        // A record whose time is over may still be there: its fence goes on, whoever it belonged to.
        let fence = record.map_or(Fence::FIRST, |record| record.fence.next());
        return granted(None, fence, request, now);
    };
    if record.fingerprint != request.fingerprint {
        return Step::says(Claim::Mismatch);
    }
    match record.state {
        State::Completed => Step::says(match &record.result {
            Some(result) if now < record.result_expires_at => Claim::Completed(result.clone()),
            _ => Claim::Expired,
        }),
        State::Released => granted(Some(record), record.fence.next(), request, now),
        // The claim was granted, and its answer lost. It holds from now on, as one that begins only now would be
        // taken over in the midst of it otherwise.
        State::InFlight if record.owner == request.owner => {
            let answer = Claim::Granted {
                fence: record.fence,
                taken_over: record.taken_over,
                step: record.step.clone(),
            };
            let lease_until = now.after(request.lease);
            if lease_until <= record.lease_until {
                return Step::says(answer);
            }
            let mut record = record.clone();
            record.lease_until = lease_until;
            Step::writes(answer, record)
        }
        State::InFlight if now < record.lease_until => Step::says(Claim::InFlight {
            lease_left: record.lease_until.since(now),
        }),
        State::InFlight | State::Indeterminate => match request.lapsed {
            Lapsed::TakeOver => granted(Some(record), record.fence.next(), request, now),
            Lapsed::Block if record.state == State::Indeterminate => {
                Step::says(Claim::Indeterminate)
            }
            Lapsed::Block => {
                let mut record = record.clone();
                record.state = State::Indeterminate;
                Step::writes(Claim::Indeterminate, record)
            }
        },
    }
}

fn granted(
    earlier: Option<&Record>,
    fence: Fence,
    request: &ClaimRequest<'_>,
    now: StoreTime,
) -> Step<Claim> {
    // What was proven not to have been done has reached no point.
    let unknown = earlier.filter(|record| record.state != State::Released);
    let step = unknown.and_then(|record| record.step.clone());
    let taken_over = unknown.is_some();
    let answer = Claim::Granted {
        fence,
        taken_over,
        step: step.clone(),
    };
    let record = Record {
        id: request.id.clone(),
        fingerprint: request.fingerprint,
        state: State::InFlight,
        fence,
        owner: request.owner,
        lease_until: now.after(request.lease),
        created_at: earlier.map_or(now, |record| record.created_at),
        result_expires_at: now.after(request.result_ttl),
        expires_at: now.after(request.key_ttl.max(request.result_ttl)),
        step,
        result: None,
        attempts: earlier.map_or(1, |record| record.attempts.saturating_add(1)),
        taken_over,
    };
    Step::writes(answer, record)
}

/// A renewal, and where `step` is given the point that was reached.
pub fn renew(
    record: Option<&Record>,
    lease: &Lease,
    length: std::time::Duration,
    step: Option<&str>,
    now: StoreTime,
) -> Step<Written> {
    match held(record, lease) {
        Ok(record) => {
            let mut record = record.clone();
            record.state = State::InFlight;
            record.lease_until = record.lease_until.max(now.after(length));
            if let Some(step) = step {
                record.step = Some(step.into());
            }
            Step::writes(Written::Done, record)
        }
        Err(fenced) => Step::says(fenced),
    }
}

/// The end of a claim, by its owner: repeatable, and late too where nobody has taken over.
pub fn finish(
    record: Option<&Record>,
    lease: &Lease,
    ending: Ending,
    now: StoreTime,
) -> Step<Written> {
    match held(record, lease) {
        // Of work that took longer than its result was to be kept, the key would be free as soon as it was done.
        Ok(record) if now >= record.result_expires_at => {
            Step::writes(Written::Done, kept_anew(ended(record, ending), now))
        }
        Ok(record) => Step::writes(Written::Done, ended(record, ending)),
        Err(fenced) => match (record, &ending) {
            // Said again, as the answer was lost. With another result it is another end, and what was resolved
            // meanwhile stands.
            (Some(record), Ending::Completed(result))
                if is_of(record, lease)
                    && record.state == State::Completed
                    && is_kept_of(record.result.as_ref(), result) =>
            {
                Step::says(Written::Done)
            }
            (Some(record), Ending::Released)
                if is_of(record, lease) && record.state == State::Released =>
            {
                Step::says(Written::Done)
            }
            _ => Step::says(fenced),
        },
    }
}

/// What came of a record that is indeterminate, or whose lease is over, said from outside. [`Ending::Unknown`] says
/// nothing new.
pub fn resolve(record: Option<&Record>, ending: Ending, now: StoreTime) -> Step<bool> {
    match record {
        Some(record) if is_unknown(record, now) && ending != Ending::Unknown => {
            // It may have taken longer to find out than the result, or the key, was to be kept: it would be done
            // again as soon as it was known to be done.
            Step::writes(true, kept_anew(ended(record, ending), now))
        }
        _ => Step::says(false),
    }
}

/// Whether nobody knows what came of it: it was marked so, or its lease is over and nobody has asked since.
#[must_use]
pub fn is_unknown(record: &Record, now: StoreTime) -> bool {
    match record.state {
        State::Indeterminate => true,
        State::InFlight => now >= record.lease_until,
        State::Completed | State::Released => false,
    }
}

fn ended(record: &Record, ending: Ending) -> Record {
    let mut record = record.clone();
    (record.state, record.result) = match ending {
        Ending::Completed(result) => (State::Completed, Some(result)),
        Ending::Released => (State::Released, None),
        Ending::Unknown => (State::Indeterminate, None),
    };
    record
}

/// What is completed is kept for at least as long as it was to be, from now on.
fn kept_anew(mut record: Record, now: StoreTime) -> Record {
    if record.state == State::Completed {
        let kept = |until: StoreTime| until.max(now.after(until.since(record.created_at)));
        record.result_expires_at = kept(record.result_expires_at);
        record.expires_at = kept(record.expires_at);
    }
    record
}

/// The record, where it is still this lease's to write. It is so when it has become indeterminate, as then
/// nobody has run since.
fn held<'r>(record: Option<&'r Record>, lease: &Lease) -> Result<&'r Record, Written> {
    match record {
        Some(record)
            if is_of(record, lease)
                && matches!(record.state, State::InFlight | State::Indeterminate) =>
        {
            Ok(record)
        }
        // A key whose time was over may be used for something else by now: that is nobody else's result.
        Some(record) if record.fingerprint == lease.fingerprint => {
            Err(Written::Fenced(record.result.clone()))
        }
        Some(_) => Err(Written::Fenced(None)),
        None => Err(Written::Fenced(None)),
    }
}

/// Whether this may be what a store has kept of that result: all of it, or not the body, or nothing any more.
fn is_kept_of(kept: Option<&Stored>, result: &Stored) -> bool {
    kept.is_none_or(|kept| kept == result || *kept == result.clone().without_body())
}

fn is_of(record: &Record, lease: &Lease) -> bool {
    record.owner == lease.owner && record.fence == lease.fence
}
