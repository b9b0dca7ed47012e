//! Bulkhead with a bounded queue, exact hand-over, weights, priorities and CoDel, on any executor.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod bulkhead;
mod cell;
mod codel;
mod order;
mod permit;
mod policy;
mod queue;
mod settings;
mod sync;
mod wait;
mod wakers;
mod word;

pub use builder::BulkheadBuilder;
pub use bulkhead::Bulkhead;
pub use order::Order;
pub use permit::{OwnedPermit, Permit};
pub use policy::BulkheadFuture;
