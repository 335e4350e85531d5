//! Logs and traces: F145 to F160.

use crate::setting::Setting;
use crate::systems::write_users;
use gangway_kit::{Answer, Method, number, text};
use gangway_model::{Job, JobStatus};
use serde_json::{Value, json};
use std::io::{Cursor, Read};
use std::time::Duration;

/// One log of a job: the archive's name, and its files by name.
async fn download(setting: &Setting, job: &Job, log: &str) -> (String, Vec<(String, String)>) {
    let path = setting.api.path(&format!("jobs/{}/export?logType={log}", job.id));
    unpack(setting.api.download(&path).await.unwrap())
}

/// An archive's name, and its files by name.
pub(super) fn unpack(
    (status, headers, bytes): (impl PartialEq<u16> + std::fmt::Debug, String, Vec<u8>),
) -> (String, Vec<(String, String)>) {
    assert!(status == 200, "{status:?} {}", String::from_utf8_lossy(&bytes));
    let name = headers.split("filename=\\\"").nth(1).unwrap().split("\\\"").next().unwrap().to_owned();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let files = (0..archive.len()).map(|n| {
        let mut file = archive.by_index(n).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        (file.name().to_owned(), text)
    });
    (name, files.collect())
}

/// The lines of a list of entities.
async fn lines(setting: &Setting, job: &Job, log: &str) -> Vec<String> {
    let (_, files) = download(setting, job, log).await;
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].1.lines().map(str::to_owned).collect()
}

async fn resync(setting: &Setting) -> Job {
    let job = setting.api.start("HR", "RESYNC").await.unwrap();
    setting.api.wait(job.id.as_str(), Duration::from_secs(30)).await.unwrap()
}

