//! Systems as clients send and see them: secrets masked, sources by name or identifier, everything
//! that is wrong reported at once.

use crate::problem::Problem;
use gangway_model::{
    Diagnostic, Grants, PluginId, Property, Role, Severity, System, SystemId, TenantId, TransformationRef,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a secret looks like from outside, whatever its length. Sent back, it keeps the secret.
pub(crate) const MASK: &str = "****************************************";
/// Longest name.
const NAME_LENGTH: usize = 100;
/// Credentials whatever the client says: never stored or shown in clear.
const ALWAYS_SECRET: [&str; 4] = ["Password", "Token", "ldap.password", "ClientKey"];

/// A system as it is sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SystemBody {
    /// Answered, and taken back without effect.
    #[serde(default)]
    id: Option<SystemId>,
    #[serde(default)]
    tenant: Option<TenantId>,
    #[serde(default, rename = "warnings")]
    _warnings: IgnoredAny,
    pub(crate) name: String,
    #[serde(default)]
    description: String,
    role: Role,
    plugin: PluginId,
    #[serde(default = "yes")]
    enabled: bool,
    /// Names or identifiers.
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    properties: BTreeMap<String, PropertyBody>,
    #[serde(default)]
    grants: Grants,
    #[serde(default)]
    read: Option<TransformationRef>,
    #[serde(default)]
    write: Option<TransformationRef>,
}

fn yes() -> bool {
    true
}

/// A value, or a value that says whether it is a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum PropertyBody {
    Plain(String),
    Full(FullProperty),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FullProperty {
    value: String,
    #[serde(default)]
    secret: bool,
}

/// A system as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SystemView<'s> {
    id: &'s SystemId,
    tenant: &'s TenantId,
    name: &'s str,
    description: &'s str,
    role: Role,
    plugin: &'s PluginId,
    enabled: bool,
    sources: &'s [SystemId],
    properties: BTreeMap<&'s str, PropertyView<'s>>,
    grants: &'s Grants,
    read: Option<&'s TransformationRef>,
    write: Option<&'s TransformationRef>,
    /// What is not refused, but probably not what was meant.
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct PropertyView<'s> {
    value: &'s str,
    secret: bool,
}

/// The system with its secrets masked.
pub(crate) fn view(system: &System) -> Value {
    let view = SystemView {
        id: &system.id,
        tenant: &system.tenant,
        name: &system.name,
        description: &system.description,
        role: system.role,
        plugin: &system.plugin,
        enabled: system.enabled,
        sources: &system.sources,
        properties: system
            .properties
            .iter()
            .map(|(key, property)| {
                let value = if property.secret { MASK } else { property.value.as_str() };
                (key.as_str(), PropertyView { value, secret: property.secret })
            })
            .collect(),
        grants: &system.grants,
        read: system.read.as_ref(),
        write: system.write.as_ref(),
        warnings: warnings(system),
    };
    serde_json::to_value(view).unwrap_or_default()
}

fn warnings(system: &System) -> Vec<String> {
    let by_changes = system.role == Role::Source && system.flag("ips.delta.read", false);
    by_changes.then(|| gangway_jobs::no_full_read_planned(system)).flatten().into_iter().collect()
}

/// What a plugin that a system names has to offer.
pub(crate) struct KnownPlugin {
    pub(crate) roles: Vec<&'static str>,
    /// Properties that its manifest calls secret.
    pub(crate) secrets: Vec<String>,
    /// Properties it cannot do without.
    pub(crate) required: Vec<String>,
}

/// What a body is checked against.
pub(crate) struct Surroundings<'a> {
    pub(crate) tenant: &'a TenantId,
    /// The other systems of the tenant, and this one as it was.
    pub(crate) systems: &'a [System],
    /// The loaded plugin that the body names.
    pub(crate) plugin: Option<KnownPlugin>,
}

impl SystemBody {
    pub(crate) fn plugin(&self) -> &PluginId {
        &self.plugin
    }

