//! Groups and roles that a target's users have from others too: F095, F096, F102 to F104.

use crate::setting::{Setting, map};
use crate::systems::write_users;
use gangway_kit::{Method, text};
use gangway_model::JobStatus;
use serde_json::{Value, json};

/// A condition on the department.
fn is_in(department: &str) -> String {
    format!("$['urn:ietf:params:scim:schemas:extension:enterprise:2.0:User']['department'] == '{department}'")
}

/// A mapping that assigns a group.
fn assigns(variable: &str, group: &str, department: &str) -> Value {
    json!({ "constant": [{ "id": group }], "targetVariable": variable, "condition": is_in(department) })
}

/// Somebody else makes a resource in the target; its identifier.
async fn make(setting: &Setting, endpoint: &str, body: Value) -> String {
    let (status, made) =
        setting.behind().call(Method::POST, &format!("/{endpoint}"), Some(body)).await.unwrap();
    assert_eq!(status, 201, "{made}");
    text(&made, "/id").to_owned()
}

async fn make_group(setting: &Setting, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
    make(setting, "Groups", json!({ "schemas": schemas, "displayName": name, "members": members })).await
}

async fn make_user(setting: &Setting, name: &str) -> String {
    let schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
    make(setting, "Users", json!({ "schemas": schemas, "userName": name })).await
}

