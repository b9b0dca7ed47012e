//! What a map says that has no place left.

use std::{error, fmt};

use crate::{Error, Rejection, RejectionKind};

/// There is no policy for this key, and no place to keep one: as many as the map may hold are in use,
/// or remember something.
///
/// It becomes a [`Rejection`] and an [`Error`] by `?`.
///
/// ```
/// use steadfast_core::{Error, KeyedFull};
///
/// fn call(full: KeyedFull) -> Result<(), Error<std::io::Error>> {
///     Err(full)?
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyedFull {
    capacity: usize,
}

impl KeyedFull {
    /// For a map of another kind, that may hold so many.
    #[must_use]
    pub const fn new(capacity: usize) -> KeyedFull {
        KeyedFull { capacity }
    }

    /// How many policies the map may hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

impl fmt::Display for KeyedFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KeyedFull { capacity } = self;
        write!(
            f,
            "the map is full: none of its {capacity} policies can be dropped; raise its `capacity`"
        )
    }
}

impl error::Error for KeyedFull {}

impl From<KeyedFull> for Rejection {
    fn from(_: KeyedFull) -> Self {
        Rejection::new(
            "keyed",
            RejectionKind::Other("there is no place for another key"),
        )
    }
}

impl<E> From<KeyedFull> for Error<E> {
    fn from(full: KeyedFull) -> Self {
        Error::Rejected(full.into())
    }
}
