//! What the stories of the timeout share.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of tests, of which each binary uses its part"
)]

use std::{future::Future, time::Duration};

use steadfast_core::{Error, RejectionKind, VirtualRuntime};

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub type Answer = Result<&'static str, &'static str>;

pub fn after(runtime: &VirtualRuntime, length: Duration) -> impl Future<Output = Answer> {
    let sleep = runtime.sleep(length);
    async {
        sleep.await;
        Ok("done")
    }
}

pub fn is_timed_out<T>(
    result: &Result<T, Error<&'static str>>,
    policy: &str,
    after: Duration,
) -> bool {
    match result {
        Err(Error::Rejected(rejection)) => {
            rejection.policy() == policy && rejection.kind() == RejectionKind::TimedOut { after }
        }
        _ => false,
    }
}
