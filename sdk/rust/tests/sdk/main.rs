//! The SDK as an author uses it, against the fake host.

mod connector;
mod errors;
mod host;
mod http;
mod properties;
