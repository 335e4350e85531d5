//! The SDK as an author uses it, against the fake host.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod connector;
mod errors;
mod host;
mod http;
mod properties;
