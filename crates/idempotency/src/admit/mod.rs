//! Whether a call may run: it asks the store, or follows one that does.

mod follow;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use steadfast_core::{Attempt, Instant, Runtime, Timer};

use crate::{
    Answer, Background, Claim, Fence, Idempotent, Lease, Owner, Refusal, Store, StoreError, Stored,
    flights::{Landing, Lead, Look, Seat},
    hold::{Hold, mint},
    settings::{InFlight, LEAST_PAUSE, RETRY, backoff},
};

/// Between two looks at a claim of another process.
const LOOK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A call on its way in.
#[derive(Debug)]
pub(crate) struct Admission<'p> {
    phase: Phase<'p>,
    owner: Option<Owner>,
    /// When the store is given up; never as long as it has not kept anybody waiting.
    give_up: Instant,
    /// When the wait for another call is over, once there is one.
    end: Option<Instant>,
    /// When it gives the store up that others ask, once it follows them.
    despair: Option<Instant>,
    tries: u32,
    looks: u32,
    /// Whether another call was seen to be at it.
    seen: bool,
    /// Whether it had to wait for anything.
    pub(crate) waited: bool,
}

#[derive(Debug)]
enum Phase<'p> {
    New,
    /// The store was asked then, where that was looked at.
    Asking(Answer<'p, Claim>, Option<Instant>),
    /// It asks when the timer fires.
    Pausing,
    /// The timer is set for that.
    Following(Seat<'p>, Option<Instant>),
}

/// How it got in, or did not.
pub(crate) enum Admitted {
    Granted {
        lease: Lease,
        taken_over: bool,
        step: Option<Arc<str>>,
        /// Not later than when the lease began.
        asked: Instant,
    },
    Replay {
        stored: Stored,
        coalesced: bool,
    },
    Refused(Refusal, Option<Duration>),
}

impl Admission<'_> {
    pub(crate) fn new() -> Self {
        Admission {
            phase: Phase::New,
            owner: None,
            give_up: Instant::MAX,
            end: None,
            despair: None,
            tries: 0,
            looks: 0,
            seen: false,
            waited: false,
        }
    }
}

/// All that an admission works on.
pub(crate) struct Gate<'a, 'p, S: Store, C, B: Background<S>, R: Runtime> {
    pub(crate) admission: &'a mut Admission<'p>,
    pub(crate) claim: &'p Idempotent<S, C, B>,
    pub(crate) hold: &'a mut Hold<'p, S, C, B>,
    pub(crate) lead: &'a mut Option<Lead<'p>>,
    pub(crate) attempt: &'a mut Attempt<R>,
    pub(crate) timer: Pin<&'a mut Timer<R::Sleep>>,
}

