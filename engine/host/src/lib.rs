//! Loads, limits and runs plugins.
//!
//! A plugin is a WebAssembly component from somebody whom nobody trusts. This crate decides from its
//! bytes whether it may run at all ([`Host::inspect`]), compiles it ([`Host::load`]), and gives the
//! job engine sources, targets and transformations that look like any other implementation of
//! [`gangway_model::ports`]. What a plugin reaches, how long it runs and how much memory it has is
//! decided here; `docs/host.md` says what must hold.
//!
//! It is the only crate that knows wasmtime: each further one costs half a minute of build, and each
//! further place that knows it is a place where a limit can be forgotten.

mod bindings;
mod cache;
mod capabilities;
mod code;
mod config;
mod engine;
mod error;
mod fault;
mod guest;
mod host;
mod limits;
mod output;
mod pool;
mod ports;
mod quarantine;
mod registry;
mod scope;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod verify;

pub use code::Origin;
pub use config::{HostConfig, Interposer};
pub use error::LoadError;
pub use host::{Host, Loaded, Timings};
pub use limits::Limits;
pub use quarantine::{Crash, CrashPolicy, PluginState};
pub use registry::PluginStatus;
pub use verify::{INTERFACES, Inspection, Roles};
