//! Errors, retries and rate limits: F135 to F144, as far as they take a whole engine.

use crate::setting::Setting;
use crate::systems::write_users;
use gangway_kit::{Answer, text};
use gangway_model::JobStatus;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A setting whose target has these properties beside its own, and no waits between attempts.
async fn setting(properties: Value) -> Setting {
    Setting::with(
        |_| (),
        move |app| {
            app["properties"]["ips.failed.request.retry.attempts.interval"] = json!({ "value": "0" });
            for (key, value) in properties.as_object().unwrap() {
                app["properties"][key] = json!({ "value": value });
            }
        },
    )
    .await
}

/// Answers every request with a status.
fn refuse(setting: &Setting, status: u16) {
    setting.relay.set_rule(move |_, _, _| Answer::Instead(status, Vec::new(), String::new()));
}

#[tokio::test]
async fn f135_a_request_is_sent_three_times_and_four_at_most() {
    for (attempts, expected) in [(None, 3), (Some("0"), 1), (Some("3"), 4), (Some("50"), 4)] {
        let properties = attempts.map_or(json!({}), |n| json!({ "ips.failed.request.retry.attempts": n }));
        let setting = setting(properties).await;
        write_users(setting.folder.path(), &[("A", "x")]);
        refuse(&setting, 429);
        let job = setting.api.run("HR").await.unwrap();
        assert_eq!(job.status, JobStatus::FinishedWithError);
        assert_eq!(setting.writes().len(), expected, "{attempts:?}");
    }
}

#[tokio::test]
async fn f136_parity_repeats_what_the_reference_product_repeats_for_the_connector() {
    // Type of the system, status, how often a create is sent.
    for (kind, status, expected) in [
        ("", 429, 3),
        ("", 502, 1),
        ("Sales and Service Cloud", 502, 3),
        ("SAC", 403, 3),
        ("Something", 429, 1),
    ] {
        let properties = json!({ "ips.failed.request.retry.mode": "parity", "ips.system.type": kind });
        let setting = setting(properties).await;
        write_users(setting.folder.path(), &[("A", "x")]);
        refuse(&setting, status);
        setting.api.run("HR").await.unwrap();
        assert_eq!(setting.writes().len(), expected, "{kind:?} {status}");
    }
}

#[tokio::test]
async fn f141_a_job_waits_as_long_as_the_target_asks() {
    let setting = setting(json!({})).await;
    write_users(setting.folder.path(), &[("A", "x")]);
    setting.relay.set_rule(|_, _, number| match number {
        0 => Answer::Instead(429, vec![("retry-after".to_owned(), "1".to_owned())], String::new()),
        _ => Answer::Pass,
    });
    let start = Instant::now();
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(setting.users().await.len(), 1);
}

#[tokio::test]
async fn f143_a_target_gets_no_more_requests_than_its_property_allows() {
    let setting = setting(json!({ "http.rate.limit": "4/s" })).await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "x"), ("D", "x"), ("E", "x")]);
    let start = Instant::now();
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success);
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(setting.users().await.len(), 5);
}

#[tokio::test]
async fn f144_an_error_says_status_body_and_address_and_a_401_whose_credentials_were_refused() {
    let setting = setting(json!({})).await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x")]);
    let body = json!({ "detail": "no such department", "password": "hunter2", "long": "x".repeat(5000) });
    setting.relay.set_rule(move |_, _, _| Answer::Instead(400, Vec::new(), body.to_string()));
    let job = setting.api.run("HR").await.unwrap();
    let failed = setting.api.events(job.id.as_str(), "failed").await.unwrap();
    assert_eq!(failed.len(), 2, "{failed:?}");
    let detail = |event: &Value, key: &str| {
        let details = event["error"]["details"].as_array().cloned().unwrap_or_default();
        details.iter().find(|d| d[0] == key).map(|d| text(d, "/1").to_owned()).unwrap_or_default()
    };
    assert_eq!(detail(&failed[0], "status"), "400");
    assert_eq!(detail(&failed[0], "url"), format!("{}/v2/Users", setting.relay.url()));
    let body = detail(&failed[0], "body");
    assert!(body.contains("no such department") && !body.contains("hunter2"), "{body}");
    assert!(body.chars().count() <= 301, "{}", body.len());
    refuse(&setting, 401);
    let job = setting.api.run("HR").await.unwrap();
    let failed = setting.api.events(job.id.as_str(), "failed").await.unwrap();
    assert_eq!(text(&failed[0], "/error/code"), "unauthorized");
    assert_eq!(
        (detail(&failed[0], "system").as_str(), detail(&failed[0], "side").as_str()),
        ("App", "target")
    );
    let broken = job.broken.values().next().unwrap();
    assert!(broken.contains("system=App, side=target"), "{broken}");
}
