use crate::api::jobs::read;
use crate::extract::{self, Body, Path};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gangway_model::{JobId, Trigger};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Request {
    /// Say what would be done, and do nothing.
    #[serde(default)]
    dry_run: bool,
    /// Remove what the job created.
    #[serde(default)]
    remove_created: bool,
}

/// Starts a job that takes back what another one did, or says what it would do.
pub(crate) async fn start(
    State(services): State<Services>,
    Path((tenant, job)): Path<(String, JobId)>,
    Body(request): Body<Request>,
) -> Result<Response, Problem> {
    let tenant = extract::tenant(&tenant)?;
    read(&services, &tenant, &job).await?;
    let told = |problem: Problem| problem.tenant(tenant.as_str()).job(job.as_str());
    if request.dry_run {
        let changes = services.runner().undoable(&tenant, &job).await.map_err(Problem::from).map_err(told)?;
        return Ok(Json(json!({ "changes": changes })).into_response());
    }
    let _changes = services.inner.changes.lock().await;
    let trigger = Trigger { kind: "IMMEDIATE".to_owned(), by: Some("api".to_owned()) };
    let started = services.runner().undo(&tenant, &job, request.remove_created, trigger).await;
    let id = started.map_err(Problem::from).map_err(told)?;
    Ok((StatusCode::ACCEPTED, Json(read(&services, &tenant, &id).await?)).into_response())
}
