//! The total outage: for a while the server is dead to everybody, whatever they ask.

use std::time::Duration;

use crate::{
    dice::{Dice, Span},
    window::Window,
};

/// In an outage an order comes this long after the one before it, whatever became of that: customers
/// do not wait for each other, and every client meets the same number of them.
pub(crate) const PACE: Duration = Duration::from_millis(6);

/// When it begins, in milliseconds.
const BEGINS: Span = Span { from: 450, to: 550 };
/// How long it lasts, in milliseconds.
const LASTS: Span = Span {
    from: 3400,
    to: 3600,
};

/// What is in store, for `--help`.
pub(crate) fn description() -> String {
    format!(
        "the server works, is dead for {LASTS}, and works again; while it is dead it hangs up on \
         every request and charges nobody; one order comes every {PACE:?}, whatever becomes of the \
         others; steadfast pays a second time without its circuit breaker; all of it takes about 25 s"
    )
}

/// When the order with this index comes, counted from the first.
pub(crate) fn due(index: usize) -> Duration {
    PACE.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX))
}

/// From when until when the server is dead.
pub(crate) fn window(dice: Dice) -> Window {
    let begins = BEGINS.pick(dice.roll("outage begins", "", 0));
    let lasts = LASTS.pick(dice.roll("outage lasts", "", 0));
    Window {
        begins,
        ends: begins + lasts,
    }
}

/// How many of so many orders come while the server is dead.
pub(crate) fn orders_in(outage: Window, of: u64) -> u64 {
    let due_before = |time: Duration| {
        let due = time.as_nanos().div_ceil(PACE.as_nanos());
        u64::try_from(due).unwrap_or(u64::MAX).min(of)
    };
    due_before(outage.ends) - due_before(outage.begins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::PROBE_INTERVAL;

    #[test]
    fn every_outage_leaves_orders_before_and_after_it() {
        for seed in 0..1000 {
            let outage = window(Dice::new(seed));
            let during = orders_in(outage, 1000);
            assert!((566..=600).contains(&during), "{during} with seed {seed}");
            let after = 1000 * PACE - outage.ends;
            assert!(after > PROBE_INTERVAL, "{after:?} with seed {seed}");
        }
    }

    #[test]
    fn an_order_belongs_to_the_outage_from_its_first_moment_to_its_last() {
        let outage = Window {
            begins: 2 * PACE,
            ends: 4 * PACE,
        };
        // Due at 0, 1, [2, 3,] 4 and 5 times the pace.
        assert_eq!(orders_in(outage, 6), 2);
        assert_eq!(orders_in(outage, 3), 1);
        assert_eq!(orders_in(outage, 2), 0);
    }
}
