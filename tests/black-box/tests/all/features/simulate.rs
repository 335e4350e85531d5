//! Simulations, plans and their application: F009, F010, F170 to F173.

use crate::setting::{Setting, pairs};
use crate::systems::{counters, write_users};
use gangway_kit::{Api, Method, text};
use gangway_model::{Action, Counters, Job, JobStatus, ReadMode};
use serde_json::{Value, json};
use std::time::Duration;

/// Runs a simulation to its end.
async fn simulate(setting: &Setting, live: bool) -> Job {
    let body = json!({ "type": "SIMULATE", "live": live });
    let job = setting.api.ok(Method::POST, "systems/HR/jobs", Some(body)).await.unwrap();
    setting.api.wait(text(&job, "/id"), Duration::from_secs(60)).await.unwrap()
}

async fn operations(setting: &Setting, plan: &Job, query: &str) -> Vec<Value> {
    let below = format!("plans/{}/operations?limit=1000&{query}", plan.id);
    let answer = setting.api.ok(Method::GET, &below, None).await.unwrap();
    answer["operations"].as_array().unwrap().clone()
}

async fn act(setting: &Setting, plan: &Job, what: &str) -> (u16, Value) {
    let path = setting.api.path(&format!("plans/{}/{what}", plan.id));
    let (status, answer) = setting.api.call(Method::POST, &path, None).await.unwrap();
    (status.as_u16(), answer)
}

async fn apply(setting: &Setting, plan: &Job) -> Job {
    assert_eq!(act(setting, plan, "approve").await.0, 200);
    let (status, job) = act(setting, plan, "apply").await;
    assert_eq!(status, 202, "{job}");
    setting.api.wait(text(&job, "/id"), Duration::from_secs(60)).await.unwrap()
}

/// The target's own door, past the relay.
fn server(setting: &Setting) -> Api {
    let url = setting.server.url();
    Api::new(url.trim_end_matches("/v2"), setting.server.token(), "").unwrap()
}

/// Somebody else makes an account.
async fn create(setting: &Setting, name: &str) {
    let user = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name });
    let (status, answer) = server(setting).call(Method::POST, "/v2/Users", Some(user)).await.unwrap();
    assert_eq!(status, 201, "{answer}");
}

/// Somebody else changes an account.
async fn promote(setting: &Setting, name: &str) {
    let users = setting.server.all("Users").await.unwrap();
    let mut user = users.into_iter().find(|user| text(user, "/userName") == name).unwrap();
    user["title"] = json!("Boss");
    let path = format!("/v2/Users/{}", text(&user, "/id"));
    let (status, answer) = server(setting).call(Method::PUT, &path, Some(user)).await.unwrap();
    assert_eq!(status, 200, "{answer}");
}

fn row(job: &Job) -> Counters {
    counters(job, "user", Action::Write)
}

/// A, B, C, D in the target; then C changed, D gone, E new.
async fn a_month_later(setting: &Setting) {
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "x"), ("D", "x")]);
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success, "{}", setting.engine.log());
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "y"), ("E", "x")]);
    setting.relay.clear();
}

#[tokio::test]
async fn f009_resync_and_simulate_log_a_full_read() {
    let setting =
        Setting::with(|hr| hr["properties"] = json!({ "ips.delta.read": { "value": "enabled" } }), |_| ())
            .await;
    write_users(setting.folder.path(), &[("A", "x")]);
    setting.api.run("HR").await.unwrap();
    for kind in ["RESYNC", "SIMULATE"] {
        let job = setting.api.start("HR", kind).await.unwrap();
        let job = setting.api.wait(job.id.as_str(), Duration::from_secs(60)).await.unwrap();
        assert_eq!(job.read_mode, ReadMode::Full, "{kind}");
        assert_eq!(counters(&job, "user", Action::Read).read, 1, "{kind}");
    }
}

#[tokio::test]
async fn f010_a_simulation_sends_no_write() {
    let setting = Setting::new().await;
    a_month_later(&setting).await;
    for live in [false, true] {
        let job = simulate(&setting, live).await;
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        assert_eq!(row(&job).created, 1, "it had something to write");
        assert_eq!(setting.writes().len(), 0);
    }
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")]));
    // And nothing that the next job would take for done.
    let job = setting.api.run("HR").await.unwrap();
    let row = row(&job);
    assert_eq!((row.created, row.updated, row.deleted), (1, 1, 1), "{job:?}");
}

#[tokio::test]
async fn f170_a_simulation_counts_as_a_resync_does() {
    let setting = Setting::new().await;
    a_month_later(&setting).await;
    let foreseen = simulate(&setting, false).await;
    assert_eq!(setting.relay.requests().len(), 0, "the operational data are enough");
    let resync = setting.api.start("HR", "RESYNC").await.unwrap();
    let resync = setting.api.wait(resync.id.as_str(), Duration::from_secs(60)).await.unwrap();
    assert_eq!(foreseen.statistics, resync.statistics);
    let row = row(&foreseen);
    assert_eq!((row.created, row.updated, row.deleted), (1, 3, 1));
}

