//! The budgets that are a bucket of tokens: what fills it, what empties it, when it is enough.

use std::fmt;

use super::{Form, Receipt, RetryBudget, valid_ratio};
use crate::{
    InvalidConfig, Ratio,
    sync::{AtomicU64, Relaxed},
};

/// Tokens are counted in thousandths, as gRPC's ratio has three decimals.
const TOKEN: u32 = 1000;
const MAX_TOKENS: u32 = 1_000_000;

/// Settings of [`RetryBudget::success_tokens`] and [`RetryBudget::token_bucket`].
#[derive(Clone, Debug)]
#[must_use = "it is a budget only when built"]
pub struct TokenBudget {
    tokens: u32,
    max_tokens: u32,
    per_success: Ratio,
    price: Price,
}

impl TokenBudget {
    pub(super) fn success_tokens(tokens: u32, per_success: Ratio) -> Self {
        TokenBudget {
            tokens,
            max_tokens: 1000,
            per_success,
            price: Price::PerFailure,
        }
    }

    pub(super) fn token_bucket(tokens: u32, per_success: Ratio) -> Self {
        TokenBudget {
            tokens,
            max_tokens: MAX_TOKENS,
            per_success,
            price: Price::PerRetry {
                transient: TOKEN,
                overloaded: TOKEN,
            },
        }
    }

    /// Builds the budget.
    ///
    /// # Errors
    ///
    /// When the number of tokens is zero or above the form's maximum (1000 for
    /// [`success_tokens`](RetryBudget::success_tokens), 1,000,000 for
    /// [`token_bucket`](RetryBudget::token_bucket)), or `per_success` is zero, above 1000 % or finer
    /// than a thousandth. Of a ratio such as a third the thousandths count, as with gRPC.
    pub fn build(self) -> Result<RetryBudget, InvalidConfig> {
        let tokens = in_range("tokens", self.tokens, self.max_tokens)?;
        let per_success = valid_ratio("per_success", self.per_success)?;
        Ok(RetryBudget::with(Form::Bucket(Bucket::full(Rules {
            capacity: u64::from(tokens) * u64::from(TOKEN),
            price: self.price,
            refill: Refill::Fixed(per_success.of(u64::from(TOKEN))),
        }))))
    }
}

/// Settings of [`RetryBudget::cost_aware`].
#[derive(Clone, Debug)]
#[must_use = "it is a budget only when built"]
pub struct CostBudget {
    capacity: u32,
    transient: u32,
    overloaded: u32,
}

impl CostBudget {
    pub(super) fn new() -> Self {
        CostBudget {
            capacity: 500,
            transient: 14,
            overloaded: 5,
        }
    }

    /// How many tokens there are at first and at most; 1 to 1,000,000, default 500.
    pub fn capacity(mut self, tokens: u32) -> Self {
        self.capacity = tokens;
        self
    }

    /// What a retry after a transient failure costs; 1 to the capacity, default 14.
    pub fn transient_cost(mut self, tokens: u32) -> Self {
        self.transient = tokens;
        self
    }

    /// What a retry after an overloaded answer costs; 1 to the capacity, default 5.
    pub fn overloaded_cost(mut self, tokens: u32) -> Self {
        self.overloaded = tokens;
        self
    }

    /// Builds the budget.
    ///
    /// # Errors
    ///
    /// When the capacity or a cost is out of its range.
    pub fn build(self) -> Result<RetryBudget, InvalidConfig> {
        let capacity = in_range("capacity", self.capacity, MAX_TOKENS)?;
        Ok(RetryBudget::with(Form::Bucket(Bucket::full(Rules {
            capacity: u64::from(capacity) * u64::from(TOKEN),
            price: Price::PerRetry {
                transient: TOKEN * in_range("transient_cost", self.transient, capacity)?,
                overloaded: TOKEN * in_range("overloaded_cost", self.overloaded, capacity)?,
            },
            refill: Refill::LastCost,
        }))))
    }
}

fn in_range(field: &'static str, value: u32, max: u32) -> Result<u32, InvalidConfig> {
    InvalidConfig::check(field, value, 1..=max)?;
    Ok(value)
}

#[derive(Clone, Copy, Debug)]
enum Price {
    /// Each failure takes a token, and retries are allowed above half.
    PerFailure,
    /// Each retry takes these thousandths.
    PerRetry { transient: u32, overloaded: u32 },
}

#[derive(Clone, Copy, Debug)]
enum Refill {
    /// A success adds these thousandths.
    Fixed(u64),
    /// A success adds what its last retry cost, or one token when it needed none.
    LastCost,
}

#[derive(Clone, Copy, Debug)]
struct Rules {
    capacity: u64,
    price: Price,
    refill: Refill,
}

/// The level of the bucket in one word, in thousandths of a token.
pub(super) struct Bucket {
    rules: Rules,
    level: AtomicU64,
}

impl Bucket {
    fn full(rules: Rules) -> Self {
        Bucket {
            rules,
            level: AtomicU64::new(rules.capacity),
        }
    }

    /// Changes the level, unless `next` says that it cannot be. Returns whether it changed.
    #[inline]
    fn update(&self, next: impl Fn(u64) -> Option<u64>) -> bool {
        // Relaxed: this word is the whole state, and nothing is published through it.
        self.level.fetch_update(Relaxed, Relaxed, next).is_ok()
    }

    #[inline]
    pub(super) fn succeeded(&self, last_cost: u32) {
        let amount = match (self.rules.refill, last_cost) {
            (Refill::Fixed(amount), _) => amount,
            (Refill::LastCost, 0) => u64::from(TOKEN),
            (Refill::LastCost, cost) => u64::from(cost),
        };
        self.add(amount);
    }

    /// Returns what a retry cost that led to a success, where successes do that.
    pub(super) fn return_cost(&self, cost: u32) {
        if let Refill::LastCost = self.rules.refill {
            self.add(u64::from(cost));
        }
    }

    pub(super) fn refund(&self, cost: u32) {
        self.add(u64::from(cost));
    }

    #[inline]
    fn add(&self, amount: u64) {
        let capacity = self.rules.capacity;
        // A full bucket, the usual case, is not written to.
        self.update(|level| (level < capacity).then(|| (level + amount).min(capacity)));
    }

    pub(super) fn failed(&self) {
        if let Price::PerFailure = self.rules.price {
            self.update(|level| Some(level.saturating_sub(u64::from(TOKEN))));
        }
    }

    /// Takes the price of a retry; its receipt says how many thousandths that was.
    pub(super) fn withdraw(&self, overloaded: bool) -> Option<Receipt> {
        let price = match self.rules.price {
            // The failure has paid already; what is left decides.
            Price::PerFailure => {
                let above_half = self.level.load(Relaxed) > self.rules.capacity / 2;
                return above_half.then(Receipt::default);
            }
            Price::PerRetry {
                overloaded: price, ..
            } if overloaded => price,
            Price::PerRetry {
                transient: price, ..
            } => price,
        };
        let taken = self.update(|level| level.checked_sub(u64::from(price)));
        taken.then_some(Receipt {
            number: price,
            slot: 0,
        })
    }

    pub(super) fn available(&self) -> u64 {
        let level = self.level.load(Relaxed);
        match self.rules.price {
            Price::PerFailure => level
                .saturating_sub(self.rules.capacity / 2)
                .div_ceil(u64::from(TOKEN)),
            Price::PerRetry { transient, .. } => level / u64::from(transient),
        }
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("rules", &self.rules)
            .field("level", &self.level.load(Relaxed))
            .finish()
    }
}
