use crate::extract::{self, Path};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use gangway_jobs::Identities;

/// How many people the users of all sources are. Reads the sources.
pub(crate) async fn count(
    State(services): State<Services>,
    Path(tenant): Path<String>,
) -> Result<Json<Identities>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    // A tenant that does not exist is no plugin's fault.
    services.of_tenant(&tenant, |_| Ok(())).await?;
    services.runner().identities(&tenant).await.map(Json).map_err(|error| {
        Problem::of_plugin(&error)
            .action("every enabled source has to be readable; correct or disable the one that is not")
            .tenant(tenant.as_str())
    })
}
