//! Job types and start: F001 to F020.

use crate::setting::{Setting, pairs};
use crate::systems::{scim_target, write_users};
use gangway_kit::{Answer, Method, ScimServer, text};
use gangway_model::{JobStatus, ReadMode};
use serde_json::json;
use std::time::Duration;

/// The usual setting with two users in the target.
async fn two() -> Setting {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x")]);
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success, "{}", setting.engine.log());
    setting.relay.clear();
    setting
}

/// Another target behind its own server.
async fn another(setting: &Setting, name: &str, change: impl FnOnce(&mut serde_json::Value)) -> ScimServer {
    let server = ScimServer::start("another").unwrap();
    let mut target = scim_target(name, "HR", &server.url(), server.token());
    change(&mut target);
    setting.api.make_system(target).await.unwrap();
    server
}

/// Changes a user in the target behind the engine's back.
async fn drift(setting: &Setting, user: &str, department: &str) {
    let all = setting.server.all("Users").await.unwrap();
    let mut found = all.into_iter().find(|u| text(u, "/userName") == user).unwrap();
    let id = text(&found, "/id").to_owned();
    found["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["department"] = json!(department);
    setting.server.change(Method::PUT, &format!("Users/{id}"), Some(found)).await.unwrap();
}

#[tokio::test]
async fn f001_a_read_writes_to_every_enabled_linked_target_and_to_no_other() {
    let setting = Setting::new().await;
    let second = another(&setting, "Second", |_| ()).await;
    let unlinked = another(&setting, "Unlinked", |t| t["sources"] = json!([])).await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x")]);
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x")]));
    assert_eq!(second.all("Users").await.unwrap().len(), 2);
    assert_eq!(unlinked.all("Users").await.unwrap().len(), 0);
}

#[tokio::test]
async fn f002_a_disabled_target_receives_no_request() {
    let setting = Setting::with(|_| (), |target| target["enabled"] = json!(false)).await;
    let second = another(&setting, "Second", |_| ()).await;
    write_users(setting.folder.path(), &[("A", "x")]);
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(setting.relay.requests().len(), 0);
    assert_eq!(second.all("Users").await.unwrap().len(), 1);
}

#[tokio::test]
async fn f003_no_job_starts_on_a_disabled_source() {
    let setting = Setting::with(|source| source["enabled"] = json!(false), |_| ()).await;
    for kind in ["READ", "RESYNC"] {
        let body = json!({ "type": kind });
        let path = setting.api.path("systems/HR/jobs");
        let (status, problem) = setting.api.call(Method::POST, &path, Some(body)).await.unwrap();
        assert_eq!(status, 409);
        assert_eq!(text(&problem, "/detail"), "source \"HR\" is disabled; enable it first");
    }
    let jobs = setting.api.ok(Method::GET, "jobs", None).await.unwrap();
    assert_eq!(jobs["jobs"], json!([]));
}

#[tokio::test]
async fn f006_a_read_leaves_what_was_changed_in_the_target_alone() {
    let setting = two().await;
    drift(&setting, "a", "theirs").await;
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success);
    assert_eq!(setting.users().await, pairs(&[("a", "theirs"), ("b", "x")]));
}

#[tokio::test]
async fn f007_a_resync_overwrites_what_was_changed_in_the_target() {
    let setting = two().await;
    drift(&setting, "a", "theirs").await;
    let job = setting.api.start("HR", "RESYNC").await.unwrap();
    setting.api.wait(job.id.as_str(), Duration::from_secs(30)).await.unwrap();
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x")]));
}

#[tokio::test]
async fn f008_a_resync_makes_again_what_was_deleted_by_hand_and_keeps_the_new_identifier() {
    let setting = two().await;
    let target_id = || async {
        let found = setting.api.ok(Method::GET, "entities/A/history", None).await.unwrap();
        text(&found, "/relations/0/targetId").to_owned()
    };
    let before = target_id().await;
    setting.server.change(Method::DELETE, &format!("Users/{before}"), None).await.unwrap();
    let job = setting.api.start("HR", "RESYNC").await.unwrap();
    let job = setting.api.wait(job.id.as_str(), Duration::from_secs(30)).await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x")]));
    let after = target_id().await;
    let stored = setting.server.all("Users").await.unwrap();
    assert!(stored.iter().any(|user| text(user, "/id") == after), "{after}");
    assert_ne!(before, after);
}

#[tokio::test]
async fn f009_a_resync_reads_in_full() {
    let setting = two().await;
    setting.set_all("HR", &["ips.delta.read=enabled"]);
    let job = setting.api.start("HR", "RESYNC").await.unwrap();
    let job = setting.api.wait(job.id.as_str(), Duration::from_secs(30)).await.unwrap();
    assert_eq!(job.read_mode, ReadMode::Full);
    assert_eq!(job.statistics.iter().map(|row| row.counters.read).sum::<u64>(), 2);
}

#[tokio::test]
async fn f011_a_job_without_a_connection_provisions_nothing_and_says_why() {
    let setting = Setting::with(|source| source["grants"] = json!({}), |_| ()).await;
    write_users(setting.folder.path(), &[("A", "x")]);
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert!(
        job.error.as_deref().is_some_and(|error| error.contains("users") && error.contains("grant")),
        "{job:?}"
    );
    assert_eq!(setting.writes().len(), 0);
}

#[tokio::test]
async fn f015_a_job_that_a_crash_interrupted_goes_on_under_another_identifier() {
    let mut setting = Setting::new().await;
    let names: Vec<String> = (0..40).map(|n| format!("U{n:02}")).collect();
    let users: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    write_users(setting.folder.path(), &users);
    setting.set_all("HR", &["ips.page.size=5"]);
    setting
        .relay
        .set_rule(|_, _, n| if n > 20 { Answer::Late(Duration::from_millis(100)) } else { Answer::Pass });
    let job = setting.api.start("HR", "READ").await.unwrap();
    while setting.writes().len() < 20 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    setting.engine.kill();
    setting.relay.set_rule(|_, _, _| Answer::Pass);
    setting.engine.restart().await.unwrap();
    let jobs = setting.api.ok(Method::GET, "jobs", None).await.unwrap();
    let next = text(&jobs, "/jobs/0/id").to_owned();
    assert_ne!(next, job.id.as_str());
    let next = setting.api.wait(&next, Duration::from_secs(30)).await.unwrap();
    assert_eq!((next.status, next.resumes.as_ref()), (JobStatus::Success, Some(&job.id)), "{next:?}");
    assert_eq!(setting.api.job(job.id.as_str()).await.unwrap().status, JobStatus::Resumed);
    let rows = |counter: fn(&gangway_model::Counters) -> u64| {
        next.statistics.iter().map(|row| counter(&row.counters)).sum::<u64>()
    };
    assert_eq!(
        (rows(|c| c.read), rows(|c| c.created + c.updated)),
        (40, 40),
        "from the last processed entity"
    );
    assert_eq!(setting.users().await.len(), 40);
}

#[tokio::test]
async fn f005_a_second_full_read_sends_no_write() {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x")]);
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success, "{}", setting.engine.log());
    assert_eq!(setting.methods(), ["POST", "POST"]);
    setting.relay.clear();
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success);
    assert_eq!(setting.writes().len(), 0);
}
