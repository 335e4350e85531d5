//! What the black-box tests, the demo and the benches stand on: the built engine as a child process,
//! real LDAP and SCIM servers, a relay that counts what passes. Everything listens on free loopback
//! ports, lives in temporary folders and ends with the value that stands for it.
//!
//! A server that cannot be found is an error, never a skipped test.

#![forbid(unsafe_code)]

mod api;
mod engine;
mod mail;
mod place;
mod process;
mod receiver;
mod relay;
mod scim;
mod slapd;

pub use api::Api;
pub use engine::{Engine, EngineOptions};
pub use mail::MailServer;
pub use place::{component, component_file, examples, gangway, root};
pub use process::free_port;
pub use receiver::{Call, Receiver};
pub use relay::{Answer, Relay, Request, Rule};
pub use reqwest::Method;
pub use scim::ScimServer;
pub use slapd::{Slapd, SlapdOptions};

/// The text of a scalar at a JSON pointer; empty if there is none.
pub fn text<'a>(value: &'a serde_json::Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer; 0 if there is none.
pub fn number(value: &serde_json::Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(serde_json::Value::as_u64).unwrap_or_default()
}
