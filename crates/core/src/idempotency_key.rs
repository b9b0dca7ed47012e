//! The key of a logical call.

use std::{error, fmt, str::FromStr};

/// A key that names one logical call, the same on every attempt: 128 bits, such as a UUID.
///
/// `Display` prints it as a UUID, and `FromStr` reads that.
///
/// ```
/// use steadfast_core::IdempotencyKey;
///
/// let key = IdempotencyKey::from_u128(0x0192_3f6e_7a10_7c3a_8b1e_52f0_9d4c_6a21);
/// assert_eq!(key.to_string(), "01923f6e-7a10-7c3a-8b1e-52f09d4c6a21");
/// assert_eq!("01923F6E-7A10-7C3A-8B1E-52F09D4C6A21".parse(), Ok(key));
///
/// let refused = "01923f6e7a107c3a8b1e52f09d4c6a21".parse::<IdempotencyKey>().unwrap_err();
/// assert_eq!(refused.to_string(), "a key as a UUID has 36 characters, not 32");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey([u8; 16]);

impl IdempotencyKey {
    /// The key of these 128 bits, most significant first.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        IdempotencyKey(bits.to_be_bytes())
    }

    /// The 128 bits of the key.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl From<u128> for IdempotencyKey {
    fn from(bits: u128) -> Self {
        IdempotencyKey::from_u128(bits)
    }
}

/// Reads what `Display` prints: 32 hexadecimal digits of either case, and dashes after the 8th, 12th, 16th and 20th.
///
/// Any 128 bits are a key, whatever version of a UUID they are. Braces, `urn:uuid:`, spaces, and forms without
/// dashes are refused, as one key would have several texts.
impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let length = text.chars().count();
        if length != LENGTH {
            return Err(InvalidIdempotencyKey(Fault::Length(length)));
        }
        let mut bits: u128 = 0;
        for (place, found) in (1..).zip(text.chars()) {
            match (DASHES.contains(&place), found.to_digit(16)) {
                (true, _) if found == '-' => {}
                (true, _) => return Err(InvalidIdempotencyKey(Fault::NoDash { place, found })),
                (false, Some(digit)) => bits = bits << 4 | u128::from(digit),
                (false, None) => {
                    return Err(InvalidIdempotencyKey(Fault::NoDigit { place, found }));
                }
            }
        }
        Ok(IdempotencyKey::from_u128(bits))
    }
}

/// How many characters a UUID has.
const LENGTH: usize = 36;
/// Which of them are dashes, counted from one.
const DASHES: [usize; 4] = [9, 14, 19, 24];

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({self})")
    }
}

/// A text that is no [`IdempotencyKey`]. Its message says what is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidIdempotencyKey(Fault);

/// Places are counted from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Length(usize),
    NoDash { place: usize, found: char },
    NoDigit { place: usize, found: char },
}

impl fmt::Display for InvalidIdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Fault::Length(length) => {
                write!(f, "a key as a UUID has {LENGTH} characters, not {length}")
            }
            Fault::NoDash { place, found } => write!(
                f,
                "character {place} of a key as a UUID is a dash, not {found:?}"
            ),
            Fault::NoDigit { place, found } => write!(
                f,
                "character {place} of a key as a UUID is a hexadecimal digit, not {found:?}"
            ),
        }
    }
}

impl error::Error for InvalidIdempotencyKey {}
