//! Kinds of applications, as data: which connector, which properties and which transformations a system has
//! unless it is given others.

use gangway_model::{Role, System};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const TYPES: &str = include_str!("../types/system-types.json");
/// What runs the documents.
const TRANSFORMATION: &str = "json-transformation";

/// A kind of application.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SystemType {
    name: String,
    description: String,
    roles: Vec<Role>,
    pub(crate) plugin: String,
    /// Of its own properties: `ias.user.filter`.
    prefix: String,
    /// Properties that have no default, and without which nothing is reached.
    needs: Vec<String>,
    /// The version of its API that the defaults are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Version>,
    properties: Defaults,
    /// File names of the documents.
    read: String,
    write: String,
}

/// A property that says which version of an API is spoken, and the one that is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub(crate) property: String,
    pub(crate) value: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Defaults {
    source: BTreeMap<String, String>,
    target: BTreeMap<String, String>,
}

static ALL: LazyLock<Result<Vec<SystemType>, String>> =
    LazyLock::new(|| serde_json::from_str(TYPES).map_err(|error| error.to_string()));

/// All of them, by name.
pub(crate) fn all() -> &'static [SystemType] {
    ALL.as_deref().unwrap_or_default()
}

/// One of them.
pub(crate) fn find(name: &str) -> Option<&'static SystemType> {
    all().iter().find(|known| known.name == name)
}

/// What is wrong with the type of a system.
pub(crate) fn check(
    given: Option<&str>,
    old: Option<&System>,
    role: Role,
    wrong: &mut impl FnMut(&str, String),
) {
    if let Some(old) = old {
        if given != old.system_type.as_deref() {
            wrong("/type", "the type of a system is fixed for its life: make another system".to_owned());
        }
        return;
    }
    let Some(given) = given else { return };
    match find(given) {
        None => {
            let names: Vec<&str> = all().iter().map(|known| known.name.as_str()).collect();
            wrong("/type", format!("there is no type {given:?}; there are: {}", names.join(", ")));
        }
        Some(known) if !known.roles.contains(&role) => {
            wrong("/role", format!("a system of type {given:?} cannot have this role"));
        }
        Some(_) => {}
    }
}

impl SystemType {
    /// Properties that are set unless others are given.
    pub(crate) fn properties(&self, role: Role) -> impl Iterator<Item = (&str, &str)> {
        let own = if role == Role::Target { &self.properties.target } else { &self.properties.source };
        let version = self.version.iter().map(|version| (version.property.as_str(), version.value.as_str()));
        own.iter().map(|(key, value)| (key.as_str(), value.as_str())).chain(version)
    }

    /// The plugin and the document that read or write unless others are given.
    pub(crate) fn document(&self, role: Role) -> Option<(&'static str, &'static str)> {
        let file = if role == Role::Target { &self.write } else { &self.read };
        Some((TRANSFORMATION, document(file)?))
    }
}

/// The documents lie with the connectors they are for.
fn document(file: &str) -> Option<&'static str> {
    macro_rules! files {
        ($($plugin:literal / $name:literal),*) => {
            match file {
                $($name => Some(include_str!(concat!("../../../plugins/", $plugin, "/types/", $name))),)*
                _ => None,
            }
        };
    }
    files!(
        "scim2" / "scim.read.json",
        "scim2" / "scim.write.json",
        "scim2" / "directory.read.json",
        "scim2" / "directory.write.json",
        "ldap" / "ldap.read.json",
        "ldap" / "ldap.write.json",
        "ldap" / "ad.read.json",
        "ldap" / "ad.write.json"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_readable_and_has_its_documents() {
        assert_eq!(ALL.as_ref().err(), None);
        let names: Vec<&str> = all().iter().map(|t| t.name.as_str()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!((names.len(), &names), (5, &sorted));
        for known in all() {
            for role in [Role::Source, Role::Target] {
                assert!(known.roles.contains(&role));
                let (_, document) = known.document(role).unwrap_or_else(|| panic!("{}", known.name));
                assert!(serde_json::from_str::<serde_json::Value>(document).is_ok(), "{}", known.name);
            }
        }
    }
}
