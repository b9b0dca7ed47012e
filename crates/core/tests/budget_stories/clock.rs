//! The ratio budget under every clock: standing still, jumping, going backwards, at its very ends.

use std::time::Duration;

use steadfast_core::{Instant, Ratio, RetryBudget};

use crate::{TRANSIENT, at, bare_ratio, just_before, make_calls, retries_until_refused};

const SECOND: Duration = Duration::from_secs(1);

/// A budget of the shortest window, whose slices are numbered fastest.
fn fast_ratio(ratio: Ratio) -> RetryBudget {
    let settings = RetryBudget::ratio(ratio).ttl(SECOND).min_per_second(0);
    settings.build().expect("valid settings")
}

/// Slice number `n` of [`fast_ratio`].
fn slice(n: u64) -> Instant {
    Instant::from_nanos(n.saturating_mul(100_000_000))
}

#[test]
fn a_clock_that_stands_still_gets_its_exact_share() {
    for now in [at(0), at(7), Instant::MAX] {
        let budget = bare_ratio(Ratio::percent(20));
        let mut granted = 0;
        for _ in 0..1_000 {
            let mut call = budget.enter_at(now);
            granted += retries_until_refused(&mut call, now, &TRANSIENT);
        }
        assert_eq!(granted, 200, "at {now:?}");
    }
}

#[test]
fn it_works_at_the_first_and_at_the_last_instant_of_the_clock() {
    for now in [at(0), Instant::MAX] {
        let budget = bare_ratio(Ratio::percent(100));
        let mut call = budget.enter_at(now);
        assert!(call.try_reserve_at(now, &TRANSIENT));
        assert_eq!(budget.available_at(now), 0);
        drop(call);
        assert_eq!(budget.available_at(now), 1);
    }
}

#[test]
fn a_jump_over_the_whole_clock_leaves_nothing_behind() {
    // Every length of slice, because the numbers of slices wrap at a different place for each.
    for millis in (1_000..60_000).step_by(1_234) {
        let settings = RetryBudget::ratio(Ratio::percent(100)).min_per_second(1);
        let settings = settings.ttl(Duration::from_millis(millis));
        let budget = settings.build().unwrap();
        let floor = budget.available_at(at(0));
        make_calls(&budget, 10, at(0));
        assert_eq!(budget.available_at(at(0)), floor + 10);
        assert_eq!(budget.available_at(Instant::MAX), floor, "ttl {millis} ms");
        let mut call = budget.enter_at(Instant::MAX);
        let granted = retries_until_refused(&mut call, Instant::MAX, &TRANSIENT);
        assert_eq!(granted, floor + 1, "ttl {millis} ms");
    }
}

#[test]
fn an_idle_time_of_any_length_empties_the_window() {
    let wrap = 1_u64 << 32;
    for idle in [
        10,
        11,
        1_000,
        wrap / 2 - 1,
        wrap / 2,
        wrap / 2 + 1,
        wrap - 10,
    ] {
        let budget = fast_ratio(Ratio::percent(100));
        make_calls(&budget, 3, slice(5));
        let mut call = budget.enter_at(slice(5));
        assert!(call.try_reserve_at(slice(5), &TRANSIENT));
        call.spend();
        assert_eq!(budget.available_at(slice(5)), 3);
        assert_eq!(budget.available_at(slice(5 + idle)), 0, "{idle} slices");
        make_calls(&budget, 1, slice(5 + idle));
        assert_eq!(budget.available_at(slice(5 + idle)), 1, "{idle} slices");
    }
}

#[test]
fn an_uptime_of_more_slices_than_32_bits_count_changes_nothing() {
    let wrap = 1_u64 << 32;
    for start in [wrap - 25, 3 * wrap - 25, wrap / 2 - 25, 40 * wrap + 7] {
        let budget = fast_ratio(Ratio::percent(20));
        let mut granted = 0;
        for n in start..start + 50 {
            make_calls(&budget, 6, slice(n));
            let mut call = budget.enter_at(slice(n));
            granted += retries_until_refused(&mut call, slice(n), &TRANSIENT);
        }
        assert_eq!(granted, 70, "from slice {start}"); // of 350 calls
    }
}

#[test]
fn a_window_that_spans_the_wrap_of_the_slice_numbers_expires_on_time() {
    let wrap = 1_u64 << 32;
    for offset in 0..20 {
        let n = wrap - 10 + offset;
        let budget = fast_ratio(Ratio::percent(100));
        make_calls(&budget, 1, slice(n));
        assert_eq!(budget.available_at(slice(n + 9)), 1, "slice {n}");
        assert_eq!(budget.available_at(slice(n + 10)), 0, "slice {n}");
    }
}

