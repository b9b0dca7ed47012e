//! An exact share, such as 20 percent.

use std::fmt;

use crate::InvalidConfig;

/// A share as a fraction of two integers, kept in lowest terms: no rounding, no drift.
///
/// ```
/// use steadfast_core::Ratio;
///
/// assert_eq!(Ratio::percent(20), Ratio::new(1, 5)?);
/// assert_eq!(Ratio::percent(20).of(14), 2);
/// assert_eq!(Ratio::per_mille(125).to_string(), "12.5 %");
/// # Ok::<(), steadfast_core::InvalidConfig>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ratio {
    numerator: u32,
    denominator: u32,
}

impl Ratio {
    /// `percent` in a hundred. More than 100 is allowed here; who takes a ratio states its range.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Ratio::reduced(percent, 100)
    }

    /// `per_mille` in a thousand.
    #[must_use]
    pub const fn per_mille(per_mille: u32) -> Self {
        Ratio::reduced(per_mille, 1000)
    }

    /// `numerator` in `denominator`.
    ///
    /// # Errors
    ///
    /// When the denominator is zero.
    pub fn new(numerator: u32, denominator: u32) -> Result<Self, InvalidConfig> {
        if denominator == 0 {
            let allowed = format_args!("1 to {}", u32::MAX).to_string();
            return Err(InvalidConfig::new("denominator", denominator, allowed));
        }
        Ok(Ratio::reduced(numerator, denominator))
    }

    const fn reduced(numerator: u32, denominator: u32) -> Self {
        let (mut a, mut b) = (numerator, denominator);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        // `denominator` is not zero, so neither is the greatest common divisor.
        Ratio {
            numerator: numerator / a,
            denominator: denominator / a,
        }
    }

    /// The numerator in lowest terms.
    #[must_use]
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// The denominator in lowest terms, never zero.
    #[must_use]
    pub const fn denominator(self) -> u32 {
        self.denominator
    }

    /// This share of `whole`, rounded down; saturates.
    #[must_use]
    pub const fn of(self, whole: u64) -> u64 {
        let share = whole as u128 * self.numerator as u128 / self.denominator as u128;
        if share > u64::MAX as u128 {
            u64::MAX
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "checked above")]
            {
                share as u64
            }
        }
    }

    /// Whether this is at most `other`.
    #[must_use]
    pub const fn at_most(self, other: Ratio) -> bool {
        self.numerator as u64 * other.denominator as u64
            <= other.numerator as u64 * self.denominator as u64
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = f64::from(self.numerator) * 100.0 / f64::from(self.denominator);
        write!(f, "{percent} %")
    }
}
