//! Decides what goes wrong: a pure function of the seed, the order, how often it has arrived, and when.
//!
//! Nothing here depends on which client asks or on how requests interleave, so all clients meet the
//! same weather.

use std::time::Duration;

use crate::{
    dice::{Dice, Span},
    fate::{Answer, Arrival, Fate},
    faults::{Faults, LIMITED_FOR, OVERLOADED_FOR, Rates, SLOW},
    outage, slow,
    window::Window,
};

/// An ordinary charge.
const ORDINARY: Span = Span { from: 40, to: 160 };
/// A refusal at the door, before any work.
const REFUSAL: Span = Span { from: 1, to: 5 };

/// Everything that will go wrong in one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    dice: Dice,
    rates: Rates,
    outage: Option<Window>,
    slow: Option<Window>,
}

impl Plan {
    pub(crate) fn of(faults: Faults, seed: u64) -> Self {
        let plan = Plan::new(seed, Rates::of(faults));
        let outage = (faults == Faults::Outage).then(|| outage::window(plan.dice));
        let slow = (faults == Faults::Slow).then(|| slow::window(plan.dice));
        Plan {
            outage,
            slow,
            ..plan
        }
    }

    pub(crate) fn new(seed: u64, rates: Rates) -> Self {
        Plan {
            dice: Dice::new(seed),
            rates,
            outage: None,
            slow: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn dead(outage: Window) -> Self {
        Plan {
            outage: Some(outage),
            ..Plan::new(1, Rates::default())
        }
    }

    /// When the server is dead, if it ever is.
    pub(crate) fn outage(&self) -> Option<Window> {
        self.outage
    }

    /// Decides about one request.
    ///
    /// An overload or a rate limit starts with the first request of an order and lasts a while, so
    /// whoever repeats the request at once meets it again. All other faults strike each request by
    /// itself.
    pub(crate) fn fate(&self, arrival: Arrival<'_>) -> Fate {
        self.silence(arrival)
            .or_else(|| self.refusal(arrival))
            .unwrap_or_else(|| self.handling(arrival))
    }

    fn silence(&self, arrival: Arrival<'_>) -> Option<Fate> {
        let is_dead = self.outage?.is_on(arrival.since_opening);
        is_dead.then(|| Fate {
            latency: self.at_the_door(arrival),
            answer: Answer::Dead,
        })
    }

    fn refusal(&self, arrival: Arrival<'_>) -> Option<Fate> {
        let Rates {
            limited,
            overloaded,
            ..
        } = self.rates;
        let answer = match self.dice.roll("trouble", arrival.order, 0).in_thousand() {
            roll if roll < limited => {
                let left = LIMITED_FOR
                    .checked_sub(arrival.since_first)
                    .filter(|left| !left.is_zero())?;
                // The header can only say whole seconds; rounded up, so that nobody is early.
                let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
                Answer::Limited { seconds }
            }
            roll if roll < limited + overloaded && arrival.since_first < OVERLOADED_FOR => {
                Answer::Overloaded
            }
            _ => return None,
        };
        Some(Fate {
            latency: self.at_the_door(arrival),
            answer,
        })
    }

    fn at_the_door(&self, arrival: Arrival<'_>) -> Duration {
        REFUSAL.pick(self.dice.roll("refusal", arrival.order, arrival.nth))
    }

    fn handling(&self, arrival: Arrival<'_>) -> Fate {
        let Rates {
            errors, cut, slow, ..
        } = self.rates;
        let is_slow = |window: Window| window.is_on(arrival.since_opening);
        let (span, answer) = match self
            .dice
            .roll("fault", arrival.order, arrival.nth)
            .in_thousand()
        {
            _ if self.slow.is_some_and(is_slow) => (SLOW, Answer::Served),
            roll if roll < errors => (ORDINARY, Answer::Error),
            roll if roll < errors + cut => (ORDINARY, Answer::Cut),
            roll if roll < errors + cut + slow => (SLOW, Answer::Served),
            _ => (ORDINARY, Answer::Served),
        };
        Fate {
            latency: span.pick(self.dice.roll("latency", arrival.order, arrival.nth)),
            answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(order: &str) -> Arrival<'_> {
        Arrival {
            order,
            nth: 1,
            since_first: Duration::ZERO,
            since_opening: Duration::ZERO,
        }
    }

    fn fates(plan: Plan) -> Vec<Fate> {
        fates_at(plan, Duration::ZERO)
    }

    fn fates_at(plan: Plan, since_opening: Duration) -> Vec<Fate> {
        let fate = |n| {
            let order = format!("ord-{n:04}");
            plan.fate(Arrival {
                since_opening,
                ..first(&order)
            })
        };
        (0..10_000).map(fate).collect()
    }

    fn storm(seed: u64) -> Plan {
        Plan::new(seed, Rates::of(Faults::Storm))
    }

    #[test]
    fn the_same_seed_means_the_same_weather_and_another_seed_another() {
        assert_eq!(fates(storm(1)), fates(storm(1)));
        assert_ne!(fates(storm(1)), fates(storm(2)));
        let outage = |seed| Plan::of(Faults::Outage, seed).outage();
        assert_eq!(outage(1), outage(1));
        assert_ne!(outage(1), outage(2));
        assert_eq!(Plan::of(Faults::Storm, 1).outage(), None);
    }

    #[test]
    fn nothing_goes_wrong_when_faults_are_off() {
        for fate in fates(Plan::new(1, Rates::of(Faults::Off))) {
            assert_eq!(fate.answer, Answer::Served);
            assert!(fate.latency < Duration::from_millis(160));
        }
    }

    #[test]
    fn each_fault_strikes_as_often_as_its_rate_says() {
        let rates = Rates::of(Faults::Storm);
        for seed in 0..5 {
            let fates = fates(storm(seed));
            let count =
                |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count();
            // In ten thousand orders; four standard deviations are 80 to 100 of them.
            let near = |seen: usize, rate: u32| seen.abs_diff(rate as usize * 10) < 100;
            assert!(near(
                count(|fate| matches!(fate.answer, Answer::Limited { .. })),
                rates.limited
            ));
            assert!(near(
                count(|fate| fate.answer == Answer::Overloaded),
                rates.overloaded
            ));
            assert!(near(
                count(|fate| fate.answer == Answer::Error),
                rates.errors
            ));
            assert!(near(count(|fate| fate.answer == Answer::Cut), rates.cut));
            assert!(near(
                count(|fate| fate.latency >= Duration::from_millis(1500)),
                rates.slow
            ));
        }
    }

    #[test]
    fn an_outage_takes_every_request_and_nothing_else_goes_wrong() {
        let plan = Plan::of(Faults::Outage, 1);
        let outage = plan.outage().expect("an outage");
        let answers = |since_opening| {
            fates_at(plan, since_opening)
                .into_iter()
                .map(|fate| fate.answer)
        };
        assert!(answers(outage.begins).all(|answer| answer == Answer::Dead));
        assert!(answers(Duration::ZERO).all(|answer| answer == Answer::Served));
        assert!(answers(outage.ends).all(|answer| answer == Answer::Served));
    }

    #[test]
    fn a_slow_provider_is_slow_to_everybody_for_a_while_and_serves_all() {
        let plan = Plan::of(Faults::Slow, 1);
        let slow = plan.slow.expect("a slow provider");
        let served = |since_opening, span: Span| {
            let span = span.range();
            fates_at(plan, since_opening)
                .into_iter()
                .all(|fate| fate.answer == Answer::Served && span.contains(&fate.latency))
        };
        assert!(served(slow.begins, SLOW));
        assert!(served(Duration::ZERO, ORDINARY) && served(slow.ends, ORDINARY));
    }

    #[test]
    fn a_rate_limit_refuses_every_repeat_until_it_is_over() {
        let plan = Plan::new(
            1,
            Rates {
                limited: 1000,
                ..Rates::default()
            },
        );
        let answer = |nth, ms| {
            let since_first = Duration::from_millis(ms);
            plan.fate(Arrival {
                nth,
                since_first,
                ..first("a")
            })
            .answer
        };
        assert_eq!(answer(1, 0), Answer::Limited { seconds: 1 });
        assert_eq!(answer(2, 3), Answer::Limited { seconds: 1 });
        assert_eq!(answer(9, 999), Answer::Limited { seconds: 1 });
        assert_eq!(answer(10, 1000), Answer::Served);
    }

    #[test]
    fn an_overload_passes() {
        let plan = Plan::new(
            1,
            Rates {
                overloaded: 1000,
                ..Rates::default()
            },
        );
        let answer = |since_first| {
            plan.fate(Arrival {
                nth: 2,
                since_first,
                ..first("a")
            })
            .answer
        };
        assert_eq!(
            answer(OVERLOADED_FOR - Duration::from_nanos(1)),
            Answer::Overloaded
        );
        assert_eq!(answer(OVERLOADED_FOR), Answer::Served);
    }

    #[test]
    fn a_repeat_takes_its_own_chance() {
        let plan = Plan::new(
            1,
            Rates {
                errors: 500,
                ..Rates::default()
            },
        );
        let answers = (1..=32).map(|nth| plan.fate(Arrival { nth, ..first("a") }).answer);
        let errors = answers.filter(|answer| *answer == Answer::Error).count();
        assert!((4..=28).contains(&errors), "{errors} of 32");
    }
}
