//! Chance added to a wait, so that calls that failed together do not come back together.

use steadfast_core::{InvalidConfig, Ratio};

/// How a wait `d` is spread. Whole nanoseconds, never above the cap of the retry policy.
///
/// Source of `Full` and `Equal`: M. Brooker, *Exponential Backoff And Jitter* (AWS, 2015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// `d` as it is.
    None,
    /// Anything from zero to `d`: the default, and the one that spreads best.
    #[default]
    Full,
    /// Half of `d`, and anything from zero to the other half.
    Equal,
    /// `d` give or take this share of it, which is at most 100 %.
    Proportional(Ratio),
}

impl Jitter {
    pub(crate) fn validate(self) -> Result<(), InvalidConfig> {
        match self {
            Jitter::Proportional(share) if !share.at_most(Ratio::percent(100)) => Err(
                InvalidConfig::new("jitter", share, "a proportion of 0 % to 100 %"),
            ),
            _ => Ok(()),
        }
    }

    /// Spreads `delay`; the result is at most `cap`.
    pub(crate) fn spread(self, delay: u64, cap: u64, random: u64) -> u64 {
        let spread = match self {
            Jitter::None => delay,
            Jitter::Full => below(delay, random),
            Jitter::Equal => {
                let half = delay / 2;
                half + below(delay - half, random)
            }
            Jitter::Proportional(share) => {
                let around = share.of(delay);
                (delay - around).saturating_add(below(around.saturating_mul(2), random))
            }
        };
        spread.min(cap)
    }
}

/// A uniform draw from `0..=max`, made of 64 random bits by multiplication (D. Lemire, *Fast Random
/// Integer Generation in an Interval*, 2019; the bias is below 2^-64 per value).
pub(crate) fn below(max: u64, random: u64) -> u64 {
    let scaled = (u128::from(random) * (u128::from(max) + 1)) >> 64;
    // The product is below (max + 1) * 2^64.
    u64::try_from(scaled).unwrap_or(max)
}

/// 64 random bits as a fraction in `[0, 1)`.
pub(crate) fn unit(random: u64) -> f64 {
    // The 53 bits that a float can hold.
    (random >> 11) as f64 / (1_u64 << 53) as f64
}
