use crate::api::systems::{accept, find};
use crate::extract::{self, Body, Path};
use crate::problem::Problem;
use crate::services::Services;
use crate::system::SystemBody;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// What the next Read job would do if the system were as sent. Nothing is changed.
pub(crate) async fn check(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
    Body(body): Body<SystemBody>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let old = find(&services, &tenant, &system).await?;
    let changed = accept(&services, &tenant, body, old.id.clone(), Some(&old)).await?;
    let impact = services.runner().impact(&tenant, &changed).await.map_err(|error| {
        Problem::of_plugin(&error)
            .action("what the change would do is not known; correct what the error says, then ask again")
            .tenant(tenant.as_str())
            .system(changed.name.as_str())
    })?;
    Ok(Json(json!({ "impact": impact })))
}
