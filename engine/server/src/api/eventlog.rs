//! What became of events, as the logs of real time and of the central store show it.

use crate::problem::Problem;
use gangway_jobs::logs;
use gangway_model::{
    Action, EntityEvent, EntityState, EntityType, Event, Job, JobId, JobStatus, JobType, StatisticsRow,
    TenantId,
};
use gangway_store::{StoreError, TenantStore};
use serde::{Deserialize, Serialize};

/// Events in one answer, if the client does not say.
const DEFAULT_LIMIT: usize = 20;
/// And at most.
const MAX_LIMIT: usize = 100;
/// Jobs read at a time to find events among them, and in one request.
const SEARCHED_AT_ONCE: usize = 200;
const MAX_SEARCHED: usize = 20_000;
/// Lines of an event's log: a few for each target.
const LINES: usize = 1000;

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    Queued,
    Running,
    FinishedSuccessfully,
    FinishedWithError,
}

/// An event as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    pub(crate) id: JobId,
    pub(crate) source: String,
    /// Of an event of the central store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) application_id: Option<String>,
    pub(crate) entity_type: EntityType,
    pub(crate) source_id: String,
    /// The identifier in the first target that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_id: Option<String>,
    pub(crate) status: Status,
    pub(crate) start_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    source_result: Outcome,
    pub(crate) targets: Vec<Outcome>,
}

/// What happened in one system.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    pub(crate) system: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entity_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<&'static str>,
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Members of a group that are not in the target, by their identifiers in the source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) members_left_out: Vec<String>,
}

/// Looks through the events, the latest first, for what is picked of them; and where to go on.
pub(crate) fn search<T>(
    store: &dyn TenantStore,
    mut before: Option<JobId>,
    limit: Option<usize>,
    pick: impl Fn(Shown) -> Vec<T>,
) -> Result<(Vec<T>, Option<JobId>), StoreError> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let mut found = Vec::new();
    for _ in 0..MAX_SEARCHED / SEARCHED_AT_ONCE {
        let jobs = store.jobs(before.as_ref(), SEARCHED_AT_ONCE)?;
        let more = jobs.len() == SEARCHED_AT_ONCE;
        for job in jobs {
            before = Some(job.id.clone());
            if job.status == JobStatus::Resumed {
                continue;
            }
            found.extend(show(store, &job)?.into_iter().flat_map(&pick));
            if found.len() >= limit {
                return Ok((found, before));
            }
        }
        if !more {
            return Ok((found, None));
        }
    }
    Ok((found, before))
}

/// What became of one event; none if there is no such event.
pub(crate) fn one(store: &dyn TenantStore, id: &JobId) -> Result<Option<Shown>, StoreError> {
    match store.job(id)? {
        Some(job) => show(store, &job),
        None => Ok(None),
    }
}

pub(crate) fn unknown(tenant: &TenantId, event: &JobId) -> Problem {
    Problem::not_found("event", event.as_str()).action("see GET …/real-time").tenant(tenant.as_str())
}

/// None of a job that is no event.
fn show(store: &dyn TenantStore, job: &Job) -> Result<Option<Shown>, StoreError> {
    let Some(event) = job.event.as_ref().filter(|_| job.kind == JobType::RealTime) else { return Ok(None) };
    let lines = store.events(&logs::first(store, job)?, None, None, LINES)?;
    let lines: Vec<EntityEvent> = lines.into_iter().map(|(_, line)| line).collect();
    Ok(Some(shown(job, event, &lines)))
}

fn shown(job: &Job, event: &Event, lines: &[EntityEvent]) -> Shown {
    let rows = |action| {
        let is_one =
            move |row: &&StatisticsRow| row.key.action == action && row.key.entity_type == event.entity_type;
        job.statistics.iter().filter(is_one)
    };
    let targets: Vec<Outcome> = rows(Action::Write).map(|row| of_target(job, row, lines)).collect();
    Shown {
        id: job.id.clone(),
        source: job.source_name.clone(),
        application_id: event.application.clone(),
        entity_type: event.entity_type.clone(),
        source_id: event.id.clone(),
        entity_id: targets.iter().find_map(|target| target.entity_id.clone()),
        status: match job.status {
            JobStatus::Queued | JobStatus::PendingRestart => Status::Queued,
            JobStatus::Running | JobStatus::RunningWithError => Status::Running,
            JobStatus::Success => Status::FinishedSuccessfully,
            _ => Status::FinishedWithError,
        },
        start_ms: job.start_ms,
        error: job.error.clone(),
        source_result: of_source(job, rows(Action::Read).next(), lines, event.deleted),
        targets,
    }
}

fn of_source(job: &Job, row: Option<&StatisticsRow>, lines: &[EntityEvent], deleted: bool) -> Outcome {
    let line = lines.iter().rfind(|line| line.system == job.source);
    let counters = row.map(|row| row.counters).unwrap_or_default();
    let (state, reason) = match line {
        Some(line) if line.state == EntityState::Skipped => {
            let why = line.reason.clone().unwrap_or_default();
            ("SKIPPED", Some(format!("it is skipped, and deprovisioned where it was provisioned: {why}")))
        }
        Some(line) => ("FAILED", line.error.as_ref().map(ToString::to_string)),
        None if job.error.is_some() => ("FAILED", None),
        None if counters.read > 0 => ("READ", None),
        None if !job.status.is_final() => ("WAITING", None),
        None => ("DELETED", (!deleted).then(|| "the source does not have it".to_owned())),
    };
    Outcome { system: job.source_name.clone(), state, reason, ..Outcome::default() }
}

fn of_target(job: &Job, row: &StatisticsRow, lines: &[EntityEvent]) -> Outcome {
    let of_system = lines.iter().filter(|line| line.system == row.key.system);
    // Lines of users in an event of a group say who is not made a member.
    let (lines, others): (Vec<_>, Vec<_>) =
        of_system.partition(|line| line.entity_type == row.key.entity_type);
    let members_left_out: Vec<String> = others.iter().filter_map(|line| line.source_id.clone()).collect();
    let more = others.iter().filter(|line| line.source_id.is_none());
    let reasons: Vec<String> = lines
        .iter()
        .chain(more)
        .filter_map(|line| line.reason.clone().or_else(|| line.error.as_ref().map(ToString::to_string)))
        .collect();
    let broken = job.broken.get(&row.key.system);
    let (operation, state) = match lines.last().map(|line| line.state) {
        Some(EntityState::Created) => (Some("CREATE"), "CREATED"),
        Some(EntityState::Updated) => (Some("UPDATE"), "UPDATED"),
        Some(EntityState::Deleted) => (Some("DELETE"), "DELETED"),
        Some(EntityState::Skipped) => (None, "SKIPPED"),
        Some(EntityState::Failed) => (None, "FAILED"),
        None if broken.is_some() => (None, "FAILED"),
        None if row.counters.unchanged > 0 => (None, "ALREADY_PROVISIONED"),
        None => (None, "NOT_PROVISIONED"),
    };
    Outcome {
        system: row.system_name.clone(),
        entity_id: lines.iter().rev().find_map(|line| line.target_id.clone()),
        operation,
        state,
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")).or_else(|| broken.cloned()),
        members_left_out,
    }
}
