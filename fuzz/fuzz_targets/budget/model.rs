//! What a retry budget must say, computed the slow way: from a list of all that happened, or from plain counts.

use arbitrary::Arbitrary;
use steadfast_core::Instant;

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Success,
    Transient,
    Overloaded,
    Permanent,
    Caller,
    Pushback,
}

/// What one call has with the budget.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// What a reservation takes, while it may still go back: an entry of the window, or thousandths of a token.
    held: Option<u64>,
    last_cost: u64,
}

impl Account {
    pub(crate) fn holds(&self) -> bool {
        self.held.is_some()
    }
}

pub(crate) trait Model {
    fn enter(&mut self, now: Instant);
    /// The budget has decided; what was held before goes back first.
    fn reserve(&mut self, account: &mut Account, class: Class, now: Instant, granted: bool);
    fn spend(&mut self, account: &mut Account) {
        account.held = None;
    }
    fn record(&mut self, _account: &Account, _class: Class) {}
    fn end(&mut self, account: &mut Account);
    /// How many retries of a transient failure there is room for; nothing where the model does not know.
    fn available_at(&mut self, now: Instant) -> Option<u64>;
    /// When all has passed, and what there is room for then.
    fn at_rest(&mut self) -> Option<(Instant, u64)>;
    /// Whether calls under way make room.
    fn counts_calls(&self) -> bool {
        false
    }
}

/// The ratio form: every deposit and every retry of the window, in thousandths of a retry.
#[derive(Debug)]
pub(crate) struct Window {
    deposit: i128,
    floor: i128,
    slot_nanos: u64,
    /// Slot of time and amount.
    entries: Vec<(u64, i128)>,
    earliest: u64,
    latest: u64,
    /// Only while time goes on: what a clock that goes backwards means is not promised in detail.
    exact: bool,
}

const SLOTS: u64 = 10;
const RETRY: i128 = 1000;

impl Window {
    pub(crate) fn new(per_mille: u32, ttl_millis: u64, min_per_second: u64) -> Self {
        Self {
            deposit: per_mille.into(),
            floor: RETRY * i128::from(min_per_second * ttl_millis / 1000),
            slot_nanos: ttl_millis * 1_000_000 / SLOTS,
            entries: Vec::new(),
            earliest: u64::MAX,
            latest: 0,
            exact: true,
        }
    }

    fn slot(&mut self, now: Instant) -> u64 {
        let slot = now.as_nanos() / self.slot_nanos;
        self.exact &= slot >= self.latest;
        self.earliest = self.earliest.min(slot);
        self.latest = self.latest.max(slot);
        self.exact &= self.spans_less_than_an_age();
        slot
    }

    /// Slots are told apart over 2^31 of them, which is at least six years.
    fn spans_less_than_an_age(&self) -> bool {
        self.latest.saturating_sub(self.earliest) < 1 << 31
    }

    fn give_back(&mut self, account: &mut Account) {
        if let Some(entry) = account.held.take() {
            self.entries[entry as usize].1 = 0;
        }
    }
}

impl Model for Window {
    fn enter(&mut self, now: Instant) {
        let slot = self.slot(now);
        self.entries.push((slot, self.deposit));
    }

    fn reserve(&mut self, account: &mut Account, _class: Class, now: Instant, granted: bool) {
        let slot = self.slot(now);
        self.give_back(account);
        if self.exact {
            let room = self
                .available_at(now)
                .is_some_and(|available| available > 0);
            assert_eq!(granted, room, "in {self:?}");
        }
        if granted {
            account.held = Some(self.entries.len() as u64);
            self.entries.push((slot, -RETRY));
        }
    }

    fn end(&mut self, account: &mut Account) {
        self.give_back(account);
    }

    fn available_at(&mut self, now: Instant) -> Option<u64> {
        let slot = self.slot(now);
        let inside = self.entries.iter().filter(|(at, _)| slot - at < SLOTS);
        let sum = || inside.map(|(_, amount)| amount).sum::<i128>();
        self.exact
            .then(|| u64::try_from((sum() + self.floor) / RETRY).unwrap_or(0))
    }

    fn at_rest(&mut self) -> Option<(Instant, u64)> {
        let later = (self.latest + SLOTS).checked_mul(self.slot_nanos)?;
        let floor = u64::try_from(self.floor / RETRY).ok()?;
        self.spans_less_than_an_age()
            .then_some((Instant::from_nanos(later), floor))
    }
}

/// The three forms with tokens, in thousandths of a token.
#[derive(Debug)]
pub(crate) struct Bucket {
    level: u64,
    capacity: u64,
    /// For a transient failure and for an overloaded one; without a price, failures pay.
    price: Option<(u64, u64)>,
    /// What a success adds; nothing stands for what its retry cost.
    refill: Option<u64>,
}

