//! So many units in so much time.

use std::{fmt, time::Duration};

use steadfast_core::InvalidConfig;

/// A rate as it was set, which is not checked yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    units: u32,
    per: Duration,
}

impl Pace {
    pub(crate) const fn new(units: u32, per: Duration) -> Self {
        Pace { units, per }
    }

    pub(crate) fn check(
        self,
        field: &'static str,
        least: Pace,
        most: Pace,
    ) -> Result<(), InvalidConfig> {
        let is_rate = self.units > 0 && !self.per.is_zero();
        if is_rate && least.at_most(self) && self.at_most(most) {
            return Ok(());
        }
        Err(InvalidConfig::new(
            field,
            self,
            format_args!("{least} to {most}"),
        ))
    }

    /// Exact: the products of 32 and 94 bits fit.
    fn at_most(self, other: Pace) -> bool {
        u128::from(self.units) * other.per.as_nanos()
            <= u128::from(other.units) * self.per.as_nanos()
    }

    /// Infinite when `per` is zero, which no checked rate has.
    pub(crate) fn per_second(self) -> f64 {
        f64::from(self.units) / self.per.as_secs_f64()
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pace { units, per } = self;
        write!(f, "{units} in {per:?}")
    }
}
