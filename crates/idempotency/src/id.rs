//! What a record is found by: whose request, to do what, under which key.

use std::{error, fmt, sync::Arc};

use sha2::{Digest, Sha256};

/// How long the parts of an id may be, in bytes.
const LONGEST: usize = 255;

/// The key that a client gave its request: 1 to 255 printable ASCII characters.
///
/// Keys are compared byte by byte: case counts, and nothing is trimmed.
///
/// ```
/// use steadfast_idempotency::Key;
///
/// assert!(Key::new("order-4711").is_ok());
/// assert_eq!(
///     Key::new("").unwrap_err().to_string(),
///     "a key has 1 to 255 characters, not 0"
/// );
/// assert!(Key::new("grüße").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// The key of these characters.
    ///
    /// # Errors
    ///
    /// When there are none or more than 255, or one is not printable ASCII (space to tilde).
    pub fn new(key: &str) -> Result<Self, InvalidId> {
        check("key", key)?;
        Ok(Key(key.into()))
    }

    /// The characters of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bits are always a good key.
impl From<steadfast_core::IdempotencyKey> for Key {
    fn from(key: steadfast_core::IdempotencyKey) -> Self {
        Key(key.to_string().into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", &*self.0)
    }
}

/// Whose keys they are, and for what: two principals, or two operations, never share a record.
///
/// Without a principal, a client that guesses or repeats another one's key gets the other one's
/// answer. Where that is meant, [`Scope::shared`] says so and why.
///
/// ```
/// use steadfast_idempotency::Scope;
///
/// let mine = Scope::new("customer-7", "POST /charges")?;
/// let theirs = Scope::new("customer-8", "POST /charges")?;
/// assert_ne!(mine, theirs);
/// # Ok::<(), steadfast_idempotency::InvalidId>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// None where everybody shares it.
    principal: Option<Arc<str>>,
    operation: Arc<str>,
}

impl Scope {
    /// The keys of one principal, such as an account or a tenant, for one operation, such as a
    /// method and a route.
    ///
    /// # Errors
    ///
    /// When a part is empty, longer than 255 bytes, or has characters that are not printable ASCII.
    pub fn new(principal: &str, operation: &str) -> Result<Self, InvalidId> {
        check("principal", principal)?;
        check("operation", operation)?;
        Ok(Scope {
            principal: Some(principal.into()),
            operation: operation.into(),
        })
    }

    /// The keys that all principals share, where `reason` says why they may: "one trusted caller",
    /// "keys are random and secret". Whoever gives the same reason shares the same keys.
    ///
    /// # Errors
    ///
    /// When the reason is empty, longer than 255 bytes, or has characters that are not printable
    /// ASCII.
    pub fn shared(reason: &str) -> Result<Self, InvalidId> {
        check("reason", reason)?;
        Ok(Scope {
            principal: None,
            operation: reason.into(),
        })
    }

    /// Whose keys they are; `None` where everybody shares them.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.principal.as_deref()
    }

    /// What the keys are for; the reason where everybody shares them.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.principal() {
            Some(principal) => write!(f, "Scope({principal:?}, {:?})", self.operation()),
            None => write!(f, "Scope::shared({:?})", self.operation()),
        }
    }
}

/// A [`Scope`] and a [`Key`]: what a record is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    /// Before the scope, as keys differ earlier.
    key: Key,
    scope: Scope,
}

impl Id {
    /// The id of this key in this scope.
    #[must_use]
    pub fn new(scope: Scope, key: Key) -> Self {
        Id { key, scope }
    }

    /// The scope of the key.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// SHA-256 over the parts, each with its length before it, so that no two ids read alike: what
    /// a table is keyed by, whatever its collation.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.derived("")
    }

    /// The key for a request further down that belongs to this one: the same for the same `step`,
    /// and different for each. It is a digest, so it tells nobody the scope or the key.
    ///
    /// Whoever receives it twice has its effect once, whatever happens up here.
    #[must_use]
    pub fn downstream_key(&self, step: &str) -> steadfast_core::IdempotencyKey {
        let mut bits = [0; 16];
        bits.copy_from_slice(&self.derived(step)[..16]);
        // A UUID of version 8, which is for whatever bits their maker likes.
        let bits = u128::from_be_bytes(bits);
        let bits = bits & !(0xf << 76) | 0x8 << 76;
        let bits = bits & !(0x3 << 62) | 0x2 << 62;
        steadfast_core::IdempotencyKey::from_u128(bits)
    }

    fn derived(&self, step: &str) -> [u8; 32] {
        let mut digest = Parts::of("steadfast/idempotency/id/1");
        match self.scope.principal() {
            Some(principal) => digest.part(b"principal").part(principal.as_bytes()),
            None => digest.part(b"shared"),
        };
        digest
            .part(self.scope.operation().as_bytes())
            .part(self.key.as_str().as_bytes());
        if !step.is_empty() {
            digest.part(step.as_bytes());
        }
        digest.digest()
    }
}

/// SHA-256 over parts, each with its length before it.
pub(crate) struct Parts(Sha256);

impl Parts {
    /// Nothing yet, of this domain: what is digested for one purpose is never equal to another.
    pub(crate) fn of(domain: &str) -> Self {
        let mut parts = Parts(Sha256::new());
        parts.part(domain.as_bytes());
        parts
    }

    pub(crate) fn part(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    pub(crate) fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

fn check(part: &'static str, text: &str) -> Result<(), InvalidId> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(InvalidId {
            part,
            fault: Fault::Length(text.len()),
        });
    }
    match text.bytes().position(|byte| !matches!(byte, b' '..=b'~')) {
        Some(at) => Err(InvalidId {
            part,
            fault: Fault::Byte(text.as_bytes()[at], at),
        }),
        None => Ok(()),
    }
}

/// A part of an id that is none: empty, too long, or with characters that are not printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidId {
    part: &'static str,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    Length(usize),
    Byte(u8, usize),
}

impl InvalidId {
    /// Which part it is: `key`, `principal`, `operation` or `reason`.
    #[must_use]
    pub fn part(&self) -> &'static str {
        self.part
    }
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = self.part;
        match self.fault {
            Fault::Length(length) => {
                write!(f, "a {part} has 1 to {LONGEST} characters, not {length}")
            }
            Fault::Byte(byte, at) => write!(
                f,
                "a {part} is of printable ASCII characters; byte {at} is 0x{byte:02x}"
            ),
        }
    }
}

impl error::Error for InvalidId {}
