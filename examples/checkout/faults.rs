//! How much goes wrong: which faults there are to choose from, and how often each strikes.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::dice::Span;

/// How much goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Faults {
    Off,
    Mild,
    Storm,
    Outage,
    Slow,
}

impl Faults {
    pub(crate) const ALL: [Faults; 5] = [
        Faults::Off,
        Faults::Mild,
        Faults::Storm,
        Faults::Outage,
        Faults::Slow,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Faults::Off => "off",
            Faults::Mild => "mild",
            Faults::Storm => "storm",
            Faults::Outage => "outage",
            Faults::Slow => "slow",
        }
    }
}

/// How often each fault strikes, in a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    /// Orders that are told to come back after [`LIMITED_FOR`]: 429 with `Retry-After`.
    pub(crate) limited: u32,
    /// Orders that meet an overloaded bank for [`OVERLOADED_FOR`]: 503 without a hint.
    pub(crate) overloaded: u32,
    /// Requests that end in a 500, before any charge.
    pub(crate) errors: u32,
    /// Requests whose connection is cut, after the charge.
    pub(crate) cut: u32,
    /// Requests that are charged at once and answered in [`SLOW`].
    pub(crate) slow: u32,
}

impl Rates {
    pub(crate) const fn of(faults: Faults) -> Self {
        match faults {
            // An outage is enough, and so is a slow provider.
            Faults::Off | Faults::Outage | Faults::Slow => Rates {
                limited: 0,
                overloaded: 0,
                errors: 0,
                cut: 0,
                slow: 0,
            },
            Faults::Mild => Rates {
                limited: 10,
                overloaded: 5,
                errors: 10,
                cut: 5,
                slow: 5,
            },
            Faults::Storm => Rates {
                limited: 60,
                overloaded: 30,
                errors: 30,
                cut: 20,
                slow: 20,
            },
        }
    }
}

/// How long a rate-limited order is sent away, whatever it tries.
pub(crate) const LIMITED_FOR: Duration = Duration::from_secs(1);
/// How long an overload lasts that an order runs into.
pub(crate) const OVERLOADED_FOR: Duration = Duration::from_millis(120);
/// The latency tail, in milliseconds.
pub(crate) const SLOW: Span = Span {
    from: 1500,
    to: 3000,
};
impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Rates::default() {
            return f.write_str("nothing goes wrong");
        }
        let Rates {
            limited,
            overloaded,
            errors,
            cut,
            slow,
        } = self;
        write!(
            f,
            "{limited} of 1,000 orders are rate-limited for {LIMITED_FOR:?}, \
             {overloaded} meet an overload of {OVERLOADED_FOR:?}; \
             {errors} of 1,000 requests end in a 500, \
             {cut} are cut after the charge, {slow} take {SLOW}"
        )
    }
}
