//! A call that waits for another one of this process.

use std::{
    mem,
    task::{Context, Poll, ready},
};

use steadfast_core::{Instant, Runtime};

use super::{Admitted, Gate, Phase};
use crate::{
    Background, Refusal, Store,
    flights::{News, Stands},
};

impl<S: Store, C, B: Background<S>, R: Runtime> Gate<'_, '_, S, C, B, R> {
    pub(super) fn follow(&mut self, cx: &mut Context<'_>) -> Poll<Option<Admitted>> {
        let Phase::Following(seat, set) = &mut self.admission.phase else {
            unreachable!("it is asked of one that follows");
        };
        match seat.poll(cx) {
            Poll::Ready(Ok(landing)) => return Poll::Ready(Some(self.landed(landing))),
            Poll::Ready(Err(())) => {
                self.ask();
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        let (stands, set) = (seat.stands(), *set);
        self.admission.seen |= stands.was_under_way;
        let waits = self.claim.shared.settings.waits();
        if stands.is_vacant || stands.is_under_way && !waits {
            return Poll::Ready(self.turn(stands));
        }
        // A lead that lives on says so without waking anybody: then the timer is early, and is set anew.
        let mut at = stands.until.min(self.end());
        if !self.admission.seen {
            at = at.min(self.despair());
        }
        if set.is_none_or(|set| at < set) {
            let now = self.now();
            self.set_timer(now, at);
            if let Phase::Following(_, set) = &mut self.admission.phase {
                *set = Some(at);
            }
        }
        ready!(self.timer.as_mut().poll(self.attempt.runtime(), cx));
        Poll::Ready(self.turn(stands))
    }

    /// When it gives the store up, though there is a lead. One that stays is given up after the patience that there is
    /// for the store; but of those that go away before, there may be any number.
    fn despair(&mut self) -> Instant {
        if let Some(despair) = self.admission.despair {
            return despair;
        }
        let despair = self.now() + 2 * self.patience();
        self.admission.despair = Some(despair);
        despair
    }

    /// There is something to decide: nobody leads, or not for long any more, or its own time is over.
    fn turn(&mut self, stands: Stands) -> Option<Admitted> {
        let phase = mem::replace(&mut self.admission.phase, Phase::New);
        let Phase::Following(seat, _) = phase else {
            unreachable!("it is asked of one that follows");
        };
        let (now, end) = (self.now(), self.end());
        let is_led = !stands.is_vacant && now < stands.until;
        let waits = self.claim.shared.settings.waits();
        if now >= end || is_led && stands.is_under_way && !waits {
            let hint = (is_led && stands.is_under_way).then(|| stands.until - now);
            return Some(Admitted::Refused(Refusal::InFlight, hint));
        }
        if is_led {
            if !self.admission.seen && now >= self.despair() {
                return Some(Admitted::Refused(Refusal::StoreUnavailable, None));
            }
            self.admission.phase = Phase::Following(seat, None);
            return None;
        }
        let patience = self.patience();
        match seat.lead(now, now + patience) {
            Err(seat) => self.admission.phase = Phase::Following(seat, None),
            Ok(News::Landed(landing)) => return Some(self.landed(landing)),
            Ok(News::Alone) => self.ask(),
            Ok(News::Leads(lead, next)) if next > end => {
                lead.waits(next, next + patience);
                drop(lead);
                return Some(Admitted::Refused(Refusal::InFlight, None));
            }
            Ok(News::Leads(lead, next)) if next > now => {
                lead.waits(next, next + patience);
                *self.lead = Some(lead);
                self.set_timer(now, next);
                self.admission.phase = Phase::Pausing;
            }
            Ok(News::Leads(lead, _)) => {
                *self.lead = Some(lead);
                self.ask();
            }
        }
        None
    }
}
