//! The HTTP interface of the engine: control API, events, SCIM.
//!
//! [`Services::open`] wires store, plugin host, job runner and directories together; [`router`] is
//! all of it over HTTP; [`serve`] runs it on a listener. Nothing is decided here: a handler reads a
//! request, asks the room that knows, and answers. Every route, with its handler and its
//! description, stands in one table.

#![forbid(unsafe_code)]

mod aftermath;
mod api;
mod archive;
mod audit;
mod auth;
mod central;
mod directories;
mod export;
mod extract;
mod idmapping;
mod inside;
mod limits;
mod nightly;
mod openapi;
mod outbox;
mod plugins;
mod problem;
mod router;
mod routes;
mod scim;
mod serve;
mod services;
mod system;
#[cfg(test)]
mod tests;
mod types;

pub use gangway_host::{Inspection, LoadError};
pub use plugins::inspect;
pub use router::router;
pub use serve::serve;
pub use services::{Config, HostSettings, OpenError, Opened, ScheduleRules, Services};
