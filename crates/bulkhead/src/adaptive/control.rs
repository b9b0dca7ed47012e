//! The whole decision: from calls that end to the limit.

use steadfast_core::Instant;

use super::{
    AdaptiveLimit, Strategy, aimd,
    collector::{Collector, Tally, Window},
    gradient, vegas,
};

/// The state of an adaptive limit, as whoever changes it sees it.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    collector: Collector,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Aimd(aimd::State),
    Vegas(vegas::State),
    Gradient2(gradient::State),
}

impl Control {
    /// The settings have been checked.
    pub(crate) fn new(settings: &AdaptiveLimit) -> Self {
        let (first, bounds) = (settings.first_limit(), settings.bounds());
        let state = match &settings.strategy {
            Strategy::Aimd(aimd) => State::Aimd(aimd::State::new(aimd, first, bounds)),
            Strategy::Vegas(vegas) => State::Vegas(vegas::State::new(vegas, first, bounds)),
            Strategy::Gradient2(gradient) => {
                State::Gradient2(gradient::State::new(gradient, first, bounds))
            }
        };
        Control {
            collector: Collector::new(settings),
            state,
        }
    }

    /// How many calls may be in flight.
    pub(crate) fn limit(&self) -> u32 {
        match &self.state {
            State::Aimd(state) => state.limit(),
            State::Vegas(state) => state.limit(),
            State::Gradient2(state) => state.limit(),
        }
    }

    /// Takes in calls that ended at `now`; the limit from now on, when they completed a window.
    pub(crate) fn absorb_at(&mut self, calls: Tally, now: Instant, random: u64) -> Option<u32> {
        let window = self.collector.absorb_at(calls, now)?;
        Some(self.update(window, random))
    }

    pub(crate) fn update(&mut self, window: Window, random: u64) -> u32 {
        match &mut self.state {
            State::Aimd(state) => state.update(window),
            State::Vegas(state) => state.update(window, random),
            State::Gradient2(state) => state.update(window, random),
        }
        self.limit()
    }
}
