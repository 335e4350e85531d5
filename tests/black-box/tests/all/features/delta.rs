//! Full and delta read: F033 to F048.

use crate::systems::{counters, document, scim_source, scim_target};
use gangway_kit::{Api, Engine, Method, Relay, text};
use gangway_model::{Action, Job, JobStatus, ReadMode};
use serde_json::{Value, json};

/// A source whose people its properties describe, and a target that takes everything.
struct Setting {
    _engine: Engine,
    api: Api,
    source: Value,
}

const READ: &str = r#"{ "user": { "condition": "$.title != 'Title hidden'", "mappings": [
  { "sourcePath": "$.id", "targetVariable": "entityIdSourceSystem" },
  { "sourcePath": "$", "targetPath": "$" } ] } }"#;
const WRITE: &str = r#"{ "user": { "mappings": [ { "sourcePath": "$", "targetPath": "$" } ] } }"#;

impl Setting {
    async fn new(properties: &[(&str, &str)]) -> Self {
        let engine = Engine::start().await.unwrap();
        let api = engine.api("delta").unwrap();
        api.make_tenant().await.unwrap();
        api.load(&["chaos", "discard", "json-transformation"]).await.unwrap();
        let mut setting = Self { _engine: engine, api, source: Value::Null };
        setting.source = json!({
            "name": "Chaos", "role": "source", "plugin": "chaos", "enabled": true,
            "properties": { "chaos.users": "5", "ips.delta.read": "enabled" },
            "read": { "plugin": "json-transformation", "document": READ },
        });
        for (name, value) in properties {
            setting.source["properties"][name] = json!(value);
        }
        setting.api.make_system(setting.source.clone()).await.unwrap();
        setting.target("Nowhere").await;
        setting
    }

    async fn target(&self, name: &str) {
        let target = json!({
            "name": name, "role": "target", "plugin": "discard", "enabled": true, "sources": ["Chaos"],
            "write": { "plugin": "json-transformation", "document": WRITE },
        });
        self.api.make_system(target).await.unwrap();
    }

    /// Sets properties of the source; the system as it is answered.
    async fn set(&mut self, properties: &[(&str, &str)]) -> Value {
        for (name, value) in properties {
            self.source["properties"][name] = json!(value);
        }
        self.api.ok(Method::PUT, "systems/Chaos", Some(self.source.clone())).await.unwrap()
    }

    async fn read(&self) -> Job {
        self.api.run("Chaos").await.unwrap()
    }

    async fn cursor(&self) -> Value {
        self.api.ok(Method::GET, "systems/Chaos/delta", None).await.unwrap()
    }
}

/// How it read, and how many were read, created, updated and deleted.
pub(crate) fn came_to(job: &Job) -> (ReadMode, [u64; 4]) {
    let (read, write) = (counters(job, "user", Action::Read), counters(job, "user", Action::Write));
    (job.read_mode, [read.read, write.created, write.updated, write.deleted])
}

#[tokio::test]
async fn f033_the_first_read_is_full_even_if_delta_is_switched_on() {
    let setting = Setting::new(&[]).await;
    let job = setting.read().await;
    assert_eq!(came_to(&job), (ReadMode::Full, [5, 5, 0, 0]), "{job:?}");
    assert!(job.reading.unwrap().reason.contains("no full read has succeeded yet"));
}

#[tokio::test]
async fn f033_the_first_read_after_a_reset_of_source_or_target_is_full() {
    let setting = Setting::new(&[]).await;
    for system in ["Chaos", "Nowhere"] {
        setting.read().await;
        assert_eq!(setting.read().await.read_mode, ReadMode::Delta);
        setting.api.ok(Method::POST, &format!("systems/{system}/reset"), None).await.unwrap();
        assert_eq!(
            came_to(&setting.read().await),
            (ReadMode::Full, [5, 5, 0, 0]),
            "after a reset of {system}"
        );
    }
}

