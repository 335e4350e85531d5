use crate::audit;
use crate::extract::{self, Body, Caller, Path};
use crate::outbox::{OUTBOX, STATES, SUBSCRIPTIONS};
use crate::problem::Problem;
use crate::services::{Services, blocking};
use axum::Json;
use axum::extract::State;
use gangway_jobs::records::{self, SCHEDULES};
use gangway_model::{TenantId, TenantSettings};
use gangway_schedule::time_zone;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// The tenant's name.
    confirm: String,
}

pub(crate) async fn get(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<TenantSettings>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    services.of_tenant(&tenant, |store| records::settings(store)).await.map(Json)
}

pub(crate) async fn replace(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    Body(settings): Body<TenantSettings>,
) -> Result<Json<TenantSettings>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let mut wrong = Vec::new();
    if let Err(why) = time_zone(&settings.time_zone) {
        wrong.push(("/timeZone", why));
    }
    if !TenantSettings::RETENTIONS.contains(&settings.log_retention_days) {
        wrong.push(("/logRetentionDays", "logs are kept for 7, 14 or 30 days".to_owned()));
    }
    if !wrong.is_empty() {
        let what = format!("a setting of tenant {tenant}");
        return Err(Problem::refused_body(&what, wrong).tenant(tenant.as_str()));
    }
    let _changes = services.inner.changes.lock().await;
    let kept = settings.clone();
    services.of_tenant(&tenant, move |store| records::set_settings(store, &kept)).await?;
    reload(&services, &tenant).await?;
    Ok(Json(settings))
}

/// Removes everything but the tenant itself, its plugins and its directory.
pub(crate) async fn reset(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    caller: Caller,
    Body(Confirmation { confirm }): Body<Confirmation>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let _changes = services.inner.changes.lock().await;
    let systems = services.of_tenant(&tenant, |store| store.systems()).await?;
    if confirm != tenant.as_str() {
        return Err(Problem::invalid(
            format!("this removes all systems, schedules and job logs of tenant {tenant}"),
            Vec::new(),
        )
        .action("if you mean it, send the tenant's name as \"confirm\"")
        .tenant(tenant.as_str()));
    }
    for system in &systems {
        if let Some(job) = services.runner().holder(&tenant, &system.id) {
            return Err(Problem::conflict(format!("job {job} of tenant {tenant} has not ended"))
                .action("stop the job or wait for it, then reset the tenant")
                .tenant(tenant.as_str())
                .job(job.as_str()));
        }
    }
    audit::record(&services, &tenant, &caller, "TENANT_RESET", tenant.as_str()).await?;
    let removed = services
        .of_tenant(&tenant, move |store| {
            for system in &systems {
                store.delete_system(&system.id)?;
            }
            records::clear(store, &[SCHEDULES, SUBSCRIPTIONS, STATES, OUTBOX])?;
            let jobs = gangway_jobs::logs::delete_ended(store)?;
            Ok(json!({ "systems": systems.len(), "jobs": jobs }))
        })
        .await?;
    reload(&services, &tenant).await?;
    Ok(Json(removed))
}

pub(crate) async fn reload(services: &Services, tenant: &TenantId) -> Result<(), Problem> {
    let (scheduler, tenant) = (services.inner.scheduler.clone(), tenant.clone());
    blocking(move || Ok(scheduler.reload(&tenant)?)).await
}
