//! The source's side: F049 to F058.

use crate::setting::{Setting, edit_document};
use crate::systems::{counters, csv_source, document, scim_source, write_users};
use gangway_kit::{Method, free_port, text};
use gangway_model::{Action, JobStatus};
use serde_json::{Value, json};

const HEADER: &str = "id,userName,givenName,familyName,email,department,title,type,active\n";

fn write_rows(setting: &Setting, rows: &str) {
    std::fs::write(setting.folder.path().join("users.csv"), format!("{HEADER}{rows}")).unwrap();
    crate::systems::write_no_groups(setting.folder.path());
}

/// The read document of CSV files with a change in its users.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut document: Value = serde_json::from_str(&document("csv/types/csv.read.json")).unwrap();
    change(&mut document);
    document.to_string()
}

fn mapping(document: &mut Value, mapping: Value) {
    document["user"]["mappings"].as_array_mut().unwrap().push(mapping);
}

#[tokio::test]
async fn f049_who_fails_the_read_condition_is_skipped_with_the_expression() {
    let setting = Setting::new().await;
    write_rows(&setting, "A,a,A,A,a@x.org,x,,employee,true\nB,b,B,B,b@x.org,x,,service,true\n");
    let job = setting.api.run("HR").await.unwrap();
    let row = counters(&job, "user", Action::Read);
    assert_eq!((job.status, row.read, row.skipped), (JobStatus::Success, 1, 1));
    let lines = setting.api.events(job.id.as_str(), "skipped").await.unwrap();
    assert_eq!((lines.len(), text(&lines[0], "/sourceId")), (1, "B"));
    assert!(text(&lines[0], "/reason").contains("$.type != 'service'"), "{lines:?}");
}

#[tokio::test]
async fn f050_a_missing_mandatory_value_fails_one_entity_and_names_the_attribute() {
    let setting = Setting::new().await;
    write_rows(&setting, "A,a,A,A,a@x.org,x,,employee,true\nB,b,B,,b@x.org,x,,employee,true\n");
    let job = setting.api.run("HR").await.unwrap();
    let row = counters(&job, "user", Action::Read);
    assert_eq!((row.read, row.failed, counters(&job, "user", Action::Write).created), (1, 1, 1), "{job:?}");
    let lines = setting.api.events(job.id.as_str(), "failed").await.unwrap();
    assert_eq!((lines.len(), text(&lines[0], "/sourceId")), (1, "B"));
    assert!(text(&lines[0], "/error/message").contains("$.familyName"), "{lines:?}");
}

#[tokio::test]
async fn f051_a_default_value_stands_in_for_a_missing_one() {
    let read = changed(|document| {
        let value = json!({ "sourcePath": "$.title", "optional": true, "defaultValue": "none", "targetPath": "$.title" });
        mapping(document, value);
    });
    let setting = Setting::with(|source| source["read"]["document"] = json!(read), |_| ()).await;
    write_rows(&setting, "A,a,A,A,a@x.org,x,,employee,true\nB,b,B,B,b@x.org,x,Boss,employee,true\n");
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success);
    let users = setting.server.all("Users").await.unwrap();
    let mut titles: Vec<_> = users.iter().map(|u| (text(u, "/userName"), text(u, "/title"))).collect();
    titles.sort_unstable();
    assert_eq!(titles, [("a", "none"), ("b", "Boss")]);
}

#[tokio::test]
async fn f052_a_type_that_is_ignored_is_not_read_and_has_no_row() {
    let read = changed(|document| document["group"] = json!({ "ignore": true, "mappings": [] }));
    let setting = Setting::with(|source| source["read"]["document"] = json!(read), |_| ()).await;
    write_users(setting.folder.path(), &[("A", "x")]);
    std::fs::write(setting.folder.path().join("groups.csv"), "id,displayName,members[]\ng,G,A\n").unwrap();
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success);
    let types: Vec<&str> = job.statistics.iter().map(|row| row.key.entity_type.as_str()).collect();
    assert_eq!(types, ["user", "user"]);
    assert!(setting.server.all("Groups").await.unwrap().is_empty());
}

#[tokio::test]
async fn f053_a_source_that_cannot_be_reached_ends_the_job_with_its_error() {
    let setting = Setting::new().await;
    let mut source = scim_source("Gone", &format!("http://127.0.0.1:{}/v2", free_port().unwrap()), "x");
    source["properties"]["ips.failed.request.retry.attempts"] = json!("0");
    setting.api.make_system(source).await.unwrap();
    let mut app = setting.api.ok(Method::GET, "systems/App", None).await.unwrap();
    app["sources"].as_array_mut().unwrap().push(json!("Gone"));
    setting.api.ok(Method::PUT, "systems/App", Some(app)).await.unwrap();
    let job = setting.api.run("Gone").await.unwrap();
    assert_eq!(job.status, JobStatus::FinishedWithError);
    let error = job.error.unwrap();
    assert!(error.contains("\"Gone\"") && error.contains("unavailable"), "{error}");
    assert!(setting.api.events(job.id.as_str(), "failed").await.unwrap().is_empty(), "no entity is at fault");
}

