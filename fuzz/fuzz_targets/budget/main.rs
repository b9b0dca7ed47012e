//! Drives every form of retry budget through arbitrary histories, on a clock that stands still, jumps and goes
//! backwards, beside a model of each form that remembers everything.

#![no_main]

mod model;

use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use steadfast_core::{BudgetedCall, Instant, InvalidConfig, Ratio, RetryBudget, Verdict};

use self::model::{Account, Bucket, Class, InFlight, Model, Window};

#[derive(Arbitrary, Debug)]
struct Case {
    form: Form,
    start: u64,
    steps: Vec<Step>,
}

/// The settings, in types that hold valid and invalid ones.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Form {
    Default,
    Ratio {
        per_mille: u16,
        ttl_millis: u16,
        min_per_second: u16,
    },
    SuccessTokens {
        max: u16,
        per_mille: u16,
    },
    TokenBucket {
        capacity: u16,
        per_mille: u16,
    },
    CostAware {
        capacity: u16,
        transient: u8,
        overloaded: u8,
    },
    InFlight {
        per_mille: u16,
        min_concurrent: u8,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Enter,
    Reserve { call: u8, class: Class },
    ReserveAndAbandon(Class),
    Spend { call: u8 },
    Record { call: u8, class: Class },
    End { call: u8 },
    Pass { millis: u16 },
    Jump { to: u64 },
}

fuzz_target!(|case: Case| {
    if let Ok(budget) = case.form.build() {
        run(&budget, case.form.model(), &case);
    }
});

struct Call<'b> {
    call: BudgetedCall<'b>,
    account: Account,
}

fn run(budget: &RetryBudget, mut model: Box<dyn Model>, case: &Case) {
    let mut now = Instant::from_nanos(case.start);
    let mut calls: Vec<Call<'_>> = Vec::new();
    for step in &case.steps {
        match *step {
            Step::Enter => calls.push(enter(budget, &mut *model, now)),
            Step::Reserve { call, class } => {
                if let Some(call) = pick(&mut calls, call) {
                    reserve(budget, &mut *model, call, class, now);
                }
            }
            Step::ReserveAndAbandon(class) => {
                let mut call = enter(budget, &mut *model, now);
                let before = budget.available_at(now);
                reserve(budget, &mut *model, &mut call, class, now);
                end(&mut *model, call);
                if !model.counts_calls() {
                    let after = budget.available_at(now);
                    assert_eq!(after, before, "a reservation that is dropped is refunded");
                }
            }
            Step::Spend { call } => {
                if let Some(call) = pick(&mut calls, call) {
                    call.call.spend();
                    model.spend(&mut call.account);
                }
            }
            Step::Record { call, class } => {
                if let Some(call) = pick(&mut calls, call) {
                    call.call.record(&verdict(class));
                    model.record(&call.account, class);
                }
            }
            Step::End { call } => {
                if !calls.is_empty() {
                    let at = usize::from(call) % calls.len();
                    end(&mut *model, calls.swap_remove(at));
                }
            }
            Step::Pass { millis } => now = now + Duration::from_millis(millis.into()),
            Step::Jump { to } => now = Instant::from_nanos(to),
        }
        if let Some(available) = model.available_at(now) {
            assert_eq!(budget.available_at(now), available, "after {step:?}");
        }
    }
    for call in calls {
        end(&mut *model, call);
    }
    if let Some((later, available)) = model.at_rest() {
        assert_eq!(budget.available_at(later), available, "at rest");
    }
}

fn enter<'b>(budget: &'b RetryBudget, model: &mut dyn Model, now: Instant) -> Call<'b> {
    model.enter(now);
    Call {
        call: budget.enter_at(now),
        account: Account::default(),
    }
}

fn reserve(
    budget: &RetryBudget,
    model: &mut dyn Model,
    call: &mut Call<'_>,
    class: Class,
    now: Instant,
) {
    // A reservation from before goes back first, and may be what pays for this one.
    let had_nothing = !call.account.holds();
    let before = budget.available_at(now);
    let granted = call.call.try_reserve_at(now, &verdict(class));
    if had_nothing && class == Class::Transient {
        assert_eq!(granted, before > 0, "{before} available");
    }
    model.reserve(&mut call.account, class, now, granted);
}

fn end(model: &mut dyn Model, call: Call<'_>) {
    let Call { call, mut account } = call;
    drop(call);
    model.end(&mut account);
}

fn pick<'a, 'b>(calls: &'a mut [Call<'b>], at: u8) -> Option<&'a mut Call<'b>> {
    let count = calls.len();
    calls.get_mut(usize::from(at).checked_rem(count)?)
}

fn verdict(class: Class) -> Verdict {
    match class {
        Class::Success => Verdict::success(),
        Class::Transient => Verdict::transient(),
        Class::Overloaded => Verdict::overloaded(),
        Class::Permanent => Verdict::permanent(),
        Class::Caller => Verdict::caller(),
        Class::Pushback => Verdict::permanent().with_pushback(),
    }
}

impl Form {
    fn build(self) -> Result<RetryBudget, InvalidConfig> {
        let ratio = |per_mille: u16| Ratio::per_mille(per_mille.into());
        match self {
            Form::Default => Ok(RetryBudget::default()),
            Form::Ratio {
                per_mille,
                ttl_millis,
                min_per_second,
            } => RetryBudget::ratio(ratio(per_mille))
                .ttl(Duration::from_millis(ttl_millis.into()))
                .min_per_second(min_per_second.into())
                .build(),
            Form::SuccessTokens { max, per_mille } => {
                RetryBudget::success_tokens(max.into(), ratio(per_mille)).build()
            }
            Form::TokenBucket {
                capacity,
                per_mille,
            } => RetryBudget::token_bucket(capacity.into(), ratio(per_mille)).build(),
            Form::CostAware {
                capacity,
                transient,
                overloaded,
            } => RetryBudget::cost_aware()
                .capacity(capacity.into())
                .transient_cost(transient.into())
                .overloaded_cost(overloaded.into())
                .build(),
            Form::InFlight {
                per_mille,
                min_concurrent,
            } => RetryBudget::share_of_in_flight(ratio(per_mille))
                .min_concurrent(min_concurrent.into())
                .build(),
        }
    }

    fn model(self) -> Box<dyn Model> {
        match self {
            Form::Default => Box::new(Window::new(200, 10_000, 10)),
            Form::Ratio {
                per_mille,
                ttl_millis,
                min_per_second,
            } => Box::new(Window::new(
                per_mille.into(),
                ttl_millis.into(),
                min_per_second.into(),
            )),
            Form::SuccessTokens { max, per_mille } => {
                Box::new(Bucket::success_tokens(max.into(), per_mille.into()))
            }
            Form::TokenBucket {
                capacity,
                per_mille,
            } => Box::new(Bucket::token_bucket(capacity.into(), per_mille.into())),
            Form::CostAware {
                capacity,
                transient,
                overloaded,
            } => Box::new(Bucket::cost_aware(
                capacity.into(),
                transient.into(),
                overloaded.into(),
            )),
            Form::InFlight {
                per_mille,
                min_concurrent,
            } => Box::new(InFlight::new(per_mille.into(), min_concurrent.into())),
        }
    }
}
