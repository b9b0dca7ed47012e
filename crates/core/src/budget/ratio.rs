//! Retries as a share of calls over a sliding window, decided by one compare-and-swap.

use std::{fmt, time::Duration};

use super::{Form, Receipt, RetryBudget, valid_ratio};
use crate::{
    Instant, InvalidConfig, Ratio,
    instant::saturating_nanos,
    sync::{AtomicI64, AtomicU64, Relaxed},
};

/// A model checker gets a window that it can search.
const SLICES: u32 = if cfg!(steadfast_loom) { 2 } else { 10 };

const DEFAULT_RATIO: Ratio = Ratio::percent(20);
const DEFAULT_TTL: Duration = Duration::from_secs(10);
const DEFAULT_MIN_PER_SECOND: u32 = 10;
const MIN_TTL: Duration = Duration::from_secs(1);
const MAX_TTL: Duration = Duration::from_secs(60);
const MAX_MIN_PER_SECOND: u32 = 1_000_000;

/// Settings of [`RetryBudget::ratio`].
#[derive(Clone, Debug)]
#[must_use = "it is a budget only when built"]
pub struct RatioBudget {
    ratio: Ratio,
    ttl: Duration,
    min_per_second: u32,
}

impl RatioBudget {
    pub(super) fn new(ratio: Ratio) -> Self {
        RatioBudget {
            ratio,
            ttl: DEFAULT_TTL,
            min_per_second: DEFAULT_MIN_PER_SECOND,
        }
    }

    pub(super) fn default_form() -> Form {
        Form::Ratio(RatioLedger::new(&RatioBudget::new(DEFAULT_RATIO)))
    }

    /// How long a call keeps funding retries and a retry keeps using them up; 1 s to 60 s, default
    /// 10 s. The window moves on in tenths of it.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Retries a second that are allowed whatever the traffic; at most 1,000,000, default 10.
    pub fn min_per_second(mut self, retries: u32) -> Self {
        self.min_per_second = retries;
        self
    }

    /// Builds the budget.
    ///
    /// # Errors
    ///
    /// When the ratio is zero, above 1000 % or finer than a thousandth, or when `ttl` or
    /// `min_per_second` is out of range.
    pub fn build(self) -> Result<RetryBudget, InvalidConfig> {
        valid_ratio("ratio", self.ratio)?;
        InvalidConfig::check_time("ttl", self.ttl, MIN_TTL..=MAX_TTL)?;
        InvalidConfig::check(
            "min_per_second",
            self.min_per_second,
            0..=MAX_MIN_PER_SECOND,
        )?;
        Ok(RetryBudget::with(Form::Ratio(RatioLedger::new(&self))))
    }
}

/// The accounts: what each slice of the window has booked, and the sum of it all.
///
/// The unit is one retry divided by the ratio's denominator, so a call deposits the numerator, a
/// retry costs the denominator, and nothing is rounded. `balance` is the sum of the slices; it alone
/// decides, so a token can be taken only once. A slice carries the number of the slot of time it
/// stands for, and is taken over by whoever moves that number on, so it expires exactly once.
///
/// The window ends at the newest slot that holds anything. A clock that goes back by less than a
/// window stands still here until it has caught up, so no retry is forgotten before the calls that
/// paid for it; one that goes back further, or jumps so far that the numbers of slots come round,
/// begins with an empty window.
pub(super) struct RatioLedger {
    slice_nanos: u64,
    deposit: i32,
    price: i32,
    /// What the floor adds to the balance.
    floor: i64,
    balance: AtomicI64,
    slices: [AtomicU64; SLICES as usize],
}

/// The content of one slice: the low 32 bits of the number of its slot of time, and the net of what
/// was booked in it.
#[derive(Clone, Copy)]
struct Slice {
    tag: u32,
    net: i32,
}

impl Slice {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "two halves of one word, put together below"
    )]
    fn unpack(word: u64) -> Slice {
        Slice {
            tag: (word >> 32) as u32,
            net: word as u32 as i32,
        }
    }

    #[expect(clippy::cast_sign_loss, reason = "its bits, put together above")]
    fn pack(self) -> u64 {
        u64::from(self.tag) << 32 | u64::from(self.net as u32)
    }
}

/// Whether slot number `a` comes after `b`, where numbers come round: at most half a round after.
fn is_after(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}

/// A slot of time: where it is booked, and under which number.
#[derive(Clone, Copy)]
struct Slot {
    index: usize,
    epoch: u32,
}

impl RatioLedger {
    fn new(settings: &RatioBudget) -> Self {
        let price = i64::from(settings.ratio.denominator());
        let ttl_nanos = i64::try_from(settings.ttl.as_nanos()).unwrap_or(i64::MAX);
        let per_second = i64::from(settings.min_per_second);
        // At most 1e6 * 6e10 * 1e3, which takes more than 64 bits on the way.
        let floor = i128::from(per_second) * i128::from(ttl_nanos) / 1_000_000_000;
        RatioLedger {
            slice_nanos: (saturating_nanos(settings.ttl) / u64::from(SLICES)).max(1),
            deposit: i32::try_from(settings.ratio.numerator()).unwrap_or(i32::MAX),
            price: i32::try_from(price).unwrap_or(i32::MAX),
            floor: i64::try_from(floor)
                .unwrap_or(i64::MAX)
                .saturating_mul(price),
            balance: AtomicI64::new(0),
            slices: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the index is below SLICES; the epoch is compared modulo 2^32"
    )]
    fn slot(&self, now: Instant) -> Slot {
        let number = now.as_nanos() / self.slice_nanos;
        Slot {
            index: (number % u64::from(SLICES)) as usize,
            epoch: number as u32,
        }
    }

