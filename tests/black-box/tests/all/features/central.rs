//! Central store: F157, F238 to F241, and that a crash between a change and its push loses nothing.

use crate::setting::{Setting, edit_document, map};
use crate::systems::{scim_source, scim_target};
use gangway_kit::{Answer, Method, ScimServer, text};
use serde_json::{Value, json};
use std::time::Duration;

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const SAP_GROUP: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:Group";

/// The usual setting whose target "App" is one of application app-1 and is fed by the tenant's directory, too.
struct Central {
    setting: Setting,
}

impl Central {
    async fn new() -> Self {
        let setting = Setting::new().await;
        let central = Self { setting };
        let url = format!("{}{}", central.setting.engine.url(), central.scim(""));
        let token = central.setting.engine.token().to_owned();
        central.setting.api.make_system(scim_source("Directory", &url, &token)).await.unwrap();
        let app = |app: &mut Value| {
            app["sources"] = json!(["HR", "Directory"]);
            app["properties"]["ips.application.id"] = json!({ "value": "app-1" });
            without_extensions(app);
        };
        central.setting.change("App", app).await;
        central
    }

    fn scim(&self, below: &str) -> String {
        format!("/tenants/setting/scim/v2{below}")
    }

    /// Asks the directory.
    async fn ask(&self, method: Method, below: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.setting.api.call(method, &self.scim(below), body).await.unwrap();
        assert!(status.is_success(), "{status} {answer}");
        answer
    }

    async fn switch(&self, applications: &[&str]) {
        let settings = json!({ "applications": ["app-1"], "centralStore": applications });
        self.setting.api.ok(Method::PUT, "directory/settings", Some(settings)).await.unwrap();
    }

    async fn user(&self, name: &str) -> String {
        let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name,
            "name": { "familyName": name }, "emails": [{ "value": format!("{name}@example.com") }] });
        text(&self.ask(Method::POST, "/Users", Some(body)).await, "/id").to_owned()
    }

    async fn group(&self, name: &str, application: &str, members: &[&str]) -> String {
        let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
        let body = json!({ "schemas": [GROUP, SAP_GROUP], "displayName": name, "members": members,
            SAP_GROUP: { "applicationId": application } });
        text(&self.ask(Method::POST, "/Groups", Some(body)).await, "/id").to_owned()
    }

    async fn add(&self, group: &str, member: &str) {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "add", "path": "members", "value": [{ "value": member }] }] });
        self.ask(Method::PATCH, &format!("/Groups/{group}"), Some(body)).await;
    }

    /// The Read job from the directory that comes before everything else.
    async fn read(&self) {
        let job = self.setting.api.run("Directory").await.unwrap();
        assert_eq!(job.error, None);
    }

    async fn log(&self, query: &str) -> Vec<Value> {
        let log = self.setting.api.ok(Method::GET, &format!("central-store{query}"), None).await.unwrap();
        log["changes"].as_array().unwrap().clone()
    }

    /// The rows of a group, the latest first, once there are so many and all are at their end.
    async fn rows(&self, group: &str, count: usize) -> Vec<Value> {
        for _ in 0..500 {
            let rows = self.log(&format!("?sourceId={group}")).await;
            let ended = rows.iter().all(|row| text(row, "/status").starts_with("FINISHED"));
            if rows.len() >= count && ended {
                assert_eq!(rows.len(), count, "{rows:?}");
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?} {}", self.log("").await, self.setting.engine.log());
    }

    /// Waits for what must not come.
    async fn quiet(&self) {
        tokio::time::sleep(Duration::from_millis(400)).await;
    }

    /// Name and user names of each group of a target, sorted.
    async fn groups(&self, server: &ScimServer) -> Vec<(String, Vec<String>)> {
        let users = server.all("Users").await.unwrap();
        let name = |member: &Value| {
            let user = users.iter().find(|user| user["id"] == member["value"]);
            user.map_or("?", |user| text(user, "/userName")).to_owned()
        };
        let of = |group: &Value| {
            let members = group["members"].as_array().into_iter().flatten();
            let mut names: Vec<String> = members.map(name).collect();
            names.sort();
            (text(group, "/displayName").to_owned(), names)
        };
        let mut groups: Vec<_> = server.all("Groups").await.unwrap().iter().map(of).collect();
        groups.sort();
        groups
    }
}

/// The server behind the targets knows the core schemas only, and refuses everything else.
fn without_extensions(target: &mut Value) {
    for (entity_type, name) in [("user", "User"), ("group", "Group")] {
        edit_document(target, "write", entity_type, |entity| {
            let extension = format!("$['urn:ietf:params:scim:schemas:extension:sap:2.0:{name}']");
            map(entity, json!({ "type": "remove", "targetPath": extension }));
            let core = format!("urn:ietf:params:scim:schemas:core:2.0:{name}");
            map(entity, json!({ "constant": [core], "targetPath": "$.schemas" }));
        });
    }
}

