//! The forms of the budget, as slow as they are plain: every event is kept, every answer is summed up anew.

use std::time::Duration;

use steadfast_core::{Class, Instant, Ratio, Verdict};

use crate::history::Oracle;

fn whole(amount: i128) -> u64 {
    u64::try_from(amount.max(0)).unwrap()
}

/// Calls and retries, each with the slot of time it happened in.
pub(crate) struct RatioOracle {
    ratio: Ratio,
    floor: i128,
    slice: u64,
    calls: Vec<u64>,
    /// Of each retry its slot, or nothing when it was given back.
    retries: Vec<Option<u64>>,
}

impl RatioOracle {
    pub(crate) fn new(ratio: Ratio, ttl: Duration, min_per_second: u32) -> Self {
        RatioOracle {
            ratio,
            floor: i128::from(min_per_second) * ttl.as_nanos() as i128 / 1_000_000_000,
            slice: u64::try_from(ttl.as_nanos() / 10).unwrap(),
            calls: Vec::new(),
            retries: Vec::new(),
        }
    }

    fn slot(&self, now: Instant) -> u64 {
        now.as_nanos() / self.slice
    }

    /// What is left over the ratio's denominator.
    fn funds(&self, now: Instant) -> i128 {
        let slot = self.slot(now);
        let in_window = |event: &&u64| slot - **event < 10;
        let calls = self.calls.iter().filter(in_window).count() as i128;
        let retries = self.retries.iter().flatten().filter(in_window).count() as i128;
        calls * i128::from(self.ratio.numerator())
            + (self.floor - retries) * i128::from(self.ratio.denominator())
    }
}

/// Where the reservation stands in the list, while it can be given back.
pub(crate) struct RatioAccount(Option<usize>);

impl Oracle for RatioOracle {
    type Account = RatioAccount;

    fn enter(&mut self, now: Instant) -> RatioAccount {
        self.calls.push(self.slot(now));
        RatioAccount(None)
    }

    fn record(&mut self, _account: &mut RatioAccount, _verdict: &Verdict) {}

    fn reserve(&mut self, account: &mut RatioAccount, now: Instant, _failure: &Verdict) -> bool {
        if let Some(held) = account.0.take() {
            self.retries[held] = None;
        }
        let granted = self.available(now) > 0;
        if granted {
            account.0 = Some(self.retries.len());
            self.retries.push(Some(self.slot(now)));
        }
        granted
    }

    fn spend(&mut self, account: &mut RatioAccount) {
        account.0 = None;
    }

    fn end(&mut self, account: RatioAccount) {
        if let Some(held) = account.0 {
            self.retries[held] = None;
        }
    }

    fn available(&self, now: Instant) -> u64 {
        whole(
            self.funds(now)
                .div_euclid(i128::from(self.ratio.denominator())),
        )
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Price {
    PerFailure,
    PerRetry { transient: u32, overloaded: u32 },
}

#[derive(Clone, Copy)]
pub(crate) enum Refill {
    PerSuccess(Ratio),
    LastCost,
}

/// All that was ever put in and taken out, in thousandths of a token.
pub(crate) struct TokenOracle {
    capacity: i128,
    price: Price,
    refill: Refill,
    changes: Vec<i128>,
}

impl TokenOracle {
    pub(crate) fn new(tokens: u32, price: Price, refill: Refill) -> Self {
        TokenOracle {
            capacity: i128::from(tokens) * 1000,
            price,
            refill,
            changes: Vec::new(),
        }
    }

    fn level(&self) -> i128 {
        self.changes.iter().fold(self.capacity, |level, change| {
            (level + change).clamp(0, self.capacity)
        })
    }
}

#[derive(Default)]
pub(crate) struct TokenAccount {
    held: Option<i128>,
    last_cost: i128,
}

impl Oracle for TokenOracle {
    type Account = TokenAccount;

    fn enter(&mut self, _now: Instant) -> TokenAccount {
        TokenAccount::default()
    }

    fn record(&mut self, account: &mut TokenAccount, verdict: &Verdict) {
        let failed = matches!(verdict.class(), Class::Transient | Class::Overloaded);
        if verdict.class() == Class::Success {
            self.changes.push(match (self.refill, account.last_cost) {
                (Refill::PerSuccess(ratio), _) => {
                    1000 * i128::from(ratio.numerator()) / i128::from(ratio.denominator())
                }
                (Refill::LastCost, 0) => 1000,
                (Refill::LastCost, cost) => cost,
            });
        } else if (failed || verdict.is_pushback()) && matches!(self.price, Price::PerFailure) {
            self.changes.push(-1000);
        }
    }

    fn reserve(&mut self, account: &mut TokenAccount, _now: Instant, failure: &Verdict) -> bool {
        if let Some(held) = account.held.take() {
            self.changes.push(held);
            account.last_cost = 0;
        }
        let level = self.level();
        let cost = match (self.price, failure.class()) {
            (Price::PerFailure, _) => {
                if 2 * level <= self.capacity {
                    return false;
                }
                0
            }
            (Price::PerRetry { overloaded, .. }, Class::Overloaded) => i128::from(overloaded),
            (Price::PerRetry { transient, .. }, _) => i128::from(transient),
        } * 1000;
        let granted = level >= cost;
        if granted {
            self.changes.push(-cost);
            account.held = Some(cost);
            account.last_cost = cost;
        }
        granted
    }

    fn spend(&mut self, account: &mut TokenAccount) {
        account.held = None;
    }

    fn end(&mut self, account: TokenAccount) {
        self.changes.extend(account.held);
    }

    /// By trying: how often could one be taken before it is refused.
    fn available(&self, _now: Instant) -> u64 {
        let (mut left, mut granted) = (self.level(), 0);
        let (step, lowest) = match self.price {
            Price::PerFailure => (1000, self.capacity / 2 + 1),
            Price::PerRetry { transient, .. } => {
                (i128::from(transient) * 1000, i128::from(transient) * 1000)
            }
        };
        if left - lowest > 10_000 * step {
            // Too many to try.
            granted = (left - lowest) / step;
            left -= granted * step;
        }
        while left >= lowest {
            left -= step;
            granted += 1;
        }
        whole(granted)
    }
}

/// Every call under way, and whether a retry of it is.
pub(crate) struct InFlightOracle {
    share: Ratio,
    min: i128,
    calls: Vec<Option<bool>>,
}

impl InFlightOracle {
    pub(crate) fn new(share: Ratio, min: u32) -> Self {
        InFlightOracle {
            share,
            min: i128::from(min),
            calls: Vec::new(),
        }
    }
}

impl Oracle for InFlightOracle {
    type Account = usize;

    fn enter(&mut self, _now: Instant) -> usize {
        self.calls.push(Some(false));
        self.calls.len() - 1
    }

    fn record(&mut self, _account: &mut usize, _verdict: &Verdict) {}

    fn reserve(&mut self, account: &mut usize, now: Instant, _failure: &Verdict) -> bool {
        self.calls[*account] = Some(false);
        let granted = self.available(now) > 0;
        self.calls[*account] = Some(granted);
        granted
    }

    fn spend(&mut self, _account: &mut usize) {}

    fn end(&mut self, account: usize) {
        self.calls[account] = None;
    }

    fn available(&self, _now: Instant) -> u64 {
        let calls = self.calls.iter().flatten().count() as i128;
        let retries = self.calls.iter().flatten().filter(|retry| **retry).count() as i128;
        let share =
            calls * i128::from(self.share.numerator()) / i128::from(self.share.denominator());
        whole(share.max(self.min) - retries)
    }
}
