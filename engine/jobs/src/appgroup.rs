//! Groups that belong to an application: what tells them apart, and what jobs may do with them.

use serde_json::Value;

const EXTENSIONS: [&str; 2] = [
    "urn:ietf:params:scim:schemas:extension:sap:2.0:Group",
    "urn:sap:cloud:scim:schemas:extension:sap:2.0:Group",
];
const CUSTOM: &str = "urn:sap:cloud:scim:schemas:extension:custom:2.0:Group";

/// What `supportedOperations` allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    ReadOnly,
    ReadWrite,
    Membership,
}

/// The extension of an application's group; none for a group of nobody.
fn extension(group: &Value) -> Option<(&'static str, &Value)> {
    EXTENSIONS
        .into_iter()
        .find_map(|urn| group.get(urn).map(|extension| (urn, extension)))
        .filter(|(_, extension)| extension.get("applicationId").is_some_and(Value::is_string))
}

/// The application that a group belongs to.
pub(crate) fn application(json: &str) -> Option<String> {
    let group: Value = serde_json::from_str(json).ok()?;
    let (_, extension) = extension(&group)?;
    extension.get("applicationId")?.as_str().map(str::to_owned)
}

/// What jobs may do with a group as its system shows it; none if it belongs to no application.
pub(crate) fn kind(json: &str) -> Option<Kind> {
    let group: Value = serde_json::from_str(json).ok()?;
    let (_, extension) = extension(&group)?;
    Some(match extension.get("supportedOperations").and_then(Value::as_str) {
        Some("readOnly") => Kind::ReadOnly,
        Some("membership" | "userOnlyMembership") => Kind::Membership,
        _ => Kind::ReadWrite,
    })
}

/// The group without anybody in it.
pub(crate) fn without_members(json: &str) -> String {
    let mut group: Value = serde_json::from_str(json).unwrap_or_default();
    if let Some(group) = group.as_object_mut() {
        group.insert("members".to_owned(), Value::Array(Vec::new()));
        group.remove("meta");
    }
    group.to_string()
}

/// The attributes by which a group of this content is found, if no property names any: those that are
/// unique for the groups of an application, or the technical name of a directory's group.
pub(crate) fn unique_attributes(content: &Value) -> Option<Vec<String>> {
    if let Some((urn, extension)) = extension(content) {
        let mut names = vec!["displayName".to_owned()];
        let there = ["applicationId", "type"].into_iter().filter(|name| extension.get(name).is_some());
        names.extend(there.map(|name| format!("['{urn}']['{name}']")));
        return Some(names);
    }
    let named = |urn: &&str| content.get(*urn).and_then(|e| e.get("name")).is_some_and(Value::is_string);
    let urn = [CUSTOM].into_iter().chain(EXTENSIONS).find(named)?;
    Some(vec![format!("['{urn}']['name']")])
}

/// A name of the extension that is given without its schema, in full.
pub(crate) fn qualified(content: &Value, name: String) -> String {
    if content.get(&name).is_some() {
        return name;
    }
    match extension(content).filter(|(_, extension)| extension.get(&name).is_some()) {
        Some((urn, _)) => format!("['{urn}']['{name}']"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const URN: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:Group";

    #[test]
    fn a_group_of_an_application_says_what_jobs_may_do() {
        let group =
            |operations| json!({URN: {"applicationId": "a", "supportedOperations": operations}}).to_string();
        assert_eq!(kind(&group("readOnly")), Some(Kind::ReadOnly));
        assert_eq!(kind(&group("membership")), Some(Kind::Membership));
        assert_eq!(kind(&group("userOnlyMembership")), Some(Kind::Membership));
        assert_eq!(kind(&group("readWrite")), Some(Kind::ReadWrite));
        assert_eq!(kind(&json!({URN: {"applicationId": "a"}}).to_string()), Some(Kind::ReadWrite));
        assert_eq!(kind(&json!({URN: {"supportedOperations": "readOnly"}}).to_string()), None);
        assert_eq!(kind("{}"), None);
    }

    #[test]
    fn f079_a_group_is_found_by_its_technical_name_in_a_directory() {
        for urn in [CUSTOM, URN] {
            let content = json!({"displayName": "A B", urn: {"name": "A_B"}});
            assert_eq!(unique_attributes(&content), Some(vec![format!("['{urn}']['name']")]));
        }
        assert_eq!(unique_attributes(&json!({"displayName": "A B"})), None);
    }

    #[test]
    fn f082_a_group_of_an_application_is_found_by_name_application_and_type() {
        let content = json!({"displayName": "A", URN: {"applicationId": "1", "type": "userGroup", "externalName": "x"}});
        let found = unique_attributes(&content).unwrap();
        assert_eq!(
            found,
            ["displayName", &format!("['{URN}']['applicationId']"), &format!("['{URN}']['type']")]
        );
        for name in ["type", "externalName", "applicationId"] {
            assert_eq!(qualified(&content, name.to_owned()), format!("['{URN}']['{name}']"));
        }
        assert_eq!(qualified(&content, "displayName".to_owned()), "displayName");
        assert_eq!(qualified(&content, "other".to_owned()), "other");
    }
}
