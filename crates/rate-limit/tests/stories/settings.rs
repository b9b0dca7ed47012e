//! What can be built, and what cannot.

use std::time::Duration;

use steadfast_core::InvalidConfig;
use steadfast_rate_limit::{RateLimit, RateLimitBuilder};

use crate::common::{DAY, Rig, ns, secs};

fn error(settings: RateLimitBuilder) -> String {
    settings.build().unwrap_err().to_string()
}

#[test]
fn zero_of_anything_cannot_be_built() {
    let most = u32::MAX;
    assert_eq!(
        error(RateLimit::per_second(0)),
        format!("`n` is 0; allowed: 1 to {most}")
    );
    assert_eq!(
        error(RateLimit::new(5, Duration::ZERO)),
        "`per` is 0ns; allowed: 1ns to 3153600000s"
    );
    assert_eq!(
        error(RateLimit::per_second(1).burst(0)),
        format!("`burst` is 0; allowed: 1 to {most}")
    );
    assert_eq!(
        error(RateLimit::per_second(1).max_waiting(0)),
        "`max_waiting` is 0; allowed: 1 to 10000"
    );
}

#[test]
fn what_is_too_large_is_named_with_the_largest_that_fits() {
    let century = DAY * 36_500;
    let fits = [
        RateLimit::new(u32::MAX, ns(1)),
        RateLimit::new(u32::MAX, secs(1)),
        RateLimit::new(1, century),
        RateLimit::per_second(1).max_waiting(10_000),
        RateLimit::per_second(1).wait(DAY),
        RateLimit::per_second(65_536).sliding(),
        RateLimit::new(1_000, ns(1_000)).fixed(),
        RateLimit::new(u32::MAX, century).fixed(),
    ];
    for settings in fits {
        let text = format!("{settings:?}");
        assert!(settings.build().is_ok(), "{text}");
    }
    let not = [
        (RateLimit::new(1, century + ns(1)), "1ns to 3153600000s"),
        (RateLimit::per_second(1).max_waiting(10_001), "1 to 10000"),
        (RateLimit::per_second(1).wait(DAY + ns(1)), "0ns to 86400s"),
        (RateLimit::per_second(65_537).sliding(), "1 to 65536"),
        (RateLimit::new(1_001, ns(1_000)).fixed(), "1 to 1000"),
        // Coprime to a day in nanoseconds: a unit is a whole day of parts.
        (RateLimit::new(1_000_003, DAY), "1 to 103415"),
    ];
    for (settings, allowed) in not {
        let refused = settings.build().unwrap_err();
        assert_eq!(refused.allowed(), allowed, "{refused}");
    }
}

#[test]
fn a_window_has_no_burst_of_its_own() {
    let none = "`burst` is 3; allowed: none: a window has all its units at once";
    assert_eq!(error(RateLimit::per_second(5).burst(3).sliding()), none);
    assert_eq!(error(RateLimit::per_second(5).fixed().burst(3)), none);
    let window = RateLimit::per_second(5).fixed().build().unwrap();
    let rig = Rig::new(RateLimit::per_second(1));
    let refused: InvalidConfig = window.set_burst(&rig.runtime, 3).unwrap_err();
    assert_eq!(refused.to_string(), none);
}

#[test]
fn the_last_word_counts() {
    let settings = RateLimit::per_second(1).wait(secs(5)).reject();
    let rig = Rig::new(settings);
    rig.take(1);
    rig.refused(crate::common::cost(1));
}
