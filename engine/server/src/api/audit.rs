use crate::audit::{AUDIT, Entry};
use crate::extract::{self, Path};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use gangway_jobs::records;
use serde_json::{Value, json};

/// Entries in one answer.
const LIMIT: usize = 1000;

/// The latest entries, newest first.
pub(crate) async fn list(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let mut all: Vec<(String, Entry)> =
        services.of_tenant(&tenant, |store| records::all(store, AUDIT)).await?;
    all.reverse();
    all.truncate(LIMIT);
    let entries: Vec<Entry> = all.into_iter().map(|(_, entry)| entry).collect();
    Ok(Json(json!({ "entries": entries })))
}
