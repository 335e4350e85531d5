//! The central store log: groups of applications that were provisioned at once.

use crate::api::eventlog::{self, Outcome, Shown, Status};
use crate::extract::{self, Path, Query};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use gangway_model::{EntityType, JobId};
use gangway_store::TenantStore;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which rows are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Wanted {
    /// Name of the target.
    target: Option<String>,
    application_id: Option<String>,
    source_id: Option<String>,
    target_id: Option<String>,
    status: Option<Status>,
    before: Option<JobId>,
    limit: Option<usize>,
}

/// One change of one group in one target.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// The event.
    id: JobId,
    /// None while it waits, and if it failed before any target was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    application_id: String,
    source_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_id: Option<String>,
    entity_type: EntityType,
    status: Status,
    start_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members_left_out: Vec<String>,
}

/// What became of changed groups, the latest first.
pub(crate) async fn list(
    State(services): State<Services>,
    Path(tenant): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let search = move |store: &dyn TenantStore| {
        eventlog::search(store, wanted.before.clone(), wanted.limit, |event| {
            rows(event).into_iter().filter(|row| wanted.wants(row)).collect()
        })
    };
    let (rows, next) = services.of_tenant(&tenant, search).await?;
    Ok(Json(json!({ "changes": rows, "next": next })))
}

fn rows(event: Shown) -> Vec<Row> {
    let Shown { id, application_id, source_id, entity_type, status, start_ms, error, targets, .. } = event;
    let Some(application_id) = application_id else { return Vec::new() };
    let row = |outcome: Option<Outcome>| {
        let outcome = outcome.unwrap_or_default();
        // One target may fail and the others not.
        let failed = error.is_some() || outcome.state == "FAILED";
        Row {
            id: id.clone(),
            target: Some(outcome.system).filter(|system| !system.is_empty()),
            application_id: application_id.clone(),
            source_id: source_id.clone(),
            target_id: outcome.entity_id,
            entity_type: entity_type.clone(),
            status: match status {
                Status::FinishedWithError if !failed => Status::FinishedSuccessfully,
                other => other,
            },
            start_ms,
            operation: outcome.operation,
            state: Some(outcome.state).filter(|state| !state.is_empty()),
            reason: outcome.reason.or_else(|| error.clone()),
            members_left_out: outcome.members_left_out,
        }
    };
    if targets.is_empty() {
        return vec![row(None)];
    }
    targets.into_iter().map(|target| row(Some(target))).collect()
}

impl Wanted {
    fn wants(&self, row: &Row) -> bool {
        let is =
            |wanted: &Option<String>, value: Option<&String>| wanted.is_none() || wanted.as_ref() == value;
        is(&self.target, row.target.as_ref())
            && is(&self.application_id, Some(&row.application_id))
            && is(&self.source_id, Some(&row.source_id))
            && is(&self.target_id, row.target_id.as_ref())
            && self.status.is_none_or(|status| status == row.status)
    }
}
