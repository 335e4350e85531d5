//! Scheduling: F021 to F032.

use crate::setting::Setting;
use crate::systems::write_users;
use gangway_kit::{Engine, EngineOptions, Method, text};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn f028_a_reset_system_keeps_its_schedule_and_a_reset_tenant_does_not() {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x")]);
    setting.api.run("HR").await.unwrap();
    let said =
        setting.engine.cli("setting", &["schedule", "set", "HR", "--every", "2h", "--activate"]).unwrap();
    assert!(String::from_utf8(said.stdout).unwrap().starts_with("HR: READ every 2h, on\nnext: "));
    let history = async || setting.api.ok(Method::GET, "entities/A/history", None).await.unwrap();
    assert_eq!(history().await["relations"].as_array().unwrap().len(), 1);
    let done = setting.engine.cli("setting", &["system", "reset", "HR", "--yes"]).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(history().await["relations"].as_array().unwrap().len(), 0);
    let kept = setting.api.ok(Method::GET, "systems/HR/schedule", None).await.unwrap();
    assert_eq!((text(&kept, "/every"), &kept["active"]), ("2h", &json!(true)));
    // The next job finds the account that it knew.
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.statistics.iter().map(|row| row.counters.updated).sum::<u64>(), 1, "{job:?}");
    let path = setting.api.path("reset");
    let (status, _) = setting.api.call(Method::POST, &path, Some(json!({ "confirm": "no" }))).await.unwrap();
    assert_eq!(status, 422);
    setting.api.ok(Method::POST, "reset", Some(json!({ "confirm": "setting" }))).await.unwrap();
    for (list, name) in [("schedules", "schedules"), ("systems", "systems"), ("jobs", "jobs")] {
        let left = setting.api.ok(Method::GET, list, None).await.unwrap();
        assert_eq!(left[name], json!([]), "{list}");
    }
}

#[tokio::test]
async fn a_schedule_starts_jobs_and_survives_a_restart() {
    let arguments = vec!["--schedule-minimum".to_owned(), "1s".to_owned()];
    let mut engine =
        Engine::start_with(EngineOptions { arguments, ..EngineOptions::default() }).await.unwrap();
    let api = engine.api("acme").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv", "json-transformation"]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_users(folder.path(), &[("A", "x")]);
    api.make_system(crate::systems::csv_source("HR", folder.path())).await.unwrap();
    let body = json!({ "every": "1s", "active": true });
    api.ok(Method::PUT, "systems/HR/schedule", Some(body)).await.unwrap();
    let next = async |known: usize| {
        for _ in 0..400 {
            let jobs = api.ok(Method::GET, "jobs", None).await.unwrap();
            if jobs["jobs"].as_array().unwrap().len() > known {
                return jobs;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no job started");
    };
    let jobs = next(0).await;
    assert_eq!(
        (text(&jobs, "/jobs/0/trigger/type"), &jobs["jobs"][0]["trigger"]["by"]),
        ("REPEAT", &json!(null))
    );
    engine.stop();
    engine.restart().await.unwrap();
    let known = api.ok(Method::GET, "jobs", None).await.unwrap()["jobs"].as_array().unwrap().len();
    next(known).await;
}