#[test]
fn a_clock_that_goes_back_a_little_neither_loses_nor_forgives_anything() {
    for back in 1..10 {
        let budget = bare_ratio(Ratio::percent(20));
        let then = at(100 - back);
        make_calls(&budget, 10, at(100));
        assert_eq!(budget.available_at(then), 2, "{back} s back");
        let mut call = budget.enter_at(then);
        assert_eq!(retries_until_refused(&mut call, then, &TRANSIENT), 2);
        // The retries stay in the window for as long as the calls that paid for them.
        for second in then.as_nanos() / 1_000_000_000..111 {
            assert_eq!(budget.available_at(at(second)), 0, "{back} s back");
        }
    }
}

#[test]
fn a_clock_that_swings_grants_no_call_twice() {
    for swing in 1..40 {
        let budget = bare_ratio(Ratio::percent(20));
        let (mut calls, mut granted) = (0, 0);
        for round in 0..100 {
            let now = at(1_000 + if round % 2 == 0 { swing } else { 0 });
            make_calls(&budget, 1, now);
            let mut call = budget.enter_at(now);
            calls += 2;
            granted += retries_until_refused(&mut call, now, &TRANSIENT);
            assert!(granted * 5 <= calls, "{granted} of {calls}, {swing} s");
        }
    }
}

#[test]
fn a_clock_that_went_back_for_good_gets_a_window_that_slides() {
    for back in [at(0), at(5), at(999_980)] {
        let budget = bare_ratio(Ratio::percent(100));
        for second in 0..10 {
            make_calls(&budget, 1, at(1_000_000 + second)); // every slice of the ring
        }
        let _ = budget.available_at(back); // looks at the window
        make_calls(&budget, 3, back);
        assert_eq!(budget.available_at(back), 3, "back at {back:?}");
        let left = back + 10 * SECOND;
        assert_eq!(budget.available_at(just_before(left)), 3);
        assert_eq!(budget.available_at(left), 0, "back at {back:?}");
    }
}

#[test]
fn a_clock_that_was_at_its_end_and_came_back_does_not_hoard_calls() {
    let budget = bare_ratio(Ratio::percent(100));
    for n in 0..10 {
        make_calls(&budget, 1, Instant::MAX.saturating_sub(n * SECOND));
    }
    for second in 0..1_000 {
        make_calls(&budget, 1, at(second));
        // A window holds ten seconds' calls, or fewer where the jump cost some.
        assert!(budget.available_at(at(second)) <= 10, "at {second} s");
    }
    assert_eq!(budget.available_at(at(999)), 10);
}

#[test]
fn a_reservation_that_saw_the_clock_go_back_is_given_back_once_at_most() {
    let within_a_window = [(103, 97), (103, 94), (97, 103), (103, 103)];
    let further = [
        (103, 93),
        (103, 80),
        (103, 0),
        (93, 103),
        (0, 103),
        (3, 1_000),
    ];
    let stories = within_a_window.map(|times| (times, 2));
    for ((reserved, dropped), available) in stories.into_iter().chain(further.map(|t| (t, 1))) {
        let budget = bare_ratio(Ratio::percent(100));
        let mut call = budget.enter_at(at(reserved));
        assert!(call.try_reserve_at(at(reserved), &TRANSIENT));
        let _ = budget.available_at(at(dropped)); // a window further, the reservation has gone
        make_calls(&budget, 1, at(dropped));
        drop(call);
        for _ in 0..2 {
            let left = budget.available_at(at(dropped));
            assert_eq!(left, available, "{reserved} s, then {dropped} s");
        }
    }
}

#[test]
fn forms_without_a_window_do_not_look_at_the_clock() {
    let budgets = [
        RetryBudget::success_tokens(10, Ratio::percent(10)).build(),
        RetryBudget::token_bucket(10, Ratio::percent(10)).build(),
        RetryBudget::cost_aware().build(),
        RetryBudget::share_of_in_flight(Ratio::percent(20)).build(),
    ];
    for budget in budgets.map(Result::unwrap) {
        let mut call = budget.enter_at(at(1_000));
        assert!(!call.needs_time());
        let before = budget.available_at(at(1_000));
        assert!(call.try_reserve_at(at(0), &TRANSIENT));
        let after = budget.available_at(Instant::MAX);
        assert_eq!(after, budget.available_at(at(0)));
        drop(call);
        assert_eq!(budget.available_at(Instant::MAX), before);
    }
    assert!(RetryBudget::default().enter_at(at(0)).needs_time());
}