fn property(system: &Value, name: &str) -> String {
    system["properties"][name]["value"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn f145_jobs_are_found_by_system_type_and_status() {
    let setting = Setting::new().await;
    let good = read(&setting, &[("A", "x")]).await;
    let again = resync(&setting).await;
    setting.relay.set_rule(|_, _, _| Answer::Instead(400, Vec::new(), "{}".to_owned()));
    write_users(setting.folder.path(), &[("A", "y")]);
    let bad = setting.api.run("HR").await.unwrap();
    let found = async |query: &str| -> Vec<String> {
        let answer = setting.api.ok(Method::GET, &format!("jobs?{query}"), None).await.unwrap();
        answer["jobs"].as_array().unwrap().iter().map(|job| text(job, "/id").to_owned()).collect()
    };
    assert_eq!(found("system=HR").await, [bad.id.as_str(), again.id.as_str(), good.id.as_str()]);
    assert_eq!(found("system=App").await, [""; 0]);
    assert_eq!(found("type=RESYNC").await, [again.id.as_str()]);
    assert_eq!(found("status=FINISHED_WITH_ERROR").await, [bad.id.as_str()]);
    assert_eq!(found("status=SUCCESS&type=READ&limit=1").await, [good.id.as_str()]);
    let listed = setting.engine.cli("setting", &["job", "list", "--status", "finished-with-error"]).unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(bad.id.as_str()) && !listed.contains(good.id.as_str()), "{listed}");
}

#[tokio::test]
async fn f146_statistics_stand_by_type_system_and_action() {
    let setting = Setting::new().await;
    read(&setting, &[("A", "x"), ("B", "x")]).await;
    let job = read(&setting, &[("A", "y"), ("C", "x")]).await;
    let shown = setting.api.ok(Method::GET, &format!("jobs/{}", job.id), None).await.unwrap();
    let row = |action: &str, system: &str| {
        let rows = shown["statistics"].as_array().unwrap();
        let found = rows.iter().find(|row| {
            text(row, "/entityType") == "user"
                && text(row, "/action") == action
                && text(row, "/systemName") == system
        });
        found.cloned().unwrap_or_default()
    };
    let (source, target) = (row("READ", "HR"), row("WRITE", "App"));
    assert_eq!(number(&source, "/read"), 2);
    let counted = ["created", "updated", "deleted", "skipped", "failed"]
        .map(|name| number(&target, &format!("/{name}")));
    assert_eq!(counted, [1, 1, 1, 0, 0], "{target}");
    let (_, files) = download(&setting, &job, "commonLog").await;
    let log: Value = serde_json::from_str(&files[0].1).unwrap();
    let rows = log["statistics"].as_array().unwrap();
    assert!(
        rows.iter().any(|row| row["numberRead"] == 2 && row["action"] == "READ" && row["numberSkipped"] == 0),
        "{log}"
    );
}

#[tokio::test]
async fn f147_ten_failed_entities_are_shown_and_all_are_in_the_download() {
    let setting = Setting::new().await;
    setting.relay.set_rule(|method, _, _| match method {
        "POST" => Answer::Instead(400, Vec::new(), r#"{"detail":"no"}"#.to_owned()),
        _ => Answer::Pass,
    });
    let names: Vec<String> = (0..12).map(|n| format!("U{n:02}")).collect();
    let users: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    write_users(setting.folder.path(), &users);
    let job = setting.api.run("HR").await.unwrap();
    let shown = setting.api.ok(Method::GET, &format!("jobs/{}", job.id), None).await.unwrap();
    assert_eq!(shown["failedEntities"].as_array().unwrap().len(), 10);
    assert_eq!(shown["failedTotal"], 12);
    let lines = lines(&setting, &job, "failedEntitiesLog").await;
    assert_eq!(lines.len(), 12);
    assert!(lines[0].starts_with("user:U00, system=App, time="), "{}", lines[0]);
    assert!(lines[0].contains(", error=") && lines[0].ends_with("content=(hidden)"), "{}", lines[0]);
}

#[tokio::test]
async fn f148_lists_are_collected_only_if_their_trace_property_asks_for_it() {
    let setting = Setting::new().await;
    let silent = read(&setting, &[("A", "x"), ("B", "x")]).await;
    for log in ["createdEntitiesLog", "updatedEntitiesLog", "skippedEntitiesLog", "deletedEntitiesLog"] {
        assert_eq!(download(&setting, &silent, log).await.1, [], "{log}");
    }
    setting.set_all(
        "HR",
        &["ips.trace.created.entity=true", "ips.trace.updated.entity=true", "ips.trace.deleted.entity=true"],
    );
    let job = read(&setting, &[("A", "y"), ("C", "x")]).await;
    let ids = |lines: Vec<String>| {
        lines.iter().map(|l| l.split(',').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let stored = setting.server.all("Users").await.unwrap();
    let id = |name: &str| {
        format!("user:{}", text(stored.iter().find(|u| text(u, "/userName") == name).unwrap(), "/id"))
    };
    assert_eq!(
        ids(lines(&setting, &job, "createdEntitiesLog").await),
        [id("c")],
        "the identifier in the target"
    );
    assert_eq!(ids(lines(&setting, &job, "updatedEntitiesLog").await), [id("a")]);
    let deleted = lines(&setting, &job, "deletedEntitiesLog").await;
    assert_eq!(deleted.len(), 1);
    assert!(!deleted[0].contains("content="), "{deleted:?}");
    assert_eq!(download(&setting, &job, "skippedEntitiesLog").await.1, []);
}

#[tokio::test]
async fn f149_contents_are_hidden_unless_asked_for_which_holds_for_one_job() {
    let setting = Setting::new().await;
    setting.set_all("HR", &["ips.trace.created.entity=true"]);
    let hidden = read(&setting, &[("A", "x")]).await;
    assert!(lines(&setting, &hidden, "createdEntitiesLog").await[0].ends_with("content=(hidden)"));
    setting.set_all("HR", &["ips.trace.created.entity.content=true"]);
    let shown = read(&setting, &[("A", "x"), ("B", "x")]).await;
    let line = lines(&setting, &shown, "createdEntitiesLog").await.remove(0);
    assert!(line.contains("content={") && line.contains("\"userName\":\"b\""), "{line}");
    let switch = async || {
        property(
            &setting.api.ok(Method::GET, "systems/HR", None).await.unwrap(),
            "ips.trace.created.entity.content",
        )
    };
    for _ in 0..200 {
        if switch().await == "false" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(switch().await, "false");
    let after = read(&setting, &[("A", "x"), ("B", "x"), ("C", "x")]).await;
    assert!(lines(&setting, &after, "createdEntitiesLog").await[0].ends_with("content=(hidden)"));
}

#[tokio::test]
async fn f153_each_of_the_six_logs_is_an_archive_at_either_address() {
    let setting = Setting::new().await;
    let job = read(&setting, &[("A", "x")]).await;
    for (log, kind) in [
        ("commonLog", "Common"),
        ("failedEntitiesLog", "Error"),
        ("skippedEntitiesLog", "SkippedEntities"),
        ("createdEntitiesLog", "CreatedEntities"),
        ("updatedEntitiesLog", "UpdatedEntities"),
        ("deletedEntitiesLog", "DeletedEntities"),
    ] {
        let (name, _) = download(&setting, &job, log).await;
        assert!(name.starts_with(&format!("ips_job{kind}Logs_{}_2", job.id)), "{name}");
        for path in ["/ips/service/publicapi/v1", "/ips/publicapi/v1"] {
            let path = format!("{path}/jobLogs/{}?action=export&logType={log}", job.id);
            unpack(setting.api.download(&path).await.unwrap());
        }
    }
    let status = async |path: &str| setting.api.download(path).await.unwrap().0.as_u16();
    assert_eq!(status("/ips/service/publicapi/v1/jobLogs/none?action=export&logType=commonLog").await, 404);
    let here = format!("/ips/service/publicapi/v1/jobLogs/{}", job.id);
    assert_eq!(status(&format!("{here}?action=export&logType=nonsense")).await, 400);
    assert_eq!(status(&format!("{here}?action=delete&logType=commonLog")).await, 400);
    let file = setting.folder.path().join("log.zip");
    let done = setting
        .engine
        .cli("setting", &["job", "export", job.id.as_str(), "--log", "common", "-o", file.to_str().unwrap()]);
    assert!(done.unwrap().status.success());
    assert!(std::fs::read(file).unwrap().starts_with(b"PK"));
}

#[tokio::test]
async fn f160_contents_are_masked_by_policy_sealed_and_their_reading_is_audited() {
    let setting = Setting::new().await;
    setting.set_all(
        "HR",
        &[
            "ips.trace.created.entity=true",
            "ips.trace.created.entity.content=true",
            "ips.trace.entity.content.masked=familyName,displayName,value",
        ],
    );
    let job = read(&setting, &[("Ada", "x")]).await;
    let audited = async || {
        setting.api.ok(Method::GET, "audit", None).await.unwrap()["entries"].as_array().unwrap().len()
    };
    download(&setting, &job, "failedEntitiesLog").await;
    assert_eq!(audited().await, 0, "nothing personal was read");
    let line = lines(&setting, &job, "createdEntitiesLog").await.remove(0);
    assert!(line.contains("Given Ada") && line.contains("\"familyName\":\"***\""), "{line}");
    assert!(!line.contains("Family Ada") && !line.contains("ada@example.com"), "{line}");
    let audit = setting.api.ok(Method::GET, "audit", None).await.unwrap();
    assert_eq!(text(&audit, "/entries/0/action"), "JOB_CONTENT_READ");
    assert!(text(&audit, "/entries/0/object").contains(job.id.as_str()), "{audit}");
    assert!(text(&audit, "/entries/0/by").starts_with("Gangway API - "), "{audit}");
    // Neither the page nor the log shows contents, and the file does not hold them in clear.
    let log = setting.api.ok(Method::GET, &format!("jobs/{}/log?state=created", job.id), None).await.unwrap();
    assert!(!log.to_string().contains("Given"), "{log}");
    let stored = std::fs::read(setting.engine.data().join("tenants/setting/state.redb")).unwrap();
    assert!(!stored.windows(9).any(|part| part == b"Given Ada"));
    assert_eq!(json!(audited().await), 1);
}

/// Reads everybody into the target.
async fn read(setting: &Setting, users: &[(&str, &str)]) -> Job {
    write_users(setting.folder.path(), users);
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?} {}", setting.engine.log());
    job
}

#[tokio::test]
async fn f159_the_history_of_an_entity_is_found_over_all_jobs() {
    let setting = Setting::new().await;
    read(&setting, &[("A", "x"), ("B", "x")]).await;
    read(&setting, &[("A", "y"), ("B", "x")]).await;
    let last = read(&setting, &[("B", "x")]).await;
    let history = setting.api.ok(Method::GET, "entities/A/history", None).await.unwrap();
    let states: Vec<_> =
        history["events"].as_array().unwrap().iter().map(|e| text(e, "/state").to_owned()).collect();
    assert_eq!(states, ["deleted", "updated", "created"], "newest first: {history}");
    let first = &history["events"][0];
    assert_eq!((text(first, "/systemName"), text(first, "/sourceName")), ("App", "HR"));
    assert_eq!(text(first, "/job"), last.id.as_str());
    assert_eq!(history["relations"].as_array().unwrap().len(), 0, "{history}");

    // By the identifier in the target, too.
    let target_id = text(first, "/targetId");
    assert_ne!(target_id, "A");
    let same = setting.api.ok(Method::GET, &format!("entities/{target_id}/history?system=App"), None).await;
    assert_eq!(same.unwrap()["events"], history["events"]);
    let why = setting.engine.cli("setting", &["why", "A"]).unwrap();
    let said = String::from_utf8(why.stdout).unwrap();
    assert!(said.starts_with("last deleted from \"App\""), "{said}");
    assert!(said.contains("it was not among the entities read from the source"), "{said}");
    let why = setting.engine.cli("setting", &["why", "B"]).unwrap();
    let said = String::from_utf8(why.stdout).unwrap();
    assert!(said.starts_with("not deleted: user \"B\" of \"HR\" is"), "{said}");
    let why = setting.engine.cli("setting", &["why", "nobody"]).unwrap();
    assert!(String::from_utf8(why.stdout).unwrap().starts_with("nothing is known of \"nobody\""));
}
