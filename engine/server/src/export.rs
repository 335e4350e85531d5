//! Logs as archives: one text for each, read from the store line by line while it is compressed, so that
//! memory does not grow with the number of lines.

use gangway_jobs::logs;
use gangway_model::{Action, EntityEvent, EntityState, Job, JobId, PluginError, SystemId};
use gangway_store::{StoreError, TenantStore};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{Seek, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Lines read at a time.
const LINES: usize = 1000;
/// Logs in one part of the download of all.
pub(crate) const PART: usize = 3000;

/// Which log of a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogType {
    /// The job itself with its numbers.
    Common,
    /// A list of entities.
    List(EntityState),
}

impl LogType {
    const ALL: [(&str, Self); 7] = [
        ("commonLog", Self::Common),
        ("failedEntitiesLog", Self::List(EntityState::Failed)),
        // So called in one place of the reference product's documentation.
        ("allErrorsLog", Self::List(EntityState::Failed)),
        ("skippedEntitiesLog", Self::List(EntityState::Skipped)),
        ("createdEntitiesLog", Self::List(EntityState::Created)),
        ("updatedEntitiesLog", Self::List(EntityState::Updated)),
        ("deletedEntitiesLog", Self::List(EntityState::Deleted)),
    ];

    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).collect();
            format!("{name:?} is no type of log: {}", names.join(", "))
        })
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Common => "Common",
            Self::List(EntityState::Failed) => "Error",
            Self::List(EntityState::Skipped) => "SkippedEntities",
            Self::List(EntityState::Created) => "CreatedEntities",
            Self::List(EntityState::Updated) => "UpdatedEntities",
            Self::List(EntityState::Deleted) => "DeletedEntities",
        }
    }

    /// The file's name, without its ending.
    pub(crate) fn file_name(self, job: &JobId, now_ms: u64) -> String {
        format!("ips_job{}Logs_{job}_{}", self.kind(), date_time(now_ms))
    }

    /// Whether the lines of the job's log hold what entities consist of.
    pub(crate) fn holds_contents(self, job: &Job) -> bool {
        matches!(self, Self::List(state) if job.trace.contents.contains(&state))
    }
}

/// `2026-01-31_235959`, in UTC.
pub(crate) fn date_time(now_ms: u64) -> String {
    let time = i64::try_from(now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map(|time| time.strftime("%Y-%m-%d_%H%M%S").to_string()).unwrap_or_default()
}

fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map(|time| time.to_string()).unwrap_or_default()
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(format!("the archive cannot be written: {error}"))
}

/// Writes one log of a job. A list that the trace properties did not ask for gives an archive without a file.
pub(crate) fn write(
    store: &dyn TenantStore,
    job: &Job,
    kind: LogType,
    name: &str,
    to: impl Write + Seek,
) -> Result<(), StoreError> {
    let mut zip = ZipWriter::new(to);
    match kind {
        LogType::Common => {
            document(&mut zip, name, &common(job))?;
        }
        LogType::List(state) => {
            if state == EntityState::Failed || job.trace.lists.contains(&state) {
                file(&mut zip, &format!("{name}.log"))?;
                lines(store, job, state, &mut zip)?;
            }
        }
    }
    zip.finish().map_err(failed)?;
    Ok(())
}

/// Writes a part of the logs of all jobs, the newest first.
pub(crate) fn write_part(
    store: &dyn TenantStore,
    part: usize,
    to: impl Write + Seek,
) -> Result<(), StoreError> {
    let mut zip = ZipWriter::new(to);
    let (mut position, mut before) = (0, None);
    let wanted = part.saturating_sub(1).saturating_mul(PART)..part.saturating_mul(PART);
    while position < wanted.end {
        let jobs = store.jobs(before.as_ref(), LINES)?;
        let Some(last) = jobs.last() else { break };
        before = Some(last.id.clone());
        for job in jobs {
            if wanted.contains(&position) {
                document(&mut zip, job.id.as_str(), &common(&job))?;
            }
            position += 1;
        }
    }
    zip.finish().map_err(failed)?;
    Ok(())
}

/// How many parts there are.
pub(crate) fn parts(store: &dyn TenantStore) -> Result<usize, StoreError> {
    let (mut count, mut before) = (0, None);
    loop {
        let jobs = store.jobs(before.as_ref(), LINES)?;
        count += jobs.len();
        match jobs.last() {
            Some(last) => before = Some(last.id.clone()),
            None => return Ok(count.div_ceil(PART)),
        }
    }
}

/// Writes the log of an event, as it is shown.
pub(crate) fn write_event(event: &Value, name: &str, to: impl Write + Seek) -> Result<(), StoreError> {
    let mut zip = ZipWriter::new(to);
    document(&mut zip, name, event)?;
    zip.finish().map_err(failed)?;
    Ok(())
}

