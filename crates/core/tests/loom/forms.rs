//! The real budgets, in the sizes of the models.

use std::time::Duration;

use steadfast_core::{BudgetedCall, Instant, Ratio, RetryBudget, Verdict};

use crate::models::{Budget, Call};

/// Under the model checker the window has two slices; of a second, they are half a second long.
const SLICE_NANOS: u64 = 500_000_000;

fn slice(number: u64) -> Instant {
    Instant::from_nanos(number * SLICE_NANOS)
}

impl Budget for RetryBudget {
    type Call<'b> = BudgetedCall<'b>;

    fn enter(&self, at: u64) -> BudgetedCall<'_> {
        self.enter_at(slice(at))
    }

    fn available(&self, at: u64) -> u64 {
        self.available_at(slice(at))
    }
}

impl Call for BudgetedCall<'_> {
    fn reserve(&mut self, at: u64) -> bool {
        self.try_reserve_at(slice(at), &Verdict::transient())
    }

    fn spend(&mut self) {
        BudgetedCall::spend(self);
    }

    fn succeeds(&mut self) {
        self.record(&Verdict::success());
    }

    fn fails(&mut self) {
        self.record(&Verdict::transient());
    }
}

fn ratio(ratio: Ratio, min_per_second: u32) -> RetryBudget {
    let settings = RetryBudget::ratio(ratio).ttl(Duration::from_secs(1));
    settings.min_per_second(min_per_second).build().unwrap()
}

/// One retry, whatever the calls of a model add.
pub(crate) fn floor() -> RetryBudget {
    ratio(Ratio::per_mille(1), 1)
}

/// A retry for every two calls.
pub(crate) fn half() -> RetryBudget {
    ratio(Ratio::percent(50), 0)
}

/// A retry for every call.
pub(crate) fn whole() -> RetryBudget {
    ratio(Ratio::percent(100), 0)
}

/// One retry.
pub(crate) fn token_bucket() -> RetryBudget {
    let settings = RetryBudget::token_bucket(1, Ratio::percent(100));
    settings.build().unwrap()
}

/// One retry.
pub(crate) fn cost_aware() -> RetryBudget {
    RetryBudget::cost_aware().capacity(14).build().unwrap()
}

/// Eight tokens, of which more than four have to be left.
pub(crate) fn success_tokens() -> RetryBudget {
    let settings = RetryBudget::success_tokens(8, Ratio::percent(100));
    settings.build().unwrap()
}

/// One retry under way.
pub(crate) fn in_flight() -> RetryBudget {
    let settings = RetryBudget::share_of_in_flight(Ratio::per_mille(1));
    settings.min_concurrent(1).build().unwrap()
}

/// As many retries under way as calls.
pub(crate) fn all_in_flight() -> RetryBudget {
    let settings = RetryBudget::share_of_in_flight(Ratio::percent(100));
    settings.min_concurrent(0).build().unwrap()
}