    pub(super) fn deposit_at(&self, now: Instant) {
        if let Some((_, change)) = self.book(self.slot(now), self.deposit) {
            // Relaxed, here and below: the balance is the whole state of the decision, and nothing
            // else is published through it.
            self.balance.fetch_add(change, Relaxed);
        }
    }

    pub(super) fn withdraw_at(&self, now: Instant) -> Option<Receipt> {
        let slot = self.expire(self.slot(now));
        let price = i64::from(self.price);
        let mut balance = self.balance.load(Relaxed);
        loop {
            if balance.saturating_add(self.floor) < price {
                return None;
            }
            match self
                .balance
                .compare_exchange_weak(balance, balance - price, Relaxed, Relaxed)
            {
                Ok(_) => break,
                Err(newer) => balance = newer,
            }
        }
        let Some((number, change)) = self.book(slot, -self.price) else {
            self.balance.fetch_add(price, Relaxed);
            return None;
        };
        // The price is paid already; what remains is what the slice held from an earlier round.
        self.balance.fetch_add(change + price, Relaxed);
        Some(Receipt {
            number,
            #[expect(clippy::cast_possible_truncation, reason = "below SLICES")]
            slot: slot.index as u8,
        })
    }

    pub(super) fn refund(&self, receipt: Receipt) {
        let tag = receipt.number;
        let cell = &self.slices[usize::from(receipt.slot)];
        let mut seen = cell.load(Relaxed);
        loop {
            let slice = Slice::unpack(seen);
            if slice.tag != tag {
                return; // It has expired, and its price with it.
            }
            let net = slice.net.saturating_add(self.price);
            match cell.compare_exchange_weak(seen, Slice { tag, net }.pack(), Relaxed, Relaxed) {
                Ok(_) => {
                    let change = i64::from(net) - i64::from(slice.net);
                    self.balance.fetch_add(change, Relaxed);
                    return;
                }
                Err(newer) => seen = newer,
            }
        }
    }

    pub(super) fn available_at(&self, now: Instant) -> u64 {
        self.expire(self.slot(now));
        let funds = self.balance.load(Relaxed).saturating_add(self.floor);
        u64::try_from(funds / i64::from(self.price)).unwrap_or(0)
    }

    /// Books `amount` in its slice. Returns the number it is booked under and what the balance
    /// changes by, which is less what an earlier round left in the slice; `None` when the slice can
    /// hold no more.
    #[inline]
    fn book(&self, slot: Slot, amount: i32) -> Option<(u32, i64)> {
        let cell = &self.slices[slot.index];
        let mut seen = cell.load(Relaxed);
        loop {
            let before = Slice::unpack(seen);
            let after = if is_after(slot.epoch, before.tag) || before.net == 0 {
                Slice {
                    tag: slot.epoch,
                    net: amount,
                }
            } else {
                // The same slot of time, or a later one where the clock went backwards.
                Slice {
                    tag: before.tag,
                    net: before.net.checked_add(amount)?,
                }
            };
            match cell.compare_exchange_weak(seen, after.pack(), Relaxed, Relaxed) {
                Ok(_) => return Some((after.tag, i64::from(after.net) - i64::from(before.net))),
                Err(newer) => seen = newer,
            }
        }
    }

    /// Takes out of the balance what has left the window. Returns the slot that the window ends with:
    /// the present one, or a newer one that holds something where the clock went backwards.
    fn expire(&self, now: Slot) -> Slot {
        let mut last = now;
        for (index, cell) in self.slices.iter().enumerate() {
            let Slice { tag, net } = Slice::unpack(cell.load(Relaxed));
            if net != 0 && is_after(tag, last.epoch) {
                last = Slot { index, epoch: tag };
            }
        }
        let went_back = last.epoch.wrapping_sub(now.epoch) >= SLICES;
        if went_back {
            last = now;
        }
        // The number of the last slice is right for that one, and no reservation in another one has
        // it, so none is refunded after it has left.
        let empty = Slice {
            tag: last.epoch,
            net: 0,
        };
        for cell in &self.slices {
            let expired = cell.fetch_update(Relaxed, Relaxed, |word| {
                let Slice { tag, .. } = Slice::unpack(word);
                let is_before = last.epoch.wrapping_sub(tag) >= SLICES;
                let is_beyond = tag.wrapping_sub(last.epoch) >= SLICES;
                (went_back || is_before && is_beyond).then(|| empty.pack())
            });
            if let Ok(word) = expired {
                let net = Slice::unpack(word).net;
                self.balance.fetch_sub(i64::from(net), Relaxed);
            }
        }
        last
    }
}

impl fmt::Debug for RatioLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ratio")
            .field("numerator", &self.deposit)
            .field("denominator", &self.price)
            .field("slice", &Duration::from_nanos(self.slice_nanos))
            .finish_non_exhaustive()
    }
}
