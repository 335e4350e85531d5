//! The commands of `docs/operations.md`, in order, as somebody would type them at night.

use crate::page::{commands, said, shell};
use crate::setting::{Setting, pairs};
use gangway_model::JobStatus;

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

    let output = shell(&setting.engine, "setting", setting.folder.path(), &commands("operations.md", 10))
        .env("DELETING", deleting.id.as_str())
        .env("JOB", blocked.id.as_str())
        .env("NEW_TOKEN", setting.server.token())
        .output()
        .unwrap();
    let out = said(&setting.engine, &output);
    assert!(out.contains("it was not among the entities read"), "why D was deleted: {out}");
    assert!(out.contains("threshold"), "why nobody was deleted: {out}");
    // Exactly those whom the plan named are gone; D came back with the undo, and left with the next job.
    let stayed: Vec<(String, &str)> = people(11).iter().map(|(name, x)| (name.to_lowercase(), *x)).collect();
    let stayed: Vec<(&str, &str)> = stayed.iter().map(|(name, x)| (name.as_str(), *x)).collect();
    let mut stayed = pairs(&stayed);
    stayed.sort();
    assert_eq!(setting.users().await, stayed);
}
