//~ `()` is not a runtime here
//~ turn on the feature `tokio`, `smol` or `thread`
//! What is given as a runtime has to be one.

use steadfast::{Pipeline, Timeout};

fn main() {
    let _ = Pipeline::on((), Timeout::new(std::time::Duration::MAX));
}
