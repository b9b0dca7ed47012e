//! One call's account with a budget: what it holds, and what it tells.

use std::{fmt, marker::PhantomData};

use super::{Form, Purse, RetryBudget};
use crate::{Attempt, Class, Instant, Outcome, Runtime, Verdict};

/// One call's account with a [`RetryBudget`], which holds at most one reservation.
///
/// Dropping it gives back a reservation that was not [spent](BudgetedCall::spend).
///
/// `H` is where the budget is found: itself, or something that [has one](HasBudget), which the call then holds
/// no second reference for.
#[must_use = "dropping it ends the call in the eyes of the budget"]
pub struct BudgetedCall<'b, H: HasBudget = &'b RetryBudget> {
    holder: H,
    account: Account,
    marker: PhantomData<&'b ()>,
}

/// Something that may have a budget, such as the settings of a policy. A call of one that has none may be repeated
/// without limit.
pub trait HasBudget {
    /// Its budget.
    fn budget(&self) -> Option<&RetryBudget>;
}

impl HasBudget for &RetryBudget {
    #[inline]
    fn budget(&self) -> Option<&RetryBudget> {
        Some(self)
    }
}

/// What the call owes and is owed, in one word, so that it travels in a register.
///
/// The low half is of the last reservation: in a ratio ledger the number of the slice it is booked
/// in, in a bucket what it cost. Above it are the place of that slice and two flags.
#[derive(Clone, Copy)]
struct Account(u64);

impl Account {
    const EMPTY: Account = Account(0);
    const HOLDS: u64 = 1 << 40;
    const COUNTED: u64 = 1 << 41;
    const RECEIPT: u64 = Account::HOLDS - 1;

    const fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    #[expect(clippy::cast_possible_truncation, reason = "two parts of one word")]
    const fn receipt(self) -> Receipt {
        Receipt {
            number: self.0 as u32,
            slot: (self.0 >> 32) as u8,
        }
    }

    fn hold(&mut self, receipt: Receipt) {
        let receipt = u64::from(receipt.slot) << 32 | u64::from(receipt.number);
        self.0 = self.0 & !Account::RECEIPT | receipt | Account::HOLDS;
    }
}

/// What a reservation is booked under.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Receipt {
    pub(super) number: u32,
    pub(super) slot: u8,
}

