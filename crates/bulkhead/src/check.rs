//! Settings that have to be in a range.

use std::time::Duration;

use steadfast_core::{InvalidConfig, Ratio};

pub(crate) fn check(
    field: &'static str,
    value: u32,
    least: u32,
    most: u32,
) -> Result<(), InvalidConfig> {
    if value < least || value > most {
        let allowed = format!("{least} to {most}");
        return Err(InvalidConfig::new(field, value, allowed));
    }
    Ok(())
}

pub(crate) fn check_time(
    field: &'static str,
    value: Duration,
    least: Duration,
    most: Duration,
) -> Result<(), InvalidConfig> {
    if value >= least && value <= most {
        return Ok(());
    }
    let allowed = if most == Duration::MAX {
        format!("{least:?} or more")
    } else {
        format!("{least:?} to {most:?}")
    };
    Err(InvalidConfig::new(field, format!("{value:?}"), allowed))
}

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