fn group(name: &str, members: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), members.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn f238_a_change_of_an_applications_group_reaches_its_targets_at_once() {
    let central = Central::new().await;
    let setting = &central.setting;
    // A target of another application, and one of none.
    let (other, none) = (ScimServer::start("o").unwrap(), ScimServer::start("n").unwrap());
    for (name, server, application) in [("Other", &other, Some("app-2")), ("None", &none, None)] {
        let mut target = scim_target(name, "Directory", &server.url(), server.token());
        if let Some(application) = application {
            target["properties"]["ips.application.id"] = json!({ "value": application });
        }
        without_extensions(&mut target);
        setting.api.make_system(target).await.unwrap();
    }
    let (ann, bob) = (central.user("ann").await, central.user("bob").await);
    let team = central.group("Team", "app-1", &[&ann]).await;
    central.read().await;
    central.switch(&["app-1"]).await;
    central.add(&team, &bob).await;
    let rows = central.rows(&team, 1).await;
    assert_eq!((text(&rows[0], "/target"), text(&rows[0], "/operation")), ("App", "UPDATE"));
    assert_eq!(central.groups(&setting.server).await, [group("Team", &["ann", "bob"])]);
    assert_eq!(central.groups(&other).await, [group("Team", &["ann"])], "of another application");
    assert_eq!(central.groups(&none).await, [group("Team", &["ann"])], "of none");
    // By bulk, by a table, and by the removal of a member.
    let patch = json!({ "Operations": [{ "op": "replace", "path": "displayName", "value": "Crew" }] });
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "PATCH", "path": format!("/Groups/{team}"), "data": patch }] });
    central.ask(Method::POST, "/Bulk", Some(bulk)).await;
    central.rows(&team, 2).await;
    assert_eq!(central.groups(&setting.server).await, [group("Crew", &["ann", "bob"])]);
    let table = setting.folder.path().join("groups.table.csv");
    std::fs::write(&table, format!("id,displayName\n{team},Band\n")).unwrap();
    let done =
        setting.engine.cli("setting", &["directory", "import", "groups", table.to_str().unwrap()]).unwrap();
    assert!(done.status.success(), "{done:?}");
    central.rows(&team, 3).await;
    assert_eq!(central.groups(&setting.server).await, [group("Band", &["ann", "bob"])]);
    central.ask(Method::DELETE, &format!("/Users/{ann}"), None).await;
    central.rows(&team, 4).await;
    assert_eq!(central.groups(&setting.server).await, [group("Band", &["bob"])]);
    // A group that is deleted goes, too: the engine made it.
    central.ask(Method::DELETE, &format!("/Groups/{team}"), None).await;
    let rows = central.rows(&team, 5).await;
    assert_eq!((text(&rows[0], "/operation"), text(&rows[0], "/state")), ("DELETE", "DELETED"));
    assert_eq!(central.groups(&setting.server).await, []);
    assert!(setting.api.ok(Method::GET, "real-time", None).await.unwrap()["events"] == json!([]));
}

#[tokio::test]
async fn f239_missing_groups_are_made_and_missing_users_are_left_out_and_reported() {
    let central = Central::new().await;
    let ann = central.user("ann").await;
    central.read().await;
    let late = central.user("late").await;
    central.switch(&["app-1"]).await;
    let team = central.group("Team", "app-1", &[&ann, &late]).await;
    let row = central.rows(&team, 1).await.remove(0);
    assert_eq!((text(&row, "/operation"), text(&row, "/status")), ("CREATE", "FINISHED_SUCCESSFULLY"));
    assert_eq!(row["membersLeftOut"], json!([late]), "{row}");
    assert_eq!(central.groups(&central.setting.server).await, [group("Team", &["ann"])]);
    assert!(central.setting.user("late").await.is_none(), "users are never made");
    // One that the target has under this name is taken, not made again.
    let body = json!({ "schemas": [GROUP], "displayName": "There" });
    central.setting.server.change(Method::POST, "Groups", Some(body)).await.unwrap();
    let there = central.group("There", "app-1", &[&ann]).await;
    let row = central.rows(&there, 1).await.remove(0);
    assert_eq!(text(&row, "/operation"), "UPDATE", "{row}");
    assert_eq!(
        central.groups(&central.setting.server).await,
        [group("Team", &["ann"]), group("There", &["ann"])]
    );
}

