//! Messages for the administrator, shown with the system and the job they belong to.
//!
//! ```
//! use gangway_sdk::log;
//! # let _host = gangway_sdk::testing::FakeHost::install();
//! log::info("the server supports bulk operations");
//! log::warn(format_args!("{} groups have no name", 3));
//! log::with_fields(log::Level::Debug, "page read", &[("entityType", "user"), ("count", "50")]);
//! ```

#[cfg(target_family = "wasm")]
use crate::bindings::host::gangway::plugin::log as host;
pub use crate::bindings::host::gangway::plugin::log::Level;
#[cfg(not(target_family = "wasm"))]
use crate::testing::hosted::log as host;

macro_rules! levels {
    ($($(#[$doc:meta])* $name:ident = $level:ident;)*) => {
        $($(#[$doc])*
        pub fn $name(message: impl std::fmt::Display) {
            with_fields(Level::$level, message, &[]);
        })*
    };
}

levels! {
    /// A step, for whoever debugs the plugin.
    trace = Trace;
    /// A decision, for whoever debugs the plugin.
    debug = Debug;
    /// Something worth knowing.
    info = Info;
    /// Something that may need attention.
    warn = Warn;
    /// Something that needs attention.
    error = Error;
}

/// A message with named facts.
pub fn with_fields(level: Level, message: impl std::fmt::Display, fields: &[(&str, &str)]) {
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    host::log(level, &message.to_string(), &fields);
}
