//! What an attempt says to a policy, and what a policy can say of it.

use steadfast_core::{
    Attempt, CallOptions, IdempotencyKey, Instant, Operation, Outcome, Pipeline, Policies, Policy,
    Runtime, Verdict, VirtualRuntime,
};

use super::{Failed, SECOND};

fn first() -> (VirtualRuntime, Attempt<VirtualRuntime>) {
    let runtime = VirtualRuntime::new(1);
    runtime.set_now(at(1));
    (runtime.clone(), Attempt::first(runtime))
}

fn at(seconds: u32) -> Instant {
    Instant::from_nanos(0) + SECOND * seconds
}

#[test]
fn the_first_attempt_has_number_one_no_deadline_no_key_and_costs_one() {
    let (runtime, attempt) = first();
    assert_eq!((attempt.number(), attempt.cost()), (1, 1));
    assert_eq!(attempt.deadline(), Instant::MAX);
    assert_eq!((attempt.key(), attempt.is_idempotent()), (None, false));
    assert!(!attempt.is_deadline_enforced() && !attempt.is_spent());
    assert_eq!(runtime.clock_reads(), 0);
}

#[test]
fn an_attempt_knows_when_it_began_and_reads_the_clock_once_for_that() {
    let (runtime, mut attempt) = first();
    assert_eq!(attempt.now(), at(1));
    runtime.advance(SECOND);
    assert_eq!(attempt.now(), at(1));
    assert_eq!(runtime.clock_reads(), 1);

    attempt.begins_now();
    assert_eq!(attempt.now(), at(2));
    attempt.began_at(at(5));
    assert_eq!(attempt.now(), at(5));
    assert_eq!(runtime.clock_reads(), 2);
}

#[test]
fn of_several_deadlines_the_tightest_stays_and_who_enforced_a_wider_one_does_not_enforce_it() {
    let (_, mut attempt) = first();
    attempt.tighten_deadline(at(9));
    attempt.deadline_is_enforced();
    assert!(attempt.is_deadline_enforced());
    for later in [at(9), at(10), Instant::MAX] {
        attempt.tighten_deadline(later);
        assert_eq!(attempt.deadline(), at(9));
        assert!(attempt.is_deadline_enforced());
    }
    attempt.tighten_deadline(at(8));
    assert_eq!(attempt.deadline(), at(8));
    assert!(!attempt.is_deadline_enforced());
}

#[test]
fn what_outlives_the_call_around_it_keeps_the_deadline_and_nobody_enforces_it() {
    let (runtime, mut attempt) = first();
    attempt.tighten_deadline(at(9));
    attempt.deadline_is_enforced();
    assert_eq!(attempt.now(), at(1));
    runtime.advance(SECOND);
    attempt.outlives();
    assert_eq!(attempt.deadline(), at(9));
    assert!(!attempt.is_deadline_enforced());
    assert_eq!(attempt.now(), at(2));
}

#[test]
fn a_repeated_attempt_is_the_same_call_later_with_the_starts_counted() {
    let (runtime, mut attempt) = first();
    attempt.set_key(IdempotencyKey::from_u128(7));
    attempt.tighten_deadline(at(9));
    attempt.now();
    runtime.advance(SECOND);
    let mut again = attempt.repeated(3);
    assert_eq!(again.number(), 4);
    assert_eq!(again.repeated(u32::MAX).number(), u32::MAX);
    assert_eq!(again.key(), Some(IdempotencyKey::from_u128(7)));
    assert_eq!(again.deadline(), at(9));
    assert_eq!((attempt.now(), again.now()), (at(1), at(2)));
}

#[test]
fn with_a_key_a_call_may_be_repeated() {
    for bits in [0, 7, u128::MAX] {
        let (_, mut attempt) = first();
        attempt.set_key(IdempotencyKey::from_u128(bits));
        assert_eq!(attempt.key().map(IdempotencyKey::as_u128), Some(bits));
        assert!(attempt.is_idempotent());
    }
}

