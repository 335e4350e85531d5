//! The language of JSON transformations: it decides who is provisioned, and with what.
//!
//! A document is compiled once ([`compile`]) and applied to many entities ([`Compiled::apply`]). The
//! crate has no clock, no randomness and no I/O of its own: they are given as parameters.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod batch;
mod budget;
mod compile;
mod condition;
mod diagnostic;
mod document;
mod explain;
mod functions;
pub mod items;
pub mod json;
mod lint;
mod mapping;
mod nearest;
mod parser;
mod path;
mod regex;
mod run;
mod same;
pub mod value;
mod variables;

pub use batch::{Answer, Answers, Outcome, Outer, Request};
pub use compile::compile;
pub use diagnostic::{Diagnostic, Severity};
pub use functions::{Query, Random, Resolver};
pub use mapping::{Compiled, Direction, Needs};
