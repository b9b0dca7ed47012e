//! What a setting says when it cannot be built: the field, the value, what would be allowed.

use std::{error, fmt, ops::RangeInclusive, time::Duration};

/// A setting that is out of its range. Nothing was built.
///
/// ```
/// use steadfast_core::Ratio;
///
/// let error = Ratio::new(1, 0).unwrap_err();
/// assert_eq!(error.to_string(), "`denominator` is 0; allowed: 1 to 4294967295");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    field: &'static str,
    value: String,
    allowed: String,
}

impl InvalidConfig {
    /// Says that `field` has a `value` that is not `allowed`.
    pub fn new(
        field: &'static str,
        value: impl fmt::Display,
        allowed: impl fmt::Display,
    ) -> InvalidConfig {
        InvalidConfig {
            field,
            value: value.to_string(),
            allowed: allowed.to_string(),
        }
    }

    /// Refuses a `value` that is not in this range, both ends of which are allowed.
    ///
    /// ```
    /// use steadfast_core::InvalidConfig;
    ///
    /// assert!(InvalidConfig::check("max_attempts", 4, 1..=100).is_ok());
    /// let error = InvalidConfig::check("max_attempts", 0, 1..=100).unwrap_err();
    /// assert_eq!(error.to_string(), "`max_attempts` is 0; allowed: 1 to 100");
    /// ```
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn check<T: PartialOrd + fmt::Debug>(
        field: &'static str,
        value: T,
        allowed: RangeInclusive<T>,
    ) -> Result<(), InvalidConfig> {
        if allowed.contains(&value) {
            return Ok(());
        }
        let (least, most) = allowed.into_inner();
        Err(InvalidConfig::new(
            field,
            format_args!("{value:?}"),
            format_args!("{least:?} to {most:?}"),
        ))
    }

    /// As [`check`](InvalidConfig::check), for a length of time: up to [`Duration::MAX`] it has no upper end.
    ///
    /// # Errors
    ///
    /// When it is not in the range.
    pub fn check_time(
        field: &'static str,
        value: Duration,
        allowed: RangeInclusive<Duration>,
    ) -> Result<(), InvalidConfig> {
        if *allowed.end() == Duration::MAX && value < *allowed.start() {
            return Err(InvalidConfig::new(
                field,
                format_args!("{value:?}"),
                format_args!("{:?} or more", allowed.start()),
            ));
        }
        InvalidConfig::check(field, value, allowed)
    }

    /// The name of the setting, as its method is called.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// The value that was refused.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What would have been allowed.
    #[must_use]
    pub fn allowed(&self) -> &str {
        &self.allowed
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidConfig {
            field,
            value,
            allowed,
        } = self;
        write!(f, "`{field}` is {value}; allowed: {allowed}")
    }
}

impl error::Error for InvalidConfig {}
