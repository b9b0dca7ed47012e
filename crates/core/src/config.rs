//! What a setting says when it cannot be built: the field, the value, what would be allowed.

use std::{error, fmt};

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
