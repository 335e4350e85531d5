//! New versions of a transformation and of a connector while a job runs.
//!
//! A new version is the same component with one message changed, so that the log of a job tells
//! which version it ran on.

use crate::systems::{csv_source, scim_target, write_no_groups};
use gangway_kit::{Answer, Api, Engine, Method, Relay, component, text};
use gangway_model::{Job, JobStatus};
use std::path::Path;
use std::time::Duration;

/// The component with every occurrence of a text replaced by another of the same length.
fn changed(plugin: &str, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut wasm = component(plugin).unwrap();
    let mut found = 0;
    let mut at = 0;
    while let Some(position) = wasm[at..].windows(from.len()).position(|w| w == from.as_bytes()) {
        let start = at + position;
        wasm[start..start + to.len()].copy_from_slice(to.as_bytes());
        at = start + to.len();
        found += 1;
    }
    assert!(found > 0, "{plugin} holds no {from:?}");
    wasm
}

fn write_files(folder: &Path, users: usize) {
    let mut text = String::from("id,userName,givenName,familyName,email,department,title,type,active\n");
    text.push_str("S1,svc,Backup,Service,,IT,Service account,service,true\n");
    text.push_str("BROKEN,row\n");
    for n in 0..users {
        text.push_str(&format!("U{n},user{n},Given,Family,user{n}@example.com,Sales,Clerk,employee,true\n"));
    }
    std::fs::write(folder.join("users.csv"), text).unwrap();
    write_no_groups(folder);
}

/// The reason given for the skipped service account, and the error of the broken row.
async fn wording(api: &Api, job: &Job) -> (String, String) {
    let skipped = api.events(job.id.as_str(), "skipped").await.unwrap();
    let failed = api.events(job.id.as_str(), "failed").await.unwrap();
    (text(&skipped[0], "/reason").to_owned(), text(&failed[0], "/error/message").to_owned())
}

#[tokio::test]
async fn a_running_job_ends_on_the_version_it_started_with() {
    let engine = Engine::start().await.unwrap();
    let target = Engine::start().await.unwrap();
    target.api("app").unwrap().make_tenant().await.unwrap();
    let relay = Relay::start(&target.url()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path(), 300);
    let api = engine.api("hot").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
    api.make_system(csv_source("HR", folder.path())).await.unwrap();
    let url = format!("{}/tenants/app/scim/v2", relay.url());
    api.make_system(scim_target("App", "HR", &url, target.token())).await.unwrap();

    let transformation = changed("json-transformation", "Entity condition [", "ENTITY condition [");
    let connector = changed("csv", " fields", " FIELDS");
    // Compiled before, for another tenant, so that loading is a matter of milliseconds.
    let other = engine.api("other").unwrap();
    other.make_tenant().await.unwrap();
    other.upload("json-transformation", transformation.clone()).await.unwrap();
    other.upload("csv", connector.clone()).await.unwrap();

    // Slow enough to load new versions while it runs.
    relay.set_rule(|_, _, _| Answer::Late(Duration::from_millis(40)));
    let job = api.start("HR", "READ").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (status, report) = api.upload("json-transformation", transformation).await.unwrap();
    assert_eq!(status, 200, "{report}");
    let (status, report) = api.upload("csv", connector).await.unwrap();
    assert_eq!(status, 200, "{report}");
    assert!(!api.job(job.id.as_str()).await.unwrap().status.is_final(), "the job should still run");
    let job = api.wait(job.id.as_str(), Duration::from_secs(120)).await.unwrap();
    let (skipped, failed) = wording(&api, &job).await;
    assert!(skipped.starts_with("Entity condition ["), "{skipped}");
    assert!(failed.contains(" fields"), "{failed}");

    relay.set_rule(|_, _, _| Answer::Pass);
    let job = api.run("HR").await.unwrap();
    let (skipped, failed) = wording(&api, &job).await;
    assert!(skipped.starts_with("ENTITY condition ["), "{skipped}");
    assert!(failed.contains(" FIELDS"), "{failed}");

    // A broken upload changes nothing.
    let broken = component("csv").unwrap();
    let (status, problem) = api.upload("csv", broken[..broken.len() / 2].to_vec()).await.unwrap();
    assert_eq!(status, 422, "{problem}");
    let job = api.run("HR").await.unwrap();
    assert!(wording(&api, &job).await.1.contains(" FIELDS"));

    // Roll back.
    for plugin in ["csv", "json-transformation"] {
        api.ok(Method::POST, &format!("plugins/{plugin}/roll-back"), None).await.unwrap();
    }
    let job = api.run("HR").await.unwrap();
    let (skipped, failed) = wording(&api, &job).await;
    assert!(skipped.starts_with("Entity condition [") && failed.contains(" fields"), "{skipped} {failed}");
    assert_eq!(job.status, JobStatus::FinishedWithError, "the broken row still shows");
}
