//! Systems as clients send and see them: secrets masked, sources by name or identifier, everything
//! that is wrong reported at once.

mod properties;
mod view;

pub(crate) use view::view;

use crate::inside;
use crate::problem::Problem;
use crate::types::{self, SystemType};
use gangway_model::{
    Diagnostic, Grants, PluginId, Role, Severity, System, SystemId, TenantId, TransformationRef,
};
use properties::{PropertyBody, pointer, properties};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// What a secret looks like from outside, whatever its length. Sent back, it keeps the secret.
pub(crate) const MASK: &str = "****************************************";
/// Longest name.
const NAME_LENGTH: usize = 100;
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
    /// A kind of application: fills in what a new system's body leaves out.
    #[serde(default, rename = "type")]
    system_type: Option<String>,
    #[serde(default)]
    plugin: Option<PluginId>,
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
    /// The plugin that the body names, or its type, or that of the system it replaces.
    pub(crate) fn plugin(&self, old: Option<&System>) -> PluginId {
        let of_type = || {
            let known = self.system_type.as_deref().and_then(types::find)?;
            Some(PluginId::new(known.plugin.as_str()))
        };
        let given = self.plugin.clone().or_else(of_type).or_else(|| old.map(|old| old.plugin.clone()));
        given.unwrap_or_else(|| PluginId::new(""))
    }

    /// What the type of a new system fills in.
    fn complete(&mut self, known: &SystemType) {
        for (key, value) in known.properties(self.role) {
            self.properties.entry(key.to_owned()).or_insert_with(|| PropertyBody::Plain(value.to_owned()));
        }
        let document = || {
            let (plugin, document) = known.document(self.role)?;
            Some(TransformationRef { plugin: PluginId::new(plugin), document: document.to_owned() })
        };
        match self.role {
            Role::Source if self.read.is_none() => self.read = document(),
            Role::Target if self.write.is_none() => self.write = document(),
            _ => {}
        }
        // The write transformations of all types resolve identifiers.
        self.grants.relations |= self.role == Role::Target;
    }

    /// The system that the body describes, or everything that is wrong with it. `old` is the one it
    /// replaces.
    pub(crate) fn into_system(
        mut self,
        id: SystemId,
        old: Option<&System>,
        around: &Surroundings<'_>,
    ) -> Result<System, Problem> {
        let plugin = self.plugin(old);
        let known = self.system_type.as_deref().and_then(types::find);
        if let (Some(known), None) = (known, old) {
            self.complete(known);
        }
        let system_type = self.system_type.clone().or_else(|| old.and_then(|old| old.system_type.clone()));
        let is_local_directory = system_type.as_deref() == Some(System::LOCAL_DIRECTORY);
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
        types::check(system_type.as_deref(), old, self.role, &mut wrong);
        if let Some(version) = known.and_then(|known| known.version.as_ref())
            && let Some(given) = self.properties.get(&version.property)
            && given.value() != version.value
        {
            wrong(
                &pointer(&version.property),
                format!("this engine speaks version {} of the type's API only", version.value),
            );
        }
        if is_local_directory {
            inside::check(self.properties.keys().map(String::as_str), &self.grants, &mut wrong);
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
            None if plugin.as_str().is_empty() => {
                wrong(
                    "/plugin",
                    "name a plugin, or a type that has one: GET /api/v1/system-types".to_owned(),
                );
            }
            None => wrong(
                "/plugin",
                format!("plugin {plugin} is not loaded: gangway plugin load FILE --name {plugin}"),
            ),
            Some(known) if !known.roles.contains(&role) => wrong(
                "/plugin",
                format!("plugin {plugin} cannot be a {role}; it can be: {}", known.roles.join(", ")),
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
            let is_inside = is_local_directory && inside::OF_A_CONNECTION.contains(&required.as_str());
            if !is_inside && properties.get(required).is_none_or(|p| p.value.is_empty()) {
                wrong(&pointer(required), format!("plugin {plugin} needs the property {required}"));
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
            system_type,
            plugin,
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
