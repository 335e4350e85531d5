use crate::{Grants, PluginId, SystemId, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a system is to the engine. Fixed for its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read from.
    Source,
    /// Written to.
    Target,
    /// Exposed as a SCIM 2.0 service.
    Proxy,
}

/// A property value. A secret is kept encrypted by the store and decrypted only inside the host.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// The value, in clear, in memory.
    pub value: String,
    /// Never shown, logged, exported, or given to a plugin.
    #[serde(default)]
    pub secret: bool,
}

impl Property {
    /// An ordinary property.
    pub fn plain(value: impl Into<String>) -> Self {
        Self { value: value.into(), secret: false }
    }

    /// A credential.
    pub fn secret(value: impl Into<String>) -> Self {
        Self { value: value.into(), secret: true }
    }
}

impl std::fmt::Debug for Property {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.secret { f.write_str("(secret)") } else { write!(f, "{:?}", self.value) }
    }
}

/// A transformation document together with the plugin that runs it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TransformationRef {
    /// The transformation plugin, normally `json-transformation`.
    pub plugin: PluginId,
    /// The document.
    pub document: String,
}

/// A provisioning system: a business application as the engine sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct System {
    /// Whose it is.
    pub tenant: TenantId,
    /// Made by the engine.
    pub id: SystemId,
    /// Unique in the tenant: up to 100 of `a-z A-Z 0-9 - _ .` and space.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Source, target or proxy.
    pub role: Role,
    /// The kind of application, by which the engine filled in what was not given; none if everything was.
    /// Fixed for its life.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub system_type: Option<String>,
    /// The connector.
    pub plugin: PluginId,
    /// Disabled systems receive no request.
    pub enabled: bool,
    /// On a target: the sources that feed it.
    #[serde(default)]
    pub sources: Vec<SystemId>,
    /// Keys and values. A system-specific prefix beats the generic `scim.` one.
    #[serde(default)]
    pub properties: BTreeMap<String, Property>,
    /// What its plugin may do.
    #[serde(default)]
    pub grants: Grants,
    /// Of sources and proxies.
    #[serde(default)]
    pub read: Option<TransformationRef>,
    /// Of targets and proxies.
    #[serde(default)]
    pub write: Option<TransformationRef>,
}

impl System {
    /// The type of systems that are the tenant's own directory. The engine answers their requests itself.
    pub const LOCAL_DIRECTORY: &str = "Local Identity Directory";

    /// Whether it is the tenant's own directory.
    pub fn is_local_directory(&self) -> bool {
        self.system_type.as_deref() == Some(Self::LOCAL_DIRECTORY)
    }

    /// A property's value, secret or not.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(|p| p.value.as_str())
    }

    /// A switch: `true`/`enabled` and `false`/`disabled` in any case; anything else is the default.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        match self.property(key).map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "enabled") => true,
            Some("false" | "disabled") => false,
            _ => default,
        }
    }

    /// The properties without the secret ones: what plugins, exports and answers may hold.
    pub fn plain_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().filter(|(_, p)| !p.secret).map(|(k, p)| (k.as_str(), p.value.as_str()))
    }
}
