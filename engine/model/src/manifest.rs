use serde::{Deserialize, Serialize};

/// What a plugin says of itself, in its custom section `gangway:manifest`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Version of the package `gangway:plugin` it speaks, such as `0.1`.
    pub interface: String,
    /// The name it is loaded under unless the administrator gives another.
    pub name: String,
    /// Its own version (semantic versioning).
    pub version: String,
    /// For people.
    #[serde(default)]
    pub title: String,
    /// For people: one or two sentences.
    #[serde(default)]
    pub description: String,
    /// Who made it.
    #[serde(default)]
    pub publisher: String,
    /// The host interfaces it wants: the first of the two keys.
    #[serde(default)]
    pub capabilities: Vec<CapabilityRequest>,
    /// The entity types it can read or write.
    #[serde(default)]
    pub entity_types: Vec<String>,
    /// As a target it takes the groups that a transformation assigns to a user (`wit/since_v0.1/target.wit`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group_assignment: bool,
    /// The properties it reads.
    #[serde(default)]
    pub properties: Vec<PropertySpec>,
}

impl Manifest {
    /// Whether systems of this plugin are read by their changes unless a property says otherwise: its
    /// `ips.delta.read` has the default `enabled`.
    pub fn by_changes(&self) -> bool {
        let spec = self.properties.iter().find(|p| p.name == "ips.delta.read");
        matches!(spec.and_then(|spec| spec.default.as_deref()), Some("enabled" | "true"))
    }
}

/// A host interface a plugin wants, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CapabilityRequest {
    /// `http`, `connection`, `files`, `relations` or `state`.
    pub name: String,
    /// Shown to the administrator who grants it.
    #[serde(default)]
    pub reason: String,
}

/// A property that a plugin reads.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertySpec {
    /// The key.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The value used when it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Refuse to start without it.
    #[serde(default)]
    pub required: bool,
    /// A credential: stored encrypted, never shown, never given to the plugin.
    #[serde(default)]
    pub secret: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f036_a_connector_may_be_read_by_changes_from_the_start_and_others_are_not() {
        let of = |properties: &str| -> Manifest {
            let head = r#""interface": "0.1", "name": "x", "version": "1.0.0""#;
            serde_json::from_str(&format!(r#"{{ {head}, "properties": [{properties}] }}"#)).unwrap()
        };
        assert!(of(r#"{ "name": "ips.delta.read", "default": "enabled" }"#).by_changes());
        assert!(!of(r#"{ "name": "ips.delta.read", "default": "disabled" }"#).by_changes());
        assert!(!of(r#"{ "name": "ips.delta.read" }"#).by_changes());
        assert!(!of("").by_changes());
        let ours = ["chaos", "csv", "ldap", "scim2"];
        for name in ours {
            let file = format!("{}/../../plugins/{name}/plugin.json", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(!serde_json::from_str::<Manifest>(&text).unwrap().by_changes(), "{name}");
        }
    }
}
