use crate::api::settings::reload;
use crate::audit;
use crate::extract::{self, Body, Caller, Path, Query};
use crate::idmapping;
use crate::outbox::{STATES, SUBSCRIPTIONS};
use crate::problem::Problem;
use crate::services::Services;
use crate::system::{KnownPlugin, Surroundings, SystemBody, view};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gangway_jobs::records;
use gangway_model::{Diagnostic, Direction, PluginId, Severity, System, SystemId, TenantId};
use gangway_store::TenantStore;
use serde::Deserialize;
use serde_json::{Value, json};

/// How a change is to be taken.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Saving {
    id_mapping: Option<String>,
}

impl Saving {
    /// Whether identifiers may be made in another way although relations would be orphaned.
    pub(crate) fn accepts_id_mapping(&self) -> bool {
        self.id_mapping.as_deref() == Some("accept")
    }
}

/// A system by name or identifier.
pub(crate) async fn find(services: &Services, tenant: &TenantId, given: &str) -> Result<System, Problem> {
    let name = given.to_owned();
    let found = services
        .of_tenant(tenant, move |store| {
            if let Some(system) = store.system(&SystemId::new(name.as_str()))? {
                return Ok(Some(system));
            }
            Ok(store.systems()?.into_iter().find(|s| s.name == name))
        })
        .await?;
    found.ok_or_else(|| {
        Problem::not_found("system", given)
            .action("see the list: GET …/systems; give its name or its id")
            .tenant(tenant.as_str())
    })
}

pub(crate) async fn list(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let systems = services.of_tenant(&tenant, |store| store.systems()).await?;
    let systems: Vec<_> = systems.iter().map(view).collect();
    Ok(Json(json!({ "systems": systems })))
}

/// The types that a system can have.
pub(crate) async fn types() -> Json<Value> {
    Json(json!({ "types": crate::types::all() }))
}

pub(crate) async fn get(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    Ok(Json(view(&find(&services, &tenant, &system).await?)))
}

pub(crate) async fn create(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    Body(body): Body<SystemBody>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let tenant = extract::tenant(&tenant)?;
    let id = SystemId::new(services.inner.ids.next().to_string());
    let _changes = services.inner.changes.lock().await;
    let system = accept(&services, &tenant, body, id, None).await?;
    put(&services, &system).await?;
    Ok((StatusCode::CREATED, Json(view(&system))))
}

pub(crate) async fn replace(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
    Query(saving): Query<Saving>,
    Body(body): Body<SystemBody>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let old = find(&services, &tenant, &system).await?;
    let system = accept(&services, &tenant, body, old.id.clone(), Some(&old)).await?;
    idmapping::guard(&services, &old, &system, saving.accepts_id_mapping()).await?;
    put(&services, &system).await?;
    Ok(Json(view(&system)))
}

pub(crate) async fn delete(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let system = find(&services, &tenant, &system).await?;
    if let Some(job) = services.runner().holder(&tenant, &system.id) {
        return Err(Problem::conflict(format!("job {job} uses system {:?}", system.name))
            .action("stop the job or wait for it, then delete the system")
            .tenant(tenant.as_str())
            .system(system.name)
            .job(job.as_str()));
    }
    services
        .of_tenant(&tenant, move |store| {
            // Targets forget a source that is gone; its relations go with it.
            for mut target in store.systems()?.into_iter().filter(|s| s.sources.contains(&system.id)) {
                target.sources.retain(|source| *source != system.id);
                store.put_system(&target)?;
            }
            records::set_recurring(store, &system.id, None)?;
            let id = system.id.as_str();
            let gone = [SUBSCRIPTIONS, STATES].map(|kind| records::record::<()>(kind, id, None));
            store.put_records(&gone.into_iter().collect::<Result<Vec<_>, _>>()?)?;
            store.delete_system(&system.id)
        })
        .await?;
    reload(&services, &tenant).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets what is known of the system's entities; the system, its schedule and what is in the application
/// behind it stay.
pub(crate) async fn reset(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let system = find(&services, &tenant, &system).await?;
    if let Some(job) = services.runner().holder(&tenant, &system.id) {
        return Err(Problem::conflict(format!("job {job} uses system {:?}", system.name))
            .action("stop the job or wait for it, then reset the system")
            .tenant(tenant.as_str())
            .system(system.name)
            .job(job.as_str()));
    }
    audit::record(&services, &tenant, &caller, "SYSTEM_RESET", &system.name).await?;
    let answer = view(&system);
    let reset = move |store: &dyn TenantStore| {
        gangway_jobs::delta::forget_target(store, &system)?;
        store.reset_system(&system.id)
    };
    services.of_tenant(&tenant, reset).await?;
    Ok(Json(answer))
}

/// Keeps a system that has been accepted.
pub(crate) async fn put(services: &Services, system: &System) -> Result<(), Problem> {
    let kept = system.clone();
    services
        .of_tenant(&system.tenant, move |store| store.put_system(&kept))
        .await
        .map_err(|problem| problem.system(system.name.as_str()))
}

pub(crate) async fn accept(
    services: &Services,
    tenant: &TenantId,
    body: SystemBody,
    id: SystemId,
    old: Option<&System>,
) -> Result<System, Problem> {
    let systems = services.of_tenant(tenant, |store| store.systems()).await?;
    if systems.iter().any(|s| s.name == body.name && s.id != id) {
        return Err(Problem::conflict(format!("tenant {tenant} has a system {:?} already", body.name))
            .action("choose another name, or change that system")
            .tenant(tenant.as_str())
            .system(body.name));
    }
    let plugin = known_plugin(services, tenant, &body.plugin(old));
    let system = body.into_system(id, old, &Surroundings { tenant, systems: &systems, plugin })?;
    let mut problems = Vec::new();
    for direction in [Direction::Read, Direction::Write] {
        for mut found in check(services, &system, direction).await? {
            if found.severity == Severity::Error {
                found.pointer = format!("/{}/document{}", direction.as_str(), found.pointer);
                problems.push(found);
            }
        }
    }
    if !problems.is_empty() {
        return Err(Problem::invalid(
            format!("a transformation of system {:?} is not accepted", system.name),
            problems,
        )
        .action("correct what is listed under problems")
        .tenant(tenant.as_str())
        .system(system.name));
    }
    Ok(system)
}

/// Everything that is wrong or doubtful in one of a system's documents.
pub(crate) async fn check(
    services: &Services,
    system: &System,
    direction: Direction,
) -> Result<Vec<Diagnostic>, Problem> {
    let reference = match direction {
        Direction::Read => &system.read,
        Direction::Write => &system.write,
    };
    let Some(reference) = reference else { return Ok(Vec::new()) };
    let properties = system.plain_properties().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    services
        .host()
        .check_document(&system.tenant, &reference.plugin, &reference.document, direction, properties)
        .await
        .map_err(|error| {
            Problem::of_plugin(&error)
                .tenant(system.tenant.as_str())
                .system(system.name.as_str())
                .plugin(reference.plugin.as_str())
        })
}

fn known_plugin(services: &Services, tenant: &TenantId, id: &PluginId) -> Option<KnownPlugin> {
    let status = services.host().plugins(tenant).into_iter().find(|p| p.id == *id)?;
    let names = |which: fn(&gangway_model::PropertySpec) -> bool| {
        status.manifest.properties.iter().filter(|p| which(p)).map(|p| p.name.clone()).collect()
    };
    Some(KnownPlugin {
        secrets: names(|p| p.secret),
        required: names(|p| p.required && p.default.is_none()),
        roles: status.roles,
    })
}
