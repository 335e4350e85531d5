//! What sources report of single entities, and what became of it.

use crate::api::systems::find;
use crate::extract::{self, Caller, Path, Query};
use crate::limits::Admission;
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use gangway_jobs::{logs, realtime, records};
use gangway_model::{
    Action, EntityEvent, EntityState, EntityType, Job, JobId, JobStatus, JobType, StatisticsRow, TenantId,
};
use gangway_store::{StoreError, TenantStore};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Events in one answer, if the client does not say.
const DEFAULT_LIMIT: usize = 20;
/// And at most.
const MAX_LIMIT: usize = 100;
/// Jobs read at a time to find events among them, and in one request.
const SEARCHED_AT_ONCE: usize = 200;
const MAX_SEARCHED: usize = 20_000;
/// Lines of an event's log: a few for each target.
const LINES: usize = 1000;

/// The entity: its identifier, or the whole resource, of which only that is looked at.
#[derive(Deserialize, Default)]
pub(crate) struct Reported {
    id: Option<String>,
}

/// An entity was made or changed.
pub(crate) async fn changed(
    State(services): State<Services>,
    Path(place): Path<(String, String, String)>,
    Query(query): Query<Reported>,
    caller: Caller,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    report(&services, place, query, caller, &body, false).await
}

/// An entity was removed.
pub(crate) async fn removed(
    State(services): State<Services>,
    Path(place): Path<(String, String, String)>,
    Query(query): Query<Reported>,
    caller: Caller,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    report(&services, place, query, caller, &body, true).await
}

async fn report(
    services: &Services,
    (tenant, system, entity_type): (String, String, String),
    query: Reported,
    caller: Caller,
    body: &Bytes,
    deleted: bool,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let tenant = extract::tenant(&tenant)?;
    admit(services, &tenant).await?;
    if !realtime::is_type(&entity_type) {
        return Err(Problem::not_found("entity type", &entity_type)
            .action("events are of users and groups: …/entities/user, …/entities/group")
            .tenant(tenant.as_str()));
    }
    let given = if body.is_empty() {
        query
    } else {
        serde_json::from_slice(body)
            .map_err(|error| Problem::unreadable(format!("the body is no JSON with an id: {error}")))?
    };
    let id = given.id.filter(|id| !id.is_empty()).ok_or_else(|| {
        let what = format!("an event of a {entity_type}");
        Problem::refused_body(&what, vec![("/id", "the identifier in the source is missing".to_owned())])
            .tenant(tenant.as_str())
    })?;
    let system = find(services, &tenant, &system).await?;
    let event = realtime::event(&entity_type, id, deleted);
    let id = services
        .runner()
        .notice(&tenant, &system.id, event, caller.0)
        .await
        .map_err(|error| Problem::from(error).tenant(tenant.as_str()).system(system.name.as_str()))?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))))
}

/// Counts the request, if the tenant's settings say so.
async fn admit(services: &Services, tenant: &TenantId) -> Result<(), Problem> {
    if !services.of_tenant(tenant, |store| records::settings(store)).await?.rate_limit {
        return Ok(());
    }
    match services.inner.inbound.of(tenant).admit(services.inner.clock.now_ms()) {
        Admission::Now => Ok(()),
        Admission::Later(time) => {
            tokio::time::sleep(time).await;
            Ok(())
        }
        Admission::Refused(seconds) => Err(Problem::too_many("the tenant's real-time API", seconds)),
    }
}

/// Which events are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Wanted {
    /// Name of the source.
    source: Option<String>,
    entity_type: Option<EntityType>,
    /// In the source or in a target.
    entity_id: Option<String>,
    status: Option<Status>,
    before: Option<JobId>,
    limit: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Queued,
    Running,
    FinishedSuccessfully,
    FinishedWithError,
}

/// An event as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: JobId,
    source: String,
    entity_type: EntityType,
    source_id: String,
    /// The identifier in the first target that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_id: Option<String>,
    status: Status,
    start_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    source_result: Outcome,
    targets: Vec<Outcome>,
}

/// What happened in one system.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    system: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What became of events, the latest first.
pub(crate) async fn list(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let (events, next) = services.of_tenant(&tenant, move |store| search(store, &wanted)).await?;
    Ok(Json(json!({ "events": events, "next": next })))
}

type Found = (Vec<Shown>, Option<JobId>);

fn search(store: &dyn TenantStore, wanted: &Wanted) -> Result<Found, StoreError> {
    let limit = wanted.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let (mut found, mut before) = (Vec::new(), wanted.before.clone());
    for _ in 0..MAX_SEARCHED / SEARCHED_AT_ONCE {
        let jobs = store.jobs(before.as_ref(), SEARCHED_AT_ONCE)?;
        let more = jobs.len() == SEARCHED_AT_ONCE;
        for job in jobs {
            before = Some(job.id.clone());
            if job.kind != JobType::RealTime || job.status == JobStatus::Resumed {
                continue;
            }
            let lines = store.events(&logs::first(store, &job)?, None, None, LINES)?;
            let lines: Vec<EntityEvent> = lines.into_iter().map(|(_, line)| line).collect();
            found.extend(shown(&job, &lines).filter(|event| wanted.wants(event)));
            if found.len() == limit {
                return Ok((found, before));
            }
        }
        if !more {
            return Ok((found, None));
        }
    }
    Ok((found, before))
}

impl Wanted {
    fn wants(&self, event: &Shown) -> bool {
        let is_id = |id: &String| {
            event.source_id == *id || event.targets.iter().any(|target| target.entity_id.as_ref() == Some(id))
        };
        self.source.as_ref().is_none_or(|source| *source == event.source)
            && self.entity_type.as_ref().is_none_or(|entity_type| *entity_type == event.entity_type)
            && self.entity_id.as_ref().is_none_or(is_id)
            && self.status.is_none_or(|status| status == event.status)
    }
}

fn shown(job: &Job, lines: &[EntityEvent]) -> Option<Shown> {
    let event = job.event.clone()?;
    let rows = |action| job.statistics.iter().filter(move |row| row.key.action == action);
    let targets: Vec<Outcome> = rows(Action::Write).map(|row| of_target(job, row, lines)).collect();
    Some(Shown {
        id: job.id.clone(),
        source: job.source_name.clone(),
        entity_type: event.entity_type,
        source_id: event.id,
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
    })
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
    let lines: Vec<&EntityEvent> = lines.iter().filter(|line| line.system == row.key.system).collect();
    let reasons: Vec<String> = lines
        .iter()
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
    }
}
