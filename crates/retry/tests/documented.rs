//! The table of defaults on the crate's page is the one in the code.

use steadfast_retry::Retry;

#[test]
fn the_page_states_the_defaults_that_are_built() {
    let page = include_str!("../src/lib.rs");
    let built = format!("{:?}", Retry::default());
    for (row, field) in [
        (
            "| `max_attempts`, the first included | 3 |",
            "max_attempts: 3,",
        ),
        (
            "| backoff | exponential from 50ms, factor 2 |",
            "backoff: exponential(50ms, factor 2),",
        ),
        ("| `jitter` | Full |", "jitter: Full,"),
        ("| `max_delay`, after jitter | 20s |", "max_delay: 20s,"),
        ("lengthen a wait | Within(5s) |", "hints: Within(5s),"),
        ("| `max_elapsed` | none |", "max_elapsed: None,"),
        ("| `safety` | Always |", "safety: Always,"),
        ("| budget | none |", "budget: None,"),
    ] {
        assert!(page.contains(row), "the page lacks {row:?}");
        assert!(built.contains(field), "{field:?} is not in {built}");
    }
}

#[test]
fn a_policy_tells_its_attempts_and_its_budget() {
    let plain = Retry::default();
    assert_eq!((plain.max_attempts(), plain.budget().is_some()), (3, false));
    let budget = steadfast_retry::RetryBudget::default();
    let retry = Retry::exponential(std::time::Duration::from_millis(50))
        .max_attempts(7)
        .budget(&budget)
        .build();
    let retry = retry.expect("valid settings");
    assert_eq!(retry.max_attempts(), 7);
    assert!(
        retry
            .budget()
            .is_some_and(|own| own.is_shared_with(&budget))
    );
}
