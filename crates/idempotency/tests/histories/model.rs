//! What happened to a key, event by event. Each question is answered by reading the log backwards: nothing is kept up
//! to date that could be out of it.

use steadfast_idempotency::{Fence, Fingerprint, Owner, Record, State, Stored};

#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Vec<Event>);

#[derive(Clone, Debug)]
enum Event {
    Claimed(Claimed),
    /// Held until then, by whoever claimed it last.
    Held(i64),
    Reached(String),
    Done(Stored),
    NotDone,
    NobodyKnows,
    /// What was said just before was found out then.
    FoundOut(i64),
    /// The result was given up.
    Faded,
}

#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) owner: Owner,
    pub(crate) fence: u64,
    pub(crate) payload: Fingerprint,
    pub(crate) at: i64,
    pub(crate) lease: i64,
    pub(crate) result_ttl: i64,
    pub(crate) key_ttl: i64,
    /// The first of its key, as far as anybody remembers.
    pub(crate) is_first: bool,
    /// It came after one of which nobody knows how far it came.
    pub(crate) takes_over: bool,
}

/// What a claim is answered with, less what is looked up in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Granted,
    Again,
    Done,
    DoneOnce,
    Busy(i64),
    NobodyKnows,
    Mismatch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Busy,
    Done,
    NotDone,
    NobodyKnows,
}

impl Log {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    fn claims(&self) -> impl DoubleEndedIterator<Item = &Claimed> {
        self.0.iter().filter_map(|event| match event {
            Event::Claimed(claimed) => Some(claimed),
            _ => None,
        })
    }

    fn last(&self) -> &Claimed {
        self.claims().next_back().expect("there is a claim")
    }

    /// All events since the last claim, the latest first.
    fn since_last(&self) -> impl Iterator<Item = &Event> {
        let events = self.0.iter().rev();
        events.take_while(|event| !matches!(event, Event::Claimed(_)))
    }

    pub(crate) fn end(&self) -> End {
        let end = self.since_last().find_map(|event| match event {
            Event::Done(_) => Some(End::Done),
            Event::NotDone => Some(End::NotDone),
            Event::NobodyKnows => Some(End::NobodyKnows),
            Event::Held(_) => Some(End::Busy),
            _ => None,
        });
        end.unwrap_or(End::Busy)
    }

    fn held_until(&self) -> i64 {
        let claimed = self.last();
        let held = self.since_last().filter_map(|event| match event {
            Event::Held(until) => Some(*until),
            _ => None,
        });
        held.fold(claimed.at + claimed.lease, i64::max)
    }

    fn reached(&self) -> Option<&str> {
        for event in self.0.iter().rev() {
            match event {
                Event::Reached(point) => return Some(point),
                Event::Claimed(claimed) if !claimed.takes_over => return None,
                _ => {}
            }
        }
        None
    }

    pub(crate) fn result(&self) -> Option<&Stored> {
        let result = self.since_last().find_map(|event| match event {
            Event::Done(result) => Some(Some(result)),
            Event::Faded => Some(None),
            _ => None,
        });
        result.flatten()
    }

    /// What came of it, for whoever asked for this.
    pub(crate) fn result_of(&self, payload: Fingerprint) -> Option<&Stored> {
        let last = self.claims().next_back();
        let is_same = last.is_some_and(|last| last.payload == payload);
        self.result().filter(|_| is_same)
    }

    fn result_until(&self) -> i64 {
        self.kept_until(self.last().at + self.last().result_ttl)
    }

    fn key_until(&self) -> i64 {
        self.kept_until(self.last().at + self.last().key_ttl.max(self.last().result_ttl))
    }

    /// As long again, where it took a while to find out that it was done.
    fn kept_until(&self, until: i64) -> i64 {
        let found_out = self.since_last().find_map(|event| match event {
            Event::FoundOut(at) => Some(*at),
            _ => None,
        });
        let length = (until - self.first().at).max(0);
        match (self.end(), found_out) {
            (End::Done, Some(at)) => until.max(at + length),
            _ => until,
        }
    }

    /// The first claim of this life of the key.
    fn first(&self) -> &Claimed {
        let first = self.claims().rev().find(|claimed| claimed.is_first);
        first.expect("there is a first claim")
    }

    /// Whether the one who may not end it any more says only what is known.
    pub(crate) fn says(&self, end: End, result: Option<&Stored>) -> bool {
        let same = self.result().is_none() || self.result() == result;
        self.end() == end && (end != End::Done || same)
    }

    pub(crate) fn is_unknown(&self, now: i64) -> bool {
        match self.end() {
            End::NobodyKnows => true,
            End::Busy => now >= self.held_until(),
            End::Done | End::NotDone => false,
        }
    }

