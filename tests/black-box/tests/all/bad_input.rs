//! Bad input gets a clear error and loses nothing.

use crate::systems::{counters, csv_source, scim_source, scim_target, write_users};
use gangway_kit::{Answer, Api, Engine, EngineOptions, Method, Relay, Slapd, SlapdOptions, text};
use gangway_model::{Action, JobStatus};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const USERS: &[(&str, &str)] = &[("A", "x"), ("B", "x"), ("C", "x")];

struct Setting {
    engine: Engine,
    target: Engine,
    relay: Relay,
    api: Api,
    folder: tempfile::TempDir,
}

impl Setting {
    /// Three users, a target behind a relay, nothing provisioned yet.
    async fn new() -> Self {
        let (engine, target) = (Engine::start().await.unwrap(), Engine::start().await.unwrap());
        target.api("app").unwrap().make_tenant().await.unwrap();
        let relay = Relay::start(&target.url()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        write_users(folder.path(), USERS);
        let api = engine.api("bad").unwrap();
        api.make_tenant().await.unwrap();
        api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
        api.make_system(csv_source("HR", folder.path())).await.unwrap();
        let url = format!("{}/tenants/app/scim/v2", relay.url());
        api.make_system(scim_target("App", "HR", &url, target.token())).await.unwrap();
        Self { engine, target, relay, api, folder }
    }

    /// User B's create is answered so; what the log says of it.
    async fn answering(&self, answer: Answer) -> String {
        let posts = Arc::new(AtomicUsize::new(0));
        self.relay.set_rule(move |method, _, _| {
            if method == "POST" && posts.fetch_add(1, Ordering::SeqCst) == 1 {
                answer.clone()
            } else {
                Answer::Pass
            }
        });
        let job = self.api.run("HR").await.unwrap();
        assert_eq!(job.status, JobStatus::FinishedWithError, "{job:?}");
        let failed = self.api.events(job.id.as_str(), "failed").await.unwrap();
        assert_eq!(failed.len(), 1, "only one user fails: {failed:?}");
        let error = failed[0]["error"].to_string();
        self.relay.set_rule(|_, _, _| Answer::Pass);
        self.whole().await;
        error
    }

    /// The next run brings everybody aboard: nothing was lost.
    async fn whole(&self) {
        let job = self.api.run("HR").await.unwrap();
        assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", self.engine.log());
        let base = "/tenants/app/scim/v2";
        let users = self.relay.scim_resources(base, self.target.token(), "Users").await.unwrap();
        let mut names: Vec<&str> = users.iter().map(|u| text(u, "/userName")).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "c"]);
    }
}

fn instead(status: u16, content_type: &str, body: &str) -> Answer {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    Answer::Instead(status, headers, body.to_owned())
}

fn scim_error(status: u16, detail: &str) -> Answer {
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(), "detail": detail });
    instead(status, "application/scim+json", &body.to_string())
}

#[tokio::test]
async fn a_target_that_answers_html_is_named_as_such() {
    let setting = Setting::new().await;
    let error =
        setting.answering(instead(200, "text/html", "<html><body>Welcome to the portal</body></html>")).await;
    assert!(error.contains("protocol") && error.contains("text/html"), "{error}");
}

#[tokio::test]
async fn a_refused_right_is_named_and_only_that_user_fails() {
    let setting = Setting::new().await;
    let error = setting.answering(scim_error(403, "may not create this user")).await;
    assert!(error.contains("forbidden") && error.contains("may not create this user"), "{error}");
}

#[tokio::test]
async fn a_wrong_path_is_named() {
    let setting = Setting::new().await;
    let error = setting.answering(scim_error(404, "no such endpoint")).await;
    assert!(error.contains("not-found") && error.contains("404"), "{error}");
}

#[tokio::test]
async fn a_conflict_without_a_counterpart_fails_with_the_attribute_that_was_searched() {
    let setting = Setting::new().await;
    let error = setting.answering(scim_error(409, "userName is taken")).await;
    assert!(error.contains("conflict") && error.contains("userName"), "{error}");
}

#[tokio::test]
async fn a_payload_that_is_too_large_is_named() {
    let setting = Setting::new().await;
    let error = setting.answering(scim_error(413, "payload too large")).await;
    assert!(error.contains("too-large"), "{error}");
}

#[tokio::test]
async fn a_server_error_is_named() {
    let setting = Setting::new().await;
    let error = setting.answering(scim_error(500, "a bug of theirs")).await;
    assert!(error.contains("unavailable") && error.contains("500"), "{error}");
}

#[tokio::test]
async fn a_dropped_connection_leaves_no_double() {
    let setting = Setting::new().await;
    let error = setting.answering(Answer::LoseAnswer).await;
    assert!(error.contains("unavailable"), "{error}");
}

#[tokio::test]
async fn wrong_credentials_break_the_target_off_and_say_which_system() {
    let setting = Setting::new().await;
    setting.relay.set_rule(|_, _, _| scim_error(401, "who are you?"));
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::FinishedWithError);
    let shown = serde_json::to_string(&job).unwrap();
    let failed = setting.api.events(job.id.as_str(), "failed").await.unwrap();
    let all = format!("{shown}{failed:?}");
    assert!(all.contains("unauthorized"), "{all}");
    setting.relay.set_rule(|_, _, _| Answer::Pass);
    setting.whole().await;
}

#[tokio::test]
async fn retry_after_is_honoured_by_every_request_to_the_system() {
    let setting = Setting::new().await;
    let first = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&first);
    setting.relay.set_rule(move |method, _, _| {
        if method == "POST" && count.fetch_add(1, Ordering::SeqCst) == 0 {
            let headers = vec![("retry-after".to_owned(), "1".to_owned())];
            Answer::Instead(429, headers, String::new())
        } else {
            Answer::Pass
        }
    });
    let start = Instant::now();
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert!(start.elapsed() >= Duration::from_secs(1), "it came back too early: {:?}", start.elapsed());
    setting.whole().await;
}

