use crate::api::systems::find;
use crate::audit;
use crate::extract::{self, Body, Caller, Path, Query};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gangway_jobs::{Order, logs};
use gangway_model::{EntityEvent, EntityState, Job, JobId, JobStatus, JobType, TenantId, Trigger};
use serde::Deserialize;
use serde_json::{Value, json};

/// Jobs or lines of a log in one answer, if the client does not say.
const DEFAULT_LIMIT: usize = 50;
/// And at most.
const MAX_LIMIT: usize = 1000;
/// Jobs read at a time to find those that a client looks for.
const SEARCHED_AT_ONCE: usize = 200;
/// And in one request.
const MAX_SEARCHED: usize = 20_000;
/// Failed entities shown with a job.
const FAILED_SHOWN: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewJob {
    #[serde(rename = "type")]
    kind: JobType,
    /// A simulation that looks at the targets too.
    #[serde(default)]
    live: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// Name or id.
    system: Option<String>,
    #[serde(rename = "type")]
    kind: Option<JobType>,
    status: Option<JobStatus>,
    before: Option<JobId>,
    limit: Option<usize>,
}

impl Page {
    fn wants(&self, job: &Job) -> bool {
        let system = |name: &String| job.source_name == *name || job.source.as_str() == name;
        self.system.as_ref().is_none_or(system)
            && self.kind.map_or(job.kind != JobType::RealTime, |kind| kind == job.kind)
            && self.status.is_none_or(|status| status == job.status)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogPage {
    state: Option<EntityState>,
    after: Option<u64>,
    limit: Option<usize>,
}

/// A job as it stands.
pub(crate) async fn read(services: &Services, tenant: &TenantId, id: &JobId) -> Result<Job, Problem> {
    let wanted = id.clone();
    services.of_tenant(tenant, move |store| store.job(&wanted)).await?.ok_or_else(|| {
        Problem::not_found("job", id.as_str()).action("see GET …/jobs").tenant(tenant.as_str())
    })
}

pub(crate) async fn start(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
    caller: Caller,
    Body(body): Body<NewJob>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let system = find(&services, &tenant, &system).await?;
    if body.kind == JobType::Apply {
        return Err(Problem::invalid("a plan is applied at its own address", Vec::new())
            .action("see POST …/plans/{plan}/apply")
            .tenant(tenant.as_str()));
    }
    if body.kind == JobType::RealTime {
        return Err(Problem::invalid("an event is sent to its own address", Vec::new())
            .action("see POST …/systems/{system}/entities/{entityType}")
            .tenant(tenant.as_str()));
    }
    let order = Order { live: body.live && body.kind == JobType::Simulate, ..Order::from(body.kind) };
    let trigger = Trigger { kind: Trigger::IMMEDIATE.to_owned(), by: Some(caller.0) };
    let id = services
        .runner()
        .start(&tenant, &system.id, order, trigger)
        .await
        .map_err(|error| Problem::from(error).tenant(tenant.as_str()).system(system.name.as_str()))?;
    Ok((StatusCode::ACCEPTED, Json(read(&services, &tenant, &id).await?)))
}

pub(crate) async fn list(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let (jobs, next) = services
        .of_tenant(&tenant, move |store| {
            let (mut found, mut before) = (Vec::new(), page.before.clone());
            for _ in 0..MAX_SEARCHED / SEARCHED_AT_ONCE {
                let jobs = store.jobs(before.as_ref(), SEARCHED_AT_ONCE)?;
                let more = jobs.len() == SEARCHED_AT_ONCE;
                for job in jobs {
                    before = Some(job.id.clone());
                    if page.wants(&job) {
                        found.push(job);
                        if found.len() == limit {
                            return Ok((found, before));
                        }
                    }
                }
                if !more {
                    return Ok((found, None));
                }
            }
            Ok((found, before))
        })
        .await?;
    Ok(Json(json!({ "jobs": jobs, "next": next })))
}

/// A job with the first of its failed entities; all of them are in the download.
pub(crate) async fn get(
    State(services): State<Services>,
    Path((tenant, job)): Path<(String, JobId)>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let job = read(&services, &tenant, &job).await?;
    let wanted = job.clone();
    let failed = services
        .of_tenant(&tenant, move |store| {
            store.events(&logs::first(store, &wanted)?, Some(EntityState::Failed), None, FAILED_SHOWN)
        })
        .await?;
    let total: u64 = job.statistics.iter().map(|row| row.counters.failed).sum();
    let mut view = serde_json::to_value(&job).unwrap_or_default();
    if let Some(map) = view.as_object_mut() {
        map.insert("failedEntities".to_owned(), failed.iter().map(line).collect());
        map.insert("failedTotal".to_owned(), json!(total));
    }
    Ok(Json(view))
}

/// Removes the logs of all jobs that have ended.
pub(crate) async fn delete(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    audit::record(&services, &tenant, &caller, "JOB_LOGS_DELETED", "all jobs that have ended").await?;
    let deleted = services.of_tenant(&tenant, |store| logs::delete_ended(store)).await?;
    Ok(Json(json!({ "deleted": deleted })))
}

pub(crate) async fn stop(
    State(services): State<Services>,
    Path((tenant, job)): Path<(String, JobId)>,
) -> Result<Json<Job>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    services
        .runner()
        .stop(&tenant, &job)
        .await
        .map_err(|error| Problem::from(error).tenant(tenant.as_str()).job(job.as_str()))?;
    read(&services, &tenant, &job).await.map(Json)
}

/// What happened to single entities. Resumed jobs share the log of the first of them.
pub(crate) async fn log(
    State(services): State<Services>,
    Path((tenant, job)): Path<(String, JobId)>,
    Query(page): Query<LogPage>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let first = read(&services, &tenant, &job).await?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let lines = services
        .of_tenant(&tenant, move |store| {
            let first = logs::first(store, &first)?;
            store.events(&first, page.state, page.after, limit)
        })
        .await?;
    let next = if lines.len() == limit { lines.last().map(|(number, _)| *number) } else { None };
    let events: Vec<_> = lines.iter().map(line).collect();
    Ok(Json(json!({ "events": events, "next": next })))
}

/// A line of the log with its number. Contents are in the downloads only.
fn line((number, event): &(u64, EntityEvent)) -> Value {
    let mut line = serde_json::to_value(event).unwrap_or_default();
    if let Some(map) = line.as_object_mut() {
        map.insert("number".to_owned(), json!(number));
    }
    line
}
