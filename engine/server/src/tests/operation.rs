use super::*;
use crate::ScheduleRules;
use gangway_model::{Job, TenantId};

const SCHEDULE: &str = "/api/v1/tenants/t/systems/HR/schedule";

async fn with_source() -> Engine {
    let engine = Engine::with_plugin().await;
    let source = json!({ "name": "HR", "role": "source", "plugin": "empty" });
    engine.ok("POST", "/api/v1/tenants/t/systems", source).await;
    engine
}

#[tokio::test]
async fn f013_triggered_by_names_the_caller() {
    let engine = with_source().await;
    let start = async |user: Option<&str>| {
        let mut request = Request::builder().method("POST").uri("/api/v1/tenants/t/systems/HR/jobs");
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", engine.token));
        if let Some(user) = user {
            request = request.header("Gangway-User", user);
        }
        let (status, job) = read(engine.send(request.body(r#"{"type":"READ"}"#.into()).unwrap()).await).await;
        engine.services.runner().idle().await;
        (status.as_u16(), job["trigger"]["by"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(start(Some("P000001")).await, (202, "P000001".to_owned()));
    let (status, by) = start(None).await;
    assert_eq!(status, 202);
    assert!(by.starts_with("Gangway API - ") && by.len() == "Gangway API - ".len() + 8, "{by}");
    assert!(!engine.token.contains(&by[14..]), "it is not part of the token");
    assert_eq!(start(Some(&"x".repeat(101))).await.0, 400);
}

#[tokio::test]
async fn f029_an_engine_may_refuse_to_schedule_anything_but_reads() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(folder.path());
    config.schedules = ScheduleRules { reads_only: true, ..ScheduleRules::default() };
    let Opened { services, token } = Services::open(config).await.unwrap();
    let engine = Engine { router: router(services.clone()), services, token: token.unwrap(), folder };
    engine.ok("POST", "/api/v1/tenants", json!({ "name": "t" })).await;
    engine.upload("empty", component("1.0.0")).await;
    engine
        .ok("POST", "/api/v1/tenants/t/systems", json!({ "name": "HR", "role": "source", "plugin": "empty" }))
        .await;
    let problem = engine.refused("PUT", SCHEDULE, json!({ "type": "RESYNC", "every": "2h" }), 422).await;
    assert_eq!(problem["problems"][0]["pointer"], "/type");
    engine.ok("PUT", SCHEDULE, json!({ "type": "READ", "every": "2h" })).await;
}

#[tokio::test]
async fn f031_a_schedule_that_is_saved_and_not_active_says_so() {
    let engine = with_source().await;
    engine.refused("GET", SCHEDULE, Value::Null, 404).await;
    engine.refused("POST", &format!("{SCHEDULE}/on"), Value::Null, 404).await;
    let saved = engine.ok("PUT", SCHEDULE, json!({ "every": "2h" })).await;
    description::fits("Schedule", &saved);
    assert_eq!((&saved["active"], &saved["next"]), (&json!(false), &json!([])));
    assert!(saved["notices"][0].as_str().unwrap().contains("not active"), "{saved}");
    let list = engine.ok("GET", "/api/v1/tenants/t/schedules", Value::Null).await;
    description::fits("ScheduleList", &list);
    assert_eq!(list["schedules"][0]["notices"], saved["notices"]);
    let on = engine.ok("POST", &format!("{SCHEDULE}/on"), Value::Null).await;
    assert_eq!(on["notices"], json!([]), "{on}");
    let short = engine.ok("PUT", SCHEDULE, json!({ "every": "5" })).await;
    assert_eq!(short["active"], true, "changing the period does not turn it off");
    assert!(short["notices"][0].as_str().unwrap().contains("30 minutes"));
    for (body, pointer) in [
        (json!({ "every": "59s" }), "/every"),
        (json!({ "weekdays": [], "time": "02:30" }), "/weekdays"),
        (json!({ "weekdays": ["monday"], "time": "" }), "/time"),
    ] {
        let problem = engine.refused("PUT", SCHEDULE, body, 422).await;
        assert_eq!(problem["problems"][0]["pointer"], pointer);
    }
    assert_eq!(engine.call("DELETE", SCHEDULE, Value::Null).await.0, 204);
    engine.refused("GET", SCHEDULE, Value::Null, 404).await;
}

#[tokio::test]
async fn f032_the_next_points_are_shown() {
    let engine = with_source().await;
    let settings = json!({ "timeZone": "Europe/Berlin" });
    engine.ok("PUT", "/api/v1/tenants/t/settings", settings).await;
    engine
        .ok("PUT", SCHEDULE, json!({ "weekdays": ["monday", "thursday"], "time": "06:00", "active": true }))
        .await;
    let shown = engine.ok("GET", &format!("{SCHEDULE}?count=7"), Value::Null).await;
    assert_eq!(shown["timeZone"], "Europe/Berlin");
    let points: Vec<u64> = shown["next"].as_array().unwrap().iter().map(|p| p.as_u64().unwrap()).collect();
    assert_eq!(points.len(), 7);
    let hour = 3_600_000;
    for pair in points.windows(2) {
        let hours = (pair[1] - pair[0]) / hour;
        // Three days and four, but for the hour by which the clocks change.
        assert!([71, 72, 73, 95, 96, 97].contains(&hours), "{hours}");
    }
    for wrong in [json!({ "timeZone": "Mars" }), json!({ "logRetentionDays": 8 })] {
        engine.refused("PUT", "/api/v1/tenants/t/settings", wrong, 422).await;
    }
    let kept = engine.ok("GET", "/api/v1/tenants/t/settings", Value::Null).await;
    assert_eq!(kept, json!({ "timeZone": "Europe/Berlin", "logRetentionDays": 7 }));
}

#[tokio::test]
async fn f152_all_logs_are_downloaded_in_parts_of_three_thousand() {
    let engine = Engine::with_plugin().await;
    let store = engine.services.store().tenant(&TenantId::new("t")).unwrap();
    let parts = async |part: usize| {
        let path = format!("/api/v1/tenants/t/job-logs?part={part}");
        let response = engine.raw("GET", &path, Some(&engine.token), "").await;
        assert_eq!(response.status(), 200);
        let parts = response.headers()["gangway-parts"].to_str().unwrap().to_owned();
        let name = response.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().to_owned();
        assert!(name.contains(&format!("ips_jobExecutionLogs_{part}_")), "{name}");
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let archive = zip::ZipArchive::new(std::io::Cursor::new(bytes.to_vec())).unwrap();
        let mut names: Vec<String> = archive.file_names().map(str::to_owned).collect();
        names.sort();
        (parts, names)
    };
    assert_eq!(parts(1).await, ("0".to_owned(), Vec::new()));
    let commits: Vec<Job> = (0..3001)
        .map(|n| {
            serde_json::from_value(json!({
                "tenant": "t", "id": format!("{n:05}"), "source": "s", "sourceName": "HR", "type": "READ",
                "readMode": "FULL", "trigger": { "type": "IMMEDIATE", "by": null }, "status": "SUCCESS",
                "startMs": 1, "checkpoint": { "phase": { "name": "done" }, "pages": 0 },
            }))
            .unwrap()
        })
        .collect();
    for job in &commits {
        store.put_job(job).unwrap();
    }
    let (count, first) = parts(1).await;
    assert_eq!((count.as_str(), first.len()), ("2", 3000));
    assert_eq!((first[0].as_str(), first[2999].as_str()), ("00001.json", "03000.json"), "the newest");
    assert_eq!(parts(2).await.1, ["00000.json"]);
    engine.refused("GET", "/api/v1/tenants/t/job-logs?part=3", Value::Null, 404).await;
    let deleted = engine.ok("DELETE", "/api/v1/tenants/t/jobs", Value::Null).await;
    description::fits("Deleted", &deleted);
}