fn document<W: Write + Seek>(zip: &mut ZipWriter<W>, name: &str, value: &Value) -> Result<(), StoreError> {
    let text = serde_json::to_string_pretty(value).map_err(failed)?;
    file(zip, &format!("{name}.json"))?;
    zip.write_all(text.as_bytes()).map_err(failed)
}

fn file<W: Write + Seek>(zip: &mut ZipWriter<W>, name: &str) -> Result<(), StoreError> {
    zip.start_file(name, SimpleFileOptions::default().large_file(true)).map_err(failed)
}

/// The job as the downloaded log shows it.
fn common(job: &Job) -> Value {
    let rows: Vec<Value> = job
        .statistics
        .iter()
        .map(|row| {
            let c = &row.counters;
            let mut out = json!({
                "entityType": row.key.entity_type,
                "system": row.system_name,
                "action": row.key.action,
                "numberSkipped": c.skipped,
                "numberFailed": c.failed,
            });
            let own = match row.key.action {
                Action::Read => json!({ "numberRead": c.read }),
                Action::Write => json!({
                    "numberCreated": c.created,
                    "numberUpdated": c.updated,
                    "numberDeleted": c.deleted,
                    "numberUnchanged": c.unchanged,
                }),
            };
            if let (Value::Object(out), Value::Object(own)) = (&mut out, own) {
                out.extend(own);
            }
            out
        })
        .collect();
    json!({
        "jobId": job.id,
        "resumes": job.resumes,
        "sourceSystem": job.source_name,
        "jobType": job.kind,
        "readMode": job.read_mode,
        "triggerType": job.trigger.kind,
        "triggeredBy": job.trigger.by,
        "status": job.status,
        "startTime": time(job.start_ms),
        "endTime": job.end_ms.map(time),
        "errorMessage": job.error,
        "jobExecutionOutcome": job.outcome,
        "brokenTargets": job.broken,
        "statistics": rows,
    })
}

fn lines(
    store: &dyn TenantStore,
    job: &Job,
    state: EntityState,
    to: &mut impl Write,
) -> Result<(), StoreError> {
    let mut names: HashMap<SystemId, String> = store.systems()?.into_iter().map(|s| (s.id, s.name)).collect();
    names.extend(job.statistics.iter().map(|row| (row.key.system.clone(), row.system_name.clone())));
    let run = logs::first(store, job)?;
    let mut after = None;
    loop {
        let events = store.events(&run, Some(state), after, LINES)?;
        let Some((last, _)) = events.last() else { return Ok(()) };
        after = Some(*last);
        for (_, event) in &events {
            let system = names.get(&event.system).map_or(event.system.as_str(), String::as_str);
            writeln!(to, "{}", line(event, system)).map_err(failed)?;
        }
    }
}

fn line(event: &EntityEvent, system: &str) -> String {
    let written = matches!(event.state, EntityState::Created | EntityState::Updated | EntityState::Deleted);
    let (own, other) =
        if written { (&event.target_id, &event.source_id) } else { (&event.source_id, &event.target_id) };
    let id = own.as_deref().or(other.as_deref()).unwrap_or("(unknown)");
    let mut out = format!("{}:{id}, system={system}, time={}", event.entity_type, time(event.time_ms));
    if let Some(reason) = &event.reason {
        let what = if event.state == EntityState::Skipped { "skip reason" } else { "reason" };
        out.push_str(&format!(", {what}={reason}"));
    }
    if let Some(error) = &event.error {
        out.push_str(&format!(", error={}", told(error)));
    }
    if event.state != EntityState::Deleted {
        out.push_str(&format!(", content={}", event.content.as_deref().unwrap_or("(hidden)")));
    }
    // One line is one entity.
    out.replace(['\n', '\r'], " ")
}

fn told(error: &PluginError) -> String {
    let details: String = error.details.iter().map(|(key, value)| format!(" [{key} {value}]")).collect();
    format!("{}: {}{details}", error.code, error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f151_downloads_are_called_as_documented() {
        let name = |kind: &str| LogType::parse(kind).unwrap().file_name(&"7".into(), 1_767_225_599_999);
        for (kind, expected) in [
            ("commonLog", "ips_jobCommonLogs_7_2025-12-31_235959"),
            ("failedEntitiesLog", "ips_jobErrorLogs_7_2025-12-31_235959"),
            ("allErrorsLog", "ips_jobErrorLogs_7_2025-12-31_235959"),
            ("skippedEntitiesLog", "ips_jobSkippedEntitiesLogs_7_2025-12-31_235959"),
            ("createdEntitiesLog", "ips_jobCreatedEntitiesLogs_7_2025-12-31_235959"),
            ("updatedEntitiesLog", "ips_jobUpdatedEntitiesLogs_7_2025-12-31_235959"),
            ("deletedEntitiesLog", "ips_jobDeletedEntitiesLogs_7_2025-12-31_235959"),
        ] {
            assert_eq!(name(kind), expected);
        }
        assert!(LogType::parse("otherLog").unwrap_err().contains("commonLog"));
    }
}
