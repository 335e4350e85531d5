//! Real time: F156, F216 to F218, F220, F221, and events of groups and of what is removed.

use crate::setting::{Setting, edit_document, map};
use crate::systems::{scim_source, scim_target};
use gangway_kit::{Method, ScimServer, text};
use serde_json::{Value, json};
use std::time::Duration;

/// The usual setting with a second source "People", a real SCIM server whose filter lets nobody through.
struct Live {
    setting: Setting,
    people: ScimServer,
}

impl Live {
    async fn new(source: impl FnOnce(&mut Value)) -> Self {
        let setting = Setting::new().await;
        let people = ScimServer::start("people-token").unwrap();
        let mut system = scim_source("People", &people.url(), people.token());
        system["properties"]["scim.user.filter"] = json!("userName eq \"nobody\"");
        source(&mut system);
        setting.api.make_system(system).await.unwrap();
        setting.change("App", |app| app["sources"] = json!(["HR", "People"])).await;
        Self { setting, people }
    }

    /// Somebody is hired; the identifier.
    async fn hire(&self, name: &str, title: &str) -> String {
        let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name,
            "name": { "familyName": name }, "title": title });
        let made = self.people.change(Method::POST, "Users", Some(body)).await.unwrap();
        text(&made, "/id").to_owned()
    }

    async fn retitle(&self, id: &str, title: &str) {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "title", "value": title }] });
        self.people.change(Method::PATCH, &format!("Users/{id}"), Some(body)).await.unwrap();
    }

    /// The source reports an entity; what became of it, once that is known.
    async fn report(&self, method: Method, entity_type: &str, id: &str) -> Value {
        let path = format!("systems/People/entities/{entity_type}");
        let noticed = self.setting.api.ok(method, &path, Some(json!({ "id": id }))).await.unwrap();
        for _ in 0..500 {
            let event = self.events(&format!("?entityId={id}")).await;
            let event = event.into_iter().find(|event| event["id"] == noticed["id"]).unwrap();
            if text(&event, "/status").starts_with("FINISHED") {
                return event;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("event {noticed} does not end");
    }

    async fn events(&self, query: &str) -> Vec<Value> {
        let list = self.setting.api.ok(Method::GET, &format!("real-time{query}"), None).await.unwrap();
        list["events"].as_array().unwrap().clone()
    }
}

fn states(event: &Value) -> (&str, &str) {
    (text(event, "/sourceResult/state"), text(event, "/targets/0/state"))
}

#[tokio::test]
async fn f216_filters_do_not_count_and_conditions_do() {
    let live = Live::new(|people| {
        edit_document(people, "read", "user", |user| user["condition"] = json!("$.title != 'secret'"));
    })
    .await;
    let (ann, bob) = (live.hire("ann", "open").await, live.hire("bob", "secret").await);
    let event = live.report(Method::POST, "user", &ann).await;
    assert_eq!(states(&event), ("READ", "CREATED"), "{event}");
    let event = live.report(Method::POST, "user", &bob).await;
    assert_eq!(states(&event), ("SKIPPED", "NOT_PROVISIONED"), "{event}");
    assert!(live.setting.user("ann").await.is_some() && live.setting.user("bob").await.is_none());
}

#[tokio::test]
async fn f217_who_fails_a_condition_on_either_side_is_deprovisioned_or_skipped() {
    let live = Live::new(|people| {
        edit_document(people, "read", "user", |user| user["condition"] = json!("$.title != 'out'"));
    })
    .await;
    live.setting.write("user", |user| user["condition"] = json!("$.title != 'not here'")).await;
    let (ann, bob) = (live.hire("ann", "x").await, live.hire("bob", "x").await);
    for id in [&ann, &bob] {
        assert_eq!(states(&live.report(Method::POST, "user", id).await), ("READ", "CREATED"));
    }
    live.retitle(&ann, "out").await;
    live.retitle(&bob, "not here").await;
    let event = live.report(Method::POST, "user", &ann).await;
    assert_eq!(states(&event), ("SKIPPED", "DELETED"), "{event}");
    let event = live.report(Method::POST, "user", &bob).await;
    assert_eq!(states(&event), ("READ", "DELETED"), "{event}");
    assert!(live.setting.users().await.is_empty());
    let cid = live.hire("cid", "not here").await;
    let event = live.report(Method::POST, "user", &cid).await;
    assert_eq!(states(&event), ("READ", "SKIPPED"), "{event}");
}

#[tokio::test]
async fn f218_every_enabled_target_of_the_source_gets_the_change() {
    let live = Live::new(|_| ()).await;
    let setting = &live.setting;
    let url = format!("{}/tenants/setting/scim/v2", setting.engine.url());
    for (name, enabled) in [("Directory", true), ("Switched off", false)] {
        let mut target = scim_target(name, "People", &url, setting.engine.token());
        target["enabled"] = json!(enabled);
        setting.api.make_system(target).await.unwrap();
    }
    let ann = live.hire("ann", "x").await;
    let event = live.report(Method::POST, "user", &ann).await;
    let mut targets: Vec<(&str, &str)> = event["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| (text(target, "/system"), text(target, "/state")))
        .collect();
    targets.sort_unstable();
    assert_eq!(targets, [("App", "CREATED"), ("Directory", "CREATED")]);
    let (_, list) = setting.api.call(Method::GET, "/tenants/setting/scim/v2/Users", None).await.unwrap();
    assert_eq!((list["totalResults"].as_u64(), setting.users().await.len()), (Some(1), 1));
    // None of it is a job to whoever looks at jobs.
    let jobs = setting.api.ok(Method::GET, "jobs", None).await.unwrap();
    assert_eq!(jobs["jobs"], json!([]));
}

#[tokio::test]
async fn f220_an_event_of_a_disabled_source_is_logged_as_an_error_without_an_identifier() {
    let live = Live::new(|_| ()).await;
    let ann = live.hire("ann", "x").await;
    live.setting.change("People", |people| people["enabled"] = json!(false)).await;
    let path = live.setting.api.path("systems/People/entities/user");
    let (status, problem) =
        live.setting.api.call(Method::POST, &path, Some(json!({ "id": ann }))).await.unwrap();
    assert_eq!(status, 409, "{problem}");
    let events = live.events("?status=FINISHED_WITH_ERROR").await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((text(&events[0], "/source"), &events[0]["entityId"]), ("People", &Value::Null));
    assert!(text(&events[0], "/error").contains("disabled"), "{events:?}");
    assert!(live.setting.users().await.is_empty());
}

#[tokio::test]
async fn f156_the_log_says_what_happened_on_both_sides_and_why() {
    let live = Live::new(|_| ()).await;
    let ann = live.hire("ann", "x").await;
    let event = live.report(Method::POST, "user", &ann).await;
    let made = live.setting.user("ann").await.unwrap();
    assert_eq!(text(&event, "/status"), "FINISHED_SUCCESSFULLY");
    assert_eq!((text(&event, "/entityId"), text(&event, "/entityType")), (text(&made, "/id"), "user"));
    assert_eq!(text(&event, "/targets/0/operation"), "CREATE");
    let event = live.report(Method::POST, "user", &ann).await;
    assert_eq!(states(&event), ("READ", "ALREADY_PROVISIONED"), "{event}");
    live.retitle(&ann, "y").await;
    let event = live.report(Method::POST, "user", &ann).await;
    assert_eq!((text(&event, "/targets/0/operation"), states(&event).1), ("UPDATE", "UPDATED"), "{event}");
    let event = live.report(Method::DELETE, "user", &ann).await;
    assert_eq!((text(&event, "/targets/0/operation"), states(&event)), ("DELETE", ("DELETED", "DELETED")));
    assert!(!text(&event, "/targets/0/reason").is_empty(), "{event}");
    // The source cannot be asked.
    live.setting.set("People", "scim.paging", Some("sideways")).await;
    let event = live.report(Method::POST, "user", &ann).await;
    assert_eq!((text(&event, "/status"), &event["entityId"]), ("FINISHED_WITH_ERROR", &Value::Null));
    assert!(text(&event, "/error").contains("scim.paging"), "{event}");
    assert_eq!(live.events("?source=People").await.len(), 5);
    assert_eq!(live.events("?source=HR").await.len(), 0);
}

#[tokio::test]
async fn events_of_groups_and_of_what_is_gone_are_carried_out_too() {
    let live = Live::new(|_| ()).await;
    let ann = live.hire("ann", "x").await;
    live.report(Method::POST, "user", &ann).await;
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "G",
        "members": [{ "value": ann, "type": "User" }] });
    let group = live.people.change(Method::POST, "Groups", Some(group)).await.unwrap();
    let event = live.report(Method::POST, "group", text(&group, "/id")).await;
    assert_eq!(states(&event), ("READ", "CREATED"), "{event}");
    let groups = live.setting.server.all("Groups").await.unwrap();
    assert_eq!(groups[0]["members"].as_array().map(Vec::len), Some(1), "{groups:?}");
    // It is reported as changed, and not there any more.
    live.people.change(Method::DELETE, &format!("Users/{ann}"), None).await.unwrap();
    let event = live.report(Method::POST, "user", &ann).await;
    assert_eq!(states(&event), ("DELETED", "DELETED"), "{event}");
    let unknown = live.setting.api.path("systems/People/entities/role");
    let (status, _) =
        live.setting.api.call(Method::POST, &unknown, Some(json!({ "id": "x" }))).await.unwrap();
    assert_eq!(status, 404);
    let users = live.setting.api.path("systems/People/entities/user");
    let (status, problem) = live.setting.api.call(Method::POST, &users, Some(json!({}))).await.unwrap();
    assert_eq!((status.as_u16(), text(&problem, "/problems/0/pointer")), (422, "/id"));
}

