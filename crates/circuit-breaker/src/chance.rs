//! Random numbers in a range.

/// A uniformly distributed number below `whole`, from 64 uniformly distributed bits; zero for zero.
pub(crate) fn below(whole: u64, random: u64) -> u64 {
    ((u128::from(random) * u128::from(whole)) >> 64) as u64
}
