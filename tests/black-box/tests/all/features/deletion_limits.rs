//! How much is deleted at once: F118, F119, F129 to F132, F059.

use crate::setting::{Setting, edit_document};
use crate::systems::{counters, csv_source, scim_target, write_users};
use gangway_kit::{Engine, Method, number, text};
use gangway_model::{Action, JobStatus};
use serde_json::json;

fn staff(count: usize) -> Vec<(String, String)> {
    (0..count).map(|n| (format!("U{n:04}"), "x".to_owned())).collect()
}

fn write_staff(folder: &std::path::Path, count: usize) {
    let staff = staff(count);
    let staff: Vec<(&str, &str)> = staff.iter().map(|(id, d)| (id.as_str(), d.as_str())).collect();
    write_users(folder, &staff);
}

#[tokio::test]
async fn f118_a_threshold_of_500_lets_400_and_500_go_and_none_of_501() {
    // A directory of the engine's own, which takes so many at once.
    let engine = Engine::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let api = engine.api("threshold").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
    api.make_system(csv_source("HR", folder.path())).await.unwrap();
    let url = format!("{}/tenants/threshold/scim/v2", engine.url());
    let mut app = scim_target("App", "HR", &url, engine.token());
    app["properties"]["ips.delete.threshold.users"] = json!({"value": "500"});
    app["properties"]["ips.undo"] = json!({"value": "off"});
    api.make_system(app).await.unwrap();
    write_staff(folder.path(), 1_000);
    let first = api.run("HR").await.unwrap();
    assert_eq!(first.status, JobStatus::Success, "{first:?}");
    let mut there = 1_000;
    for (gone, deleted, failed) in [(501, 0, 501), (500, 500, 0), (400, 400, 0)] {
        write_staff(folder.path(), there - gone);
        let job = api.run("HR").await.unwrap();
        let row = counters(&job, "user", Action::Write);
        assert_eq!((row.deleted, row.failed), (deleted, failed), "{gone}: {job:?}");
        there -= usize::try_from(deleted).unwrap();
        if failed > 0 {
            assert_eq!(job.status, JobStatus::FinishedWithError);
            assert!(job.outcome[0].contains("501 candidates are more than ips.delete.threshold.users = 500"));
            let lines = api.events(job.id.as_str(), "failed").await.unwrap();
            assert_eq!(lines.len(), 501);
            assert!(text(&lines[500], "/error/message").contains("ips.delete.threshold.users = 500"));
        }
    }
}

#[tokio::test]
async fn f119_users_and_groups_have_thresholds_of_their_own() {
    let setting = Setting::new().await;
    let write = |users: usize, groups: usize| {
        write_staff(setting.folder.path(), users);
        let mut file = String::from("id,displayName,members[]\n");
        (0..groups).for_each(|n| file.push_str(&format!("g{n},Team {n},\n")));
        std::fs::write(setting.folder.path().join("groups.csv"), file).unwrap();
    };
    write(4, 4);
    setting.api.run("HR").await.unwrap();
    setting.set("App", "ips.delete.threshold.users", Some("1")).await;
    setting.set("App", "ips.delete.threshold.groups", Some("2")).await;
    setting.set("App", "ips.delete.threshold.roles", Some("0")).await;
    write(2, 2);
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(counters(&job, "user", Action::Write).failed, 2);
    assert_eq!(counters(&job, "group", Action::Write).deleted, 2);
    setting.set("App", "ips.delete.threshold.users", Some("50%")).await;
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(counters(&job, "user", Action::Write).deleted, 2);
}

#[tokio::test]
async fn f129_nobody_loses_more_than_ten_accounts_without_having_said_so() {
    let setting = Setting::new().await;
    write_staff(setting.folder.path(), 30);
    setting.api.run("HR").await.unwrap();
    write_staff(setting.folder.path(), 19);
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(counters(&job, "user", Action::Write).failed, 11);
    assert!(job.outcome[0].contains("the default threshold of 10"), "{:?}", job.outcome);
    setting.set("App", "ips.delete.threshold.users", Some("unlimited")).await;
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(counters(&job, "user", Action::Write).deleted, 11);
}

#[tokio::test]
async fn f130_a_grace_period_spares_who_is_missing_once() {
    let setting = Setting::new().await;
    setting.set("App", "ips.delete.grace.reads", Some("2")).await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    let deleted = async |users| counters(&setting.read(users).await, "user", Action::Write).deleted;
    assert_eq!(deleted(&[("B", "x")]).await, 0);
    assert_eq!(deleted(&[("A", "x"), ("B", "x")]).await, 0);
    assert_eq!(deleted(&[("B", "x")]).await, 0, "counted anew");
    assert_eq!(deleted(&[("B", "x")]).await, 1);
}

