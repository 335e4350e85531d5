use crate::extract::{self, Path, too_large};
use crate::plugins::Report;
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use gangway_model::{PluginId, TenantId};
use serde_json::{Value, json};

/// Largest component.
pub(crate) const MAX_COMPONENT: usize = 64 << 20;

fn names(path: &(String, String)) -> Result<(TenantId, PluginId), Problem> {
    let tenant = extract::tenant(&path.0)?;
    let plugin = PluginId::parse(&path.1)
        .map_err(|rule| Problem::invalid(rule, Vec::new()).tenant(tenant.as_str()))?;
    Ok((tenant, plugin))
}

pub(crate) async fn list(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let plugins = services.plugin_list(&tenant).await?;
    Ok(Json(json!({ "plugins": plugins })))
}

pub(crate) async fn get(
    State(services): State<Services>,
    Path(path): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (tenant, plugin) = names(&path)?;
    one(&services, &tenant, &plugin).await.map(Json)
}

async fn one(services: &Services, tenant: &TenantId, plugin: &PluginId) -> Result<Value, Problem> {
    let plugins = services.plugin_list(tenant).await?;
    plugins
        .into_iter()
        .find(|p| p.get("id").and_then(Value::as_str) == Some(plugin.as_str()))
        .ok_or_else(|| Problem::not_found("plugin", plugin.as_str()).tenant(tenant.as_str()))
}

pub(crate) async fn load(
    State(services): State<Services>,
    Path(path): Path<(String, String)>,
    body: Body,
) -> Result<Json<Report>, Problem> {
    let (tenant, plugin) = names(&path)?;
    // Components are large: only few are in memory at once.
    let _turn = services.inner.uploads.acquire().await.map_err(|_| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting-down", "The engine goes down", "try again")
    })?;
    let wasm = to_bytes(body, MAX_COMPONENT).await.map_err(|_| {
        too_large(&format!("the component has more than {MAX_COMPONENT} bytes, or the upload broke off"))
            .tenant(tenant.as_str())
            .plugin(plugin.as_str())
    })?;
    services.load_plugin(&tenant, &plugin, wasm.to_vec()).await.map(Json)
}

pub(crate) async fn delete(
    State(services): State<Services>,
    Path(path): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (tenant, plugin) = names(&path)?;
    services.remove_plugin(&tenant, &plugin).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn roll_back(
    State(services): State<Services>,
    Path(path): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (tenant, plugin) = names(&path)?;
    services.roll_back_plugin(&tenant, &plugin).await.map(Json)
}

pub(crate) async fn release(
    State(services): State<Services>,
    Path(path): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (tenant, plugin) = names(&path)?;
    let shown = one(&services, &tenant, &plugin).await?;
    if !services.host().release(&tenant, &plugin) {
        let reason = shown.get("reason").and_then(Value::as_str).unwrap_or("it is not loaded");
        return Err(Problem::conflict(format!("plugin {plugin} cannot be released: {reason}"))
            .action("upload the plugin again")
            .tenant(tenant.as_str())
            .plugin(plugin.as_str()));
    }
    one(&services, &tenant, &plugin).await.map(Json)
}
