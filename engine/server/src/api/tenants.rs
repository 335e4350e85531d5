use crate::api::settings::reload;
use crate::extract::{self, Body, Path};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gangway_model::TenantId;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTenant {
    name: String,
}

pub(crate) async fn list(State(services): State<Services>) -> Result<Json<Value>, Problem> {
    let tenants = services.stored(|store| store.tenants()).await?;
    let tenants: Vec<_> = tenants.iter().map(view).collect();
    Ok(Json(json!({ "tenants": tenants })))
}

pub(crate) async fn create(
    State(services): State<Services>,
    Body(body): Body<NewTenant>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let tenant = TenantId::parse(&body.name)
        .map_err(|rule| Problem::invalid(rule, Vec::new()).action("choose another name"))?;
    let _changes = services.inner.changes.lock().await;
    let made = tenant.clone();
    services.stored(move |store| store.create_tenant(&made)).await.map_err(|p| p.tenant(tenant.as_str()))?;
    Ok((StatusCode::CREATED, Json(view(&tenant))))
}

pub(crate) async fn get(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    services.of_tenant(&tenant, |_| Ok(())).await?;
    Ok(Json(view(&tenant)))
}

pub(crate) async fn delete(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<StatusCode, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let systems = services.of_tenant(&tenant, |store| store.systems()).await?;
    for system in systems {
        if let Some(job) = services.runner().holder(&tenant, &system.id) {
            return Err(Problem::conflict(format!("job {job} of tenant {tenant} has not ended"))
                .action("stop the job or wait for it, then delete the tenant")
                .tenant(tenant.as_str())
                .job(job.as_str()));
        }
    }
    services.inner.directories.close(&tenant);
    let gone = tenant.clone();
    services.stored(move |store| store.delete_tenant(&gone)).await.map_err(|p| p.tenant(tenant.as_str()))?;
    reload(&services, &tenant).await?;
    for plugin in services.host().plugins(&tenant) {
        services.host().unload(&tenant, &plugin.id);
    }
    Ok(StatusCode::NO_CONTENT)
}

fn view(tenant: &TenantId) -> Value {
    json!({ "name": tenant })
}
