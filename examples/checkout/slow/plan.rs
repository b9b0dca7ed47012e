//! What is in store: which order goes to which provider, when it comes, and when the slow one is slow.

use std::time::Duration;

use crate::{
    dice::{Dice, Span},
    faults::SLOW,
    orders::Order,
    window::Window,
};

/// An order comes this long after the one before it, whatever became of that: customers do not wait for
/// each other, and so a queue in front of the workers shows.
pub(crate) const PACE: Duration = Duration::from_millis(3);

/// When the slow provider becomes slow, in milliseconds.
const BEGINS: Span = Span { from: 400, to: 500 };
/// How long it stays so, in milliseconds.
const LASTS: Span = Span {
    from: 1400,
    to: 1600,
};

/// What is in store, for `--help`.
pub(crate) fn description() -> String {
    format!(
        "one steadfast client pays through two providers, each order through one of them; \
         for {LASTS} one of the two takes {SLOW} for an answer; \
         one order comes every {PACE:?}, whatever becomes of the others; \
         compared are the healthy provider alone, both without bulkheads, and both with"
    )
}

/// From when until when the slow provider is slow.
pub(crate) fn window(dice: Dice) -> Window {
    let begins = BEGINS.pick(dice.roll("slow begins", "", 0));
    let lasts = LASTS.pick(dice.roll("slow lasts", "", 0));
    Window {
        begins,
        ends: begins + lasts,
    }
}

/// Through whom an order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Provider {
    Healthy,
    /// As healthy, but for a while.
    Slow,
}

impl Provider {
    /// The customer's choice: one in two, and the same in each run.
    pub(crate) fn of(order: &Order, dice: Dice) -> Provider {
        match dice.roll("provider", &order.id, 0).in_thousand() {
            0..500 => Provider::Healthy,
            _ => Provider::Slow,
        }
    }
}

/// When the order with this index comes, counted from the first.
pub(crate) fn due(index: usize) -> Duration {
    PACE.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX))
}

/// How many of the slow provider's orders come while it is slow.
pub(crate) fn orders_in(window: Window, orders: &[Order], dice: Dice) -> u64 {
    let comes = |(index, order): &(usize, &Order)| {
        window.is_on(due(*index)) && Provider::of(order, dice) == Provider::Slow
    };
    orders.iter().enumerate().filter(comes).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{flags::Flags, orders};

    #[test]
    fn every_seed_has_orders_for_both_before_in_and_after_the_slow_while() {
        let orders = orders::read(&Flags::default().orders).expect("the committed file is good");
        for seed in 0..200 {
            let dice = Dice::new(seed);
            let window = window(dice);
            let slow = |order: &&Order| Provider::of(order, dice) == Provider::Slow;
            let slow = orders.iter().filter(slow).count();
            assert!((420..=580).contains(&slow), "{slow} with seed {seed}");
            let during = orders_in(window, &orders, dice);
            assert!((180..=320).contains(&during), "{during} with seed {seed}");
            let after = due(orders.len()) - window.ends;
            assert!(
                after > Duration::from_millis(800),
                "{after:?} with seed {seed}"
            );
        }
    }

    #[test]
    fn a_seed_gives_the_same_choices_and_another_seed_others() {
        let orders = orders::read(&Flags::default().orders).expect("the committed file is good");
        let choices = |seed| -> Vec<Provider> {
            let dice = Dice::new(seed);
            orders
                .iter()
                .map(|order| Provider::of(order, dice))
                .collect()
        };
        assert_eq!(choices(1), choices(1));
        assert_ne!(choices(1), choices(2));
    }

    #[test]
    fn an_order_comes_at_its_time() {
        assert_eq!(due(0), Duration::ZERO);
        assert_eq!(due(999), 999 * PACE);
    }
}
