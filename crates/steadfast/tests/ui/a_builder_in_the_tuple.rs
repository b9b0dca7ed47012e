//~ `RetryBuilder` is not a policy
//~ a builder becomes a policy by `.build()?`
//~feature tokio
//! What is in a pipeline has to be a policy, and a builder is not one yet.

use std::time::Duration;

use steadfast::{Pipeline, Retry, Timeout};

fn main() {
    let _ = Pipeline::new((
        Timeout::new(Duration::MAX),
        Retry::exponential(Duration::from_millis(50)),
    ));
}
