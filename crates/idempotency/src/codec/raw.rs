//! Bytes and text as they are.

use std::sync::Arc;

use crate::{Codec, CodecError, Stored, Tag};

/// Keeps bytes and text as they are: `Vec<u8>`, `Arc<[u8]>`, `String`, and `()`.
///
/// ```
/// use steadfast_idempotency::{Codec, CodecError, Raw};
///
/// let kept = Raw.encode(&"paid".to_owned())?;
/// let text: String = Raw.decode(&kept)?;
/// assert_eq!(text, "paid");
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raw;

const TAG: Tag = Tag::new(*b"raw ", 1);

impl Codec<Vec<u8>> for Raw {
    fn encode(&self, value: &Vec<u8>) -> Result<Stored, CodecError> {
        Ok(Stored::body(TAG.wrap(value)))
    }

    fn decode(&self, stored: &Stored) -> Result<Vec<u8>, CodecError> {
        Ok(TAG.open(stored)?.to_vec())
    }
}

impl Codec<Arc<[u8]>> for Raw {
    fn encode(&self, value: &Arc<[u8]>) -> Result<Stored, CodecError> {
        Ok(Stored::body(TAG.wrap(value)))
    }

    fn decode(&self, stored: &Stored) -> Result<Arc<[u8]>, CodecError> {
        Ok(TAG.open(stored)?.into())
    }
}

impl Codec<String> for Raw {
    fn encode(&self, value: &String) -> Result<Stored, CodecError> {
        Ok(Stored::body(TAG.wrap(value.as_bytes())))
    }

    fn decode(&self, stored: &Stored) -> Result<String, CodecError> {
        String::from_utf8(TAG.open(stored)?.to_vec()).map_err(CodecError::decode)
    }
}

/// That it was done is all there is to say.
impl Codec<()> for Raw {
    fn encode(&self, (): &()) -> Result<Stored, CodecError> {
        Ok(Stored::body(TAG.wrap(&[])))
    }

    fn decode(&self, stored: &Stored) -> Result<(), CodecError> {
        match TAG.open(stored)? {
            [] => Ok(()),
            _ => Err(CodecError::decode("there is a result where none was kept")),
        }
    }
}
