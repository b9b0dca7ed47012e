//! Deadlines.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod future;
mod policy;

pub use future::{Elapsed, FutureExt, WithTimeout};
pub use policy::{Timeout, TimeoutFuture};
