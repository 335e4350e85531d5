use crate::api::systems::{Saving, check, find, put};
use crate::extract::{self, Body, Path, Query};
use crate::idmapping;
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use gangway_model::{Direction, Role, Severity, System, TransformationRef};
use serde_json::{Value, json};

fn direction(text: &str) -> Result<Direction, Problem> {
    match text {
        "read" => Ok(Direction::Read),
        "write" => Ok(Direction::Write),
        other => Err(Problem::not_found("direction", other).action("use read or write")),
    }
}

fn document(system: &System, direction: Direction) -> Option<&TransformationRef> {
    match direction {
        Direction::Read => system.read.as_ref(),
        Direction::Write => system.write.as_ref(),
    }
}

pub(crate) async fn get(
    State(services): State<Services>,
    Path((tenant, system, way)): Path<(String, String, String)>,
) -> Result<Json<TransformationRef>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let way = direction(&way)?;
    let system = find(&services, &tenant, &system).await?;
    document(&system, way).cloned().map(Json).ok_or_else(|| {
        Problem::not_found("transformation", way.as_str())
            .action("PUT one at this address")
            .tenant(tenant.as_str())
            .system(system.name)
    })
}

/// Takes a document into use if it has no errors; all of them are answered otherwise.
pub(crate) async fn replace(
    State(services): State<Services>,
    Path((tenant, system, way)): Path<(String, String, String)>,
    Query(saving): Query<Saving>,
    Body(body): Body<TransformationRef>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let way = direction(&way)?;
    let _changes = services.inner.changes.lock().await;
    let mut system = find(&services, &tenant, &system).await?;
    let old = system.clone();
    match (system.role, way) {
        (Role::Source, Direction::Write) | (Role::Target, Direction::Read) => {
            return Err(Problem::conflict(format!(
                "system {:?} has no {} transformation by its role",
                system.name,
                way.as_str()
            ))
            .action("a source has a read transformation, a target a write transformation")
            .tenant(tenant.as_str())
            .system(system.name));
        }
        (_, Direction::Read) => system.read = Some(body.clone()),
        (_, Direction::Write) => system.write = Some(body.clone()),
    }
    let problems = check(&services, &system, way).await?;
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return Err(Problem::invalid(
            format!("the {} transformation of system {:?} is not accepted", way.as_str(), system.name),
            problems,
        )
        .action("correct what is listed under problems; the document in use stays")
        .tenant(tenant.as_str())
        .system(system.name)
        .plugin(body.plugin.as_str()));
    }
    idmapping::guard(&services, &old, &system, saving.accepts_id_mapping()).await?;
    put(&services, &system).await?;
    Ok(Json(json!({ "plugin": body.plugin, "document": body.document, "problems": problems })))
}