#[tokio::test]
async fn f131_before_a_change_is_saved_it_says_whom_it_would_delete() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "y"), ("C", "y")]).await;
    setting.relay.clear();
    let system =
        async |name: &str| setting.api.ok(Method::GET, &format!("systems/{name}"), None).await.unwrap();
    let impact = async |name: &str, body| {
        let answer =
            setting.api.ok(Method::POST, &format!("systems/{name}/impact"), Some(body)).await.unwrap();
        answer["impact"].as_array().unwrap().iter().find(|row| row["entityType"] == "user").unwrap().clone()
    };
    // A condition of the source, one of the target, and the mapping of the identifier.
    let mut hr = system("HR").await;
    edit_document(&mut hr, "read", "user", |user| user["condition"] = "$.department == 'x'".into());
    let row = impact("HR", hr.clone()).await;
    assert_eq!((number(&row, "/managed"), number(&row, "/deleted")), (3, 2), "{row}");
    assert_eq!(row["examples"], json!(["B", "C"]));
    let mut app = system("App").await;
    edit_document(&mut app, "write", "user", |user| user["condition"] = "$.userName != 'a'".into());
    assert_eq!(number(&impact("App", app.clone()).await, "/deleted"), 1);
    let mut renamed = system("HR").await;
    edit_document(&mut renamed, "read", "user", |user| {
        user["mappings"][0]["sourcePath"] = "$.userName".into()
    });
    let row = impact("HR", renamed).await;
    assert_eq!((number(&row, "/created"), number(&row, "/deleted")), (3, 3), "{row}");
    // A deletion that is held, and what happens when it is held no longer.
    setting.write("user", |user| user["skipOperations"] = json!(["delete"])).await;
    setting.read(&[("A", "x"), ("B", "y")]).await;
    let mut app = system("App").await;
    assert_eq!(number(&impact("App", app.clone()).await, "/held"), 1);
    edit_document(&mut app, "write", "user", |user| user["skipOperations"] = json!([]));
    assert_eq!(number(&impact("App", app).await, "/deleted"), 1);
    assert_eq!(setting.writes().len(), 0, "nothing of this was written");

    // The command line asks before it saves.
    let file = setting.engine.folder().join("read.json");
    std::fs::write(&file, text(&hr, "/read/document")).unwrap();
    let file = file.to_str().unwrap();
    setting.write("user", |user| user["skipOperations"] = json!([])).await;
    let refused = setting.engine.cli("setting", &["system", "transformation", "HR", "read", file]).unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("the next job would delete"), "{said}");
    assert_ne!(system("HR").await["read"], hr["read"]);
    let saved =
        setting.engine.cli("setting", &["system", "transformation", "HR", "read", file, "--yes"]).unwrap();
    assert!(saved.status.success(), "{saved:?}");
    assert_eq!(system("HR").await["read"], hr["read"]);
}

#[tokio::test]
async fn f132_the_gate_may_be_of_one_entity_type() {
    let setting = Setting::new().await;
    let write = |groups: &str| {
        write_users(setting.folder.path(), &[("A", "x"), ("B", "x")]);
        std::fs::write(
            setting.folder.path().join("groups.csv"),
            format!("id,displayName,members[]\n{groups}"),
        )
        .unwrap();
    };
    write("g1,Team 1,\ng2,Team 2,\n");
    setting.api.run("HR").await.unwrap();
    let damage = || {
        write("g1,Team 1,\n");
        let damaged = "id,userName,givenName,familyName,email,department,title,type,active\nA,a,,,,,,,\n";
        std::fs::write(setting.folder.path().join("users.csv"), damaged).unwrap();
    };
    damage();
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(counters(&job, "group", Action::Write).deleted, 0);
    setting.set("App", "ips.delete.gate.per.entity.type", Some("true")).await;
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(counters(&job, "group", Action::Write).deleted, 1, "{job:?}");
    assert_eq!(counters(&job, "user", Action::Write).deleted, 0);
    assert_eq!(setting.users().await.len(), 2);
}

#[tokio::test]
async fn f059_a_source_that_suddenly_delivers_far_less_loses_nobody_an_account() {
    let setting = Setting::new().await;
    setting.set("HR", "ips.read.drop.limit", Some("30%")).await;
    setting.set("App", "ips.delete.threshold.users", Some("unlimited")).await;
    setting.read(&[("A", "x"), ("B", "x"), ("C", "x"), ("D", "x")]).await;
    let job = setting.read(&[("A", "x")]).await;
    assert_eq!(counters(&job, "user", Action::Write).deleted, 0);
    assert!(
        job.outcome[0].contains("\"HR\" delivered 1 user entities, and 4 in the full read before"),
        "{:?}",
        job.outcome
    );
    let job = setting.read(&[("A", "x"), ("B", "x"), ("C", "x")]).await;
    assert_eq!(counters(&job, "user", Action::Write).deleted, 1, "{:?}", job.outcome);
}
