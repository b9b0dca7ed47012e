//! What a store keeps of a key.

use std::{fmt, sync::Arc, time::Duration};

use crate::{ClaimRequest, Fingerprint, Id};

/// A moment on a store's own clock, in microseconds from wherever it counts. It orders what one store
/// says, and is never compared with the clock of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreTime(i64);

impl StoreTime {
    /// So many microseconds from where the store's clock begins.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        StoreTime(micros)
    }

    /// The microseconds from where the store's clock begins.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// So much later; the last moment there is, where that would be past it.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        StoreTime(self.0.saturating_add(micros))
    }

    /// How long it is from `earlier` until this; zero where it is not later.
    #[must_use]
    pub fn since(self, earlier: StoreTime) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// Who made a claim: 128 random bits, new for each claim and made by the claimant, so that a claim
/// whose answer was lost can be made again as the same one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner(u128);

impl Owner {
    /// The owner of these bits, which have to be random.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Owner(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owner({:032x})", self.0)
    }
}

/// The number of a claim of one record, from one. It rises with every claim, so a target that
/// remembers the highest it has seen can refuse what comes late from an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(u64);

impl Fence {
    /// That of the first claim.
    pub const FIRST: Fence = Fence(1);

    /// The fence with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Fence(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// That of the claim after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Fence(self.0.saturating_add(1))
    }
}

/// A claim that was granted: what its owner shows with everything it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What was claimed.
    pub id: Id,
    /// What for.
    pub fingerprint: Fingerprint,
    /// Who claimed it.
    pub owner: Owner,
    /// The number of the claim.
    pub fence: Fence,
}

impl Lease {
    /// The lease of this claim, which was granted with that number.
    #[must_use]
    pub fn new(request: &ClaimRequest<'_>, fence: Fence) -> Self {
        Lease {
            id: request.id.clone(),
            fingerprint: request.fingerprint,
            owner: request.owner,
            fence,
        }
    }
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Somebody has claimed it and is at it.
    InFlight,
    /// It was done, and what came of it is kept for a while.
    Completed,
    /// It is proven that it was not done. The next claim may do it.
    Released,
    /// Nobody knows whether it was done. It stays so until somebody finds out and says.
    Indeterminate,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::InFlight => "in flight",
            State::Completed => "completed",
            State::Released => "released",
            State::Indeterminate => "indeterminate",
        })
    }
}

/// What came of an operation, as it is kept and given to whoever asks again.
///
/// The bytes are shared: a clone costs no copy.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// A status in the terms of whoever stores it, such as HTTP's; zero where there is none.
    pub status: u16,
    /// What belongs to the body in the terms of whoever stores it, such as encoded header fields.
    pub headers: Arc<[u8]>,
    /// The encoded result; `None` where it was too large to be kept.
    pub body: Option<Arc<[u8]>>,
}

impl Stored {
    /// A body on its own.
    #[must_use]
    pub fn body(body: impl Into<Arc<[u8]>>) -> Self {
        Stored {
            status: 0,
            headers: Arc::default(),
            body: Some(body.into()),
        }
    }

    /// That it was done, and nothing else.
    pub(crate) fn nothing() -> Self {
        Stored {
            status: 0,
            headers: Arc::default(),
            body: None,
        }
    }

    /// How many bytes it takes to keep.
    #[must_use]
    pub fn len(&self) -> usize {
        self.headers.len() + self.body.as_ref().map_or(0, |body| body.len())
    }

    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// That it was done, without what came of it.
    #[must_use]
    pub fn without_body(self) -> Self {
        Stored {
            headers: Arc::default(),
            body: None,
            ..self
        }
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Results may be private, and logs are not the place for them.
        f.debug_struct("Stored")
            .field("status", &self.status)
            .field("headers", &format_args!("{} bytes", self.headers.len()))
            .field(
                "body",
                &self
                    .body
                    .as_ref()
                    .map(|body| format!("{} bytes", body.len())),
            )
            .finish()
    }
}

/// All that a store keeps of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is found by.
    pub id: Id,
    /// What it was for.
    pub fingerprint: Fingerprint,
    /// Where it stands.
    pub state: State,
    /// The number of the latest claim.
    pub fence: Fence,
    /// Who made the latest claim.
    pub owner: Owner,
    /// Until when the latest claim holds, unless it is renewed.
    pub lease_until: StoreTime,
    /// When it was claimed first.
    pub created_at: StoreTime,
    /// Until when its result is kept.
    pub result_expires_at: StoreTime,
    /// Until when the key is remembered.
    pub expires_at: StoreTime,
    /// The last point that an owner said it had reached.
    pub step: Option<Arc<str>>,
    /// What came of it, once it is completed.
    pub result: Option<Stored>,
    /// How often it was claimed.
    pub attempts: u32,
    /// Whether the latest claim took over from one of which nobody knows how far it came.
    pub taken_over: bool,
}
