//! A policy of your own: at most so many calls at a time, and a permit that always comes back.
//!
//! `cargo run --example third_party_policy`

use std::{
    error::Error,
    future::pending,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use steadfast::{
    Attempt, Event, Operation, Outcome, Pipeline, Policies, Policy, Rejection, RejectionKind,
    Retry, Runtime, Timeout,
};
use tokio::sync::{Semaphore, SemaphorePermit};

const NAME: &str = "max-in-flight";

/// Refuses a call when too many are under way.
struct MaxInFlight {
    permits: Semaphore,
}

// A pipeline takes it.
impl Policies for MaxInFlight {}

// The policy is lent for `'p`, so its future may borrow from it.
impl<'p, O: Operation> Policy<'p, O> for MaxInFlight {
    type Future = MaxInFlightFuture<'p, O::Future>;

    // Runs at the first poll of a call: one that is never polled takes no permit.
    fn run(&'p self, operation: O, attempt: Attempt<O::Runtime>) -> Self::Future {
        if let Ok(permit) = self.permits.try_acquire() {
            let inner = operation.start(attempt);
            return MaxInFlightFuture::Admitted { inner, permit };
        }
        let kind = RejectionKind::Other("too many calls are under way");
        attempt.runtime().emit(&Event::rejected(NAME, kind));
        // A retry around it does not repeat a refusal blindly, only after such a hint.
        let rejection = Rejection::new(NAME, kind).with_retry_after(Duration::from_millis(50));
        MaxInFlightFuture::Refused { rejection }
    }
}

pin_project! {
    #[project = Projected]
    enum MaxInFlightFuture<'p, F> {
        // The permit goes where the future goes, and comes back when it is dropped: after a result,
        // a panic, a timeout or a cancellation alike.
        Admitted { #[pin] inner: F, permit: SemaphorePermit<'p> },
        Refused { rejection: Rejection },
    }
}

impl<F, T, E> Future for MaxInFlightFuture<'_, F>
where
    F: Future<Output = Outcome<T, E>>,
{
    type Output = Outcome<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Admitted { inner, .. } => inner.poll(cx),
            Projected::Refused { rejection } => Poll::Ready(Outcome::rejected(*rejection)),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let policies = (
        Timeout::new(Duration::from_secs(1)),
        Retry::exponential(Duration::from_millis(10)).build()?,
        MaxInFlight {
            permits: Semaphore::new(1),
        },
    );
    let pipeline =
        Arc::new(Pipeline::new(policies).observe(|event: &Event<'_>| println!("  {event:?}")));
    let free = || pipeline.policies().2.permits.available_permits();

    let hanging = tokio::spawn({
        let pipeline = Arc::clone(&pipeline);
        async move { pipeline.call(pending::<io::Result<()>>).await }
    });
    tokio::task::yield_now().await;
    println!("a first call holds the only permit; free: {}", free());

    println!("a second call is refused, and its retry waits as the refusal says:");
    let second = pipeline.call(|| async { io::Result::Ok("done") });
    let (answer, ()) = tokio::join!(second, async { hanging.abort() });
    println!("the first was cancelled, so the second is {}", answer?);
    println!("the permit is back; free: {}", free());
    Ok(())
}
