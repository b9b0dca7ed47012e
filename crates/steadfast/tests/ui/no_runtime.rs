//~ Pipeline::<P, R>::on
//! Without the feature `tokio` a pipeline has to be told its runtime, and the compiler names `on`.

use steadfast::{Pipeline, Timeout};

fn main() {
    let _ = Pipeline::new(Timeout::new(std::time::Duration::MAX));
}
