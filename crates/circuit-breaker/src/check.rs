//! Settings that have to be in a range.

use steadfast_core::{InvalidConfig, Ratio};

pub(crate) fn check_share(field: &'static str, share: Ratio) -> Result<(), InvalidConfig> {
    if share.numerator() == 0 || !share.at_most(Ratio::percent(100)) {
        return Err(InvalidConfig::new(field, share, "more than 0 % to 100 %"));
    }
    Ok(())
}

pub(crate) fn check_number(
    field: &'static str,
    value: f64,
    least: f64,
    most: f64,
) -> Result<(), InvalidConfig> {
    if !(least..=most).contains(&value) {
        return Err(InvalidConfig::new(
            field,
            value,
            format!("{least} to {most}"),
        ));
    }
    Ok(())
}

/// In thousandths, of a number that was checked.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no setting is negative or above a thousand"
)]
pub(crate) fn milli(number: f64) -> u32 {
    (number * 1000.0).round() as u32
}
