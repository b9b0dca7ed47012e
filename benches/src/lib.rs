//! Measures what a policy costs per call when nothing goes wrong, beside the same policy from other crates.
//!
//! `cargo run --release -p benches --bin overhead` prints the table, `cargo bench` runs the same rows through criterion.
//!
//! - [`operation`]: the one operation that every row protects.
//! - [`subject`]: what the harness asks of a row: start a call, hand back its future.
//! - [`harness`]: the modes, and how rows take turns so that noise hits all alike.
//! - [`rows`]: who is compared, assembled as their own users assemble them. A further group is one more module there.
//! - [`report`]: the table, the JSON lines and the ratios.
//! - [`allocations`]: counts what a call allocates.

pub mod allocations;
pub mod harness;
pub mod operation;
pub mod report;
pub mod rows;
pub mod subject;
