//~ this operation can run only once, and a policy around it may run it again
//~ a `&mut` capture is neither
//! An operation that captures `&mut` cannot be repeated.

use steadfast::{Pipeline, Retry, ThreadRuntime};

fn main() {
    let calls = Pipeline::on(ThreadRuntime, Retry::default());
    let mut log = String::new();
    let _ = calls.call(|| {
        log.push('x');
        async { Ok::<_, ()>(()) }
    });
}
