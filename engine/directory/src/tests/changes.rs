use super::*;
use crate::{GroupChange, Kind, Settings};
use std::sync::atomic::AtomicUsize;

const SAP_GROUP: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:Group";

fn watched(d: &Directory) {
    d.set_settings(Settings { central_store: vec!["app-1".to_owned()], ..Settings::default() }).unwrap();
}

/// Makes a group of an application and gives its identifier.
fn group(d: &Directory, name: &str, application: &str, members: Value) -> String {
    let body = json!({ "schemas": [GROUP, SAP_GROUP], "displayName": name, "members": members,
        SAP_GROUP: { "applicationId": application } });
    let reply = call(d, "POST", "/Groups", Some(body));
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    reply.body.unwrap()["id"].as_str().unwrap().to_owned()
}

fn patch(d: &Directory, id: &str, op: Value) {
    let body = json!({ "schemas": [PATCH], "Operations": [op] });
    assert!(call(d, "PATCH", &format!("/Groups/{id}"), Some(body)).status < 300);
}

/// Settles all changes and gives the groups with their applications.
fn taken(d: &Directory) -> Vec<(String, String)> {
    let changes = d.group_changes(100).unwrap();
    d.settle_group_changes(changes.clone()).unwrap();
    assert!(d.group_changes(100).unwrap().is_empty());
    changes.into_iter().map(|c| (c.group.to_string(), c.application)).collect()
}

fn pair(id: &str, application: &str) -> (String, String) {
    (id.to_owned(), application.to_owned())
}

#[test]
fn changes_are_noted_by_whatever_way_a_group_changes() {
    let d = directory();
    watched(&d);
    let ann = user(&d, "ann", json!({}));
    assert_eq!(taken(&d), []);
    let one = group(&d, "One", "app-1", json!([]));
    assert_eq!(taken(&d), [pair(&one, "app-1")], "made");
    let two = group(&d, "Two", "app-1", json!([]));
    group(&d, "Other", "app-2", json!([]));
    assert_eq!(taken(&d), [pair(&two, "app-1")], "of another application");
    // Twice is once, and the order is that of the last changes.
    patch(&d, &two, json!({ "op": "add", "path": "members", "value": [{ "value": ann }] }));
    patch(&d, &one, json!({ "op": "add", "path": "members", "value": [{ "value": ann }] }));
    patch(&d, &one, json!({ "op": "replace", "path": "displayName", "value": "Uno" }));
    assert_eq!(taken(&d), [pair(&two, "app-1"), pair(&one, "app-1")], "patched");
    patch(&d, &one, json!({ "op": "replace", "path": "displayName", "value": "Uno" }));
    assert_eq!(taken(&d), [], "nothing changed");
    let operation = json!({ "method": "PATCH", "path": format!("/Groups/{one}"),
        "data": { "Operations": [{ "op": "replace", "path": "displayName", "value": "Un" }] } });
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [operation] });
    assert_eq!(call(&d, "POST", "/Bulk", Some(bulk)).status, 200);
    assert_eq!(taken(&d), [pair(&one, "app-1")], "in bulk");
    let bob = user(&d, "bob", json!({}));
    let table = format!("id,displayName,members\n{one},Un,{bob}\n");
    let rows = d.import(Kind::Group, table.as_bytes()).unwrap();
    assert_eq!(taken(&d), [pair(&one, "app-1")], "by a table: {rows:?}");
    assert_eq!(call(&d, "DELETE", &format!("/Users/{ann}"), None).status, 204);
    let mut left = taken(&d);
    left.sort();
    let mut both = [pair(&one, "app-1"), pair(&two, "app-1")];
    both.sort();
    assert_eq!(left, both, "a member is gone");
    patch(
        &d,
        &two,
        json!({ "op": "replace", "path": format!("{SAP_GROUP}:applicationId"), "value": "app-2" }),
    );
    assert_eq!(taken(&d), [pair(&two, "app-1")], "it left the application");
    assert_eq!(call(&d, "DELETE", &format!("/Groups/{one}"), None).status, 204);
    assert_eq!(taken(&d), [pair(&one, "app-1")], "deleted");
}

#[test]
fn what_changes_again_meanwhile_is_not_settled() {
    let d = directory();
    watched(&d);
    let one = group(&d, "One", "app-1", json!([]));
    let seen = d.group_changes(100).unwrap();
    patch(&d, &one, json!({ "op": "replace", "path": "displayName", "value": "Uno" }));
    d.settle_group_changes(seen).unwrap();
    let left: Vec<GroupChange> = d.group_changes(100).unwrap();
    assert_eq!(left.len(), 1);
    group(&d, "Two", "app-1", json!([]));
    assert_eq!(d.group_changes(1).unwrap(), left, "the oldest first");
}

#[test]
fn nothing_is_noted_without_the_flag_and_changes_are_told_once_they_are_durable() {
    let d = Arc::new(directory());
    let told = Arc::new(AtomicUsize::new(0));
    let (weak, count) = (Arc::downgrade(&d), told.clone());
    d.on_group_changes(move || {
        let waiting = weak.upgrade().map_or(0, |d| d.group_changes(100).unwrap().len());
        count.fetch_max(waiting, Ordering::Relaxed);
    });
    group(&d, "One", "app-1", json!([]));
    assert_eq!((taken(&d), told.load(Ordering::Relaxed)), (Vec::new(), 0));
    watched(&d);
    group(&d, "Two", "app-1", json!([]));
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

#[test]
fn changes_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.redb");
    let open = || Directory::open(&path, clock(), Arc::new(Numbers(AtomicU64::new(1)))).unwrap();
    let d = open();
    watched(&d);
    let one = group(&d, "One", "app-1", json!([]));
    drop(d);
    assert_eq!(taken(&open()), [pair(&one, "app-1")]);
}