#[tokio::test]
async fn f034_after_a_successful_full_read_the_next_is_by_changes() {
    let mut setting = Setting::new(&[]).await;
    setting.read().await;
    assert_eq!(came_to(&setting.read().await), (ReadMode::Delta, [0, 0, 0, 0]));
    setting.set(&[("chaos.users", "7")]).await;
    assert_eq!(came_to(&setting.read().await), (ReadMode::Delta, [2, 2, 0, 0]));
    assert_eq!(came_to(&setting.read().await), (ReadMode::Delta, [0, 0, 0, 0]), "the cursor moved on");
    // A target that came later has had nothing of it yet.
    setting.target("Elsewhere").await;
    let job = setting.read().await;
    assert_eq!(job.read_mode, ReadMode::Full);
    assert!(job.reading.unwrap().reason.contains("Elsewhere"));
}

#[tokio::test]
async fn f041_a_run_that_fails_is_made_up_for_by_the_next_delta_read() {
    let mut setting = Setting::new(&[]).await;
    setting.read().await;
    let fault = r#"[{ "on": "read-page", "do": "error", "code": "unavailable" }]"#;
    setting.set(&[("chaos.users", "6"), ("chaos.faults", fault)]).await;
    let before = setting.cursor().await;
    assert_eq!(setting.read().await.status, JobStatus::FinishedWithError);
    assert_eq!(setting.cursor().await["cursor"]["marks"], before["cursor"]["marks"]);
    setting.set(&[("chaos.faults", "[]")]).await;
    assert_eq!(came_to(&setting.read().await), (ReadMode::Delta, [1, 1, 0, 0]));
}

#[tokio::test]
async fn f042_a_delta_read_deletes_nothing_for_who_is_not_in_it() {
    let mut setting = Setting::new(&[]).await;
    setting.read().await;
    setting.set(&[("chaos.first", "3")]).await;
    assert_eq!(came_to(&setting.read().await), (ReadMode::Delta, [0, 0, 0, 0]));
    setting.set(&[("ips.delta.read", "false")]).await;
    assert_eq!(came_to(&setting.read().await), (ReadMode::Full, [3, 0, 0, 2]));
}

#[tokio::test]
async fn who_is_gone_by_the_sources_own_word_is_deleted_in_a_delta_read() {
    let mut setting = Setting::new(&[("chaos.delta.tombstones", "true")]).await;
    setting.read().await;
    setting.set(&[("chaos.first", "3")]).await;
    let job = setting.read().await;
    assert_eq!(came_to(&job), (ReadMode::Delta, [0, 0, 0, 2]), "{job:?}");
}

#[tokio::test]
async fn who_fails_a_condition_in_a_delta_read_is_deleted_behind_the_same_gates() {
    let mut setting = Setting::new(&[]).await;
    setting.read().await;
    let mut target = setting.api.ok(Method::GET, "systems/Nowhere", None).await.unwrap();
    target["properties"]["ips.delete.threshold.users"] = json!("4");
    setting.api.ok(Method::PUT, "systems/Nowhere", Some(target.clone())).await.unwrap();
    setting.set(&[("chaos.revision", "hidden")]).await;
    let job = setting.read().await;
    assert_eq!(came_to(&job), (ReadMode::Delta, [0, 0, 0, 0]));
    assert_eq!(counters(&job, "user", Action::Write).failed, 5, "{job:?}");
    // What was held is pending, and goes when the gate is open.
    target["properties"]["ips.delete.threshold.users"] = json!("5");
    setting.api.ok(Method::PUT, "systems/Nowhere", Some(target)).await.unwrap();
    let job = setting.read().await;
    assert_eq!(came_to(&job), (ReadMode::Delta, [0, 0, 0, 5]), "{job:?}");
}

