//! In which order those who wait have their turn.

use std::time::Duration;

/// In which order those who wait have their turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Who has waited longest comes first.
    #[default]
    Fifo,
    /// Who came last comes first: under overload its caller is the likeliest to be there still. The others
    /// wait until their time is up. A full queue refuses the newest all the same.
    Lifo,
    /// Who has the higher [`Priority`](steadfast_core::Priority) comes first, and of equals who has waited
    /// longer. A full queue gives up the last of them for a call that has a higher priority than that one.
    /// Under lasting load the lowest wait until their time is up.
    Priority,
    /// Who has waited longest comes first, until there is overload: when the oldest has waited longer than
    /// `target` for a whole `interval`. Then who came last comes first, and the oldest are given up, the
    /// first at once and the next after `interval / sqrt(n)`, n being how many there were, until the oldest
    /// has waited less than `target`, or only one waits.
    ///
    /// It is decided when a permit is there for somebody. That is the CoDel of K. Nichols and V. Jacobson,
    /// *Controlling Queue Delay* (ACM Queue, 2012) and RFC 8289, which also has these defaults: see
    /// [`Order::CODEL`]. That the newest come first meanwhile is adaptive LIFO, B. Maurer, *Fail at Scale*
    /// (ACM Queue, 2015).
    Codel {
        /// How long it is good to have waited.
        target: Duration,
        /// How long a burst may last.
        interval: Duration,
    },
}

impl Order {
    /// CoDel with a target of 5 ms and an interval of 100 ms.
    pub const CODEL: Order = Order::Codel {
        target: Duration::from_millis(5),
        interval: Duration::from_millis(100),
    };

    pub(crate) fn needs_time(self) -> bool {
        matches!(self, Order::Codel { .. })
    }
}