/// Says of a call what its policy is told.
struct Told;

impl Policies for Told {}

impl<'p, O> Policy<'p, O> for Told
where
    O: Operation<Ok = String>,
{
    type Future = std::future::Ready<Outcome<String, O::Err>>;

    fn run(&'p self, _: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        let told = format!(
            "{} {:?} {}",
            attempt.cost(),
            attempt.priority(),
            attempt.is_idempotent()
        );
        std::future::ready(Outcome::new(Ok(told), Verdict::success()))
    }
}

#[test]
fn a_policy_is_told_what_the_caller_said_of_the_call() {
    let runtime = VirtualRuntime::new(1);
    let pipeline = Pipeline::on(runtime.clone(), Told);
    let told = |options: CallOptions| {
        let call = pipeline
            .call(|| async { Ok::<_, Failed>(String::new()) })
            .options(options);
        runtime.block_on(call).unwrap()
    };
    assert!(told(CallOptions::new()).starts_with("1 "));
    assert!(told(CallOptions::new()).ends_with(" false"));
    assert!(told(CallOptions::new().cost(3)).starts_with("3 "));
    assert!(told(CallOptions::new().idempotent()).ends_with(" true"));
}

#[test]
fn a_repeating_policy_that_has_spent_its_attempts_is_told_so_in_the_next_attempt_around_it() {
    let (_, outer) = first();
    let mut inner = outer.clone();
    inner.nest();
    assert_ne!(outer.nesting(), inner.nesting());

    let failed = || Outcome::<(), _>::new(Err(Failed), Verdict::transient());
    let mut next = outer.clone();
    next.remember(&inner.conclude(failed(), true));
    assert!(!next.is_spent());
    next.nest();
    assert!(next.is_spent());

    // Itself it has not spent, though the outcome is of this place.
    let mut next = outer.clone();
    next.remember(&outer.conclude(failed(), true));
    assert!(!next.is_spent());

    let mut next = outer.clone();
    next.remember(&inner.conclude(failed(), false));
    next.nest();
    assert!(!next.is_spent());
}

#[test]
fn who_has_spent_its_attempts_is_remembered_by_those_around_it_and_from_the_eighth_on_together() {
    let nested = |depth: usize| {
        let (_, mut attempt) = first();
        (0..depth).for_each(|_| attempt.nest());
        attempt
    };
    let place = |depth: usize| depth.min(7);
    for (outer, spender, asked) in (0..12)
        .flat_map(|outer| (0..12).map(move |spender| (outer, spender)))
        .flat_map(|(outer, spender)| (0..12).map(move |asked| (outer, spender, asked)))
    {
        let failed = Outcome::<(), _>::new(Err(Failed), Verdict::transient());
        let failed = nested(spender).conclude(failed, true);
        let mut next = nested(outer);
        next.remember(&failed);
        (0..asked).for_each(|_| next.nest());
        let is_inside = place(spender) > outer.min(6);
        assert_eq!(
            next.is_spent(),
            is_inside && place(outer + asked) == place(spender),
            "{spender} has spent them, {outer} remembers it, {asked} further in"
        );
    }
}

#[test]
fn what_may_have_executed_in_one_attempt_may_have_in_the_whole_call() {
    let refused = || Outcome::<(), _>::new(Err(Failed), Verdict::transient().not_executed());
    let (_, mut attempt) = first();
    attempt.remember(&refused());
    let whole = attempt.conclude(refused(), true);
    assert!(!whole.verdict.may_have_executed());

    attempt.remember(&Outcome::<(), _>::new(Err(Failed), Verdict::transient()));
    attempt.remember(&refused());
    let whole = attempt.conclude(refused(), true);
    assert!(whole.verdict.may_have_executed());
}

#[test]
fn a_clone_of_a_runtime_is_the_same_clock() {
    let (runtime, attempt) = first();
    runtime.advance(SECOND);
    assert_eq!(attempt.runtime().now(), runtime.now());
}