impl<'p, S: Store, C, B: Background<S>, R: Runtime> Gate<'_, 'p, S, C, B, R> {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Admitted> {
        loop {
            let admitted = match &mut self.admission.phase {
                Phase::New => self.begin(),
                Phase::Asking(answer, _) => match Pin::new(answer).poll(cx) {
                    Poll::Ready(Ok(claim)) => self.judge(claim),
                    Poll::Ready(Err(error)) => self.failed(&error),
                    Poll::Pending => Some(ready!(self.poll_patience(cx))),
                },
                Phase::Pausing => {
                    ready!(self.timer.as_mut().poll(self.attempt.runtime(), cx));
                    self.resume();
                    None
                }
                Phase::Following(..) => ready!(self.follow(cx)),
            };
            if let Some(admitted) = admitted {
                self.admission.phase = Phase::New;
                return Poll::Ready(admitted);
            }
        }
    }

    fn now(&self) -> Instant {
        self.attempt.runtime().now()
    }

    fn set_timer(&mut self, now: Instant, at: Instant) {
        self.timer.set(Timer::new(now, at));
    }

    fn patience(&self) -> Duration {
        self.claim.shared.settings.store_patience
    }

    fn begin(&mut self) -> Option<Admitted> {
        let claim = self.claim;
        match claim.shared.flights.look(&claim.id, claim.fingerprint) {
            Look::Clear => {
                self.ask();
                None
            }
            Look::Mismatch(until) if self.now() < until => {
                Some(Admitted::Refused(Refusal::Mismatch, None))
            }
            // Of what was so long ago the store knows more.
            Look::Mismatch(_) => {
                self.ask();
                None
            }
            Look::Landed(landing) => Some(self.landed(landing)),
            Look::Follows(seat) => {
                self.admission.waited = true;
                if self.claim.shared.settings.waits() && self.end() <= self.now() {
                    return Some(Admitted::Refused(Refusal::InFlight, None));
                }
                self.admission.phase = Phase::Following(seat, None);
                None
            }
        }
    }

    /// When its wait for others is over.
    fn end(&mut self) -> Instant {
        if let Some(end) = self.admission.end {
            return end;
        }
        let end = match self.claim.shared.settings.in_flight {
            InFlight::Wait(max) => self.attempt.deadline().min(self.attempt.now() + max),
            InFlight::Reject => self.attempt.deadline(),
        };
        self.admission.end = Some(end);
        end
    }

    fn owner(&mut self) -> Owner {
        let runtime = self.attempt.runtime();
        *self.admission.owner.get_or_insert_with(|| mint(runtime))
    }

    fn ask(&mut self) {
        let owner = self.owner();
        let claim = self.claim;
        let shared = &*claim.shared;
        let request = shared.settings.claim(&claim.id, claim.fingerprint, owner);
        self.admission.phase = Phase::Asking(shared.store.claim(request), None);
    }

    /// The store keeps it waiting.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Admitted> {
        if let Phase::Asking(_, asked @ None) = &mut self.admission.phase {
            let now = self.attempt.runtime().now();
            *asked = Some(now);
            self.admission.waited = true;
            let patience = self.patience();
            self.admission.give_up = self.admission.give_up.min(now + patience);
            let owner = self.owner();
            self.hold.asked(owner);
            self.leads(now + patience);
            let at = self.limit();
            self.set_timer(now, at);
        }
        ready!(self.timer.as_mut().poll(self.attempt.runtime(), cx));
        let now = self.now();
        Poll::Ready(self.give_up(Refusal::StoreUnavailable, now))
    }

    /// Until when it asks the store.
    fn limit(&mut self) -> Instant {
        let limit = self.admission.give_up.min(self.attempt.deadline());
        if self.admission.seen {
            limit.min(self.end())
        } else {
            limit
        }
    }

    /// Leads its flight until then, where nobody else does.
    fn leads(&mut self, until: Instant) {
        let claim = self.claim;
        match self.lead {
            Some(lead) => lead.holds(until),
            None => {
                let flights = &claim.shared.flights;
                *self.lead = flights.open(&claim.id, claim.fingerprint, false, until);
            }
        }
    }

    /// The store could not be asked. The same claim again may find that it was granted.
    fn failed(&mut self, error: &StoreError) -> Option<Admitted> {
        let refusal = Refusal::of_store(error);
        let now = self.now();
        if refusal != Refusal::StoreUnavailable {
            self.land(Landing::Refused(refusal, Instant::MAX));
            return Some(Admitted::Refused(refusal, None));
        }
        let owner = self.owner();
        self.hold.asked(owner);
        self.admission.waited = true;
        let patience = self.patience();
        self.admission.give_up = self.admission.give_up.min(now + patience);
        let random = self.attempt.runtime().random();
        let at = now + backoff(RETRY.0, RETRY.1, self.admission.tries, random);
        if at >= self.limit() {
            return Some(self.give_up(refusal, at));
        }
        self.admission.tries += 1;
        self.leads(at + patience);
        self.set_timer(now, at);
        self.admission.phase = Phase::Pausing;
        None
    }

    /// The store has not answered, and will not be asked again, or not before `at`.
    fn give_up(&mut self, refusal: Refusal, at: Instant) -> Admitted {
        let seen = self.admission.seen;
        if seen && at >= self.end() {
            // It waited for another call, and that is over.
            drop(self.lead.take());
            return Admitted::Refused(Refusal::InFlight, None);
        }
        // Beside a call that is known to be at it nobody runs without a claim.
        let refusal = if seen && self.claim.shared.settings.fail_open {
            Refusal::InFlight
        } else {
            refusal
        };
        if self.now() < self.attempt.deadline() {
            self.land(Landing::Refused(refusal, Instant::MAX));
        } else {
            // Its own time was short, that of others may be longer.
            drop(self.lead.take());
        }
        Admitted::Refused(refusal, None)
    }

    fn land(&mut self, landing: Landing) {
        if let Some(lead) = self.lead.take() {
            lead.lands(landing);
        }
    }

    fn landed(&self, landing: Landing) -> Admitted {
        match landing {
            Landing::Completed(stored) => Admitted::Replay {
                stored,
                coalesced: true,
            },
            Landing::Refused(refusal, Instant::MAX) => Admitted::Refused(refusal, None),
            Landing::Refused(refusal, until) => {
                Admitted::Refused(refusal, Some(until - self.now()))
            }
        }
    }

    fn judge(&mut self, claim: Claim) -> Option<Admitted> {
        let refusal = match claim {
            Claim::Granted {
                fence,
                taken_over,
                step,
            } => {
                return Some(self.granted(fence, taken_over, step));
            }
            Claim::InFlight { lease_left } => return self.in_flight(lease_left),
            Claim::Completed(stored) => {
                self.hold.nothing();
                if self.lead.is_some() {
                    self.land(Landing::Completed(stored.clone()));
                }
                return Some(Admitted::Replay {
                    stored,
                    coalesced: false,
                });
            }
            Claim::Expired => Refusal::ResultExpired,
            Claim::Indeterminate => Refusal::Indeterminate,
            Claim::Mismatch => Refusal::Mismatch,
        };
        self.hold.nothing();
        self.land(Landing::Refused(refusal, Instant::MAX));
        Some(Admitted::Refused(refusal, None))
    }

    fn granted(&mut self, fence: Fence, taken_over: bool, step: Option<Arc<str>>) -> Admitted {
        let asked = match self.admission.phase {
            Phase::Asking(_, Some(asked)) => asked,
            _ => self.now(),
        };
        let claim = self.claim;
        let settings = &claim.shared.settings;
        let until = asked + settings.lease;
        match self.lead.as_ref().filter(|lead| lead.is_current()) {
            Some(lead) => lead.runs(until, !settings.waits()),
            None => {
                let flights = &claim.shared.flights;
                *self.lead = flights.open(&claim.id, claim.fingerprint, true, until);
            }
        }
        let request = settings.claim(&claim.id, claim.fingerprint, self.owner());
        Admitted::Granted {
            lease: Lease::new(&request, fence),
            taken_over,
            step,
            asked,
        }
    }

    fn in_flight(&mut self, left: Duration) -> Option<Admitted> {
        self.hold.nothing();
        (self.admission.give_up, self.admission.tries) = (Instant::MAX, 0);
        self.admission.seen = true;
        let now = self.now();
        let refused = Admitted::Refused(Refusal::InFlight, Some(left));
        if !self.claim.shared.settings.waits() {
            self.land(Landing::Refused(Refusal::InFlight, now + left));
            return Some(refused);
        }
        self.admission.waited = true;
        let random = self.attempt.runtime().random();
        let pause = backoff(LOOK.0, LOOK.1, self.admission.looks, random);
        let next = now + pause.min(left.max(LEAST_PAUSE));
        let until = next + self.patience();
        self.leads(until);
        if let Some(lead) = &*self.lead {
            lead.waits(next, until);
        }
        if next > self.end() {
            drop(self.lead.take());
            return Some(refused);
        }
        self.admission.looks += 1;
        self.set_timer(now, next);
        self.admission.phase = Phase::Pausing;
        None
    }

    /// A pause is over.
    fn resume(&mut self) {
        let leads = self.lead.as_ref().is_some_and(Lead::is_current);
        // An own claim may have been granted without an answer. Who else asks is told that it is in flight, so whoever
        // made it does not wait for them.
        if leads || self.hold.is_asked() {
            self.ask();
        } else {
            // Somebody else leads, and may run by now.
            drop(self.lead.take());
            self.admission.phase = Phase::New;
        }
    }
}
