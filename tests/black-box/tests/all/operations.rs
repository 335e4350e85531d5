//! The commands of `docs/operations.md`, in order, as somebody would type them at night.

use crate::setting::{Setting, pairs};
use gangway_kit::{gangway, root};
use gangway_model::JobStatus;
use std::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ten_questions_are_answered() {
    let setting = Setting::new().await;
    let names: Vec<String> = (0..25).map(|number| format!("P{number}")).collect();
    let people = |from: usize| names.iter().skip(from).map(|name| (name.as_str(), "x")).collect::<Vec<_>>();
    setting.read(&[people(0), vec![("D", "x")]].concat()).await;
    let deleting = setting.read(&people(0)).await;
    assert_eq!(deleting.status, JobStatus::Success);
    // Eleven at once: more than go without being asked.
    let blocked = setting.read(&people(11)).await;
    assert_eq!(blocked.status, JobStatus::FinishedWithError);

    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 10, "the page has {} blocks", blocks.len());
    let program = gangway().unwrap();
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("set -eu\n{}", blocks.concat()))
        .current_dir(setting.folder.path())
        .env("PATH", path)
        .env("GANGWAY_URL", setting.engine.url())
        .env("GANGWAY_TOKEN", setting.engine.token())
        .env("GANGWAY_TENANT", "setting")
        .env("DELETING", deleting.id.as_str())
        .env("JOB", blocked.id.as_str())
        .env("NEW_TOKEN", setting.server.token())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}\n{}", setting.engine.log());
    assert!(out.contains("it was not among the entities read"), "why D was deleted: {out}");
    assert!(out.contains("threshold"), "why nobody was deleted: {out}");
    // Exactly those whom the plan named are gone; D came back with the undo, and left with the next job.
    let stayed: Vec<(String, &str)> = people(11).iter().map(|(name, x)| (name.to_lowercase(), *x)).collect();
    let stayed: Vec<(&str, &str)> = stayed.iter().map(|(name, x)| (name.as_str(), *x)).collect();
    let mut stayed = pairs(&stayed);
    stayed.sort();
    assert_eq!(setting.users().await, stayed);
}
