//! Properties as they are sent: which are secrets, and when a secret may stay.

use super::MASK;
use gangway_model::{Grants, Property, System};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Credentials whatever the client says: never stored or shown in clear.
const ALWAYS_SECRET: [&str; 4] = ["Password", "Token", "ldap.password", "ClientKey"];

/// A value, or a value that says whether it is a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum PropertyBody {
    Plain(String),
    Full(FullProperty),
}

impl PropertyBody {
    pub(super) fn value(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Full(full) => &full.value,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FullProperty {
    value: String,
    #[serde(default)]
    secret: bool,
}

/// The properties of a system, with the secrets that stay as they were.
pub(super) fn properties(
    given: BTreeMap<String, PropertyBody>,
    grants: &Grants,
    old: Option<&System>,
    secrets: &[String],
    wrong: &mut impl FnMut(&str, String),
) -> BTreeMap<String, Property> {
    let mut properties = BTreeMap::new();
    let mut kept = Vec::new();
    for (key, body) in given {
        let (value, secret) = match body {
            PropertyBody::Plain(value) => (value, false),
            PropertyBody::Full(full) => (full.value, full.secret),
        };
        let before = old.and_then(|old| old.properties.get(&key)).filter(|p| p.secret);
        let always = ALWAYS_SECRET.contains(&key.as_str()) || secrets.contains(&key);
        if value != MASK {
            // What was a secret stays one, until it is removed.
            let secret = secret || always || before.is_some();
            properties.insert(key, Property { value, secret });
            continue;
        }
        match before {
            Some(before) => {
                properties.insert(key.clone(), before.clone());
                kept.push(key);
            }
            None => wrong(
                &pointer(&key),
                format!("{key} holds only asterisks, and there is no stored secret to keep: give its value"),
            ),
        }
    }
    // A stored secret never goes to an address it was not entered for.
    if let Some(old) = old {
        let value = |map: &BTreeMap<String, Property>, key: &str| map.get(key).map(|p| p.value.clone());
        let mut moved: Vec<&str> = old
            .properties
            .keys()
            .chain(properties.keys())
            .map(String::as_str)
            .filter(|key| is_address(key) && value(&old.properties, key) != value(&properties, key))
            .collect();
        moved.sort_unstable();
        moved.dedup();
        if grants.connection.iter().any(|grant| !old.grants.connection.contains(grant)) {
            moved.push("grants.connection");
        }
        if !moved.is_empty() {
            let moved = moved.join(" and ");
            for key in &kept {
                let text = format!(
                    "{moved} changes, so {key} must be entered again: the stored value was given for the old address"
                );
                wrong(&pointer(key), text);
            }
        }
    }
    properties
}

/// Whether a property says where requests go.
fn is_address(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["url", "host"].iter().any(|word| key.ends_with(word))
}

/// JSON pointer to a property.
pub(super) fn pointer(key: &str) -> String {
    format!("/properties/{}", key.replace('~', "~0").replace('/', "~1"))
}
