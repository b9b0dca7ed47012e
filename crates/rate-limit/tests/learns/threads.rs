//! Many calls at once, on real threads.

use std::{sync::Barrier, thread, time::Duration};

use steadfast_core::{Instant, Verdict};
use steadfast_rate_limit::{AdaptiveRate, RateLimit};

const SECOND: Duration = Duration::from_secs(1);

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

/// In each half second one call begins it, and then four threads send 125 units each.
#[test]
fn what_threads_send_is_measured_to_a_unit() {
    let limit = RateLimit::adaptive(AdaptiveRate::new()).build().unwrap();
    let together = Barrier::new(4);
    let begin = |half: u64| limit.try_acquire_at(at(half * 500), 1).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for half in 0..40 {
                    if together.wait().is_leader() {
                        begin(half);
                    }
                    together.wait();
                    for _ in 0..125 {
                        limit.try_acquire_at(at(half * 500 + 250), 1).unwrap();
                    }
                }
            });
        }
    });
    begin(40);
    limit.record_at(at(20_000), at(20_000), &Verdict::overloaded());
    let rate = limit.rate_per_second().unwrap();
    assert!((rate - 0.7 * 1002.0).abs() < 0.01, "{rate}");
}

/// The rate and what the bucket gives out are one, whoever changed them last.
#[test]
fn after_changes_at_once_the_limit_has_the_rate_that_it_says() {
    for round in 0..50 {
        let limit = RateLimit::adaptive(AdaptiveRate::new().initial(1000, SECOND)).burst(1);
        let limit = limit.build().unwrap();
        thread::scope(|scope| {
            for number in 0..4 {
                let limit = &limit;
                scope.spawn(move || {
                    for step in 0..50 {
                        let now = at(1000 + step * 60);
                        let verdict = if (step + number + round) % 9 == 0 {
                            Verdict::overloaded()
                        } else {
                            Verdict::success()
                        };
                        limit.record_at(now, now, &verdict);
                    }
                });
            }
        });
        let later = at(1_000_000);
        limit.try_acquire_at(later, 1).unwrap();
        let refused = limit.try_acquire_at(later, 1).unwrap_err();
        let interval = refused.retry_after().unwrap().as_secs_f64();
        let said = limit.rate_per_second().unwrap();
        assert!(
            (interval * said - 1.0).abs() < 0.002,
            "{interval} and {said}"
        );
    }
}
