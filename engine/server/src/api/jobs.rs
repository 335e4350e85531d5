use crate::api::systems::find;
use crate::extract::{self, Body, Path, Query};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gangway_jobs::Order;
use gangway_model::{EntityState, Job, JobId, JobType, TenantId, Trigger};
use serde::Deserialize;
use serde_json::{Value, json};

/// Jobs or lines of a log in one answer, if the client does not say.
const DEFAULT_LIMIT: usize = 50;
/// And at most.
const MAX_LIMIT: usize = 1000;
/// Jobs that are followed back to the first of a chain of resumed ones.
const MAX_CHAIN: usize = 10_000;

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
    before: Option<JobId>,
    limit: Option<usize>,
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
    let order =
        Order { kind: body.kind, live: body.live && body.kind == JobType::Simulate, plan: None, undo: None };
    let trigger = Trigger { kind: "IMMEDIATE".to_owned(), by: Some("api".to_owned()) };
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
    let jobs = services.of_tenant(&tenant, move |store| store.jobs(page.before.as_ref(), limit)).await?;
    let next = if jobs.len() == limit { jobs.last().map(|job| job.id.clone()) } else { None };
    Ok(Json(json!({ "jobs": jobs, "next": next })))
}

pub(crate) async fn get(
    State(services): State<Services>,
    Path((tenant, job)): Path<(String, JobId)>,
) -> Result<Json<Job>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    read(&services, &tenant, &job).await.map(Json)
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
            let mut first = first;
            for _ in 0..MAX_CHAIN {
                let Some(before) = &first.resumes else { break };
                match store.job(before)? {
                    Some(before) => first = before,
                    None => break,
                }
            }
            store.events(&first.id, page.state, page.after, limit)
        })
        .await?;
    let next = if lines.len() == limit { lines.last().map(|(number, _)| *number) } else { None };
    let events: Vec<_> = lines
        .iter()
        .map(|(number, event)| {
            let mut line = serde_json::to_value(event).unwrap_or_default();
            if let Some(map) = line.as_object_mut() {
                map.insert("number".to_owned(), json!(number));
            }
            line
        })
        .collect();
    Ok(Json(json!({ "events": events, "next": next })))
}
