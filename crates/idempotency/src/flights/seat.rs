//! A call that follows another one.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use steadfast_core::{Instant, Wakers};

use super::{At, Landing, Lead, News, Stage};

/// The place of a call that follows. Dropped, it is given up.
#[derive(Debug)]
pub(crate) struct Seat<'p> {
    pub(super) at: At<'p>,
    pub(super) number: u64,
}

/// How things are for who has to wait on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stands {
    /// Whether the lead runs, or waits for somebody who does.
    pub(crate) is_under_way: bool,
    /// Whether the lead, or one before it, did.
    pub(crate) was_under_way: bool,
    /// Whether nobody leads.
    pub(crate) is_vacant: bool,
    /// When the lead is given up.
    pub(crate) until: Instant,
}

impl<'p> Seat<'p> {
    /// Ready when the flight is over; else how things are, and the waker is kept.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Result<Landing, ()>> {
        // A clone and a drop of a waker may run anybody's code, so both are outside of the lock.
        let mut waker = Some(cx.waker().clone());
        let mut state = self.at.state();
        if let Stage::Over(landing) = &state.stage {
            let landing = landing.clone().ok_or(());
            drop(state);
            return Poll::Ready(landing);
        }
        if let Some(seat) = state.followers.get_mut(&self.number) {
            mem::swap(seat, &mut waker);
        }
        drop(state);
        drop(waker);
        Poll::Pending
    }

    /// How things are.
    pub(crate) fn stands(&self) -> Stands {
        let state = self.at.state();
        Stands {
            is_under_way: matches!(state.stage, Stage::Waits | Stage::Runs),
            was_under_way: state.seen,
            is_vacant: matches!(state.stage, Stage::Vacant),
            until: state.until,
        }
    }

    /// Takes the lead, where nobody has it, or who has it was to have said something by now. Gives the seat back
    /// where there is a lead.
    pub(crate) fn lead(self, now: Instant, until: Instant) -> Result<News<'p>, Seat<'p>> {
        let mut state = self.at.state();
        match &state.stage {
            Stage::Over(landing) => {
                let landing = landing.clone();
                drop(state);
                return Ok(landing.map_or(News::Alone, News::Landed));
            }
            Stage::Vacant => {}
            Stage::Asks | Stage::Waits | Stage::Runs if state.until <= now => {
                state.next_ask = Instant::from_nanos(0);
            }
            _ => {
                drop(state);
                return Err(self);
            }
        }
        state.number += 1;
        state.stage = Stage::Asks;
        state.until = until;
        state.heir = None;
        let (number, next_ask) = (state.number, state.next_ask);
        // The seat becomes the lead: it stays open, and nobody is woken.
        let waker = state.followers.remove(&self.number);
        drop(state);
        drop(waker);
        let lead = Lead {
            at: At {
                flights: self.at.flights,
                id: self.at.id,
                flight: Arc::clone(&self.at.flight),
            },
            number,
        };
        Ok(News::Leads(lead, next_ask))
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut state = self.at.state();
        let waker = state.followers.remove(&self.number);
        let mut wakers = Wakers::default();
        let mut is_over = false;
        if matches!(state.stage, Stage::Vacant) {
            if state.followers.is_empty() {
                state.stage = Stage::Over(None);
                is_over = true;
            } else if state.heir == Some(self.number) {
                // It alone was woken to lead.
                state.heir = None;
                wakers = state.wakers();
            }
        }
        drop(state);
        if is_over {
            self.at.remove();
        }
        drop(waker);
        wakers.wake();
    }
}
