use crate::api::systems::find;
use crate::archive;
use crate::extract::{self, Body, Path};
use crate::problem::Problem;
use crate::services::Services;
use axum::extract::State;
use axum::response::Response;
use gangway_jobs::Sheets;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Files {
    users: Option<String>,
    groups: Option<String>,
}

/// What the transformations make of a few rows. The answer is the only copy.
pub(crate) async fn validate(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
    Body(files): Body<Files>,
) -> Result<Response, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let system = find(&services, &tenant, &system).await?;
    let sheets = Sheets { users: files.users, groups: files.groups };
    let files = services
        .runner()
        .validate(&tenant, &system.id, sheets)
        .await
        .map_err(|error| Problem::from(error).tenant(tenant.as_str()).system(system.name.as_str()))?;
    archive::answer("validation.zip", &files)
}
