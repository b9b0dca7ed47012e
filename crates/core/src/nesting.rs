//! Which of the repeating policies of a call have spent their attempts.

/// How deep a policy stands among repeating policies: zero for the outermost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nesting(pub(crate) u8);

/// Which of the repeating policies of a call have spent their attempts, by their nesting.
///
/// Exact for eight nested retries; those deeper share the fate of the eighth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent(pub(crate) u8);

impl Spent {
    /// None of them.
    pub const NONE: Spent = Spent(0);

    /// All of them: what has to be assumed of those that were cut off. A repeating policy further
    /// out applies it only to those inside itself.
    pub const ALL: Spent = Spent(u8::MAX);

    pub(crate) const fn bit(nesting: Nesting) -> u8 {
        1 << if nesting.0 < 7 { nesting.0 } else { 7 }
    }

    /// Those deeper than `nesting`.
    pub(crate) const fn inside(nesting: Nesting) -> u8 {
        if nesting.0 < 6 {
            !0 << (nesting.0 + 1)
        } else {
            1 << 7
        }
    }

    pub(crate) const fn contains(self, nesting: Nesting) -> bool {
        self.0 & Spent::bit(nesting) != 0
    }
}