#[tokio::test]
async fn f055_a_property_that_is_not_there_becomes_null_and_values_are_not_expanded_again() {
    let read = changed(|document| {
        mapping(document, json!({ "constant": "%not.there%-%once%", "targetPath": "$.title" }));
    });
    let source = |source: &mut Value| {
        source["read"]["document"] = json!(read);
        source["properties"] = json!({ "once": "%twice%", "twice": "x" });
    };
    let setting = Setting::with(source, |_| ()).await;
    write_users(setting.folder.path(), &[("A", "x")]);
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success);
    assert_eq!(text(&setting.server.all("Users").await.unwrap()[0], "/title"), "null-%twice%");
}

#[tokio::test]
async fn f058_a_correlation_attribute_counts_people_and_changes_nothing_else() {
    let setting = Setting::new().await;
    // Two people with one value of what is marked remain two.
    let rows = "A,a,A,A,a@x.org,same,,employee,true\nB,b,B,B,b@x.org,same,,employee,true\n";
    write_rows(&setting, rows);
    let mark = |on: bool| {
        setting.change("HR", move |hr| {
            edit_document(hr, "read", "user", |user| {
                let last = user["mappings"].as_array_mut().unwrap().last_mut().unwrap();
                assert_eq!(last["sourcePath"], "$.department");
                last["correlationAttribute"] = json!(on);
            });
        })
    };
    mark(true).await;
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!((job.status, counters(&job, "user", Action::Write).created), (JobStatus::Success, 2));
    let users = setting.server.all("Users").await.unwrap();
    assert!(users.iter().all(|user| !user.to_string().contains("orrelation")), "{users:?}");
    // A second source with the same person is matched by the unique attribute or not at all.
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("users.csv"), format!("{HEADER}Z,z,Z,Z,z@x.org,same,,employee,true\n"))
        .unwrap();
    crate::systems::write_no_groups(other.path());
    let mut second = csv_source("Second", other.path());
    second["read"] = setting.api.ok(Method::GET, "systems/HR", None).await.unwrap()["read"].clone();
    setting.api.make_system(second).await.unwrap();
    setting.change("App", |app| app["sources"].as_array_mut().unwrap().push(json!("Second"))).await;
    let job = setting.api.run("Second").await.unwrap();
    assert_eq!((job.status, counters(&job, "user", Action::Write).created), (JobStatus::Success, 1));
    let people = async || setting.api.ok(Method::GET, "identities", None).await.unwrap();
    // The one of the second source is the same person as both of the first.
    assert_eq!(people().await["identities"], 1);
    assert_eq!(
        people().await["users"],
        json!([{ "source": "HR", "users": 2 }, { "source": "Second", "users": 1 }])
    );
    // Taking the mark away is no change of anybody.
    mark(false).await;
    assert_eq!(people().await["identities"], 3);
    setting.relay.clear();
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!((job.status, setting.writes().len()), (JobStatus::Success, 0), "{job:?}");
    assert_eq!(setting.users().await.len(), 3);
}

#[tokio::test]
async fn f056_a_scim_source_is_asked_for_pages_of_the_size_of_the_property() {
    let setting = Setting::new().await;
    let url = format!("{}/v2", setting.relay.url());
    let mut source = scim_source("Back", &url, setting.server.token());
    source["properties"]["scim.page.size"] = json!("2");
    setting.api.make_system(source).await.unwrap();
    setting.api.load(&["discard"]).await.unwrap();
    let target = json!({ "name": "Nowhere", "role": "target", "plugin": "discard", "sources": ["Back"],
        "grants": { "relations": true },
        "write": { "plugin": "json-transformation", "document": document("scim2/types/scim.write.json") } });
    setting.api.make_system(target).await.unwrap();
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "x")]);
    setting.api.run("HR").await.unwrap();
    setting.relay.clear();
    let job = setting.api.run("Back").await.unwrap();
    assert_eq!(counters(&job, "user", Action::Read).read, 3, "{job:?}");
    let pages = setting
        .relay
        .requests()
        .into_iter()
        .filter(|r| r.path.contains("Users") && r.path.contains("count=2"));
    assert_eq!(pages.count(), 2);
}
