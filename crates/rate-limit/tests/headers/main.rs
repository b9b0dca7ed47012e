//! What the fields of a response say of a limit.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not take for tests"
)]

mod limits;

use std::time::Duration;

use proptest::prelude::*;
use steadfast_rate_limit::RateLimitHeaders;

const TICK: Duration = Duration::from_nanos(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A hundred, of which so many are left.
fn left(remaining: u32, reset: Duration) -> RateLimitHeaders<'static> {
    RateLimitHeaders::new(100, remaining, reset)
}

#[test]
fn the_draft_says_it_in_two_fields() {
    let headers = left(50, secs(30));
    assert_eq!(headers.rate_limit().to_string(), r#""default";r=50;t=30"#);
    assert_eq!(
        headers.rate_limit_policy().to_string(),
        r#""default";q=100"#
    );
    let minute = headers.window(secs(60));
    assert_eq!(
        minute.rate_limit_policy().to_string(),
        r#""default";q=100;w=60"#
    );
}

#[test]
fn its_older_form_says_it_in_three() {
    let headers = left(50, secs(30));
    assert_eq!(
        (headers.limit(), headers.remaining(), headers.reset_secs()),
        (100, 50, 30)
    );
}

#[test]
fn the_names_are_those_of_the_fields_in_small_letters() {
    let names = [
        (RateLimitHeaders::RATE_LIMIT, "RateLimit"),
        (RateLimitHeaders::RATE_LIMIT_POLICY, "RateLimit-Policy"),
        (RateLimitHeaders::LIMIT, "RateLimit-Limit"),
        (RateLimitHeaders::REMAINING, "RateLimit-Remaining"),
        (RateLimitHeaders::RESET, "RateLimit-Reset"),
        (RateLimitHeaders::RETRY_AFTER, "Retry-After"),
    ];
    for (name, field) in names {
        assert_eq!(name, field.to_lowercase());
    }
}

#[test]
fn seconds_are_rounded_up() {
    assert_eq!(left(1, secs(2)).reset_secs(), 2);
    assert_eq!(left(1, secs(2) + TICK).reset_secs(), 3);
    assert_eq!(left(1, secs(3) - TICK).reset_secs(), 3);
    let after = |after| left(0, secs(9)).retry_after(Some(after)).retry_after_secs();
    assert_eq!(after(secs(2)), Some(2));
    assert_eq!(after(secs(2) + TICK), Some(3));
}

#[test]
fn whoever_is_limited_is_never_told_to_come_at_once() {
    assert_eq!(left(0, Duration::ZERO).reset_secs(), 1);
    let refused = left(3, Duration::ZERO).retry_after(Some(Duration::ZERO));
    assert_eq!(refused.retry_after_secs(), Some(1));
    assert_eq!(refused.reset_secs(), 1);
    assert_eq!(
        left(100, Duration::ZERO).reset_secs(),
        0,
        "nothing is taken"
    );
}

#[test]
fn whoever_is_not_refused_is_not_told_to_retry() {
    assert_eq!(left(0, secs(5)).retry_after_secs(), None);
    let taken_back = left(0, secs(5))
        .retry_after(Some(secs(1)))
        .retry_after(None);
    assert_eq!(taken_back, left(0, secs(5)));
}

#[test]
fn the_reset_of_a_refused_call_is_when_it_may_retry() {
    let refused = left(2, secs(60)).retry_after(Some(ms(4100)));
    assert_eq!(refused.reset_secs(), 5);
    assert_eq!(refused.rate_limit().to_string(), r#""default";r=2;t=5"#);
}

#[test]
fn more_than_all_never_remain() {
    assert_eq!(left(101, secs(1)).remaining(), 100);
    assert_eq!(RateLimitHeaders::new(0, 7, secs(1)).reset_secs(), 1);
}

#[test]
fn a_window_lasts_a_second_at_least() {
    let policy = |window| left(1, secs(1)).window(window).rate_limit_policy();
    assert_eq!(policy(Duration::ZERO).to_string(), r#""default";q=100;w=1"#);
    assert_eq!(policy(ms(1500)).to_string(), r#""default";q=100;w=2"#);
}

#[test]
fn a_name_is_quoted_as_structured_fields_are() {
    let named = left(1, secs(1)).named(r#"a "b\c" ~"#).unwrap();
    let quoted = r#""a \"b\\c\" ~""#;
    assert_eq!(named.rate_limit().to_string(), format!("{quoted};r=1;t=1"));
    assert_eq!(
        named.rate_limit_policy().to_string(),
        format!("{quoted};q=100")
    );
}

#[test]
fn a_name_that_a_field_cannot_carry_is_refused() {
    let refused = |name: &str| left(1, secs(1)).named(name).unwrap_err().to_string();
    assert_eq!(
        refused(""),
        r#"`name` is ""; allowed: 1 or more printable characters of ASCII"#
    );
    for name in ["a\r\nSet-Cookie: b", "\u{7f}", "\t", "caf\u{e9}"] {
        assert!(refused(name).contains("printable"), "{name:?}");
    }
}

/// The parts of a value: what is between the quotes, and the parameters.
fn parsed(value: &str) -> (String, Vec<(String, u64)>) {
    let mut name = String::new();
    let mut chars = value.chars();
    assert_eq!(chars.next(), Some('"'));
    loop {
        match chars.next().unwrap() {
            '"' => break,
            '\\' => name.push(chars.next().unwrap()),
            char => name.push(char),
        }
    }
    let parameters = chars.as_str().split(';').skip(1).map(|parameter| {
        let (key, value) = parameter.split_once('=').unwrap();
        (key.to_owned(), value.parse().unwrap())
    });
    (name, parameters.collect())
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        (any::<u64>(), 0..1_000_000_000u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos)),
        (0..100_000u64).prop_map(ms),
    ]
}

proptest! {
    #[test]
    fn a_client_reads_what_was_said(
        name in "[ -~]{1,20}",
        (limit, remaining) in (any::<u32>(), any::<u32>()),
        (reset, window) in (time(), time()),
        retry_after in prop::option::of(time()),
    ) {
        let headers = RateLimitHeaders::new(limit, remaining, reset)
            .retry_after(retry_after)
            .window(window)
            .named(&name)
            .unwrap();
        let (read, state) = parsed(&headers.rate_limit().to_string());
        prop_assert_eq!(&read, &name);
        let expected = [
            ("r".to_owned(), u64::from(headers.remaining())),
            ("t".to_owned(), headers.reset_secs()),
        ];
        prop_assert_eq!(state, expected);
        let (read, policy) = parsed(&headers.rate_limit_policy().to_string());
        prop_assert_eq!(&read, &name);
        prop_assert_eq!(&policy[0], &("q".to_owned(), u64::from(limit)));
        prop_assert_eq!(policy[1].0.as_str(), "w");
        prop_assert!(policy[1].1 >= 1);
    }

    #[test]
    fn who_waits_for_so_long_does_not_come_too_early(
        remaining in 0..3u32,
        reset in time(),
        retry_after in prop::option::of(time()),
    ) {
        const MOST: u64 = 999_999_999_999_999;
        let headers = left(remaining, reset).retry_after(retry_after);
        let said = headers.reset_secs();
        let meant = retry_after.unwrap_or(reset);
        prop_assert!(said == MOST || secs(said) >= meant);
        prop_assert!(said <= MOST);
        prop_assert!(said <= 1 || secs(said - 1) < meant, "not longer than it has to");
        prop_assert!(said > 0 || remaining > 0 && retry_after.is_none());
        prop_assert!(headers.retry_after_secs().is_none_or(|after| after == said));
    }
}
