//! How often the engine's own APIs may be asked: F139, F140, F142.

use gangway_kit::{Api, Engine, Method};
use serde_json::json;
use std::time::{Duration, Instant};

/// A tenant whose directory counts requests.
async fn limited() -> (Engine, Api) {
    let engine = Engine::start().await.unwrap();
    let api = engine.api("rates").unwrap();
    api.make_tenant().await.unwrap();
    api.ok(Method::PUT, "directory/settings", Some(json!({ "rateLimit": true }))).await.unwrap();
    (engine, api)
}

const ASKED: &str = "/tenants/rates/scim/v2/Users?count=0";

/// So many requests at once: the statuses, and how long each took.
async fn ask(api: &Api, count: usize) -> Vec<(u16, Duration)> {
    at_once(api, &Method::GET, ASKED, count).await
}

async fn at_once(api: &Api, method: &Method, path: &str, count: usize) -> Vec<(u16, Duration)> {
    let asked: Vec<_> = (0..count)
        .map(|_| {
            let (api, method, path) = (api.clone(), method.clone(), path.to_owned());
            tokio::spawn(async move {
                let start = Instant::now();
                let (status, _) = api.call(method, &path, None).await.unwrap();
                (status.as_u16(), start.elapsed())
            })
        })
        .collect();
    let mut answers = Vec::new();
    for one in asked {
        answers.push(one.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn f140_from_201_requests_a_minute_the_directory_waits_and_from_281_it_refuses() {
    let (engine, api) = limited().await;
    let second = Duration::from_secs(1);
    assert!(ask(&api, 200).await.iter().all(|(status, _)| *status == 200));
    let slow = ask(&api, 80).await;
    assert!(slow.iter().all(|(status, took)| *status == 200 && *took >= second), "{slow:?}");
    assert_eq!(ask(&api, 1).await[0].0, 429);
    // Another tenant is another matter.
    let other = engine.api("other").unwrap();
    other.make_tenant().await.unwrap();
    let (status, _, _) = other.download("/tenants/other/scim/v2/Users?count=0").await.unwrap();
    assert_eq!(status, 200);
}

#[tokio::test]
async fn f139_from_151_events_a_minute_the_real_time_api_waits_and_from_201_it_refuses() {
    let engine = Engine::start().await.unwrap();
    let api = engine.api("events").unwrap();
    api.make_tenant().await.unwrap();
    api.ok(Method::PUT, "settings", Some(json!({ "rateLimit": true }))).await.unwrap();
    // Events without an identifier are refused, and count.
    let path = api.path("systems/HR/entities/user");
    let second = Duration::from_secs(1);
    let report = |count| at_once(&api, &Method::POST, &path, count);
    assert!(report(150).await.iter().all(|(status, took)| *status != 429 && *took < second));
    let slow = report(50).await;
    assert!(slow.iter().all(|(status, took)| *status != 429 && *took >= second), "{slow:?}");
    assert_eq!(report(1).await[0].0, 429);
}

#[tokio::test]
async fn f142_who_is_refused_is_told_when_to_come_back() {
    let (_engine, api) = limited().await;
    let answers = ask(&api, 281).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 429).count(), 1);
    let (status, headers, _) = api.download(ASKED).await.unwrap();
    assert_eq!(status, 429);
    let seconds = headers.split("\"retry-after\": \"").nth(1).and_then(|rest| rest.split('"').next());
    let seconds: u64 = seconds.unwrap_or_default().parse().unwrap();
    assert!((50..=60).contains(&seconds), "{headers}");
}
