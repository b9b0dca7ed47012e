//! What can be built.

use std::time::Duration;

use steadfast_rate_limit::{AdaptiveRate, AdaptiveRateLimitBuilder, RateLimit};

use crate::common::{Rig, SECOND, THROTTLED, adaptive, secs};

#[track_caller]
fn refused(settings: AdaptiveRateLimitBuilder, message: &str) {
    assert_eq!(settings.build().unwrap_err().to_string(), message);
}

fn rate() -> AdaptiveRate {
    AdaptiveRate::new()
}

#[test]
fn settings_out_of_range_cannot_be_built() {
    refused(
        RateLimit::adaptive(rate().min(0, SECOND)),
        "`min` is 0 in 1s; allowed: 1 in 1000s to 1000000000 in 1s",
    );
    refused(
        RateLimit::adaptive(rate().max(1, secs(3))),
        "`min` is 1 in 2s; allowed: 1 in 1000s to 1 in 3s",
    );
    refused(
        RateLimit::adaptive(rate().initial(1, Duration::ZERO)),
        "`initial` is 1 in 0ns; allowed: 1 in 2s to 1000000000 in 1s",
    );
    refused(
        adaptive().max_waiting(0),
        "`max_waiting` is 0; allowed: 1 to 10000",
    );
    refused(
        adaptive().wait(secs(86_401)),
        "`wait` is 86401s; allowed: 0ns to 86400s",
    );
}

#[test]
fn a_burst_is_as_large_as_the_arithmetic_holds_at_the_floor() {
    refused(adaptive().burst(0), "`burst` is 0; allowed: 1 to 4467570");
    refused(
        adaptive().burst(4_467_571),
        "`burst` is 4467571; allowed: 1 to 4467570",
    );
    let slowest = rate().min(1, secs(1000)).max(1, secs(1000));
    refused(
        RateLimit::adaptive(slowest.clone()).burst(8936),
        "`burst` is 8936; allowed: 1 to 8935",
    );
    for settings in [
        adaptive().burst(4_467_570),
        RateLimit::adaptive(slowest).burst(8935),
        RateLimit::adaptive(rate().min(1000, SECOND)).burst(u32::MAX),
    ] {
        let rig = Rig::new(settings);
        rig.one(THROTTLED); // all the way down
        assert!(!rig.admits());
    }
}

#[test]
fn the_page_states_the_defaults() {
    let page = include_str!("../../src/adaptive_limit/builder.rs");
    assert!(page.contains("whatever the rate; default 10."));
    let limit = adaptive().build().unwrap();
    assert_eq!((limit.burst(), limit.name()), (10, "rate limit"));
}

#[test]
fn it_speaks_under_its_name() {
    let rig = Rig::throttled(adaptive().named("search"));
    let refused = rig.limit.try_acquire(&rig.runtime, 1).unwrap_err();
    assert_eq!(refused.policy(), "search");
    let text = format!("{:?}", rig.limit);
    let begins = "AdaptiveRateLimit { name: \"search\", rate_per_second: Some(70.";
    assert!(text.starts_with(begins), "{text}");
    assert!(text.ends_with("burst: 10, waiting: 0, .. }"), "{text}");
}

#[test]
fn it_may_be_told_to_refuse_again() {
    let rig = Rig::throttled(adaptive().wait(SECOND).reject());
    assert!(rig.call_of(THROTTLED, SECOND).poll().is_ready());
}
