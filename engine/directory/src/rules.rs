//! Rules of the `sap:2.0` extensions that no schema can state.

use crate::ScimError;
use crate::patch::field;
use crate::schema::{Kind, SAP_GROUP_URN, SAP_USER_URN};
use crate::settings::Settings;
use crate::storage::Member;
use serde_json::{Map, Value};

/// A group that names an application has a type, and operations that it supports.
pub(crate) fn complete_group(content: &mut Map<String, Value>) {
    let Some(Value::Object(extension)) = content.get_mut(SAP_GROUP_URN) else { return };
    if extension.contains_key("applicationId") {
        for (name, value) in [("type", "userGroup"), ("supportedOperations", "readWrite")] {
            extension.entry(name).or_insert_with(|| Value::String(value.to_owned()));
        }
    }
}

fn part<'c>(content: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    content.get(SAP_GROUP_URN)?.get(name)?.as_str()
}

/// Whether the group belongs to an application that the tenant's settings know.
fn is_application_specific(settings: &Settings, content: &Map<String, Value>) -> bool {
    part(content, "applicationId").is_some_and(|id| settings.applications.iter().any(|a| a == id))
}

const FIXED: [&str; 3] = ["externalName", "externalLocation", "applicationId"];

/// A replacement that does not speak of what cannot change keeps it.
pub(crate) fn keep_fixed(settings: &Settings, old: &Map<String, Value>, new: &mut Map<String, Value>) {
    if !is_application_specific(settings, old) {
        return;
    }
    let extension = new.entry(SAP_GROUP_URN).or_insert_with(|| Value::Object(Map::new()));
    if let (Some(Value::Object(kept)), Value::Object(extension)) = (old.get(SAP_GROUP_URN), extension) {
        for (name, value) in kept.iter().filter(|(name, _)| FIXED.contains(&name.as_str())) {
            extension.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// What may be done with a group of an application.
pub(crate) fn check_group(
    settings: &Settings,
    old: Option<&Map<String, Value>>,
    new: &Map<String, Value>,
    added: &[Member],
    removed: &[Member],
) -> Result<(), ScimError> {
    let governed = old.unwrap_or(new);
    if !is_application_specific(settings, governed) {
        return Ok(());
    }
    if let Some(old) = old {
        for name in FIXED {
            if let Some(before) = part(old, name)
                && part(new, name) != Some(before)
            {
                return Err(ScimError::mutability(format!(
                    "{name:?} of a group of an application is immutable: delete the group and create another"
                )));
            }
        }
    }
    let refuse = |what: &str| {
        let operations = part(governed, "supportedOperations").unwrap_or_default();
        Err(ScimError::mutability(format!("\"supportedOperations\" of the group is {operations:?}: {what}")))
    };
    match part(governed, "supportedOperations") {
        Some("readOnly") if old.is_some() && !(added.is_empty() && removed.is_empty()) => {
            refuse("its \"members\" cannot be changed")
        }
        Some("userOnlyMembership")
            if added.iter().chain(removed).any(|member| member.kind == Kind::Group) =>
        {
            refuse("its \"members\" are users only")
        }
        _ => Ok(()),
    }
}

/// Whether a group may be deleted.
pub(crate) fn check_delete(settings: &Settings, content: &Map<String, Value>) -> Result<(), ScimError> {
    match part(content, "supportedOperations") {
        Some(operations @ ("userOnlyMembership" | "membership"))
            if is_application_specific(settings, content) =>
        {
            Err(ScimError::mutability(format!(
                "\"supportedOperations\" of the group is {operations:?}: it cannot be deleted"
            )))
        }
        _ => Ok(()),
    }
}

/// The extension's `emails` say what is known of the user's addresses. What they say of an address that the
/// user no longer has is swept away when a request touches either.
pub(crate) fn before_patch(content: &mut Map<String, Value>, body: &Value) {
    let touches = field(body, "Operations").and_then(Value::as_array).is_some_and(|operations| {
        operations.iter().any(|operation| {
            let path = field(operation, "path").and_then(Value::as_str).unwrap_or_default();
            path.to_ascii_lowercase().contains("emails")
        })
    });
    if !touches {
        return;
    }
    let current: Vec<String> = addresses(content.get("emails")).map(str::to_lowercase).collect();
    let Some(Value::Object(extension)) = content.get_mut(SAP_USER_URN) else { return };
    let Some(Value::Array(known)) = extension.get_mut("emails") else { return };
    known.retain(|email| {
        let address = email.get("value").and_then(Value::as_str).unwrap_or_default();
        current.contains(&address.to_lowercase())
    });
    if known.is_empty() {
        extension.shift_remove("emails");
    }
}

fn addresses(emails: Option<&Value>) -> impl Iterator<Item = &str> {
    let emails = emails.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    emails.iter().filter_map(|e| e.get("value")).filter_map(Value::as_str)
}
