//! Measures what a policy costs per call, beside the same policy from other crates.
//!
//! `cargo run --release -p benches --bin overhead` prints the table, `cargo bench` runs the same rows through criterion.
//! `--bin keys` says how much memory a key of a keyed rate limit takes.
//!
//! - [`operation`]: the one operation that every row protects.
//! - [`subject`]: what the harness asks of a row: start a call, hand back its future.
//! - [`harness`]: the modes, and how rows take turns so that noise hits all alike.
//! - [`contend`]: threads that call one shared instance, and how many calls they get done.
//! - [`rows`]: who is compared, assembled as their own users assemble them. A further group is one more module there.
//! - [`rate`]: how many calls a second a file bears.
//! - [`report`]: the tables and the JSON lines.
//! - [`aims`]: ours against the peers, and what the project is after.
//! - [`allocations`]: counts what a call allocates.

pub mod aims;
pub mod allocations;
mod by_hand;
pub mod contend;
pub mod harness;
pub mod operation;
pub mod rate;
pub mod report;
mod rounds;
pub mod rows;
pub mod subject;
