//! JSON bodies, in a form that all ways to write the same one share.
//!
//! It has a parser of its own, as a fingerprint must not depend on what else is in the build: features of `serde_json`,
//! which any crate in the tree may turn on, change how a number is read. Without them it is not always read as the
//! nearest double, and `9007199254740993.0` cannot be told from `9007199254740992.0`.

mod error;
mod fields;
mod number;
mod parse;
#[cfg(test)]
mod tests;
mod value;

pub use self::{
    error::{JsonError, JsonErrorKind},
    fields::JsonFields,
};
