//! What a body has that is no JSON, or none that everybody reads alike.

use std::{error, fmt};

/// Why a body has no fingerprint as JSON: what was found, and where.
///
/// It says nothing of what is in the body, so it may be logged.
///
/// ```
/// use steadfast_idempotency::{Fingerprint, JsonErrorKind, JsonFields};
///
/// let twice = br#"{"amount": 10, "amount": 11}"#;
/// let error = Fingerprint::of_json(twice, &JsonFields::all()).unwrap_err();
/// assert_eq!(error.kind(), JsonErrorKind::DuplicateName);
/// assert_eq!(
///     error.to_string(),
///     "line 1, column 16: another member of the same object has this name"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    found: Found,
    line: usize,
    column: usize,
}

/// The kinds of [`JsonError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// It is no JSON ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)).
    Syntax,
    /// It is not UTF-8, or a string has half of a surrogate pair.
    Unicode,
    /// An object has two members of one name.
    DuplicateName,
    /// A number that is read as a double is another one: it has no fingerprint that is its own.
    Number,
    /// Too many arrays and objects are inside of each other.
    Depth,
}

impl JsonError {
    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> JsonErrorKind {
        match self.found {
            Found::No(_) => JsonErrorKind::Syntax,
            Found::NoUtf8 | Found::Surrogate => JsonErrorKind::Unicode,
            Found::DuplicateName => JsonErrorKind::DuplicateName,
            Found::Number => JsonErrorKind::Number,
            Found::Depth => JsonErrorKind::Depth,
        }
    }

    /// The line of the body that it is in, from one.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The character of that line that it is at, from one.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        match self.found {
            Found::No(expected) => write!(f, "the body is no JSON, as {expected} is expected"),
            Found::NoUtf8 => f.write_str("the body is not UTF-8"),
            Found::Surrogate => f.write_str("half of a surrogate pair is no character"),
            Found::DuplicateName => f.write_str("another member of the same object has this name"),
            Found::Number => {
                f.write_str("this number is another one as a double; send it as a string")
            }
            Found::Depth => write!(
                f,
                "more than {} arrays and objects are inside of each other",
                super::parse::DEEPEST
            ),
        }
    }
}

impl error::Error for JsonError {}

/// What is wrong with a body, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) found: Found,
    pub(super) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Something else than this.
    No(&'static str),
    NoUtf8,
    Surrogate,
    DuplicateName,
    Number,
    Depth,
}

impl Fault {
    /// What this fault is to whoever sees the lines of the body.
    pub(super) fn in_body(self, body: &[u8]) -> JsonError {
        let before = &body[..self.at];
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        let in_line = &before[line_start.map_or(0, |end| end + 1)..];
        // A character of UTF-8 begins with a byte that is not of the form 10xxxxxx.
        let begins = |byte: &&u8| **byte & 0xc0 != 0x80;
        JsonError {
            found: self.found,
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + in_line.iter().filter(begins).count(),
        }
    }
}
