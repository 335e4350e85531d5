//! Everything that leaves the engine on behalf of a system.
//!
//! A plugin never opens a socket: it asks, and this crate decides whether it may, adds the
//! credentials that the plugin never sees, keeps the pace that the system can bear, and repeats what
//! may be repeated. It knows nothing of WebAssembly, so each rule is tested without any. What it must
//! do stands in `docs/egress.md`.

#![forbid(unsafe_code)]

mod address;
mod cancel;
mod config;
mod credentials;
mod egress;
mod exchange;
mod failure;
mod matrix;
mod message;
mod pacing;
mod policy;
mod resolver;
mod retry;
mod secret;
mod settings;
mod stream;
mod system;
#[cfg(test)]
mod testing;
mod tls;
mod token;

pub use address::{AddressGrants, Refusal, decide};
pub use config::{EgressConfig, Limits, Lookup, SystemLookup};
pub use egress::Egress;
pub use message::{HttpRequest, HttpResponse};
pub use stream::{Address, Stream};
pub use system::SystemEgress;
