//! [`Error`]: why a call, or one element of it, did not succeed.

use std::io;

pub use crate::types::PluginError as Error;

/// What a fallible call answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The codes of [`Error`]. The engine treats a code that it does not know as [`INTERNAL`](code::INTERNAL).
pub mod code {
    /// The entity does not exist.
    pub const NOT_FOUND: &str = "not-found";
    /// An entity with the same unique attribute exists already.
    pub const CONFLICT: &str = "conflict";
    /// The system refuses this content; repeating it unchanged is useless.
    pub const INVALID: &str = "invalid";
    /// The system does not accept the credentials.
    pub const UNAUTHORIZED: &str = "unauthorized";
    /// The credentials are good, but they do not allow this.
    pub const FORBIDDEN: &str = "forbidden";
    /// The content is larger than the system takes.
    pub const TOO_LARGE: &str = "too-large";
    /// The system asks for a pause.
    pub const RATE_LIMITED: &str = "rate-limited";
    /// The system cannot be reached or has a fault of its own.
    pub const UNAVAILABLE: &str = "unavailable";
    /// No answer in time.
    pub const TIMEOUT: &str = "timeout";
    /// No secure connection could be made.
    pub const TLS: &str = "tls";
    /// The system answered something that its protocol does not allow.
    pub const PROTOCOL: &str = "protocol";
    /// The host refused a capability; the message names the missing grant.
    pub const DENIED: &str = "denied";
    /// The system, or this plugin, cannot do this.
    pub const UNSUPPORTED: &str = "unsupported";
    /// The job is being stopped.
    pub const CANCELLED: &str = "cancelled";
    /// A property of the system is missing or wrong.
    pub const CONFIGURATION: &str = "configuration";
    /// A fault of the plugin itself.
    pub const INTERNAL: &str = "internal";
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident = $code:ident;)*) => {
        $($(#[$doc])*
        pub fn $name(message: impl Into<String>) -> Self {
            Error::new(code::$code, message)
        })*
    };
}

impl Error {
    /// An error of any code. The message is for a person: what happened, and what to do about it.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Error { code: code.into(), message: message.into(), retry_after_ms: None, details: Vec::new() }
    }

    constructors! {
        /// The entity does not exist.
        not_found = NOT_FOUND;
        /// An entity with the same unique attribute exists already.
        conflict = CONFLICT;
        /// The system refuses this content; repeating it unchanged is useless.
        invalid = INVALID;
        /// The system does not accept the credentials.
        unauthorized = UNAUTHORIZED;
        /// The credentials are good, but they do not allow this.
        forbidden = FORBIDDEN;
        /// The content is larger than the system takes.
        too_large = TOO_LARGE;
        /// The system asks for a pause; see [`with_retry_after_ms`](Self::with_retry_after_ms).
        rate_limited = RATE_LIMITED;
        /// The system cannot be reached or has a fault of its own.
        unavailable = UNAVAILABLE;
        /// No answer in time.
        timeout = TIMEOUT;
        /// No secure connection could be made.
        tls = TLS;
        /// The system answered something that its protocol does not allow.
        protocol = PROTOCOL;
        /// The host refused a capability.
        denied = DENIED;
        /// The system, or this plugin, cannot do this.
        unsupported = UNSUPPORTED;
        /// The job is being stopped.
        cancelled = CANCELLED;
        /// A property of the system is missing or wrong.
        configuration = CONFIGURATION;
        /// A fault of the plugin itself.
        internal = INTERNAL;
    }

    /// The error that says which entity does not exist.
    pub fn no_entity(entity_type: &str, id: &str) -> Self {
        Error::not_found(format!("There is no {entity_type} with the identifier {id:?}."))
            .with_detail("entityType", entity_type)
            .with_detail("id", id)
    }

    /// Adds a fact (`status`, `attribute`, `row`, …).
    #[must_use]
    pub fn with_detail(mut self, name: &str, value: impl ToString) -> Self {
        self.details.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds how long the system asks to be left alone.
    #[must_use]
    pub fn with_retry_after_ms(mut self, milliseconds: u64) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }

    /// Whether the error has this [code](crate::error::code).
    pub fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// A fact by name.
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// JSON that cannot be read or written is the plugin's own fault unless it says otherwise: for content
/// that the engine hands over use [`json::parse`](crate::json::parse), for answers of a system
/// [`Response::json`](crate::http::Response::json).
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Error::internal(format!("The plugin could not handle a JSON document: {error}."))
    }
}

/// An [`Error`] that travelled through [`std::io`] comes out as it went in.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        match error.downcast::<Error>() {
            Ok(own) => own,
            Err(other) => {
                let message = format!("Input or output failed: {other}.");
                match kind {
                    io::ErrorKind::TimedOut => Error::timeout(message),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Error::protocol(message),
                    _ => Error::unavailable(message),
                }
            }
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.code.as_str() {
            code::TIMEOUT => io::ErrorKind::TimedOut,
            code::NOT_FOUND => io::ErrorKind::NotFound,
            code::DENIED | code::FORBIDDEN => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
