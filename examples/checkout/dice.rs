//! Chance that can be repeated: the same seed and the same question give the same answer.

use std::{fmt, time::Duration};

/// Answers questions of chance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice {
    seed: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice { seed }
    }

    /// Rolls for one question about the `nth` request of an order, independently of all others.
    pub(crate) fn roll(&self, question: &str, order: &str, nth: u32) -> Roll {
        let bytes = question
            .bytes()
            .chain([0])
            .chain(order.bytes())
            .chain([0])
            .chain(nth.to_le_bytes());
        // FNV-1a, and SplitMix64's finalizer because FNV alone is uneven in its high bits.
        let basis = 0xcbf2_9ce4_8422_2325 ^ scramble(self.seed);
        Roll(scramble(bytes.fold(basis, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })))
    }
}

/// The finalizer of `SplitMix64`.
fn scramble(bits: u64) -> u64 {
    let z = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What the dice show: 64 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roll(u64);

impl Roll {
    /// A number from 0 to 999.
    pub(crate) fn in_thousand(self) -> u32 {
        self.below(1000)
    }

    fn below(self, end: u32) -> u32 {
        let scaled = (u128::from(self.0) * u128::from(end)) >> 64;
        u32::try_from(scaled).expect("a fraction of a u32 fits in one")
    }
}

/// A range of milliseconds, without its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Span {
    #[cfg(test)]
    pub(crate) fn range(self) -> std::ops::Range<Duration> {
        milliseconds(self.from)..milliseconds(self.to)
    }

    pub(crate) fn pick(self, roll: Roll) -> Duration {
        milliseconds(self.from + roll.below(self.to - self.from))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} to {:?}",
            milliseconds(self.from),
            milliseconds(self.to)
        )
    }
}

fn milliseconds(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_question_matters() {
        let roll = Dice::new(1).roll("fault", "a", 1);
        assert_eq!(Dice::new(1).roll("fault", "a", 1), roll);
        assert_ne!(Dice::new(2).roll("fault", "a", 1), roll);
        assert_ne!(Dice::new(1).roll("latency", "a", 1), roll);
        assert_ne!(Dice::new(1).roll("fault", "b", 1), roll);
        assert_ne!(Dice::new(1).roll("fault", "a", 2), roll);
    }

    #[test]
    fn a_roll_stays_below_its_end() {
        assert_eq!(Roll(0).in_thousand(), 0);
        assert_eq!(Roll(u64::MAX).in_thousand(), 999);
        let span = Span { from: 40, to: 160 };
        assert_eq!(span.pick(Roll(0)), milliseconds(40));
        assert_eq!(span.pick(Roll(u64::MAX)), milliseconds(159));
    }

    #[test]
    fn orders_that_are_named_alike_roll_evenly() {
        let dice = Dice::new(1);
        let low = (0..10_000)
            .filter(|n| dice.roll("fault", &format!("ord-{n:04}"), 1).in_thousand() < 500)
            .count();
        assert!((4800..=5200).contains(&low), "{low} of 10,000");
    }
}
