use crate::api::systems::find;
use crate::extract::{self, Path, Query};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use gangway_jobs::why;
use serde::Deserialize;
use serde_json::{Value, json};

/// Lines in one answer, if the client does not say.
const DEFAULT_LIMIT: usize = 50;
/// And at most.
const MAX_LIMIT: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    system: Option<String>,
    limit: Option<usize>,
}

/// What became of one entity over all jobs, and why.
pub(crate) async fn get(
    State(services): State<Services>,
    Path((tenant, entity)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let system = match &which.system {
        Some(system) => Some(find(&services, &tenant, system).await?),
        None => None,
    };
    let limit = which.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let id = entity.clone();
    let found =
        services.of_tenant(&tenant, move |store| why::history(store, &id, system.as_ref(), limit)).await?;
    let name = |system: &gangway_model::SystemId| {
        found.names.get(system).cloned().unwrap_or_else(|| system.to_string())
    };
    let relations: Vec<_> = found
        .relations
        .iter()
        .map(|(key, relation)| {
            json!({
                "source": name(&key.source),
                "target": name(&key.target),
                "entityType": key.entity_type,
                "sourceId": relation.source_id,
                "targetId": relation.target_id,
                "existedBefore": relation.existed_before,
                "state": relation.state,
            })
        })
        .collect();
    let events: Vec<_> = found
        .events
        .iter()
        .map(|past| {
            let mut line = serde_json::to_value(&past.event).unwrap_or_default();
            if let Some(map) = line.as_object_mut() {
                map.insert("systemName".to_owned(), json!(name(&past.event.system)));
                map.insert("job".to_owned(), json!(past.run));
                map.insert("number".to_owned(), json!(past.number));
                let job = found.jobs.get(&past.run);
                map.insert("sourceName".to_owned(), json!(job.map(|job| &job.source_name)));
                map.insert("jobType".to_owned(), json!(job.map(|job| job.kind)));
            }
            line
        })
        .collect();
    Ok(Json(json!({
        "entity": entity,
        "answer": found.answer,
        "relations": relations,
        "events": events,
    })))
}