#[tokio::test]
async fn f221_groups_are_assigned_and_the_user_uuid_is_written_back() {
    let live = Live::new(|people| people["properties"]["ips.user.uuid.write.back"] = json!("nickName")).await;
    let setting = &live.setting;
    let scim = "/tenants/setting/scim/v2";
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "G" });
    let (_, group) = setting.api.call(Method::POST, &format!("{scim}/Groups"), Some(group)).await.unwrap();
    let url = format!("{}{scim}", setting.engine.url());
    let mut directory = scim_target("Directory", "People", &url, setting.engine.token());
    edit_document(&mut directory, "write", "user", |user| {
        let groups = json!([{ "id": group["id"] }]);
        map(user, json!({ "constant": groups, "targetVariable": "assignGroup" }));
    });
    setting.api.make_system(directory).await.unwrap();
    setting.change("App", |app| app["sources"] = json!(["HR"])).await;
    let ann = live.hire("ann", "x").await;
    let event = live.report(Method::POST, "user", &ann).await;
    assert_eq!(states(&event), ("READ", "CREATED"), "{event}");
    let path = format!("{scim}/Users/{}", text(&event, "/entityId"));
    let (_, made) = setting.api.call(Method::GET, &path, None).await.unwrap();
    assert_eq!(made["groups"][0]["value"], group["id"], "{made}");
    let known = live.people.all("Users").await.unwrap().remove(0);
    let uuid = "/urn:ietf:params:scim:schemas:extension:sap:2.0:User/userUuid";
    assert_eq!((text(&known, "/nickName"), text(&known, "/nickName").len()), (text(&made, uuid), 36));
}
