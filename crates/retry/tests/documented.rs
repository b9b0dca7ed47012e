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
