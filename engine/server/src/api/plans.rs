use crate::api::jobs::read as read_job;
use crate::api::systems::find;
use crate::extract::{self, Path, Query};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gangway_jobs::differences;
use gangway_model::{EntityType, Job, JobId, Plan, PlannedOperation, PlannedVerb, TenantId, Trigger};
use gangway_store::PlanFilter;
use serde::Deserialize;
use serde_json::{Value, json};

/// Operations in one answer, if the client does not say.
const DEFAULT_LIMIT: usize = 50;
/// And at most.
const MAX_LIMIT: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct OperationsPage {
    verb: Option<String>,
    target: Option<String>,
    entity_type: Option<String>,
    entity: Option<String>,
    #[serde(default)]
    changed: bool,
    #[serde(default)]
    values: bool,
    after: Option<u64>,
    limit: Option<usize>,
}

async fn read(services: &Services, tenant: &TenantId, id: &JobId) -> Result<Plan, Problem> {
    let wanted = id.clone();
    services.of_tenant(tenant, move |store| store.plans().get(&wanted)).await?.ok_or_else(|| {
        Problem::not_found("plan", id.as_str()).action("see GET …/plans").tenant(tenant.as_str())
    })
}

pub(crate) async fn list(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let plans = services.of_tenant(&tenant, |store| store.plans().list()).await?;
    Ok(Json(json!({ "plans": plans })))
}

pub(crate) async fn get(
    State(services): State<Services>,
    Path((tenant, plan)): Path<(String, JobId)>,
) -> Result<Json<Plan>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    read(&services, &tenant, &plan).await.map(Json)
}

pub(crate) async fn delete(
    State(services): State<Services>,
    Path((tenant, plan)): Path<(String, JobId)>,
) -> Result<StatusCode, Problem> {
    let tenant = extract::tenant(&tenant)?;
    read(&services, &tenant, &plan).await?;
    services.of_tenant(&tenant, move |store| store.plans().delete(&plan)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn operations(
    State(services): State<Services>,
    Path((tenant, plan)): Path<(String, JobId)>,
    Query(page): Query<OperationsPage>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let record = read(&services, &tenant, &plan).await?;
    let target = match &page.target {
        Some(name) => Some(find(&services, &tenant, name).await?.id),
        None => None,
    };
    let wanted = PlanFilter {
        verbs: verbs(page.verb.as_deref())?,
        target,
        entity_type: page.entity_type.map(EntityType::new),
        entity: page.entity,
        changed_only: page.changed,
    };
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let after = page.after;
    let found = services
        .of_tenant(&tenant, move |store| store.plans().operations(&plan, &wanted, after, limit, true))
        .await?;
    let next = if found.len() == limit { found.last().map(|(number, _)| *number) } else { None };
    let operations: Vec<Value> =
        found.iter().map(|(number, operation)| shown(*number, operation, &record, page.values)).collect();
    Ok(Json(json!({ "operations": operations, "next": next })))
}

/// An operation with what it changes. Values belong to people: without being asked for they stay away.
fn shown(number: u64, operation: &PlannedOperation, plan: &Plan, values: bool) -> Value {
    let mut line = serde_json::to_value(operation).unwrap_or_default();
    let Some(map) = line.as_object_mut() else { return line };
    // For the engine's own checks.
    for key in ["relation", "fingerprint", "seen"] {
        map.remove(key);
    }
    map.insert("number".to_owned(), json!(number));
    let name = plan.systems.iter().find(|system| system.id == operation.target).map(|system| &system.name);
    map.insert("targetName".to_owned(), json!(name));
    if matches!(operation.verb, PlannedVerb::Create | PlannedVerb::Update | PlannedVerb::Retire) {
        let before = operation.content.before.as_deref();
        let changes: Vec<Value> = differences(before, &operation.content.json)
            .into_iter()
            .map(|change| {
                let what = match (before, &change.old, &change.new) {
                    (None, ..) => "written",
                    (_, None, _) => "added",
                    (_, _, None) => "removed",
                    _ => "changed",
                };
                if values {
                    json!({ "path": change.path, "what": what, "old": change.old, "new": change.new })
                } else {
                    json!({ "path": change.path, "what": what })
                }
            })
            .collect();
        map.insert("changes".to_owned(), Value::Array(changes));
    }
    line
}

fn verbs(text: Option<&str>) -> Result<Vec<PlannedVerb>, Problem> {
    let names = text.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            serde_json::from_value(Value::from(name)).map_err(|_| {
                Problem::unreadable(format!(
                    "{name:?} is no verb of a plan: create, update, delete, retire, release, skip, fail"
                ))
            })
        })
        .collect()
}

pub(crate) async fn approve(
    State(services): State<Services>,
    Path((tenant, plan)): Path<(String, JobId)>,
) -> Result<Json<Plan>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    read(&services, &tenant, &plan).await?;
    let approved = services.runner().approve_plan(&tenant, &plan, "api".to_owned()).await;
    approved.map(Json).map_err(|error| Problem::from(error).tenant(tenant.as_str()).job(plan.as_str()))
}

pub(crate) async fn apply(
    State(services): State<Services>,
    Path((tenant, plan)): Path<(String, JobId)>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    read(&services, &tenant, &plan).await?;
    let trigger = Trigger { kind: "IMMEDIATE".to_owned(), by: Some("api".to_owned()) };
    let job = services
        .runner()
        .apply_plan(&tenant, &plan, trigger)
        .await
        .map_err(|error| Problem::from(error).tenant(tenant.as_str()).job(plan.as_str()))?;
    Ok((StatusCode::ACCEPTED, Json(read_job(&services, &tenant, &job).await?)))
}
