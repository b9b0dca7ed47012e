//! Which members of a body count.

use steadfast_core::InvalidConfig;

use super::{JsonError, error::Fault, parse::parse, value::Value};
use crate::id::Parts;

/// Which parts of a JSON body a fingerprint is of: all of it, or the chosen ones, so that what differs from one
/// try of a request to the next, such as a timestamp or a trace id, does not make it another request.
///
/// A field is named by a JSON Pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)): `/card/number` is the
/// member `number` of the member `card`, `/items/0` the first of an array, `/a~1b` the member `a/b`, `/m~0n` the
/// member `m~n`, and the empty pointer the whole body. A field may be an object or an array; then all that is in it
/// counts. Their order does not matter, and twice is once.
///
/// A field that is not there is not the same as one that is `null`. Where none of them is there, the fingerprint
/// tells nothing of the body but that: so name what every request has. Whatever is not named can be changed under
/// the same key without being noticed.
///
/// The pointers are part of the fingerprint. After a change of the fields, requests that were made before it and
/// come again are refused as a mismatch, for as long as their keys are kept.
///
/// ```
/// use steadfast_idempotency::{Fingerprint, JsonFields};
///
/// let charge = JsonFields::new(["/amount", "/card/number"])?; // once, at the start
///
/// let first = br#"{"amount": 10, "card": {"number": "4242"}, "sent_at": "10:31:07"}"#;
/// let retry = br#"{"amount": 10, "card": {"number": "4242"}, "sent_at": "10:31:09"}"#;
/// let other = br#"{"amount": 11, "card": {"number": "4242"}, "sent_at": "10:31:09"}"#;
/// let first = Fingerprint::of_json(first, &charge)?;
/// assert_eq!(first, Fingerprint::of_json(retry, &charge)?);
/// assert_ne!(first, Fingerprint::of_json(other, &charge)?);
///
/// let refused = JsonFields::new(["amount"]).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "`fields` is \"amount\"; allowed: JSON Pointers, such as \"/amount\", with `~` only in `~0` and `~1`"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JsonFields {
    /// In order, each once.
    pointers: Vec<String>,
}

impl JsonFields {
    /// All of the body.
    #[must_use]
    pub fn all() -> Self {
        JsonFields {
            pointers: vec![String::new()],
        }
    }

    /// The fields that these JSON Pointers name.
    ///
    /// # Errors
    ///
    /// When there is none, or one is no JSON Pointer: it is neither empty nor begins with `/`, or has a `~` that is
    /// not followed by `0` or `1`.
    pub fn new<P: AsRef<str>>(
        pointers: impl IntoIterator<Item = P>,
    ) -> Result<Self, InvalidConfig> {
        let pointers = pointers.into_iter();
        let mut pointers: Vec<_> = pointers
            .map(|pointer| pointer.as_ref().to_owned())
            .collect();
        pointers.sort_unstable();
        pointers.dedup();
        if pointers.is_empty() {
            return Err(InvalidConfig::new("fields", "empty", "one or more"));
        }
        match pointers.iter().find(|pointer| !is_pointer(pointer)) {
            Some(pointer) => Err(InvalidConfig::new(
                "fields",
                format_args!("{pointer:?}"),
                "JSON Pointers, such as \"/amount\", with `~` only in `~0` and `~1`",
            )),
            None => Ok(JsonFields { pointers }),
        }
    }

    /// Adds what this body has of the fields: after each pointer the value in its canonical form, which is never
    /// empty, or nothing.
    pub(crate) fn digest(&self, body: &[u8], digest: &mut Parts) -> Result<(), JsonError> {
        self.try_digest(body, digest)
            .map_err(|fault| fault.in_body(body))
    }

    fn try_digest(&self, body: &[u8], digest: &mut Parts) -> Result<(), Fault> {
        let body = parse(body)?;
        let mut text = String::new();
        for pointer in &self.pointers {
            text.clear();
            if let Some(value) = find(&body, pointer) {
                value.write(&mut text)?;
            }
            digest.part(pointer.as_bytes()).part(text.as_bytes());
        }
        Ok(())
    }
}

fn is_pointer(pointer: &str) -> bool {
    let mut after_tildes = pointer.split('~').skip(1);
    (pointer.is_empty() || pointer.starts_with('/'))
        && after_tildes.all(|rest| rest.starts_with(['0', '1']))
}

fn find<'v, 'a>(body: &'v Value<'a>, pointer: &str) -> Option<&'v Value<'a>> {
    let mut value = body;
    for token in pointer.split('/').skip(1) {
        // In this order, so that `~01` is `~1` and not a slash.
        value = value.child(&token.replace("~1", "/").replace("~0", "~"))?;
    }
    Some(value)
}