#[tokio::test]
async fn f046_the_job_shows_how_it_read() {
    let setting = Setting::new(&[]).await;
    for (kind, mode) in [("READ", "FULL"), ("READ", "DELTA"), ("RESYNC", "FULL")] {
        let job = setting.api.start("Chaos", kind).await.unwrap();
        setting.api.wait(job.id.as_str(), std::time::Duration::from_secs(60)).await.unwrap();
        let shown = setting.api.ok(Method::GET, &format!("jobs/{}", job.id), None).await.unwrap();
        assert_eq!(text(&shown, "/readMode"), mode, "{shown}");
        assert!(!text(&shown, "/reading/reason").is_empty());
    }
}

#[tokio::test]
async fn f047_the_cursor_is_shown_and_stands_before_the_start_of_the_read() {
    let setting = Setting::new(&[("ips.delta.read.margin", "90")]).await;
    assert_eq!(setting.cursor().await, json!({ "cursor": null, "marginMs": 90_000 }));
    let job = setting.read().await;
    let cursor = setting.cursor().await;
    let from = cursor["cursor"]["fromMs"].as_u64().unwrap();
    let (start, end) = (job.start_ms, job.end_ms.unwrap());
    assert!((start - 90_000..=end - 90_000).contains(&from), "{from} {start} {end}");
    assert_eq!(text(&cursor, "/cursor/job"), job.id.as_str());
    assert!(text(&cursor, "/cursor/marks/user").contains("users"));
}

#[tokio::test]
async fn f048_delta_without_a_planned_full_read_is_warned_of() {
    let mut setting = Setting::new(&[("ips.delta.read", "disabled")]).await;
    let warnings = |system: &Value| system["warnings"].as_array().unwrap().len();
    assert_eq!(warnings(&setting.set(&[]).await), 0);
    let system = setting.set(&[("ips.delta.read", "enabled")]).await;
    assert!(text(&system, "/warnings/0").contains("ips.full.read.force.count"), "{system}");
    setting.read().await;
    assert!(setting.read().await.outcome.iter().any(|line| line.contains("no full read is planned")));
    assert_eq!(warnings(&setting.set(&[("ips.full.read.force.count", "10")]).await), 0);
}

/// An engine that reads its own directory by changes, into a target that takes everything.
async fn directory(properties: &[(&str, &str)]) -> (Engine, Api) {
    let engine = Engine::start().await.unwrap();
    let api = engine.api("delta").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["scim2", "discard", "json-transformation"]).await.unwrap();
    let url = format!("{}/tenants/delta/scim/v2", engine.url());
    let mut source = scim_source("Directory", &url, engine.token());
    source["properties"]["ips.delta.read"] = json!("enabled");
    source["properties"]["ips.delta.read.margin"] = json!("0");
    for (name, value) in properties {
        source["properties"][name] = json!(value);
    }
    api.make_system(source).await.unwrap();
    api.make_system(json!({
        "name": "Nowhere", "role": "target", "plugin": "discard", "enabled": true, "sources": ["Directory"],
        "grants": { "relations": true },
        "write": { "plugin": "json-transformation", "document": document("scim2/types/scim.write.json") },
    }))
    .await
    .unwrap();
    (engine, api)
}

async fn add(api: &Api, endpoint: &str, resource: Value) -> String {
    let path = format!("/tenants/delta/scim/v2/{endpoint}");
    let (status, made) = api.call(Method::POST, &path, Some(resource)).await.unwrap();
    assert!(status.is_success(), "{status} {made}");
    text(&made, "/id").to_owned()
}

async fn add_user(api: &Api, name: &str) -> String {
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    let email = format!("{name}@example.com");
    let user = json!({ "schemas": [schema], "userName": name, "emails": [{ "value": email }],
                       "name": { "familyName": name } });
    add(api, "Users", user).await
}

#[tokio::test]
async fn f040_a_delta_read_asks_only_for_what_changed() {
    let (_engine, api) = directory(&[]).await;
    for name in ["ann", "ben", "cid"] {
        add_user(&api, name).await;
    }
    let job = api.run("Directory").await.unwrap();
    assert_eq!(came_to(&job), (ReadMode::Full, [3, 3, 0, 0]), "{job:?}");
    add_user(&api, "dan").await;
    let job = api.run("Directory").await.unwrap();
    assert_eq!(came_to(&job), (ReadMode::Delta, [1, 1, 0, 0]), "{job:?}");
    assert_eq!(came_to(&api.run("Directory").await.unwrap()), (ReadMode::Delta, [0, 0, 0, 0]));
}

