//! What sources report of single entities, and what became of it.

use crate::api::eventlog::{self, Shown, Status};
use crate::api::systems::find;
use crate::extract::{self, Caller, Path, Query};
use crate::limits::Admission;
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use gangway_jobs::{realtime, records};
use gangway_model::{EntityType, JobId, TenantId};
use gangway_store::TenantStore;
use serde::Deserialize;
use serde_json::{Value, json};

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

/// What became of events, the latest first.
pub(crate) async fn list(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let search = move |store: &dyn TenantStore| {
        eventlog::search(store, wanted.before.clone(), wanted.limit, |event| {
            // Those of the central store have a log of their own.
            let is_wanted = event.application_id.is_none() && wanted.wants(&event);
            is_wanted.then_some(event).into_iter().collect()
        })
    };
    let (events, next) = services.of_tenant(&tenant, search).await?;
    Ok(Json(json!({ "events": events, "next": next })))
}

/// What became of one event.
pub(crate) async fn get(
    State(services): State<Services>,
    Path((tenant, event)): Path<(String, JobId)>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let id = event.clone();
    let shown = services.of_tenant(&tenant, move |store| eventlog::one(store, &id)).await?;
    let shown = shown.ok_or_else(|| eventlog::unknown(&tenant, &event))?;
    Ok(Json(json!(shown)))
}
