//! One test for each known defect of another timeout that this one must not have.

use std::time::Duration;

use steadfast_core::{Error, Pipeline};
use steadfast_timeout::{FutureExt, Timeout};

/// Keeps using up its task's cooperative budget, so that a plain tokio sleep beside it is never
/// allowed to say that its time has come.
async fn greedy() -> Result<(), &'static str> {
    let semaphore = tokio::sync::Semaphore::new(1);
    loop {
        // Forces the task to yield when the budget is used up, and is at once ready again.
        tokio::task::consume_budget().await;
        drop(semaphore.acquire().await);
    }
}

/// tower 0.5.3, and whoever polls the future and then tokio's `Sleep`: it never fired beside a
/// future that keeps using up tokio's cooperative budget.
#[tokio::test]
async fn it_fires_beside_a_future_that_uses_up_tokios_cooperative_budget() {
    let calls = Pipeline::new(Timeout::new(Duration::from_millis(20)));
    let result = calls.call(greedy).await;
    assert!(matches!(result, Err(Error::Rejected(_))), "{result:?}");
    let plain = greedy().timeout(Duration::from_millis(20)).await;
    assert!(plain.is_err());
}

/// A clock that was paused before this crate's first use of it must not stand still for us.
#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "it looks at tokio's own clock")]
async fn it_honours_a_clock_that_was_paused_before_the_first_use() {
    let calls = Pipeline::new(Timeout::new(Duration::from_secs(3600)));
    let before = tokio::time::Instant::now();
    let result = calls.call(std::future::pending::<Result<(), ()>>).await;
    assert!(matches!(result, Err(Error::Rejected(_))));
    let waited = before.elapsed();
    assert!(
        waited >= Duration::from_secs(3600) && waited < Duration::from_secs(3601),
        "{waited:?}"
    );
}