#[tokio::test]
async fn malformed_rows_are_named_and_the_rest_goes_on() {
    let setting = Setting::new().await;
    let text_of = "id,userName,givenName,familyName,email,department,title,type,active\n\
                   A,a,Given,Family,a@example.com,x,Clerk,employee,true\n\
                   B,b,too,few\n\
                   C,c,Given,Family,c@example.com,x,Clerk,employee,true\n\
                   ,nobody,Given,Family,n@example.com,x,Clerk,employee,true\n";
    std::fs::write(setting.folder.path().join("users.csv"), text_of).unwrap();
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert_eq!(counters(&job, "user", Action::Write).created, 2);
    assert_eq!(counters(&job, "user", Action::Read).failed, 2);
    let failed = setting.api.events(job.id.as_str(), "failed").await.unwrap();
    let all = Value::Array(failed).to_string();
    assert!(
        all.contains("[\"row\",\"3\"]") && all.contains("[\"row\",\"5\"]") && all.contains("column"),
        "{all}"
    );
    write_users(setting.folder.path(), USERS);
    setting.whole().await;
}

#[tokio::test]
async fn a_source_page_that_is_no_json_deletes_nobody() {
    let setting = Setting::new().await;
    setting.whole().await;
    // The same directory as a source, read through the relay into a third tenant.
    setting.target.api("third").unwrap().make_tenant().await.unwrap();
    let url = format!("{}/tenants/app/scim/v2", setting.relay.url());
    setting.api.make_system(scim_source("Read back", &url, setting.target.token())).await.unwrap();
    let third = format!("{}/tenants/third/scim/v2", setting.target.url());
    setting.api.make_system(scim_target("Third", "Read back", &third, setting.target.token())).await.unwrap();
    let job = setting.api.run("Read back").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");

    setting.relay.set_rule(|method, path, _| {
        if method == "GET" && path.contains("/Users") {
            instead(200, "application/json", "{\"Resources\": [{\"id\"")
        } else {
            Answer::Pass
        }
    });
    let job = setting.api.run("Read back").await.unwrap();
    assert_eq!(job.status, JobStatus::FinishedWithError);
    let error = job.error.clone().unwrap_or_default();
    assert!(error.contains("protocol") && error.contains("Read back"), "{job:?}");
    assert_eq!(counters(&job, "user", Action::Write).deleted, 0);
    assert!(job.outcome.iter().any(|line| line.contains("delet")), "it says why nobody is deleted: {job:?}");
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_a_tls_error() {
    let slapd = Slapd::start(&SlapdOptions::default()).unwrap();
    let setting = Setting::new().await;
    // A TLS server whose certificate comes from a CA that the system does not name.
    let url = slapd.tls_url().replace("ldaps", "https");
    let mut target = scim_target("Unvouched", "HR", &url, "token");
    target["properties"]["ips.failed.request.retry.attempts"] = json!({ "value": "0" });
    setting.api.make_system(target).await.unwrap();
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::FinishedWithError);
    let failed = setting.api.events(job.id.as_str(), "failed").await.unwrap();
    let all = format!("{}{failed:?}", serde_json::to_string(&job).unwrap());
    assert!(all.contains("tls"), "{all}");
    // The other target got everybody.
    let base = "/tenants/app/scim/v2";
    let users = setting.relay.scim_resources(base, setting.target.token(), "Users").await.unwrap();
    assert_eq!(users.len(), 3);
}

/// A file system of its own, small enough to fill.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Self(folder);
        disk.mount(&format!("size={size}"));
        disk
    }

    fn mount(&self, options: &str) {
        let path = self.0.path();
        let output =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path).output().unwrap();
        assert!(
            output.status.success(),
            "this test mounts a small tmpfs and needs to be root: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn grow(&self, size: &str) {
        self.mount(&format!("remount,size={size}"));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_job_with_a_clear_error_and_loses_nothing() {
    let disk = SmallDisk::new("24m");
    let options = EngineOptions { data: Some(disk.0.path().join("data")), ..EngineOptions::default() };
    let engine = Engine::start_with(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let api = engine.api("full").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv", "discard", "json-transformation"]).await.unwrap();
    api.make_system(csv_source("HR", folder.path())).await.unwrap();
    let mut target = scim_target("Nowhere", "HR", "http://127.0.0.1:9", "token");
    target["plugin"] = json!("discard");
    api.make_system(target).await.unwrap();
    let size = gangway_company::Size { users: 30_000, groups: 5, service_accounts: 1, damaged: 0 };
    let company = gangway_company::Company::new(size, 3);
    crate::systems::write_company(folder.path(), &company);
    // Fill what the job would need.
    let rest = disk.0.path().join("rest");
    let _ =
        Command::new("dd").args(["if=/dev/zero", "bs=64k"]).arg(format!("of={}", rest.display())).output();

    let job = api.start("HR", "READ").await;
    let told = match job {
        Ok(job) => format!("{:?}", api.wait(job.id.as_str(), Duration::from_secs(60)).await),
        Err(error) => error.to_string(),
    };
    assert!(told.contains("full"), "{told}");
    assert_eq!(api.call(Method::GET, "/healthz", None).await.unwrap().0, 200, "the engine lives on");

    std::fs::remove_file(&rest).unwrap();
    disk.grow("256m");
    let job = api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", engine.log());
    let row = counters(&job, "user", Action::Write);
    assert_eq!(row.created + row.unchanged + row.updated, 29_999, "{job:?}");
}
