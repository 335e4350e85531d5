use crate::api::systems::find;
use crate::extract::{self, Path};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// Where the next delta read of a source starts.
pub(crate) async fn get(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let source = find(&services, &tenant, &system).await?;
    let (id, margin_ms) = (source.id.clone(), gangway_jobs::delta_margin_ms(&source));
    let state = services.of_tenant(&tenant, move |store| gangway_jobs::delta::state(store, &id)).await?;
    Ok(Json(json!({ "cursor": state, "marginMs": margin_ms })))
}