/// The user names of a group's members, sorted.
async fn members(setting: &Setting, group: &str) -> Vec<String> {
    let users = setting.server.all("Users").await.unwrap();
    let groups = setting.server.all("Groups").await.unwrap();
    let group = groups.iter().find(|g| g["id"] == group || g["displayName"] == group).unwrap();
    let name = |member: &Value| {
        let user = users.iter().find(|user| user["id"] == member["value"]);
        user.map_or("?", |user| text(user, "/userName")).to_owned()
    };
    let mut names: Vec<String> = group["members"].as_array().into_iter().flatten().map(name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn f102_users_are_added_to_and_removed_from_groups_by_identifier_if_the_condition_holds() {
    for bulk in ["false", "true"] {
        let setting = Setting::new().await;
        setting.set("App", "scim.support.bulk.operation", Some(bulk)).await;
        let group = make_group(&setting, "Engineers", &[]).await;
        setting
            .write("user", |user| {
                map(user, assigns("assignGroup", &group, "eng"));
                map(user, assigns("unassignGroup", &group, "ops"));
            })
            .await;
        let job = setting.read(&[("A", "eng"), ("B", "ops"), ("C", "hr")]).await;
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        assert_eq!(members(&setting, &group).await, ["a"]);
        // Nothing of it is an attribute of the user, and nothing is written again.
        let user = setting.user("a").await.unwrap();
        assert!(!user.to_string().contains("assign"), "{user}");
        setting.relay.clear();
        setting.read(&[("A", "eng"), ("B", "ops"), ("C", "hr")]).await;
        assert_eq!(setting.writes().len(), 0);
        let job = setting.read(&[("A", "ops"), ("B", "eng"), ("C", "eng")]).await;
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        assert_eq!(members(&setting, &group).await, ["b", "c"]);
    }
}

#[tokio::test]
async fn f103_of_several_assignments_that_match_only_the_last_one_applies() {
    let setting = Setting::new().await;
    let first = make_group(&setting, "First", &[]).await;
    let last = make_group(&setting, "Last", &[]).await;
    setting
        .write("user", |user| {
            map(user, assigns("assignGroup", &first, "eng"));
            map(
                user,
                json!({ "constant": [{ "id": last }], "targetVariable": "assignGroup",
                "condition": "$.userName == 'a'" }),
            );
        })
        .await;
    setting.read(&[("A", "eng"), ("B", "eng")]).await;
    assert_eq!(members(&setting, &first).await, ["b"]);
    assert_eq!(members(&setting, &last).await, ["a"]);
}

#[tokio::test]
async fn f104_a_missing_group_fails_the_user_but_not_its_deletion() {
    let setting = Setting::new().await;
    setting
        .write("user", |user| {
            map(user, assigns("assignGroup", "not-there", "eng"));
            map(
                user,
                json!({ "constant": [{ "id": "gone" }], "targetVariable": "unassignGroup", "scope": "deleteEntity" }),
            );
        })
        .await;
    let job = setting.read(&[("A", "eng"), ("B", "ops")]).await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    let failed = setting.why(&job, "failed").await;
    assert_eq!((failed.len(), failed[0].0.as_str()), (1, "A"), "{failed:?}");
    assert!(failed[0].1.contains("not-there"), "{failed:?}");
    assert!(setting.user("a").await.is_none() && setting.user("b").await.is_some());
    // An update.
    let job = setting.read(&[("B", "eng")]).await;
    assert_eq!(setting.why(&job, "failed").await[0].0, "B", "{job:?}");
    // The end of it.
    let job = setting.read(&[]).await;
    assert_eq!(job.status, JobStatus::Success, "{:?}", setting.why(&job, "failed").await);
    assert!(setting.user("b").await.is_none());
}

#[tokio::test]
async fn who_was_there_before_stays_and_leaves_the_groups_of_leavers() {
    let setting = Setting::new().await;
    let user = make_user(&setting, "a").await;
    let group = make_group(&setting, "Engineers", &[&user]).await;
    setting
        .write("user", |entity| {
            map(
                entity,
                json!({ "constant": [{ "id": group }], "targetVariable": "unassignGroup", "scope": "deleteEntity" }),
            );
        })
        .await;
    setting.read(&[("A", "eng"), ("B", "eng")]).await;
    assert_eq!(members(&setting, &group).await, ["a"]);
    let job = setting.read(&[("B", "eng")]).await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert!(setting.user("a").await.is_some());
    assert_eq!(members(&setting, &group).await, [""; 0]);
}

#[tokio::test]
async fn a_connector_that_cannot_assign_groups_fails_the_user() {
    let setting = Setting::new().await;
    setting.api.load(&["discard"]).await.unwrap();
    setting
        .write("user", |user| {
            map(user, assigns("assignGroup", "any", "eng"));
        })
        .await;
    setting.change("App", |app| app["plugin"] = json!("discard")).await;
    let job = setting.read(&[("A", "eng"), ("B", "ops")]).await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    let failed = setting.why(&job, "failed").await;
    assert_eq!((failed.len(), failed[0].0.as_str()), (1, "A"), "{failed:?}");
    assert!(failed[0].1.contains("cannot assign groups"), "{failed:?}");
}

/// The roles of a user, sorted.
async fn roles(setting: &Setting, name: &str) -> Vec<String> {
    let user = setting.user(name).await.unwrap();
    let roles = user["roles"].as_array().into_iter().flatten();
    let mut roles: Vec<String> = roles.map(|role| text(role, "/value").to_owned()).collect();
    roles.sort();
    roles
}

#[tokio::test]
async fn f095_roles_are_replaced_or_added_and_replaced_if_nothing_is_said() {
    for (overwrite, patch, expected) in [
        (None, "false", vec!["reader"]),
        (Some("true"), "false", vec!["reader"]),
        (Some("false"), "false", vec!["admin", "reader"]),
        (Some("true"), "true", vec!["reader"]),
        (Some("false"), "true", vec!["admin", "reader"]),
    ] {
        let setting = Setting::new().await;
        setting.set("App", "s4hana.cloud.user.roles.overwrite", overwrite).await;
        setting.set("App", "scim.support.patch.operation", Some(patch)).await;
        setting
            .write("user", |user| {
                map(user, json!({ "constant": [{ "value": "reader" }], "targetPath": "$.roles" }));
            })
            .await;
        setting.read(&[("A", "x")]).await;
        let id = text(&setting.user("a").await.unwrap(), "/id").to_owned();
        let grant = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "add", "path": "roles", "value": [{ "value": "admin" }] }] });
        let path = format!("/Users/{id}");
        let (status, answer) = setting.behind().call(Method::PATCH, &path, Some(grant)).await.unwrap();
        assert!(status.is_success(), "{answer}");
        assert_eq!(roles(&setting, "a").await, ["admin", "reader"]);
        let job = setting.read(&[("A", "y")]).await;
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        assert_eq!(roles(&setting, "a").await, expected, "{overwrite:?} {patch}");
        assert_eq!(setting.users().await[0].1, "y");
    }
}

fn write_group(setting: &Setting, members: &str) {
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x")]);
    let text = format!("id,displayName,members[]\ng,G,{members}\n");
    std::fs::write(setting.folder.path().join("groups.csv"), text).unwrap();
}

#[tokio::test]
async fn f096_only_assignments_that_were_provisioned_are_removed_if_the_property_says_so() {
    for (overwrite, first, last) in
        [("true", vec!["a", "b"], vec![]), ("false", vec!["a", "b", "x"], vec!["a", "x"])]
    {
        let setting = Setting::new().await;
        setting.set("App", "ips.overwrite.existedbefore.assignments", Some(overwrite)).await;
        let (a, x) = (make_user(&setting, "a").await, make_user(&setting, "x").await);
        make_group(&setting, "G", &[&a, &x]).await;
        write_group(&setting, "A;B");
        let job = setting.api.run("HR").await.unwrap();
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        assert_eq!(members(&setting, "G").await, first);
        write_group(&setting, "");
        let job = setting.api.run("HR").await.unwrap();
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        assert_eq!(members(&setting, "G").await, last, "{overwrite}");
    }
}
