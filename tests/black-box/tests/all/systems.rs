//! The systems that several tests use.

use gangway_company::Company;
use gangway_kit::root;
use gangway_model::{Action, Counters, Job};
use serde_json::{Value, json};
use std::path::Path;

/// A transformation document that ships with a connector.
pub(crate) fn document(path: &str) -> String {
    let file = root().join("plugins").join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A source over `users.csv` and, if it is there, `groups.csv` of a folder.
pub(crate) fn csv_source(name: &str, folder: &Path) -> Value {
    json!({
        "name": name, "role": "source", "plugin": "csv", "enabled": true,
        "grants": { "files": [
            { "name": "users", "path": folder.join("users.csv") },
            { "name": "groups", "path": folder.join("groups.csv") },
        ] },
        "read": { "plugin": "json-transformation", "document": document("csv/types/csv.read.json") },
    })
}

/// A SCIM target on loopback.
pub(crate) fn scim_target(name: &str, source: &str, url: &str, token: &str) -> Value {
    json!({
        "name": name, "role": "target", "plugin": "scim2", "enabled": true, "sources": [source],
        "properties": {
            "URL": { "value": url },
            "Authentication": { "value": "BearerTokenAuthentication" },
            "Token": { "value": token, "secret": true },
            "ips.failed.request.retry.attempts.interval": { "value": "1" },
        },
        "grants": { "addresses": ["127.0.0.1"], "relations": true },
        "write": { "plugin": "json-transformation", "document": document("scim2/types/scim.write.json") },
    })
}

/// A SCIM source on loopback.
pub(crate) fn scim_source(name: &str, url: &str, token: &str) -> Value {
    json!({
        "name": name, "role": "source", "plugin": "scim2", "enabled": true,
        "properties": {
            "URL": { "value": url },
            "Authentication": { "value": "BearerTokenAuthentication" },
            "Token": { "value": token, "secret": true },
        },
        "grants": { "addresses": ["127.0.0.1"] },
        "read": { "plugin": "json-transformation", "document": document("scim2/types/scim.read.json") },
    })
}

/// Writes a company's files into a folder.
pub(crate) fn write_company(folder: &Path, company: &Company) {
    std::fs::write(folder.join("users.csv"), company.users_csv()).unwrap();
    std::fs::write(folder.join("groups.csv"), company.groups_csv()).unwrap();
}

/// A file of users by short names, one department for each.
pub(crate) fn write_users(folder: &Path, users: &[(&str, &str)]) {
    let mut text = String::from("id,userName,givenName,familyName,email,department,title,type,active\n");
    for (id, department) in users {
        let name = id.to_lowercase();
        text.push_str(&format!(
            "{id},{name},Given {id},Family {id},{name}@example.com,{department},Clerk,employee,true\n"
        ));
    }
    std::fs::write(folder.join("users.csv"), text).unwrap();
    write_no_groups(folder);
}

/// A file of groups without any.
pub(crate) fn write_no_groups(folder: &Path) {
    std::fs::write(folder.join("groups.csv"), "id,displayName,members[]\n").unwrap();
}

/// A row of a job's statistics.
pub(crate) fn counters(job: &Job, entity_type: &str, action: Action) -> Counters {
    let mut rows = job.statistics.iter();
    let row = rows.find(|r| r.key.action == action && r.key.entity_type.as_str() == entity_type);
    row.map(|r| r.counters).unwrap_or_default()
}
