//! What the host does with plugins that mean no good, and with those that do.
//!
//! Most guests here are a few lines of WebAssembly text, so that each does exactly one wrong thing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics; its helpers too"
)]

mod bytes;
mod files;
mod guests;
mod hostile;
mod keys;
mod lifecycle;
mod memory;
mod real;
mod speed;
mod world;
