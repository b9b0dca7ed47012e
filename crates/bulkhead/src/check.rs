//! Settings that have to be in a range.

use steadfast_core::{InvalidConfig, Ratio};

pub(crate) fn check_share(
    field: &'static str,
    share: Ratio,
    least: Ratio,
    most: Ratio,
) -> Result<(), InvalidConfig> {
    if least.at_most(share) && share.at_most(most) {
        return Ok(());
    }
    Err(InvalidConfig::new(
        field,
        share,
        format!("{least} to {most}"),
    ))
}
