use super::*;
use gangway_model::Job;
use std::time::Duration;

async fn ended(engine: &Engine, id: &str) -> Job {
    for _ in 0..500 {
        let job = engine.ok("GET", &format!("/api/v1/tenants/t/jobs/{id}"), Value::Null).await;
        description::fits("Job", &job);
        let job: Job = serde_json::from_value(job).unwrap();
        if job.status.is_final() {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("job {id} does not end");
}

#[tokio::test]
async fn a_job_is_started_watched_listed_and_its_log_is_read() {
    let engine = Engine::with_plugin().await;
    engine
        .ok("POST", "/api/v1/tenants/t/systems", json!({ "name": "HR", "role": "source", "plugin": "empty" }))
        .await;
    let (status, job) =
        engine.call("POST", "/api/v1/tenants/t/systems/HR/jobs", json!({ "type": "READ" })).await;
    assert_eq!(status, 202, "{job}");
    description::fits("Job", &job);
    let id = job["id"].as_str().unwrap().to_owned();
    let job = ended(&engine, &id).await;
    // No target lists the source.
    assert!(job.outcome.iter().any(|line| line.contains("no enabled target")), "{job:?}");

    // The events of a job that has ended are its end.
    let path = format!("/api/v1/tenants/t/jobs/{id}");
    let response = engine.raw("GET", &format!("{path}/events"), Some(&engine.token), "").await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.starts_with("event: end\ndata: {"), "{text}");
    let data = text.lines().find_map(|l| l.strip_prefix("data: ")).unwrap();
    let event: gangway_model::JobEvent = serde_json::from_str(data).unwrap();
    assert_eq!(event, gangway_model::JobEvent::End { job: Box::new(job) });

    let log = engine.ok("GET", &format!("{path}/log?state=failed&limit=5"), Value::Null).await;
    description::fits("EntityLog", &log);
    let problem = engine.refused("POST", &format!("{path}/stop"), Value::Null, 409).await;
    assert_eq!(problem["job"], id.as_str());

    let second = engine.ok("POST", "/api/v1/tenants/t/systems/HR/jobs", json!({ "type": "RESYNC" })).await;
    ended(&engine, second["id"].as_str().unwrap()).await;
    let page = engine.ok("GET", "/api/v1/tenants/t/jobs?limit=1", Value::Null).await;
    description::fits("JobList", &page);
    assert_eq!((&page["jobs"][0]["id"], &page["next"]), (&second["id"], &second["id"]));
    let page = engine
        .ok("GET", &format!("/api/v1/tenants/t/jobs?before={}", second["id"].as_str().unwrap()), Value::Null)
        .await;
    assert_eq!((&page["jobs"][0]["id"], &page["next"]), (&json!(id), &Value::Null));
}

#[tokio::test]
async fn jobs_that_cannot_start_say_why() {
    let engine = Engine::with_plugin().await;
    engine.refused("POST", "/api/v1/tenants/t/systems/no/jobs", json!({ "type": "READ" }), 404).await;
    let off = json!({ "name": "off", "role": "source", "plugin": "empty", "enabled": false });
    engine.ok("POST", "/api/v1/tenants/t/systems", off).await;
    let problem =
        engine.refused("POST", "/api/v1/tenants/t/systems/off/jobs", json!({ "type": "READ" }), 409).await;
    assert!(problem["detail"].as_str().unwrap().contains("disabled"));
    engine.refused("POST", "/api/v1/tenants/t/systems/off/jobs", json!({ "type": "OTHER" }), 400).await;
    for path in ["jobs/none", "jobs/none/events", "jobs/none/log"] {
        engine.refused("GET", &format!("/api/v1/tenants/t/{path}"), Value::Null, 404).await;
    }
    engine.refused("POST", "/api/v1/tenants/t/jobs/none/stop", Value::Null, 404).await;
}

#[tokio::test]
async fn transformations_are_checked_by_their_plugin() {
    let engine = Engine::with_plugin().await;
    engine
        .ok("POST", "/api/v1/tenants/t/systems", json!({ "name": "HR", "role": "source", "plugin": "empty" }))
        .await;
    let path = "/api/v1/tenants/t/systems/HR/transformations";
    engine.refused("GET", &format!("{path}/read"), Value::Null, 404).await;
    engine.refused("GET", &format!("{path}/sideways"), Value::Null, 404).await;
    let document = json!({ "plugin": "empty", "document": "{}" });
    let problem = engine.refused("PUT", &format!("{path}/read"), document.clone(), 422).await;
    assert!(problem["detail"].as_str().unwrap().contains("no transformation"), "{problem}");
    engine.refused("PUT", &format!("{path}/write"), document, 409).await;
    engine.refused("GET", &format!("{path}/read"), Value::Null, 404).await;
}

#[tokio::test]
async fn events_end_when_the_engine_goes_down() {
    let engine = Engine::new().await;
    engine.services.close();
    let problem = engine.refused("GET", "/readyz", Value::Null, 503).await;
    assert!(problem["detail"].as_str().unwrap().contains("shutting down"));
}