    /// The system that the body describes, or everything that is wrong with it. `old` is the one it
    /// replaces.
    pub(crate) fn into_system(
        self,
        id: SystemId,
        old: Option<&System>,
        around: &Surroundings<'_>,
    ) -> Result<System, Problem> {
        let mut problems = Vec::new();
        let mut wrong = |pointer: &str, message: String| {
            problems.push(Diagnostic {
                severity: Severity::Error,
                pointer: pointer.to_owned(),
                line: 0,
                column: 0,
                message,
            });
        };
        check_name(&self.name, &mut wrong);
        if old.is_some() && self.id.as_ref().is_some_and(|given| *given != id) {
            wrong("/id", format!("the system's id is {id}; it cannot change"));
        }
        if self.tenant.as_ref().is_some_and(|given| given != around.tenant) {
            wrong("/tenant", format!("the system belongs to tenant {}; it cannot move", around.tenant));
        }
        if let Some(old) = old
            && old.role != self.role
        {
            wrong("/role", "the role of a system is fixed for its life: make another system".to_owned());
        }
        let role = match self.role {
            Role::Source => "source",
            Role::Target => "target",
            Role::Proxy => {
                wrong("/role", "this engine has no proxy systems: use source or target".to_owned());
                "source"
            }
        };
        if self.role == Role::Source && self.write.is_some() {
            wrong("/write", "a source has no write transformation".to_owned());
        }
        if self.role == Role::Target && self.read.is_some() {
            wrong("/read", "a target has no read transformation".to_owned());
        }
        match &around.plugin {
            None => wrong(
                "/plugin",
                format!(
                    "plugin {} is not loaded: gangway plugin load FILE --name {}",
                    self.plugin, self.plugin
                ),
            ),
            Some(plugin) if !plugin.roles.contains(&role) => wrong(
                "/plugin",
                format!("plugin {} cannot be a {role}; it can be: {}", self.plugin, plugin.roles.join(", ")),
            ),
            Some(_) => {}
        }
        let sources = sources(&self, around.systems, &mut wrong);
        for (index, file) in self.grants.files.iter().enumerate() {
            if !std::path::Path::new(&file.path).is_absolute() {
                wrong(
                    &format!("/grants/files/{index}/path"),
                    format!("{:?} is not an absolute path", file.path),
                );
            }
        }
        let secrets = around.plugin.as_ref().map_or(&[][..], |p| p.secrets.as_slice());
        let properties = properties(self.properties, &self.grants, old, secrets, &mut wrong);
        for required in around.plugin.iter().flat_map(|p| &p.required) {
            if properties.get(required).is_none_or(|p| p.value.is_empty()) {
                wrong(&pointer(required), format!("plugin {} needs the property {required}", self.plugin));
            }
        }
        if !problems.is_empty() {
            return Err(Problem::invalid(format!("system {:?} is not accepted", self.name), problems)
                .action("correct what is listed under problems")
                .tenant(around.tenant.as_str())
                .system(self.name));
        }
        Ok(System {
            tenant: around.tenant.clone(),
            id,
            name: self.name,
            description: self.description,
            role: self.role,
            plugin: self.plugin,
            enabled: self.enabled,
            sources,
            properties,
            grants: self.grants,
            read: self.read,
            write: self.write,
        })
    }
}

fn check_name(name: &str, wrong: &mut impl FnMut(&str, String)) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    if name.is_empty()
        || name.chars().count() > NAME_LENGTH
        || !name.chars().all(allowed)
        || name.trim() != name
    {
        wrong(
            "/name",
            format!(
                "{name:?} is no name for a system: use 1 to {NAME_LENGTH} of a-z A-Z 0-9 - _ . and spaces inside"
            ),
        );
    }
}

fn sources(body: &SystemBody, systems: &[System], wrong: &mut impl FnMut(&str, String)) -> Vec<SystemId> {
    if body.role != Role::Target && !body.sources.is_empty() {
        wrong("/sources", "only a target lists the sources that feed it".to_owned());
        return Vec::new();
    }
    let mut ids = Vec::new();
    for (index, given) in body.sources.iter().enumerate() {
        let pointer = format!("/sources/{index}");
        match systems.iter().find(|s| s.id.as_str() == given || s.name == *given) {
            None => wrong(&pointer, format!("there is no system {given:?}: make the source first")),
            Some(system) if system.role == Role::Target => {
                wrong(&pointer, format!("system {:?} is a target, not a source", system.name));
            }
            Some(system) if ids.contains(&system.id) => {}
            Some(system) => ids.push(system.id.clone()),
        }
    }
    ids
}

fn properties(
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
fn pointer(key: &str) -> String {
    format!("/properties/{}", key.replace('~', "~0").replace('/', "~1"))
}
