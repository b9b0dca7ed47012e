//! What a call holds of a key: a claim, which ends as unknown unless it is said how.

use std::{fmt, sync::Arc};

use steadfast_core::Runtime;

use crate::{
    Background, Ending, Idempotent, Lease, Owner, Store,
    background::{Left, Task},
    sync::{AtomicU8, Relaxed},
};

/// Whether a claim is still its owner's, as far as the owner knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It was, when the store was asked last.
    Held,
    /// The store could not be asked: it is until the lease is over, and perhaps longer.
    Unsure,
    /// Somebody has taken over. Whatever comes of the own work is not going to count.
    Fenced,
}

const FENCED: u8 = 2;

/// A claim that was granted.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) lease: Lease,
    standing: AtomicU8,
}

impl Held {
    pub(crate) fn new(lease: Lease) -> Self {
        Held {
            lease,
            standing: AtomicU8::new(0),
        }
    }

    // Relaxed, both: it says what was seen last, and nothing is published through it.
    pub(crate) fn standing(&self) -> Standing {
        match self.standing.load(Relaxed) {
            0 => Standing::Held,
            1 => Standing::Unsure,
            _ => Standing::Fenced,
        }
    }

    pub(crate) fn stands(&self, standing: Standing) {
        let code = match standing {
            Standing::Held => 0,
            Standing::Unsure => 1,
            Standing::Fenced => FENCED,
        };
        // Who was fenced stays so: what is said later was asked earlier, or is of no use any more.
        let still = |now| (now != FENCED).then_some(code);
        let _ = self.standing.fetch_update(Relaxed, Relaxed, still);
    }
}

/// The hold of one call on its key. Dropped, what it has not ended is ended in the background, or left to its
/// lease: nothing that was started is ever released.
pub(crate) struct Hold<'p, S: Store, C, B: Background<S>> {
    claim: &'p Idempotent<S, C, B>,
    stage: Stage,
}

enum Stage {
    Nothing,
    /// It was asked for, and there is no answer yet.
    Asked(Owner),
    Claimed {
        held: Arc<Held>,
        started: bool,
        /// Whether nobody has proven how far an earlier claim came.
        unproven: bool,
    },
    Ending {
        held: Arc<Held>,
        ending: Ending,
    },
}

impl<'p, S: Store, C, B: Background<S>> Hold<'p, S, C, B> {
    pub(crate) fn new(claim: &'p Idempotent<S, C, B>) -> Self {
        Hold {
            claim,
            stage: Stage::Nothing,
        }
    }

    /// There is nothing to end.
    pub(crate) fn nothing(&mut self) {
        self.stage = Stage::Nothing;
    }

    pub(crate) fn asked(&mut self, owner: Owner) {
        self.stage = Stage::Asked(owner);
    }

    /// Whether a claim may have been granted of which nobody has heard.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.stage, Stage::Asked(_))
    }

    pub(crate) fn claimed(&mut self, held: Arc<Held>, unproven: bool) {
        self.stage = Stage::Claimed {
            held,
            started: false,
            unproven,
        };
    }

    pub(crate) fn held(&self) -> Option<&Arc<Held>> {
        match &self.stage {
            Stage::Claimed { held, .. } | Stage::Ending { held, .. } => Some(held),
            Stage::Nothing | Stage::Asked(_) => None,
        }
    }

    /// The earlier claim was found not to have been applied.
    pub(crate) fn proven(&mut self) {
        if let Stage::Claimed { unproven, .. } = &mut self.stage {
            *unproven = false;
        }
    }

    /// From here on nothing is released unless it is proven.
    pub(crate) fn starts(&mut self) {
        if let Stage::Claimed { started, .. } = &mut self.stage {
            *started = true;
        }
    }

    /// Whether proof that the own work was not applied is proof that nothing was.
    pub(crate) fn may_release(&self) -> bool {
        matches!(
            self.stage,
            Stage::Claimed {
                unproven: false,
                ..
            }
        )
    }

    pub(crate) fn ends(&mut self, ending: Ending) {
        if let Some(held) = self.held().cloned() {
            self.stage = Stage::Ending { held, ending };
        }
    }

    pub(crate) fn ending(&self) -> Option<(&Arc<Held>, &Ending)> {
        match &self.stage {
            Stage::Ending { held, ending } => Some((held, ending)),
            _ => None,
        }
    }

    /// Leaves what is not ended to the background. Whether anybody does it there.
    pub(crate) fn hand_over(&mut self) -> bool {
        let left = match std::mem::replace(&mut self.stage, Stage::Nothing) {
            Stage::Nothing => return true,
            Stage::Asked(owner) => {
                Left::Withdrawal(self.claim.id.clone(), self.claim.fingerprint, owner)
            }
            Stage::Claimed {
                held,
                started: false,
                unproven: false,
            } => Left::End(held, Ending::Released),
            Stage::Claimed { held, .. } => Left::End(held, Ending::Unknown),
            Stage::Ending { held, ending } => Left::End(held, ending),
        };
        let shared = &*self.claim.shared;
        shared.background.take(Task {
            store: Arc::clone(&shared.store),
            settings: Arc::clone(&shared.settings),
            left,
        })
    }
}

impl<S: Store, C, B: Background<S>> Drop for Hold<'_, S, C, B> {
    fn drop(&mut self) {
        self.hand_over();
    }
}

impl<S: Store, C, B: Background<S>> fmt::Debug for Hold<'_, S, C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Nothing => "Hold(nothing)",
            Stage::Asked(_) => "Hold(asked)",
            Stage::Claimed { started: false, .. } => "Hold(claimed)",
            Stage::Claimed { started: true, .. } => "Hold(started)",
            Stage::Ending { .. } => "Hold(ending)",
        })
    }
}

/// A new owner: 128 random bits.
pub(crate) fn mint<R: Runtime>(runtime: &R) -> Owner {
    Owner::from_u128(u128::from(runtime.random()) << 64 | u128::from(runtime.random()))
}
