//! JSON.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Codec, CodecError, Stored, Tag};

/// Keeps results as JSON (feature `json`), for any type that serde knows.
///
/// ```
/// use steadfast_idempotency::{Codec, CodecError, Json};
///
/// let kept = Json::new().encode(&vec![1, 2])?;
/// let numbers: Vec<u32> = Json::new().decode(&kept)?;
/// assert_eq!(numbers, [1, 2]);
///
/// let newer = Json::new().version(2); // the type has changed since
/// let refused = Codec::<Vec<u32>>::decode(&newer, &kept).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "the kept result is json version 1, and this codec reads json version 2"
/// );
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
pub struct Json {
    tag: Tag,
}

impl Json {
    /// Version 1 of whatever type is kept.
    #[must_use]
    pub const fn new() -> Self {
        Json {
            tag: Tag::new(*b"json", 1),
        }
    }

    /// The version of the kept type: raise it when what was kept before must not be read as what the type is
    /// now.
    #[must_use]
    pub const fn version(self, version: u16) -> Self {
        Json {
            tag: Tag::new(*b"json", version),
        }
    }
}

impl Default for Json {
    fn default() -> Self {
        Json::new()
    }
}

impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    fn encode(&self, value: &T) -> Result<Stored, CodecError> {
        let mut body = self.tag.begin(128);
        serde_json::to_writer(&mut body, value).map_err(CodecError::encode)?;
        Ok(Stored::body(body))
    }

    fn decode(&self, stored: &Stored) -> Result<T, CodecError> {
        serde_json::from_slice(self.tag.open(stored)?).map_err(CodecError::decode)
    }
}