#[tokio::test]
async fn f171_a_missing_mandatory_attribute_is_foreseen() {
    let setting = Setting::with(
        |_| (),
        |app| {
            let document = json!({ "user": { "mappings": [
            { "sourcePath": "$.userName", "targetPath": "$.userName" },
            { "sourcePath": "$.title", "targetPath": "$.title" },
            { "targetPath": "$.id", "sourceVariable": "entityIdTargetSystem" },
        ] } });
            app["write"]["document"] = Value::from(document.to_string());
        },
    )
    .await;
    let users = "id,userName,familyName,title\nA,a,A,Clerk\nB,b,B,\n";
    std::fs::write(setting.folder.path().join("users.csv"), users).unwrap();
    crate::systems::write_no_groups(setting.folder.path());
    let job = simulate(&setting, false).await;
    assert_eq!((row(&job).created, row(&job).failed), (1, 1), "{job:?}");
    let failed = operations(&setting, &job, "verb=fail").await;
    assert_eq!(failed.len(), 1);
    assert_eq!(text(&failed[0], "/sourceId"), "B");
    assert!(text(&failed[0], "/reason").contains("$.title"), "{failed:?}");
}

#[tokio::test]
async fn f172_an_account_that_the_engine_does_not_know_is_foreseen_as_created() {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x")]);
    create(&setting, "a").await;
    let job = simulate(&setting, false).await;
    assert_eq!((row(&job).created, row(&job).updated), (2, 0));
    assert_eq!(setting.relay.requests().len(), 0);
}

#[tokio::test]
async fn f173_with_a_look_at_the_target_accounts_and_differences_are_known() {
    let setting = Setting::with(
        |_| (),
        |app| {
            app["properties"]["ips.delete.threshold.users"] = json!({ "value": "1" });
        },
    )
    .await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "x"), ("D", "x")]);
    setting.api.run("HR").await.unwrap();
    write_users(setting.folder.path(), &[("A", "x"), ("B", "y"), ("E", "x"), ("F", "x")]);
    create(&setting, "e").await;
    setting.relay.clear();
    let job = simulate(&setting, true).await;
    let row = row(&job);
    assert_eq!((row.created, row.updated, row.deleted), (1, 3, 0), "{job:?}\n{}", setting.engine.log());
    assert!(job.outcome.iter().any(|line| line.contains("2 candidates are more than")), "{:?}", job.outcome);
    let changed = operations(&setting, &job, "verb=update&changed=true&target=App&entityType=user").await;
    let ids: Vec<&str> = changed.iter().map(|o| text(o, "/sourceId")).collect();
    assert_eq!(ids, ["B", "E"]);
    // Values only for who asks.
    assert!(!changed[0].to_string().contains("\"y\""), "{}", changed[0]);
    let one = operations(&setting, &job, "entity=B&values=true").await;
    let [change] = one[0]["changes"].as_array().unwrap().as_slice() else { panic!("{one:?}") };
    assert!(text(change, "/path").ends_with("department"));
    assert_eq!((text(change, "/old"), text(change, "/new")), ("x", "y"));
    let shown =
        setting.engine.cli("setting", &["plan", "show", job.id.as_str(), "--verb", "create"]).unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("create  user  App     F"), "{shown}");
}

#[tokio::test]
async fn a_plan_is_applied_to_the_letter_once_it_is_approved() {
    let setting = Setting::new().await;
    a_month_later(&setting).await;
    let plan = simulate(&setting, false).await;
    let (status, problem) = act(&setting, &plan, "apply").await;
    assert_eq!(status, 409);
    assert!(text(&problem, "/detail").contains("nobody has approved it"), "{problem}");
    let job = apply(&setting, &plan).await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", setting.engine.log());
    assert_eq!(row(&job), row(&plan));
    assert_eq!(setting.methods(), ["DELETE", "POST", "PUT", "PUT", "PUT"]);
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x"), ("c", "y"), ("e", "x")]));
    let (status, problem) = act(&setting, &plan, "apply").await;
    assert_eq!(
        (status, text(&problem, "/detail").contains("carried it out already")),
        (409, true),
        "{problem}"
    );
    setting.relay.clear();
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success);
    assert_eq!(setting.writes().len(), 0, "the next Read finds nothing to do");
}

#[tokio::test]
async fn a_plan_is_not_applied_if_something_moved() {
    let setting = Setting::new().await;
    a_month_later(&setting).await;
    // Source: another department, one gone, one new.
    let plan = simulate(&setting, false).await;
    write_users(setting.folder.path(), &[("A", "z"), ("C", "y"), ("E", "x"), ("G", "x")]);
    let error = apply(&setting, &plan).await.error.unwrap();
    for part in
        ["user \"A\" of the source was changed", "\"B\" of the source is gone", "\"G\" of the source is new"]
    {
        assert!(error.contains(part), "{error}");
    }
    // Target: somebody changed an account that the plan was made from.
    let plan = simulate(&setting, true).await;
    promote(&setting, "a").await;
    let error = apply(&setting, &plan).await.error.unwrap();
    assert!(error.contains("user \"A\" in \"App\" was changed there") && !error.contains("\"C\""), "{error}");
    // Configuration.
    let plan = simulate(&setting, false).await;
    let mut app = setting.api.ok(Method::GET, "systems/App", None).await.unwrap();
    app["properties"]["ips.delete.threshold.users"] = json!({ "value": "7" });
    for read_only in ["id", "tenant", "role"] {
        app.as_object_mut().unwrap().remove(read_only);
    }
    app["role"] = json!("target");
    setting.api.ok(Method::PUT, "systems/App", Some(app)).await.unwrap();
    let error = apply(&setting, &plan).await.error.unwrap();
    assert!(error.contains("the configuration of system \"App\" was changed"), "{error}");
    assert_eq!(setting.writes().len(), 0);
    // Relations: another job was there.
    let plan = simulate(&setting, false).await;
    setting.api.run("HR").await.unwrap();
    let error = apply(&setting, &plan).await.error.unwrap();
    assert!(error.contains("another job wrote user \"G\" in \"App\""), "{error}");
}
