//! What a limit says of itself.

use steadfast_core::{Rejection, RejectionKind, Runtime, VirtualRuntime};
use steadfast_rate_limit::{KeyedRateLimit, RateLimit, RateLimitBuilder, RateLimitHeaders};

use super::{ms, secs};

/// A single limit, and one of the same settings for the key `a`, of which the same is taken.
struct Both {
    runtime: VirtualRuntime,
    single: RateLimit,
    keyed: KeyedRateLimit<String>,
}

impl Both {
    fn new(settings: RateLimitBuilder) -> Both {
        Both {
            runtime: VirtualRuntime::new(1),
            single: settings.clone().build().unwrap(),
            keyed: KeyedRateLimit::new(10, settings).unwrap(),
        }
    }

    fn take(&self, cost: u32) {
        self.single.try_acquire(&self.runtime, cost).unwrap();
        self.keyed.try_acquire(&self.runtime, "a", cost).unwrap();
    }

    fn refused(&self, cost: u32) -> Rejection {
        let refused = self.single.try_acquire(&self.runtime, cost).unwrap_err();
        let other = self.keyed.try_acquire(&self.runtime, "a", cost);
        assert_eq!(other.unwrap_err(), refused);
        refused
    }

    fn headers(&self) -> RateLimitHeaders<'static> {
        let headers = self.single.headers(&self.runtime);
        assert_eq!(self.keyed.headers(&self.runtime, "a"), headers);
        headers
    }

    #[track_caller]
    fn says(&self, limit: &str, policy: &str) {
        assert_eq!(self.headers().rate_limit().to_string(), limit);
        assert_eq!(self.headers().rate_limit_policy().to_string(), policy);
    }
}

#[test]
fn a_bucket_says_what_is_left_and_when_it_is_full_again() {
    const POLICY: &str = r#""default";q=20;w=4"#;
    let both = Both::new(RateLimit::per_second(5).burst(20));
    both.says(r#""default";r=20;t=0"#, POLICY);
    both.take(6);
    both.says(r#""default";r=14;t=2"#, POLICY); // of 1.2 s
    both.runtime.advance(ms(200));
    both.says(r#""default";r=15;t=1"#, POLICY);
    both.take(15);
    both.says(r#""default";r=0;t=4"#, POLICY);
}

#[test]
fn a_burst_that_is_refilled_in_less_than_a_second_promises_no_more_than_the_rate() {
    let both = Both::new(RateLimit::per_second(500).burst(50));
    both.take(50);
    both.says(r#""default";r=0;t=1"#, r#""default";q=50;w=1"#);
}

#[test]
fn a_fixed_window_says_what_is_left_of_it_and_when_the_next_begins() {
    const POLICY: &str = r#""default";q=7;w=60"#;
    let both = Both::new(RateLimit::per_minute(7).fixed());
    both.runtime.advance(secs(30));
    both.says(r#""default";r=7;t=0"#, POLICY);
    both.take(3);
    let headers = both.headers();
    let ends = (both.runtime.now().as_nanos() / 1_000_000_000 / 60 + 1) * 60;
    let left = ends - both.runtime.now().as_nanos() / 1_000_000_000;
    assert_eq!((headers.remaining(), headers.reset_secs()), (4, left));
    assert_eq!(headers.rate_limit_policy().to_string(), POLICY);
    both.runtime.advance(secs(left));
    both.says(r#""default";r=7;t=0"#, POLICY);
}

#[test]
fn a_sliding_window_is_full_again_when_its_last_unit_has_left_it() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_minute(7).sliding().build().unwrap();
    limit.try_acquire(&runtime, 2).unwrap();
    runtime.advance(secs(20));
    limit.try_acquire(&runtime, 1).unwrap();
    runtime.advance(ms(500));
    let headers = limit.headers(&runtime);
    assert_eq!((headers.limit(), headers.remaining()), (7, 4));
    assert_eq!(headers.reset_secs(), 60);
    assert_eq!(headers.retry_after_secs(), None);
}

#[test]
fn a_refused_call_hears_when_it_may_come_again() {
    let both = Both::new(RateLimit::per_minute(60).burst(5));
    both.take(4);
    both.runtime.advance(ms(100));
    let refused = both.refused(4);
    let headers = both.headers().refused(&refused);
    assert_eq!(headers.retry_after_secs(), Some(3)); // of 2.9
    let fields: Vec<_> = headers.fields().collect();
    assert_eq!(
        fields,
        [
            ("ratelimit-policy", r#""default";q=5;w=5"#.to_owned()),
            ("ratelimit", r#""default";r=1;t=3"#.to_owned()),
            ("retry-after", "3".to_owned()),
        ]
    );
    let older: Vec<_> = headers.older_fields().collect();
    assert_eq!(
        older,
        [
            ("ratelimit-limit", 5),
            ("ratelimit-remaining", 1),
            ("ratelimit-reset", 3)
        ]
    );
    both.runtime.advance(secs(3));
    both.take(4);
}

#[test]
fn a_call_that_is_not_refused_or_never_fits_has_no_time_to_come_again() {
    let both = Both::new(RateLimit::per_second(5));
    assert_eq!(both.headers().fields().count(), 2);
    let refused = both.refused(6);
    assert!(matches!(refused.kind(), RejectionKind::Other(_)));
    assert_eq!(both.headers().refused(&refused).fields().count(), 2);
}

#[test]
fn a_key_that_is_not_known_has_all_and_is_not_made_by_asking() {
    let both = Both::new(RateLimit::per_second(5));
    let headers = both.keyed.headers(&both.runtime, "b");
    assert_eq!((headers.remaining(), headers.reset_secs()), (5, 0));
    assert!(both.keyed.is_empty());
}

#[test]
fn a_full_limit_is_full_also_after_the_clock_was_turned_back() {
    let both = Both::new(RateLimit::per_second(5));
    both.runtime.advance(secs(1_000_000));
    // So that it has seen that time.
    both.take(1);
    both.single.refund(&both.runtime, 1);
    both.keyed.refund("a", 1);
    both.runtime
        .set_now(both.runtime.now().saturating_sub(secs(500_000)));
    let headers = both.single.headers(&both.runtime);
    assert_eq!((headers.remaining(), headers.reset_secs()), (5, 0));
}

#[test]
fn after_another_rate_it_says_the_new_one() {
    let runtime = VirtualRuntime::new(1);
    let limit = RateLimit::per_second(5).burst(10).build().unwrap();
    limit.try_acquire(&runtime, 10).unwrap();
    limit.set_rate(&runtime, 1, secs(1)).unwrap();
    let headers = limit.headers(&runtime);
    assert_eq!(headers.reset_secs(), 10);
    assert_eq!(
        headers.rate_limit_policy().to_string(),
        r#""default";q=10;w=10"#
    );
}

#[test]
fn the_longest_limits_say_what_a_field_holds() {
    let runtime = VirtualRuntime::new(1);
    let century = RateLimit::new(1, secs(36_500 * 86_400)).burst(2);
    let limit = century.build().unwrap();
    limit.try_acquire(&runtime, 2).unwrap();
    assert_eq!(limit.headers(&runtime).reset_secs(), 2 * 36_500 * 86_400);
    runtime.set_now(steadfast_core::Instant::MAX);
    assert_eq!(limit.headers(&runtime).reset_secs(), 0);
    limit.try_acquire(&runtime, 2).unwrap();
    assert_eq!(limit.headers(&runtime).reset_secs(), 999_999_999_999_999);
}