const TOKEN: u64 = 1000;

impl Bucket {
    pub(crate) fn success_tokens(max: u64, per_mille: u64) -> Self {
        Self::full(max, None, Some(per_mille))
    }

    pub(crate) fn token_bucket(capacity: u64, per_mille: u64) -> Self {
        Self::full(capacity, Some((TOKEN, TOKEN)), Some(per_mille))
    }

    pub(crate) fn cost_aware(capacity: u64, transient: u64, overloaded: u64) -> Self {
        Self::full(
            capacity,
            Some((TOKEN * transient, TOKEN * overloaded)),
            None,
        )
    }

    fn full(tokens: u64, price: Option<(u64, u64)>, refill: Option<u64>) -> Self {
        let capacity = tokens * TOKEN;
        Self {
            level: capacity,
            capacity,
            price,
            refill,
        }
    }

    fn add(&mut self, amount: u64) {
        self.level = (self.level + amount).min(self.capacity);
    }

    fn give_back(&mut self, account: &mut Account) {
        if let Some(cost) = account.held.take() {
            self.add(cost);
            account.last_cost = 0;
        }
    }
}

impl Model for Bucket {
    fn enter(&mut self, _now: Instant) {}

    fn reserve(&mut self, account: &mut Account, class: Class, _now: Instant, granted: bool) {
        self.give_back(account);
        let Some((transient, overloaded)) = self.price else {
            assert_eq!(granted, 2 * self.level > self.capacity, "in {self:?}");
            return;
        };
        let cost = if class == Class::Overloaded {
            overloaded
        } else {
            transient
        };
        assert_eq!(granted, cost <= self.level, "{cost} in {self:?}");
        if granted {
            self.level -= cost;
            account.held = Some(cost);
            account.last_cost = cost;
        }
    }

    fn record(&mut self, account: &Account, class: Class) {
        match class {
            Class::Success => {
                let last_cost = match account.last_cost {
                    0 => TOKEN,
                    cost => cost,
                };
                self.add(self.refill.unwrap_or(last_cost));
            }
            Class::Transient | Class::Overloaded | Class::Pushback if self.price.is_none() => {
                self.level = self.level.saturating_sub(TOKEN);
            }
            _ => {}
        }
    }

    fn end(&mut self, account: &mut Account) {
        self.give_back(account);
    }

    fn available_at(&mut self, _now: Instant) -> Option<u64> {
        Some(match self.price {
            // Each retry that fails takes a token, until half are left.
            None => (self.level.saturating_sub(self.capacity / 2)).div_ceil(TOKEN),
            Some((transient, _)) => self.level / transient,
        })
    }

    fn at_rest(&mut self) -> Option<(Instant, u64)> {
        let now = Instant::from_nanos(0);
        Some((now, self.available_at(now)?))
    }
}

/// The share of calls under way.
#[derive(Debug)]
pub(crate) struct InFlight {
    per_mille: u64,
    min: u64,
    calls: u64,
    retries: u64,
}

impl InFlight {
    pub(crate) fn new(per_mille: u64, min: u64) -> Self {
        Self {
            per_mille,
            min,
            calls: 0,
            retries: 0,
        }
    }

    fn room(&self) -> u64 {
        let limit = (self.calls * self.per_mille / 1000).max(self.min);
        limit.saturating_sub(self.retries)
    }

    fn give_back(&mut self, account: &mut Account) {
        self.retries -= account.held.take().unwrap_or(0);
    }
}

impl Model for InFlight {
    fn enter(&mut self, _now: Instant) {
        self.calls += 1;
    }

    fn reserve(&mut self, account: &mut Account, _class: Class, _now: Instant, granted: bool) {
        self.give_back(account);
        assert_eq!(granted, self.room() > 0, "in {self:?}");
        if granted {
            self.retries += 1;
            account.held = Some(1);
        }
    }

    /// A retry that has begun is under way until it ends.
    fn spend(&mut self, _account: &mut Account) {}

    fn end(&mut self, account: &mut Account) {
        self.give_back(account);
        self.calls -= 1;
    }

    fn available_at(&mut self, _now: Instant) -> Option<u64> {
        Some(self.room())
    }

    fn at_rest(&mut self) -> Option<(Instant, u64)> {
        assert_eq!((self.calls, self.retries), (0, 0), "all calls have ended");
        Some((Instant::from_nanos(0), self.min))
    }

    fn counts_calls(&self) -> bool {
        true
    }
}
