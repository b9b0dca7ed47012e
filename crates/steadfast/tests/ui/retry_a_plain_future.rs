//~ this operation can run only once, and a policy around it may run it again
//~ a future runs once: put a closure that makes it in its place
//! A future runs once: a policy that repeats wants a closure.

use steadfast::{Retry, ThreadRuntime, prelude::*};

async fn fetch() -> Result<(), ()> {
    Ok(())
}

fn main() {
    let retry = Retry::default();
    let _ = fetch().with_on(ThreadRuntime, &retry);
}
