//! The call that asks the store, or runs, for all.

use steadfast_core::{Instant, Wakers};

use super::{At, Landing, Stage, State};
use crate::sync::MutexGuard;

/// The place of the call that asks, or runs, for all. Dropped, it is free: the first that is polled has it.
#[derive(Debug)]
pub(crate) struct Lead<'p> {
    pub(super) at: At<'p>,
    pub(super) number: u64,
}

impl Lead<'_> {
    /// The state, as long as nobody else leads.
    fn state(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.at.state();
        let is_led = !matches!(state.stage, Stage::Vacant | Stage::Over(_));
        (state.number == self.number && is_led).then_some(state)
    }

    /// Whether it has not been taken by somebody else.
    pub(crate) fn is_current(&self) -> bool {
        self.state().is_some()
    }

    /// It is alive, and will say so again by `until`.
    pub(crate) fn holds(&self, until: Instant) {
        if let Some(mut state) = self.state() {
            state.until = until;
        }
    }

    /// It waits for another process, and asks the store again then.
    pub(crate) fn waits(&self, next_ask: Instant, until: Instant) {
        if let Some(mut state) = self.state() {
            state.stage = Stage::Waits;
            state.seen = true;
            state.next_ask = next_ask;
            state.until = until;
        }
    }

    /// It runs. Who will not wait for that is woken to hear it.
    pub(crate) fn runs(&self, until: Instant, tell: bool) {
        let Some(mut state) = self.state() else {
            return;
        };
        state.runs(until);
        let wakers = if tell {
            state.wakers()
        } else {
            Wakers::default()
        };
        drop(state);
        wakers.wake();
    }

    /// This came of it, for all; `false` where somebody else leads.
    pub(crate) fn lands(self, landing: Landing) -> bool {
        let Some(mut state) = self.state() else {
            return false;
        };
        state.stage = Stage::Over(Some(landing));
        let wakers = state.wakers();
        drop(state);
        self.at.remove();
        wakers.wake();
        true
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let Some(mut state) = self.state() else {
            return;
        };
        // What comes after a call that ran is for all to hear. Who asks next is one of many: the newest alone is woken
        // for it, as it has the most time left, and so the place changes hands seldom.
        let to_all = matches!(state.stage, Stage::Runs);
        let is_over = state.vacate();
        let wakers = if to_all {
            state.wakers()
        } else {
            state.heir = state.followers.keys().next_back().copied();
            let heir = state.followers.last_entry();
            let mut wakers = Wakers::default();
            wakers.extend(heir.and_then(|mut heir| heir.get_mut().take()));
            wakers
        };
        drop(state);
        if is_over {
            self.at.remove();
        }
        wakers.wake();
    }
}
