//! What a request was for, in 32 bytes.

use std::fmt;

use crate::id::Parts;

/// A digest of what a request asks for. A key that comes back with another one is refused, as it was
/// used for something else.
///
/// It is SHA-256 over the parts, each with its length before it, in a domain of its own.
///
/// ```
/// use steadfast_idempotency::Fingerprint;
///
/// let ten = Fingerprint::of(b"amount=10");
/// assert_eq!(ten, Fingerprint::of(b"amount=10"));
/// assert_ne!(ten, Fingerprint::of(b"amount=11"));
///
/// let request = Fingerprint::of_request("POST", "/charges", "application/json", br#"{"amount":10}"#);
/// assert_ne!(request, ten);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        Fingerprint::of_parts([payload])
    }

    /// The fingerprint of several parts. `["ab", "c"]` and `["a", "bc"]` differ.
    #[must_use]
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut digest = Parts::of("steadfast/idempotency/payload/1");
        for part in parts {
            digest.part(part);
        }
        Fingerprint(digest.digest())
    }

    /// The fingerprint of an HTTP request: its method, target and content type, and its body as the
    /// bytes that came.
    #[must_use]
    pub fn of_request(method: &str, target: &str, content_type: &str, body: &[u8]) -> Self {
        let mut digest = Parts::of("steadfast/idempotency/request/1");
        digest
            .part(method.as_bytes())
            .part(target.as_bytes())
            .part(content_type.as_bytes())
            .part(body);
        Fingerprint(digest.digest())
    }

    /// A fingerprint made elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Fingerprint(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(")?;
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..)")
    }
}
