use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is; whoever reads it from outside checks it first.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    };
}

identifier! {
    /// A tenant: `[a-z0-9-]{1,63}`. It names the tenant's database file and its URLs.
    TenantId
}
identifier! {
    /// A provisioning system of a tenant. Made by the engine, never reused.
    SystemId
}
identifier! {
    /// A plugin as administrators name it (`csv`, `scim2`); its versions are told apart by digest.
    PluginId
}
identifier! {
    /// One execution of a job. Sorts by start time.
    JobId
}
identifier! {
    /// `user`, `group`, `role`, …
    EntityType
}

/// Whether a tenant name can stand in a file name and a URL as it is.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl TenantId {
    /// Checks the rule of the type; the error says what the rule is.
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_name(text) {
            Ok(Self::new(text))
        } else {
            Err(format!(
                "tenant name {text:?} is not allowed: use 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'"
            ))
        }
    }
}

impl PluginId {
    /// The same rule as for tenants.
    pub fn parse(text: &str) -> Result<Self, String> {
        if is_name(text) {
            Ok(Self::new(text))
        } else {
            Err(format!(
                "plugin name {text:?} is not allowed: use 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'"
            ))
        }
    }
}
