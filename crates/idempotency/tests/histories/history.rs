//! Histories of a few keys that several owners want, told to a store and to the log, and what holds in each of them.

use std::time::Duration;

use steadfast_idempotency::{
    Claim, ClaimRequest, Ending, Fingerprint, Id, Key, Lapsed, Lease, Owner, Record, Scope, State,
    Stored, Written,
};

use super::model::{Claimed, End, Log, Reply};

/// A store that a history can be told to.
pub(crate) trait Subject {
    /// None where it is full.
    fn claim(&mut self, request: ClaimRequest<'_>) -> Option<Claim>;
    fn renew(&mut self, lease: &Lease, length: Duration, point: Option<&str>) -> Written;
    fn finish(&mut self, lease: &Lease, ending: Ending) -> Written;
    fn resolve(&mut self, id: &Id, ending: Ending) -> bool;
    fn find(&self, id: &Id) -> Option<Record>;
    fn reap(&mut self, limit: u32) -> u64;
    fn capacity(&self) -> usize;
    /// Sets its clock, which may go back.
    fn set_now(&mut self, now: i64);
    /// Of these leases, how many could write now.
    fn holders(&self, leases: &[Lease]) -> Option<usize>;
}

const KEYS: usize = 4;
const START: i64 = 1_000;

#[derive(Clone, Copy, Debug)]
enum Command {
    Claim(Ask),
    /// The last claim once more, as its answer was lost.
    Again,
    Renew {
        lease: u8,
        length: u8,
        point: Option<u8>,
    },
    Finish {
        lease: u8,
        end: End,
        body: u8,
    },
    Resolve {
        key: usize,
        end: End,
        body: u8,
    },
    Pass(i64),
    Reap(u32),
}

#[derive(Clone, Copy, Debug)]
struct Ask {
    key: usize,
    owner: u128,
    payload: u8,
    lease: i64,
    result_ttl: i64,
    key_ttl: i64,
    takes_over: bool,
}

/// Any bytes are a command.
fn command([kind, a, b, c, d, e]: [u8; 6]) -> Command {
    let (key, body) = (usize::from(a) % KEYS, c % 4);
    let end = [End::Done, End::NotDone, End::NobodyKnows][usize::from(b) % 3];
    match kind % 16 {
        0..=4 => Command::Claim(Ask {
            key,
            owner: u128::from(b % 4),
            payload: u8::from(c % 8 == 7),
            lease: i64::from(d % 8),
            result_ttl: i64::from(d / 8 % 16),
            key_ttl: i64::from(e % 32),
            takes_over: c % 2 == 1,
        }),
        5 => Command::Again,
        6 | 7 => Command::Renew {
            lease: a,
            length: b % 16,
            point: (c % 2 == 1).then_some(c / 2 % 3),
        },
        8..=10 => Command::Finish {
            lease: a,
            end,
            body,
        },
        11 => Command::Resolve { key, end, body },
        12 | 13 => Command::Pass(i64::from(a % 12)),
        14 => Command::Pass(i64::from(a) - 64),
        _ => Command::Reap(u32::from(a % 4)),
    }
}

/// Tells a history to a store, and compares each answer and each record with the log.
pub(crate) fn tell(subject: &mut dyn Subject, history: &[[u8; 6]]) {
    subject.set_now(START);
    let mut told = Told {
        subject,
        logs: Default::default(),
        ids: std::array::from_fn(id),
        leases: Vec::new(),
        last: None,
        now: START,
    };
    for raw in history {
        told.step(command(*raw));
    }
}

fn id(n: usize) -> Id {
    let scope = Scope::new("me", "charge").unwrap();
    Id::new(scope, Key::new(&n.to_string()).unwrap())
}

struct Told<'s> {
    subject: &'s mut dyn Subject,
    logs: [Log; KEYS],
    ids: [Id; KEYS],
    /// All that were ever granted, and of which key.
    leases: Vec<(usize, Lease)>,
    last: Option<Ask>,
    now: i64,
}

