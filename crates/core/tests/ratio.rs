//! Shares are exact, and saturate.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

use proptest::prelude::*;
use steadfast_core::Ratio;

proptest! {
    #[test]
    fn a_share_is_what_fractions_say(
        numerator: u32, denominator in 1..=u32::MAX, other: u32, below in 1..=u32::MAX, whole: u64
    ) {
        let ratio = Ratio::new(numerator, denominator).unwrap();
        let (a, b) = (u128::from(numerator), u128::from(denominator));
        let (c, d) = (u128::from(other), u128::from(below));
        prop_assert_eq!(a * u128::from(ratio.denominator()), b * u128::from(ratio.numerator()));
        let share = u64::try_from(a * u128::from(whole) / b).unwrap_or(u64::MAX);
        prop_assert_eq!(ratio.of(whole), share);
        prop_assert_eq!(ratio.at_most(Ratio::new(other, below).unwrap()), a * d <= c * b);
    }
}

#[test]
fn a_share_of_more_than_there_is_saturates() {
    assert_eq!(Ratio::percent(200).of(u64::MAX), u64::MAX);
    assert_eq!(Ratio::percent(100).of(u64::MAX), u64::MAX);
    assert_eq!(Ratio::percent(50).of(u64::MAX), u64::MAX / 2);
}

#[test]
fn equal_shares_are_at_most_each_other() {
    let (half, same) = (Ratio::percent(50), Ratio::new(7, 14).unwrap());
    assert!(half.at_most(same) && same.at_most(half));
    assert!(!Ratio::percent(51).at_most(half));
    assert!(!Ratio::percent(150).at_most(Ratio::percent(120)));
}
