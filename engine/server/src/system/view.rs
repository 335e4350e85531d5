//! What is shown of a system.

use super::MASK;
use gangway_model::{Grants, PluginId, Role, System, SystemId, TenantId, TransformationRef};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A system as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SystemView<'s> {
    id: &'s SystemId,
    tenant: &'s TenantId,
    name: &'s str,
    description: &'s str,
    role: Role,
    #[serde(rename = "type")]
    system_type: Option<&'s str>,
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
        system_type: system.system_type.as_deref(),
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
