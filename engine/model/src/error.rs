use serde::{Deserialize, Serialize};
use std::fmt;

/// The error codes of the plugin interface (`wit/since_v0.1/types.wit`).
pub mod code {
    /// The entity does not exist.
    pub const NOT_FOUND: &str = "not-found";
    /// An entity with the same unique attribute exists already.
    pub const CONFLICT: &str = "conflict";
    /// The system refuses this content.
    pub const INVALID: &str = "invalid";
    /// The credentials are missing or wrong (HTTP 401).
    pub const UNAUTHORIZED: &str = "unauthorized";
    /// The credentials do not allow this (HTTP 403).
    pub const FORBIDDEN: &str = "forbidden";
    /// Request or answer exceeds a size limit (HTTP 413, or the host's own).
    pub const TOO_LARGE: &str = "too-large";
    /// The system asks to slow down (HTTP 429).
    pub const RATE_LIMITED: &str = "rate-limited";
    /// No connection, or the system is out of service (HTTP 5xx).
    pub const UNAVAILABLE: &str = "unavailable";
    /// No answer in time.
    pub const TIMEOUT: &str = "timeout";
    /// The TLS handshake failed.
    pub const TLS: &str = "tls";
    /// The answer is not of the protocol (HTML instead of JSON, a broken LDAP message).
    pub const PROTOCOL: &str = "protocol";
    /// The host refused a capability.
    pub const DENIED: &str = "denied";
    /// The system cannot do this.
    pub const UNSUPPORTED: &str = "unsupported";
    /// The job is being stopped.
    pub const CANCELLED: &str = "cancelled";
    /// A property is missing or wrong.
    pub const CONFIGURATION: &str = "configuration";
    /// A defect: of the plugin (a trap) or of the engine.
    pub const INTERNAL: &str = "internal";
}

/// Why a call to a plugin, or one element of it, did not succeed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginError {
    /// One of [`code`]; an unknown one is treated as `internal`.
    pub code: String,
    /// For a person: what happened, and what to do about it.
    pub message: String,
    /// How long the system asks to be left alone, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Facts such as `status`, `attribute`, `row`, `column`, `url`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<(String, String)>,
}

impl PluginError {
    /// An error without further facts.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), retry_after_ms: None, details: Vec::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.details.push((key.to_owned(), value.into()));
        self
    }

    /// Whether the error speaks of the whole system rather than of one entity, so that going on
    /// with the next entity is useless.
    pub fn is_of_system(&self) -> bool {
        matches!(
            self.code.as_str(),
            code::UNAUTHORIZED
                | code::UNAVAILABLE
                | code::TIMEOUT
                | code::TLS
                | code::RATE_LIMITED
                | code::DENIED
                | code::CONFIGURATION
                | code::CANCELLED
        )
    }

    /// Whether the effect of a write that ended so is unknown: it may have happened.
    pub fn leaves_effect_unknown(&self) -> bool {
        matches!(self.code.as_str(), code::UNAVAILABLE | code::TIMEOUT | code::PROTOCOL | code::INTERNAL)
    }
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        for (key, value) in &self.details {
            write!(f, ", {key}={value}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PluginError {}
