//! The language of JSON transformations: it decides who is provisioned, and with what.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod budget;
pub mod condition;
pub mod json;
mod nearest;
pub mod parser;
pub mod path;
pub mod regex;
pub mod value;
pub mod variables;