impl Told<'_> {
    fn step(&mut self, command: Command) {
        let before = self.records();
        let mut refused = None;
        match command {
            Command::Claim(ask) => refused = self.claim(ask),
            Command::Again => {
                if let Some(ask) = self.last {
                    refused = self.claim(ask);
                }
            }
            Command::Renew {
                lease,
                length,
                point,
            } => self.renew(lease, length, point),
            Command::Finish { lease, end, body } => self.finish(lease, end, body),
            Command::Resolve { key, end, body } => self.resolve(key, end, body),
            Command::Pass(by) => {
                self.now = (self.now + by).max(0);
                self.subject.set_now(self.now);
            }
            Command::Reap(limit) => self.reap(limit, &before),
        }
        let after = self.records();
        for key in 0..KEYS {
            self.settle(key, after[key].as_ref());
            if let (Some(before), Some(after)) = (&before[key], &after[key]) {
                holds(before, after);
                if refused == Some(key) {
                    assert_eq!(before, after, "a mismatch has changed the record");
                }
            }
            let leases = self.leases.iter().filter(|(of, _)| *of == key);
            let leases: Vec<_> = leases.map(|(_, lease)| lease.clone()).collect();
            let holders = self.subject.holders(&leases).unwrap_or(0);
            assert!(holders <= 1, "{holders} hold it at the same time");
        }
    }

    fn records(&self) -> [Option<Record>; KEYS] {
        std::array::from_fn(|key| self.subject.find(&self.ids[key]))
    }

    /// Takes note of what the store has given up, which it may do at any time once that is over; and compares the rest.
    fn settle(&mut self, key: usize, record: Option<&Record>) {
        let log = &mut self.logs[key];
        let Some(record) = record else {
            assert!(log.is_empty() || log.is_over(self.now), "a record is lost");
            log.forget();
            return;
        };
        if record.result.is_none() && log.result().is_some() {
            assert!(log.may_fade(self.now), "a result is lost");
            log.fade();
        }
        log.check(record);
    }

    /// The key, where it was refused for its payload.
    fn claim(&mut self, ask: Ask) -> Option<usize> {
        self.last = Some(ask);
        let micros = |length: i64| Duration::from_micros(length.unsigned_abs());
        let request = ClaimRequest {
            id: &self.ids[ask.key],
            fingerprint: Fingerprint::from_bytes([ask.payload; 32]),
            owner: Owner::from_u128(ask.owner),
            lease: micros(ask.lease),
            result_ttl: micros(ask.result_ttl),
            key_ttl: micros(ask.key_ttl),
            lapsed: match ask.takes_over {
                true => Lapsed::TakeOver,
                false => Lapsed::Block,
            },
        };
        let Some(claim) = self.subject.claim(request) else {
            let records = self.records();
            let held = records.iter().flatten().count();
            assert_eq!(held, self.subject.capacity(), "it is full before it is");
            assert!(records[ask.key].is_none(), "a known key found it full");
            for (log, record) in self.logs.iter().zip(&records) {
                let living = log.is_empty() || !log.is_over(self.now);
                assert!(living || record.is_none(), "it is full of what is over");
            }
            return None;
        };
        let log = &mut self.logs[ask.key];
        let asked = Claimed {
            owner: request.owner,
            payload: request.fingerprint,
            at: self.now,
            lease: ask.lease,
            result_ttl: ask.result_ttl,
            key_ttl: ask.key_ttl,
            fence: 0,
            is_first: false,
            takes_over: false,
        };
        let expected = match log.ask(asked, ask.takes_over) {
            Reply::Granted | Reply::Again => Claim::Granted {
                fence: log.fence(),
                taken_over: log.has_taken_over(),
                step: log.point().map(Into::into),
            },
            Reply::Done => Claim::Completed(log.result().unwrap().clone()),
            Reply::DoneOnce => Claim::Expired,
            Reply::Busy(left) => Claim::InFlight {
                lease_left: micros(left),
            },
            Reply::NobodyKnows => Claim::Indeterminate,
            Reply::Mismatch => Claim::Mismatch,
        };
        assert_eq!(claim, expected);
        if let Claim::Granted { fence, .. } = claim {
            let lease = Lease::new(&request, fence);
            self.leases.push((ask.key, lease));
        }
        (claim == Claim::Mismatch).then_some(ask.key)
    }

    fn lease(&self, lease: u8) -> Option<(usize, Lease)> {
        let lease = usize::from(lease) % self.leases.len().max(1);
        // The latest first, which are the ones that matter most.
        self.leases.iter().rev().nth(lease).cloned()
    }

    fn fenced(&self, key: usize, lease: &Lease) -> Written {
        Written::Fenced(self.logs[key].result_of(lease.fingerprint).cloned())
    }

    fn renew(&mut self, lease: u8, length: u8, point: Option<u8>) {
        let Some((key, lease)) = self.lease(lease) else {
            return;
        };
        let point = point.map(|point| format!("point {point}"));
        let until = Duration::from_micros(length.into());
        let written = self.subject.renew(&lease, until, point.as_deref());
        if self.logs[key].may_end(lease.owner, lease.fence) {
            assert_eq!(written, Written::Done);
            self.logs[key].hold(self.now + i64::from(length), point.as_deref());
        } else {
            assert_eq!(written, self.fenced(key, &lease));
        }
    }

    fn finish(&mut self, lease: u8, end: End, body: u8) {
        let Some((key, lease)) = self.lease(lease) else {
            return;
        };
        let (ending, result) = ending(end, body);
        let written = self.subject.finish(&lease, ending);
        let log = &mut self.logs[key];
        if log.may_end(lease.owner, lease.fence) {
            assert_eq!(written, Written::Done);
            let is_late = end == End::Done && log.may_fade(self.now);
            log.note(end, result);
            if is_late {
                log.found_out(self.now);
            }
        } else if log.is_of(lease.owner, lease.fence) && log.says(end, result.as_ref()) {
            assert_eq!(written, Written::Done, "said again");
        } else {
            assert_eq!(written, self.fenced(key, &lease));
        }
    }

    fn resolve(&mut self, key: usize, end: End, body: u8) {
        let (ending, result) = ending(end, body);
        let resolved = self.subject.resolve(&self.ids[key], ending);
        let log = &mut self.logs[key];
        let may = !log.is_empty() && log.is_unknown(self.now) && end != End::NobodyKnows;
        assert_eq!(resolved, may);
        if may {
            log.note(end, result);
            log.found_out(self.now);
        }
    }

    fn reap(&mut self, limit: u32, before: &[Option<Record>; KEYS]) {
        let over = self.logs.iter();
        let over = over.filter(|log| !log.is_empty() && log.is_over(self.now));
        let over = over.count().min(limit as usize);
        let reaped = self.subject.reap(limit);
        let left = self.records().iter().flatten().count();
        let gone = before.iter().flatten().count() - left;
        assert_eq!((gone, reaped), (over, over as u64));
    }
}

fn ending(end: End, body: u8) -> (Ending, Option<Stored>) {
    let result = Stored::body(vec![body; usize::from(body)]);
    match end {
        End::Done => (Ending::Completed(result.clone()), Some(result)),
        End::NotDone => (Ending::Released, None),
        End::Busy | End::NobodyKnows => (Ending::Unknown, None),
    }
}

/// What holds of a record that was there before a step and after it, whatever the step.
fn holds(before: &Record, after: &Record) {
    assert!(after.fence >= before.fence, "the fence went back");
    if after.owner != before.owner {
        assert!(after.fence > before.fence, "two claims have one fence");
    }
    if before.state == State::Completed && after.fence == before.fence {
        assert_eq!(after.state, State::Completed, "a result was undone");
        let kept = after.result.is_none() || after.result == before.result;
        assert!(kept, "a result was replaced");
    }
    if after.attempts > 1 && after.fence > before.fence {
        assert_eq!(after.fingerprint, before.fingerprint);
        assert_ne!(before.state, State::Completed, "what was done was claimed");
    }
}