impl<H: HasBudget> BudgetedCall<'_, H> {
    #[inline]
    fn new(holder: H, begin: impl FnOnce(&Purse) -> Account) -> Self {
        let account = match holder.budget() {
            Some(budget) => begin(&budget.purse),
            None => Account::EMPTY,
        };
        BudgetedCall {
            holder,
            account,
            marker: PhantomData,
        }
    }

    /// As [`RetryBudget::enter`], with the budget that `holder` has.
    #[inline]
    pub fn enter<R: Runtime>(holder: H, attempt: &mut Attempt<R>) -> Self {
        BudgetedCall::new(holder, |purse| {
            if attempt.enter_budget(purse.id) {
                purse.begin(|| attempt.now())
            } else {
                Account::EMPTY
            }
        })
    }

    /// As [`RetryBudget::enter_at`].
    pub(super) fn enter_at(holder: H, now: Instant) -> Self {
        BudgetedCall::new(holder, |purse| purse.begin(|| now))
    }

    #[inline]
    fn purse(&self) -> Option<&Purse> {
        Some(&self.holder.budget()?.purse)
    }

    /// Where the budget is found.
    #[inline]
    pub fn holder(&self) -> &H {
        &self.holder
    }

    /// Tells the budget what an attempt came to, once: not again where the next policy further in that
    /// has a budget has told the same one. A refusal from further in that reached nobody is not told.
    #[inline]
    pub fn record_outcome<T, E>(&mut self, outcome: &mut Outcome<T, E>) {
        let Some(purse) = self.purse() else { return };
        let is_own = outcome.rejection().is_some() && !outcome.verdict.may_have_executed();
        if is_own {
            return;
        }
        if outcome.budget != purse.id {
            outcome.budget = purse.id;
            purse.record(self.account, &outcome.verdict);
        } else if outcome.verdict.is_success() {
            purse.return_last_cost(self.account);
        }
    }

    /// Tells the budget what an attempt came to.
    #[inline]
    pub fn record(&mut self, verdict: &Verdict) {
        if let Some(purse) = self.purse() {
            purse.record(self.account, verdict);
        }
    }

    /// Reserves a retry after this failure. `false` means that the budget has nothing left.
    ///
    /// A reservation held from before is given back first.
    pub fn try_reserve_at(&mut self, now: Instant, failure: &Verdict) -> bool {
        self.give_back();
        let Some(purse) = self.purse() else {
            return true;
        };
        let receipt = match &purse.form {
            Form::Ratio(ledger) => ledger.withdraw_at(now),
            Form::Bucket(bucket) => bucket.withdraw(failure.class() == Class::Overloaded),
            Form::InFlight(counts) => counts.retry_begins(),
        };
        if let Some(receipt) = receipt {
            self.account.hold(receipt);
        }
        receipt.is_some()
    }

    /// Whether [`try_reserve_at`](BudgetedCall::try_reserve_at) needs to know the time.
    #[must_use]
    pub fn needs_time(&self) -> bool {
        (self.purse()).is_some_and(|purse| matches!(purse.form, Form::Ratio(_)))
    }

    /// The retry that was reserved begins: its payment will not be given back.
    #[inline]
    pub fn spend(&mut self) {
        // A retry under way is counted until it ends.
        if (self.purse()).is_some_and(|purse| !matches!(purse.form, Form::InFlight(_))) {
            self.account.0 &= !Account::HOLDS;
        }
    }

    #[inline]
    fn give_back(&mut self) {
        if self.account.has(Account::HOLDS) {
            self.account.0 &= !Account::HOLDS;
            self.refund();
        }
    }

    fn refund(&mut self) {
        let Some(purse) = self.purse() else { return };
        purse.refund(self.account.receipt());
        if let Form::Bucket(_) = purse.form {
            self.account.0 &= !Account::RECEIPT;
        }
    }

    /// Ends the call in the eyes of the budget, as dropping it does: what it held is free now.
    #[inline]
    pub fn end(&mut self) {
        if self.account.has(Account::HOLDS | Account::COUNTED) {
            if let Some(purse) = self.purse() {
                // By value: a call that nobody has the address of can stay in registers until it is stored.
                purse.close(self.account);
            }
        }
        self.account = Account::EMPTY;
    }
}

impl Purse {
    /// Counts a call that begins.
    #[inline]
    fn begin(&self, now: impl FnOnce() -> Instant) -> Account {
        match &self.form {
            Form::Ratio(ledger) => ledger.deposit_at(now()),
            Form::Bucket(_) => {}
            Form::InFlight(counts) => {
                counts.call_begins();
                return Account(Account::COUNTED);
            }
        }
        Account::EMPTY
    }

    #[inline]
    fn record(&self, account: Account, verdict: &Verdict) {
        if let Form::Bucket(bucket) = &self.form {
            if verdict.is_success() {
                bucket.succeeded(account.receipt().number);
            } else if verdict.may_pass() || verdict.is_pushback() {
                bucket.failed();
            }
        }
    }

    /// A retry of this call has led to a success that the budget knows of already: where successes
    /// return what their retry cost, this one does too.
    #[cold]
    fn return_last_cost(&self, account: Account) {
        if let Form::Bucket(bucket) = &self.form {
            bucket.return_cost(account.receipt().number);
        }
    }

    fn refund(&self, receipt: Receipt) {
        match &self.form {
            Form::Ratio(ledger) => ledger.refund(receipt),
            Form::Bucket(bucket) => bucket.refund(receipt.number),
            Form::InFlight(counts) => counts.retry_ends(),
        }
    }

    #[inline(never)]
    fn close(&self, account: Account) {
        if account.has(Account::HOLDS) {
            self.refund(account.receipt());
        }
        if account.has(Account::COUNTED) {
            if let Form::InFlight(counts) = &self.form {
                counts.call_ends();
            }
        }
    }
}

impl<H: HasBudget> Drop for BudgetedCall<'_, H> {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}

impl<H: HasBudget> fmt::Debug for BudgetedCall<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BudgetedCall")
            .field("holds", &self.account.has(Account::HOLDS))
            .finish_non_exhaustive()
    }
}