#[tokio::test]
async fn f240_without_the_flag_nothing_is_pushed() {
    let central = Central::new().await;
    let (ann, bob) = (central.user("ann").await, central.user("bob").await);
    let team = central.group("Team", "app-1", &[]).await;
    central.read().await;
    central.add(&team, &ann).await;
    central.quiet().await;
    assert_eq!(central.log("").await, Vec::<Value>::new());
    assert_eq!(central.groups(&central.setting.server).await, [group("Team", &[])]);
    central.switch(&["app-1"]).await;
    central.add(&team, &bob).await;
    central.rows(&team, 1).await;
    assert_eq!(central.groups(&central.setting.server).await, [group("Team", &["ann", "bob"])]);
    central.switch(&["app-2"]).await;
    central.ask(Method::DELETE, &format!("/Users/{bob}"), None).await;
    central.quiet().await;
    assert_eq!(central.rows(&team, 1).await.len(), 1);
}

#[tokio::test]
async fn f241_a_name_that_the_target_has_twice_fails_and_is_logged() {
    let central = Central::new().await;
    central.read().await;
    for _ in 0..2 {
        let body = json!({ "schemas": [GROUP], "displayName": "Twice" });
        central.setting.server.change(Method::POST, "Groups", Some(body)).await.unwrap();
    }
    central.switch(&["app-1"]).await;
    central.setting.relay.clear();
    let twice = central.group("Twice", "app-1", &[]).await;
    let row = central.rows(&twice, 1).await.remove(0);
    assert_eq!((text(&row, "/status"), text(&row, "/state")), ("FINISHED_WITH_ERROR", "FAILED"));
    assert!(text(&row, "/reason").contains("more than one"), "{row}");
    assert_eq!(row["targetId"], Value::Null);
    assert_eq!(central.setting.methods(), [""; 0], "nothing is written");
}

#[tokio::test]
async fn f157_the_log_shows_application_both_identifiers_operation_and_state() {
    let central = Central::new().await;
    let setting = &central.setting;
    let ann = central.user("ann").await;
    central.read().await;
    assert_eq!(central.log("").await, Vec::<Value>::new(), "nothing has changed");
    central.switch(&["app-1"]).await;
    let team = central.group("Team", "app-1", &[]).await;
    let row = central.rows(&team, 1).await.remove(0);
    let made = setting.server.all("Groups").await.unwrap().remove(0);
    for (place, value) in [
        ("/target", "App"),
        ("/applicationId", "app-1"),
        ("/sourceId", team.as_str()),
        ("/targetId", text(&made, "/id")),
        ("/entityType", "group"),
        ("/status", "FINISHED_SUCCESSFULLY"),
        ("/operation", "CREATE"),
        ("/state", "CREATED"),
    ] {
        assert_eq!(text(&row, place), value, "{row}");
    }
    assert!(row["startMs"].as_u64().unwrap() > 0);
    // It fails: the reason is there.
    setting.relay.set_rule(|method, _, _| match method {
        "GET" => Answer::Pass,
        _ => Answer::Instead(400, Vec::new(), r#"{"detail":"no such luck"}"#.to_owned()),
    });
    central.add(&team, &ann).await;
    let rows = central.rows(&team, 2).await;
    assert_eq!((text(&rows[0], "/status"), text(&rows[0], "/state")), ("FINISHED_WITH_ERROR", "FAILED"));
    assert!(text(&rows[0], "/reason").contains("no such luck"), "{rows:?}");
    for (query, count) in [
        ("?target=App", 2),
        ("?target=Other", 0),
        ("?applicationId=app-1", 2),
        ("?applicationId=app-2", 0),
        ("?status=FINISHED_WITH_ERROR", 1),
        ("?limit=1", 1),
    ] {
        assert_eq!(central.log(query).await.len(), count, "{query}");
    }
    // A source that is switched off: an error, without a target.
    setting.change("Directory", |source| source["enabled"] = json!(false)).await;
    let lost = central.group("Lost", "app-1", &[]).await;
    let row = central.rows(&lost, 1).await.remove(0);
    assert_eq!((text(&row, "/status"), &row["target"]), ("FINISHED_WITH_ERROR", &Value::Null));
    assert!(text(&row, "/reason").contains("disabled"), "{row}");
}

#[tokio::test]
async fn a_change_before_a_crash_is_pushed_after_it() {
    let mut central = Central::new().await;
    central.read().await;
    central.switch(&["app-1"]).await;
    for round in 0..5 {
        let name = format!("Team {round}");
        let team = central.group(&name, "app-1", &[]).await;
        central.setting.engine.kill();
        central.setting.engine.restart().await.unwrap();
        for _ in 0..500 {
            let groups = central.groups(&central.setting.server).await;
            if groups.iter().any(|(there, _)| *there == name) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let groups = central.groups(&central.setting.server).await;
        let there = groups.iter().filter(|(there, _)| *there == name).count();
        assert_eq!(there, 1, "{team} {:?} {groups:?}", central.log("").await);
    }
}
