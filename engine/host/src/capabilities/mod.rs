//! What the host does for a guest: one module for each interface that a plugin can import.
//!
//! Each turns the types of the bindings into those of the engine and back, asks
//! [`Scope`](crate::scope::Scope) for both keys, and stops the call's wall clock while the engine works.

pub(crate) mod connection;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod relations;
pub(crate) mod state;
pub(crate) mod system;

use crate::bindings::v0_1::gangway::plugin::types;
use crate::guest::GuestState;
use gangway_model::PluginError;

impl types::Host for GuestState {}

impl From<PluginError> for types::PluginError {
    fn from(error: PluginError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            retry_after_ms: error.retry_after_ms,
            details: error.details,
        }
    }
}

impl From<types::PluginError> for PluginError {
    fn from(error: types::PluginError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            retry_after_ms: error.retry_after_ms,
            details: error.details,
        }
    }
}