#[tokio::test]
async fn f045_a_source_that_tells_changes_of_users_alone_has_its_groups_read_in_full_reads() {
    let (_engine, api) = directory(&[("scim.delta.entity.types", "user")]).await;
    let ann = add_user(&api, "ann").await;
    let group = |name: &str| {
        let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
        json!({ "schemas": [schema], "displayName": name, "members": [{ "value": ann }] })
    };
    add(&api, "Groups", group("one")).await;
    let job = api.run("Directory").await.unwrap();
    assert_eq!(counters(&job, "group", Action::Write).created, 1, "{job:?}");
    add_user(&api, "ben").await;
    add(&api, "Groups", group("two")).await;
    let job = api.run("Directory").await.unwrap();
    assert_eq!((job.read_mode, counters(&job, "user", Action::Read).read), (ReadMode::Delta, 1));
    assert_eq!(counters(&job, "group", Action::Read).read, 0);
    assert!(job.outcome.iter().any(|line| line.contains("group entities were not read")), "{job:?}");
    let job = api.start("Directory", "RESYNC").await.unwrap();
    let job = api.wait(job.id.as_str(), std::time::Duration::from_secs(60)).await.unwrap();
    assert_eq!(counters(&job, "group", Action::Write).created, 1, "{job:?}");
}

/// Deletes one of so many users of a directory, and gives the requests of the delta read that follows.
async fn requests_for_one_deletion(users: usize) -> usize {
    let engine = Engine::start().await.unwrap();
    let (api, elsewhere) = (engine.api("delta").unwrap(), engine.api("elsewhere").unwrap());
    api.make_tenant().await.unwrap();
    elsewhere.make_tenant().await.unwrap();
    api.load(&["scim2", "json-transformation"]).await.unwrap();
    let relay = Relay::start(&engine.url()).await.unwrap();
    let url = |tenant: &str| format!("{}/tenants/{tenant}/scim/v2", relay.url());
    let mut source = scim_source("Directory", &url("delta"), engine.token());
    source["properties"]["ips.delta.read"] = json!("enabled");
    source["properties"]["ips.delta.read.margin"] = json!("0");
    api.make_system(source).await.unwrap();
    let target = scim_target("Elsewhere", "Directory", &url("elsewhere"), engine.token());
    api.make_system(target).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..users {
        ids.push(add_user(&api, &format!("user{number}")).await);
    }
    let job = api.run("Directory").await.unwrap();
    assert_eq!(came_to(&job), (ReadMode::Full, [users as u64, users as u64, 0, 0]), "{job:?}");

    let path = format!("/tenants/delta/scim/v2/Users/{}", ids[users / 2]);
    assert_eq!(api.call(Method::DELETE, &path, None).await.unwrap().0.as_u16(), 204);
    relay.clear();
    let job = api.run("Directory").await.unwrap();
    assert_eq!(came_to(&job), (ReadMode::Delta, [0, 0, 0, 1]), "{job:?}");
    let requests = relay.requests().len();
    let left = api.call(Method::GET, "/tenants/elsewhere/scim/v2/Users?count=0", None).await.unwrap().1;
    assert_eq!(left["totalResults"], users - 1);
    // It is told once.
    assert_eq!(came_to(&api.run("Directory").await.unwrap()), (ReadMode::Delta, [0, 0, 0, 0]));
    requests
}

#[tokio::test]
async fn one_deletion_in_the_directory_costs_a_delta_read_the_same_however_large_it_is() {
    let (small, large) = (requests_for_one_deletion(30).await, requests_for_one_deletion(300).await);
    assert_eq!(small, large);
    assert!(large < 12, "{large} requests");
}
