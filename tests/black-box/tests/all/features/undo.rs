//! Taking a job back.

use crate::setting::{Setting, pairs};
use crate::systems::counters;
use gangway_kit::{Method, number, text};
use gangway_model::{Action, Job, JobStatus};
use serde_json::{Value, json};
use std::time::Duration;

async fn undo(setting: &Setting, job: &Job, more: Value) -> Job {
    let started = setting.api.ok(Method::POST, &format!("jobs/{}/undo", job.id), Some(more)).await.unwrap();
    setting.api.wait(text(&started, "/id"), Duration::from_secs(60)).await.unwrap()
}

#[tokio::test]
async fn a_deleted_account_comes_back_with_all_it_had() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    let before = setting.user("a").await.unwrap();
    let deleting = setting.read(&[("B", "x")]).await;
    assert_eq!(setting.users().await, pairs(&[("b", "x")]));
    let preview = setting
        .api
        .ok(Method::POST, &format!("jobs/{}/undo", deleting.id), Some(json!({"dryRun": true})))
        .await;
    assert_eq!(number(&preview.unwrap(), "/changes/0/deleted"), 1);
    let shown = setting.engine.cli("setting", &["job", "undo", deleting.id.as_str(), "--dry-run"]).unwrap();
    assert!(shown.status.success(), "{shown:?}");
    assert_eq!(setting.users().await.len(), 1, "a dry run does nothing");

    let job = undo(&setting, &deleting, json!({})).await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(counters(&job, "user", Action::Write).created, 1);
    let after = setting.user("a").await.unwrap();
    let plain = |user: &Value| {
        let mut user = user.clone();
        user.as_object_mut().unwrap().retain(|key, _| key != "id" && key != "meta");
        user
    };
    assert_ne!(after["id"], before["id"]);
    assert_eq!(plain(&after), plain(&before));
    assert_eq!(setting.relation("user", "A").await.unwrap()["targetId"], after["id"]);
    // Known again: the next job that finds it in the source updates it.
    let job = setting.read(&[("A", "y"), ("B", "x")]).await;
    assert_eq!(counters(&job, "user", Action::Write).updated, 1, "{job:?}");
    assert_eq!(setting.users().await, pairs(&[("a", "y"), ("b", "x")]));
}

#[tokio::test]
async fn updates_and_creates_are_taken_back_if_the_target_asks_to_remember_everything() {
    let setting = Setting::new().await;
    setting.set("App", "ips.undo", Some("all")).await;
    setting.read(&[("A", "x")]).await;
    let changing = setting.read(&[("A", "y"), ("B", "y")]).await;
    let job = undo(&setting, &changing, json!({"removeCreated": true})).await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.updated, row.deleted), (1, 1));
    assert_eq!(setting.users().await, pairs(&[("a", "x")]));
}

#[tokio::test]
async fn what_is_remembered_is_sealed_and_can_be_switched_off() {
    let mut setting = Setting::new().await;
    setting.read(&[("A", "Wuxbridge"), ("B", "x")]).await;
    let deleting = setting.read(&[("B", "x")]).await;
    setting.set("App", "ips.undo", Some("off")).await;
    let forgetting = setting.read(&[]).await;
    let path = setting.api.path(&format!("jobs/{}/undo", forgetting.id));
    let (status, problem) = setting.api.call(Method::POST, &path, Some(json!({}))).await.unwrap();
    assert_eq!(status.as_u16(), 409, "{problem}");
    let preview = setting
        .api
        .ok(Method::POST, &format!("jobs/{}/undo", deleting.id), Some(json!({"dryRun": true})))
        .await;
    assert_eq!(number(&preview.unwrap(), "/changes/0/deleted"), 1);
    setting.engine.stop();
    let bytes = std::fs::read(setting.engine.data().join("tenants/setting/state.redb")).unwrap();
    assert!(!bytes.windows(9).any(|window| window == b"Wuxbridge"));
}
