//! What the virtual runtime promises to the tests and the simulator that stand on it.

#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests may do as the tests do"
)]

mod clock;
mod driven;
mod executor;

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// What happened, in its order.
#[derive(Clone)]
struct Trace<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Trace<T> {
    fn new() -> Self {
        Trace(Arc::default())
    }

    fn add(&self, event: T) {
        self.0.lock().unwrap().push(event);
    }

    fn events(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// Is pending so many times, and asks each time to be polled again.
struct Yield(u32);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}
