//! What a request was for, in 32 bytes.

use std::fmt;

use crate::{JsonError, JsonFields, id::Parts};

/// A digest of what a request asks for. A key that comes back with another one is refused, as it was
/// used for something else.
///
/// It is SHA-256 over the parts, each with its length before it, in a domain of its own: fingerprints of two kinds
/// are never the same. Each stays the same in all versions, as stores keep it.
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

    /// The fingerprint of a JSON body, whichever way it is written: white space, the order of members, escapes and
    /// `1.0` for `1` make no difference. [`JsonFields`] says what of the body counts.
    ///
    /// Values are compared in the canonical form of [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785), where a
    /// number is a double: `0.1` and `0.1000000000000000055` are the same. It is for bodies that clients write anew
    /// for each try. Where a retry sends the same bytes, [`of`](Self::of) is quicker and refuses nothing. A default
    /// that is written out is another body than one where it is left out, and so is a number in quotes, an array in
    /// another order, or a character composed of others.
    ///
    /// # Errors
    ///
    /// When the body is no JSON in UTF-8 that everybody reads alike
    /// ([I-JSON](https://www.rfc-editor.org/rfc/rfc7493)), as otherwise two bodies that differ could have one
    /// fingerprint:
    ///
    /// - two members of an object have one name, or a string has half of a surrogate pair;
    /// - a number that counts is too large for a double, or so small that it becomes zero; or it is 2^53 or larger
    ///   and would come out as another number, as `9007199254740993` would: such a number is sent as a string;
    /// - more than 128 arrays and objects are inside of each other.
    ///
    /// # Examples
    ///
    /// ```
    /// use steadfast_idempotency::{Fingerprint, JsonErrorKind, JsonFields};
    ///
    /// let all = JsonFields::all();
    /// let ten = Fingerprint::of_json(br#"{"amount":10,"to":"Zo\u00eb"}"#, &all)?;
    /// assert_eq!(ten, Fingerprint::of_json(r#"{ "to": "Zoë", "amount": 1.0e1 }"#.as_bytes(), &all)?);
    /// assert_ne!(ten, Fingerprint::of_json(br#"{"amount":"10","to":"Zo\u00eb"}"#, &all)?);
    ///
    /// let refused = Fingerprint::of_json(br#"{"order": 9007199254740993}"#, &all).unwrap_err();
    /// assert_eq!(refused.kind(), JsonErrorKind::Number);
    /// # Ok::<(), steadfast_idempotency::JsonError>(())
    /// ```
    pub fn of_json(body: &[u8], fields: &JsonFields) -> Result<Self, JsonError> {
        let mut digest = Parts::of("steadfast/idempotency/json/1");
        fields.digest(body, &mut digest)?;
        Ok(Fingerprint(digest.digest()))
    }

    /// The fingerprint of an HTTP request with a JSON body: its method, target and content type as they came, and
    /// its body as in [`of_json`](Self::of_json).
    ///
    /// # Errors
    ///
    /// As [`of_json`](Self::of_json), so also where there is no body.
    ///
    /// # Examples
    ///
    /// ```
    /// use steadfast_idempotency::{Fingerprint, JsonFields};
    ///
    /// let charge = JsonFields::new(["/amount"])?;
    /// let of = |target, body: &str| {
    ///     Fingerprint::of_json_request("POST", target, "application/json", body.as_bytes(), &charge)
    /// };
    ///
    /// let ten = of("/charges", r#"{"amount": 10, "trace": "a1"}"#)?;
    /// assert_eq!(ten, of("/charges", r#"{"trace": "b2", "amount": 10}"#)?);
    /// assert_ne!(ten, of("/refunds", r#"{"trace": "b2", "amount": 10}"#)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_json_request(
        method: &str,
        target: &str,
        content_type: &str,
        body: &[u8],
        fields: &JsonFields,
    ) -> Result<Self, JsonError> {
        let mut digest = Parts::of("steadfast/idempotency/json-request/1");
        digest
            .part(method.as_bytes())
            .part(target.as_bytes())
            .part(content_type.as_bytes());
        fields.digest(body, &mut digest)?;
        Ok(Fingerprint(digest.digest()))
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