    pub(crate) fn found_out(&mut self, at: i64) {
        self.0.push(Event::FoundOut(at));
    }

    /// Whether the result may be given up.
    pub(crate) fn may_fade(&self, now: i64) -> bool {
        now >= self.result_until()
    }

    pub(crate) fn fade(&mut self) {
        self.0.push(Event::Faded);
    }

    /// Whether the record may be deleted.
    pub(crate) fn is_over(&self, now: i64) -> bool {
        matches!(self.end(), End::Done | End::NotDone) && now >= self.key_until()
    }

    /// Whether the one of this claim may still say what came of it.
    pub(crate) fn may_end(&self, owner: Owner, fence: Fence) -> bool {
        self.is_of(owner, fence) && matches!(self.end(), End::Busy | End::NobodyKnows)
    }

    pub(crate) fn is_of(&self, owner: Owner, fence: Fence) -> bool {
        let last = self.claims().next_back();
        last.is_some_and(|last| last.owner == owner && last.fence == fence.get())
    }

    /// A claim, of which all is told but what the log knows.
    pub(crate) fn ask(&mut self, asked: Claimed, takes_over: bool) -> Reply {
        let now = asked.at;
        if self.is_empty() || self.is_over(now) {
            let fence = self.claims().next_back().map_or(1, |last| last.fence + 1);
            self.0.push(Event::Claimed(Claimed {
                fence,
                is_first: true,
                takes_over: false,
                ..asked
            }));
            return Reply::Granted;
        }
        let last = self.last().clone();
        if last.payload != asked.payload {
            return Reply::Mismatch;
        }
        let (end, until) = (self.end(), self.held_until());
        let lapsed = end == End::NobodyKnows || now >= until;
        match end {
            End::Done if self.result().is_some() && !self.may_fade(now) => Reply::Done,
            End::Done => Reply::DoneOnce,
            End::Busy if last.owner == asked.owner => {
                self.0.push(Event::Held(now + asked.lease));
                Reply::Again
            }
            End::Busy if !lapsed => Reply::Busy(until - now),
            End::Busy | End::NobodyKnows if !takes_over => {
                if end == End::Busy {
                    self.0.push(Event::NobodyKnows);
                }
                Reply::NobodyKnows
            }
            End::Busy | End::NobodyKnows | End::NotDone => {
                self.0.push(Event::Claimed(Claimed {
                    fence: last.fence + 1,
                    is_first: false,
                    takes_over: end != End::NotDone,
                    ..asked
                }));
                Reply::Granted
            }
        }
    }

    pub(crate) fn hold(&mut self, until: i64, point: Option<&str>) {
        self.0.push(Event::Held(until));
        let point = point.map(|point| Event::Reached(point.to_owned()));
        self.0.extend(point);
    }

    pub(crate) fn note(&mut self, end: End, result: Option<Stored>) {
        self.0.push(match (end, result) {
            (End::Done, Some(result)) => Event::Done(result),
            (End::NotDone, None) => Event::NotDone,
            (End::NobodyKnows, None) => Event::NobodyKnows,
            end => panic!("{end:?} is no end"),
        });
    }

    pub(crate) fn fence(&self) -> Fence {
        Fence::new(self.last().fence)
    }

    pub(crate) fn has_taken_over(&self) -> bool {
        self.last().takes_over
    }

    pub(crate) fn point(&self) -> Option<&str> {
        self.reached()
    }

    /// Compares what a store keeps with what the log says.
    pub(crate) fn check(&self, record: &Record) {
        let last = self.last();
        let state = match self.end() {
            End::Busy => State::InFlight,
            End::Done => State::Completed,
            End::NotDone => State::Released,
            End::NobodyKnows => State::Indeterminate,
        };
        let first = self.first();
        let lives = self.claims().rev().position(|claimed| claimed.is_first);
        let attempts = u32::try_from(lives.unwrap() + 1).unwrap();
        assert_eq!(record.state, state);
        assert_eq!((record.owner, record.fence.get()), (last.owner, last.fence));
        assert_eq!(record.fingerprint, last.payload);
        assert_eq!(record.lease_until.as_micros(), self.held_until());
        assert_eq!(record.created_at.as_micros(), first.at);
        assert_eq!(record.result_expires_at.as_micros(), self.result_until());
        assert_eq!(record.expires_at.as_micros(), self.key_until());
        assert_eq!(record.step.as_deref(), self.reached());
        assert_eq!(record.result.as_ref(), self.result());
        assert_eq!(record.attempts, attempts);
        assert_eq!(record.taken_over, last.takes_over);
    }
}
