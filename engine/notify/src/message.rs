use crate::Kind;
use gangway_model::{EntityState, Job};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is told, in both forms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// One line.
    pub subject: String,
    /// For people.
    pub text: String,
    /// For programs.
    pub json: Value,
}

/// Puts what happened to a job in words. Holds no entity's identifier or attribute: mail is no safe place
/// for them. `base` is the engine's public address, if it is known.
pub fn message(kind: Kind, job: &Job, targets: &[String], base: Option<&str>) -> Message {
    let source = &job.source_name;
    let (subject, status) = match kind {
        Kind::RunningWithError => {
            (format!("Provisioning Running with Error. Source System: {source}"), "Running with Error")
        }
        Kind::FinishedWithError => {
            (format!("Provisioning Finished with Error. Source System: {source}"), "Finished with Error")
        }
        Kind::Success => (format!("Provisioning Success. Source System: {source}"), "Success"),
    };
    let api = format!("{}/api/v1/tenants/{}/jobs/{}", base.unwrap_or_default(), job.tenant, job.id);
    let downloads: Vec<(&str, String)> = downloads(job)
        .into_iter()
        .map(|(what, kind)| (what, format!("{api}/export?logType={kind}")))
        .collect();
    let upper = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind_name, mode) = (upper(&json!(job.kind)), upper(&json!(job.read_mode)));
    let start = time(job.start_ms);
    let mut text = format!(
        "Source system: {source}\nTarget systems: {}\nJob: {}\nJob type: {kind_name}\nRead mode: {mode}\nStart time: {start}\nStatus: {status}\n",
        targets.join(", "),
        job.id
    );
    let told: Vec<String> = job.error.iter().cloned().chain(job.outcome.iter().cloned()).collect();
    if !told.is_empty() {
        text.push_str(&format!("\nWhat stood in the way:\n  {}\n", told.join("\n  ")));
    }
    text.push_str(&format!("\nDetails: {api}\n"));
    for (what, link) in &downloads {
        text.push_str(&format!("Download {what}: {link}\n"));
    }
    let links: serde_json::Map<String, Value> =
        downloads.into_iter().map(|(what, link)| (what.replace(' ', "-"), json!(link))).collect();
    let json = json!({
        "event": kind,
        "tenant": job.tenant,
        "job": job.id,
        "source": source,
        "targets": targets,
        "type": job.kind,
        "readMode": job.read_mode,
        "startMs": job.start_ms,
        "status": job.status,
        "circumstances": told,
        "details": api,
        "downloads": links,
    });
    Message { subject, text, json }
}

/// What can be downloaded: failed entities always, the other lists if the trace properties collect them.
fn downloads(job: &Job) -> Vec<(&'static str, &'static str)> {
    let lists = [
        (EntityState::Created, "created entities", "createdEntitiesLog"),
        (EntityState::Updated, "updated entities", "updatedEntitiesLog"),
        (EntityState::Skipped, "skipped entities", "skippedEntitiesLog"),
        (EntityState::Deleted, "deleted entities", "deletedEntitiesLog"),
    ];
    let traced = lists.into_iter().filter(|(state, _, _)| job.trace.lists.contains(state));
    std::iter::once(("failed entities", "failedEntitiesLog"))
        .chain(traced.map(|(_, what, kind)| (what, kind)))
        .collect()
}

fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map(|time| time.to_string()).unwrap_or_default()
}
