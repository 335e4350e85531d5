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
    let is_event = job.event.is_some();
    let status = match kind {
        Kind::RunningWithError => "Running with Error",
        Kind::FinishedWithError => "Finished with Error",
        Kind::Success => "Success",
    };
    let (what, label, place) = if is_event {
        ("Real-Time Provisioning", "Event", "real-time")
    } else {
        ("Provisioning", "Job", "jobs")
    };
    let subject = format!("{what} {status}. Source System: {source}");
    let api = format!("{}/api/v1/tenants/{}/{place}/{}", base.unwrap_or_default(), job.tenant, job.id);
    let downloads: Vec<(&str, String)> = if is_event {
        vec![("log", format!("{api}/export"))]
    } else {
        let link = |(what, kind)| (what, format!("{api}/export?logType={kind}"));
        downloads(job).into_iter().map(link).collect()
    };
    let upper = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind_name, mode) = (upper(&json!(job.kind)), upper(&json!(job.read_mode)));
    let start = time(job.start_ms);
    let mut text = format!(
        "Source system: {source}\nTarget systems: {}\n{label}: {}\nJob type: {kind_name}\nRead mode: {mode}\nStart time: {start}\nStatus: {status}\n",
        targets.join(", "),
        job.id
    );
    // The error of an event may name its entity.
    let error = job.error.iter().filter(|_| !is_event);
    let told: Vec<String> = error.cloned().chain(job.outcome.iter().cloned()).collect();
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
