//! How results are kept as bytes, and come back.

#[cfg(feature = "json")]
mod json;
#[cfg(feature = "postcard")]
mod postcard;
mod raw;

use std::{error, fmt, sync::Arc};

#[cfg(feature = "json")]
pub use self::json::Json;
#[cfg(feature = "postcard")]
pub use self::postcard::Postcard;
pub use self::raw::Raw;
use crate::{Refusal, Stored};

/// Turns results into what a store keeps, and back: [`Raw`] for bytes and text, `Json` and `Postcard` (each a
/// feature of that name) for what serde knows.
///
/// What was written by another codec, or by another version of this one, is refused with a [`CodecError`]: it is
/// never taken for something else, and it never makes the operation run again. The header that tells them
/// apart is a [`Tag`].
///
/// ```
/// use steadfast_idempotency::{Codec, CodecError, Stored, Tag};
///
/// /// Keeps a number as eight bytes.
/// struct Numbers;
///
/// impl Numbers {
///     const TAG: Tag = Tag::new(*b"numb", 1);
/// }
///
/// impl Codec<u64> for Numbers {
///     fn encode(&self, value: &u64) -> Result<Stored, CodecError> {
///         Ok(Stored::body(Self::TAG.wrap(&value.to_be_bytes())))
///     }
///
///     fn decode(&self, stored: &Stored) -> Result<u64, CodecError> {
///         let bytes = Self::TAG.open(stored)?.try_into().map_err(CodecError::decode)?;
///         Ok(u64::from_be_bytes(bytes))
///     }
/// }
///
/// let kept = Numbers.encode(&7)?;
/// assert_eq!(Numbers.decode(&kept)?, 7);
/// assert!(Numbers.decode(&Stored::body(*b"1234")).is_err());
/// # Ok::<(), CodecError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "the codec `{Self}` does not keep results of type `{T}`",
    label = "the result of this call is of type `{T}`",
    note = "`Raw`, the default, keeps `Vec<u8>`, `Arc<[u8]>`, `String` and `()`",
    note = "to keep whatever serde knows, build the idempotency with `.codec(Json::new())` of the feature `json` (`idempotency-json` in the crate `steadfast`)"
)]
pub trait Codec<T>: Send + Sync {
    /// What is kept of this result.
    ///
    /// # Errors
    ///
    /// When the result cannot be encoded. It counts as done all the same, and as not kept.
    fn encode(&self, value: &T) -> Result<Stored, CodecError>;

    /// The result, from what was kept of it. There is a body.
    ///
    /// # Errors
    ///
    /// When another codec or version wrote it, or it cannot be read.
    fn decode(&self, stored: &Stored) -> Result<T, CodecError>;
}

/// What is kept of a result: nothing but that there was one, where it cannot be encoded.
pub(crate) fn encoded<T, C: Codec<T>>(codec: &C, value: &T) -> Stored {
    codec.encode(value).unwrap_or_else(|_| Stored::nothing())
}

/// The result for whoever asks again, or why there is none.
pub(crate) fn decoded<T, C: Codec<T>>(codec: &C, stored: &Stored) -> Result<T, Refusal> {
    if stored.body.is_none() {
        return Err(Refusal::ResultOmitted);
    }
    codec.decode(stored).map_err(|_| Refusal::Undecodable)
}

/// What a body begins with: which codec wrote it, and which version of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    codec: [u8; 4],
    version: u16,
}

impl Tag {
    /// The bytes of a tag.
    const LENGTH: usize = 6;

    /// The tag of a codec of this name, in this version.
    #[must_use]
    pub const fn new(codec: [u8; 4], version: u16) -> Self {
        Tag { codec, version }
    }

    /// The body that begins with this tag.
    #[must_use]
    pub fn wrap(self, bytes: &[u8]) -> Vec<u8> {
        let mut body = self.begin(bytes.len());
        body.extend_from_slice(bytes);
        body
    }

    /// A body of this tag so far, with room for so much more.
    #[must_use]
    pub fn begin(self, room: usize) -> Vec<u8> {
        let mut body = Vec::with_capacity(Tag::LENGTH.saturating_add(room));
        body.extend_from_slice(&self.codec);
        body.extend_from_slice(&self.version.to_be_bytes());
        body
    }

    /// What comes after the tag.
    ///
    /// # Errors
    ///
    /// When the body begins with another tag, or with none.
    pub fn open(self, stored: &Stored) -> Result<&[u8], CodecError> {
        let body: &Arc<[u8]> = stored.body.as_ref().ok_or(CodecError(Kind::Untagged))?;
        let Some((head, rest)) = body.split_first_chunk::<{ Tag::LENGTH }>() else {
            return Err(CodecError(Kind::Untagged));
        };
        let [a, b, c, d, high, low] = *head;
        let found = Tag::new([a, b, c, d], u16::from_be_bytes([high, low]));
        if found == self {
            Ok(rest)
        } else {
            Err(CodecError(Kind::Other {
                found,
                expected: self,
            }))
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {}", self.codec.escape_ascii(), self.version)
    }
}

/// Why a result could not be encoded or decoded.
#[derive(Clone, Debug)]
pub struct CodecError(Kind);

type Source = Arc<dyn error::Error + Send + Sync>;

#[derive(Clone, Debug)]
enum Kind {
    Encode(Source),
    Decode(Source),
    Other { found: Tag, expected: Tag },
    Untagged,
}

impl CodecError {
    /// A result could not be encoded.
    pub fn encode(source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        CodecError(Kind::Encode(source.into().into()))
    }

    /// What was kept could not be decoded.
    pub fn decode(source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        CodecError(Kind::Decode(source.into().into()))
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Encode(_) => f.write_str("the result cannot be encoded"),
            Kind::Decode(_) => f.write_str("the kept result cannot be decoded"),
            Kind::Other { found, expected } => write!(
                f,
                "the kept result is {found}, and this codec reads {expected}"
            ),
            Kind::Untagged => f.write_str("the kept result does not say which codec wrote it"),
        }
    }
}

impl error::Error for CodecError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Kind::Encode(source) | Kind::Decode(source) => Some(&**source),
            Kind::Other { .. } | Kind::Untagged => None,
        }
    }
}
