//! Tenants beside each other: F256.

use crate::home::Home;
use crate::systems::{csv_source, scim_target, write_users};
use gangway_kit::{Method, text};
use serde_json::json;
use std::time::{Duration, Instant};

const ASK: &str = "/tenants/home/scim/v2/Users?count=0";

/// Asks as often as is answered at once.
async fn use_up(home: &Home) {
    home.decide(json!({ "rateLimit": true })).await;
    for number in 0..200 {
        let (status, answer) = home.api.call(Method::GET, ASK, None).await.unwrap();
        assert_eq!(status.as_u16(), 200, "request {number}: {answer}");
    }
}

/// Asks so often side by side; the statuses.
async fn ask(home: &Home, times: usize) -> Vec<u16> {
    let asked = (0..times).map(|_| {
        let api = home.api.clone();
        tokio::spawn(async move { api.call(Method::GET, ASK, None).await.unwrap().0.as_u16() })
    });
    let mut statuses = Vec::new();
    for one in asked.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap());
    }
    statuses
}

#[tokio::test]
async fn f256_tenants_share_no_system_data_log_or_limit() {
    let home = Home::new().await;
    let other = home.engine.api("other").unwrap();
    other.make_tenant().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    home.api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
    home.api.make_system(csv_source("HR", folder.path())).await.unwrap();
    let target = scim_target("Here", "HR", &home.url(), home.engine.token());
    let target = home.api.make_system(target).await.unwrap();
    write_users(folder.path(), &[("A1", "Ships")]);
    let job = home.api.run("HR").await.unwrap();
    let user = text(&home.found("Users", "userName eq \"a1\"").await[0], "/id").to_owned();

    // What one tenant has, the other neither lists nor finds by its name or identifier.
    for list in ["systems", "jobs", "plugins"] {
        let (mine, theirs) = (
            home.api.ok(Method::GET, list, None).await.unwrap(),
            other.ok(Method::GET, list, None).await.unwrap(),
        );
        assert_ne!(mine[list], json!([]), "{list}");
        assert_eq!(theirs[list], json!([]), "{list}");
    }
    let mut hidden = vec![format!("/tenants/other/scim/v2/Users/{user}")];
    let job = &job.id;
    hidden.extend(
        [
            format!("systems/{target}"),
            "systems/HR".to_owned(),
            format!("systems/{target}/relations?source=HR&entityType=user"),
            "systems/HR/delta".to_owned(),
            format!("jobs/{job}"),
            format!("jobs/{job}/log"),
            format!("jobs/{job}/export?logType=commonLog"),
            "plugins/csv".to_owned(),
        ]
        .map(|below| other.path(&below)),
    );
    for path in hidden {
        let (status, answer) = home.api.call(Method::GET, &path, None).await.unwrap();
        assert_eq!(status.as_u16(), 404, "{path}: {answer}");
        assert!(!answer.to_string().contains("A1"), "{answer}");
    }
    let history = other.ok(Method::GET, "entities/A1/history", None).await;
    assert!(history.is_err() || history.unwrap()["events"] == json!([]));
    // Nor does one pay for how often the other asks.
    use_up(&home).await;
    ask(&home, 81).await;
    assert_eq!(ask(&home, 1).await, [429]);
    let start = Instant::now();
    let asked = other.call(Method::GET, "/tenants/other/scim/v2/Users", None).await.unwrap();
    assert_eq!((asked.0.as_u16(), &asked.1["totalResults"]), (200, &json!(0)));
    assert!(start.elapsed() < Duration::from_secs(1));
}
