//! Logs and traces: F145 to F160.

use crate::setting::Setting;
use crate::systems::write_users;
use gangway_kit::{Method, text};
use gangway_model::JobStatus;

/// Reads everybody into the target.
async fn read(setting: &Setting, users: &[(&str, &str)]) -> gangway_model::Job {
    write_users(setting.folder.path(), users);
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?} {}", setting.engine.log());
    job
}

#[tokio::test]
async fn f159_the_history_of_an_entity_is_found_over_all_jobs() {
    let setting = Setting::new().await;
    read(&setting, &[("A", "x"), ("B", "x")]).await;
    read(&setting, &[("A", "y"), ("B", "x")]).await;
    let last = read(&setting, &[("B", "x")]).await;
    let history = setting.api.ok(Method::GET, "entities/A/history", None).await.unwrap();
    let states: Vec<_> =
        history["events"].as_array().unwrap().iter().map(|e| text(e, "/state").to_owned()).collect();
    assert_eq!(states, ["deleted", "updated", "created"], "newest first: {history}");
    let first = &history["events"][0];
    assert_eq!((text(first, "/systemName"), text(first, "/sourceName")), ("App", "HR"));
    assert_eq!(text(first, "/job"), last.id.as_str());
    assert_eq!(history["relations"].as_array().unwrap().len(), 0, "{history}");

    // By the identifier in the target, too.
    let target_id = text(first, "/targetId");
    assert_ne!(target_id, "A");
    let same = setting.api.ok(Method::GET, &format!("entities/{target_id}/history?system=App"), None).await;
    assert_eq!(same.unwrap()["events"], history["events"]);
    let why = setting.engine.cli("setting", &["why", "A"]).unwrap();
    let said = String::from_utf8(why.stdout).unwrap();
    assert!(said.starts_with("last deleted from \"App\""), "{said}");
    assert!(said.contains("it was not among the entities read from the source"), "{said}");
    let why = setting.engine.cli("setting", &["why", "B"]).unwrap();
    let said = String::from_utf8(why.stdout).unwrap();
    assert!(said.starts_with("not deleted: user \"B\" of \"HR\" is"), "{said}");
    let why = setting.engine.cli("setting", &["why", "nobody"]).unwrap();
    assert!(String::from_utf8(why.stdout).unwrap().starts_with("nothing is known of \"nobody\""));
}
