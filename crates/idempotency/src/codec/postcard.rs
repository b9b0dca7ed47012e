//! Postcard.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Codec, CodecError, Stored, Tag};

/// Keeps results as postcard (feature `postcard`), for any type that serde knows: smaller than JSON, and not to
/// be read without the type. Raise the version with every change of the type.
///
/// ```
/// use steadfast_idempotency::{Codec, CodecError, Postcard};
///
/// let kept = Postcard::new().encode(&("paid".to_owned(), 7_u32))?;
/// let (word, number): (String, u32) = Postcard::new().decode(&kept)?;
/// assert_eq!((word.as_str(), number), ("paid", 7));
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(docsrs, doc(cfg(feature = "postcard")))]
pub struct Postcard {
    tag: Tag,
}

impl Postcard {
    /// Version 1 of whatever type is kept.
    #[must_use]
    pub const fn new() -> Self {
        Postcard {
            tag: Tag::new(*b"post", 1),
        }
    }

    /// The version of the kept type: raise it when the type changes.
    #[must_use]
    pub const fn version(self, version: u16) -> Self {
        Postcard {
            tag: Tag::new(*b"post", version),
        }
    }
}

impl Default for Postcard {
    fn default() -> Self {
        Postcard::new()
    }
}

impl<T: Serialize + DeserializeOwned> Codec<T> for Postcard {
    fn encode(&self, value: &T) -> Result<Stored, CodecError> {
        let body = postcard::to_extend(value, self.tag.begin(64)).map_err(CodecError::encode)?;
        Ok(Stored::body(body))
    }

    fn decode(&self, stored: &Stored) -> Result<T, CodecError> {
        let (value, rest) =
            postcard::take_from_bytes(self.tag.open(stored)?).map_err(CodecError::decode)?;
        if rest.is_empty() {
            Ok(value)
        } else {
            Err(CodecError::decode("bytes are left over"))
        }
    }
}
