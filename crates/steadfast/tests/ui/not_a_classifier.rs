//~ `()` does not say what a `Result<
//~ give the pipeline a closure
//! A classifier says what results mean.

use steadfast::{Pipeline, Retry, ThreadRuntime};

fn main() {
    let calls = Pipeline::on(ThreadRuntime, Retry::default()).classify(());
    let _ = calls.call(|| async { Err::<(), _>("down") });
}
