use crate::api::systems::find;
use crate::extract::{self, Path, Query};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use gangway_model::{EntityType, RelationKey};
use serde::Deserialize;
use serde_json::{Value, json};

/// Relations in one answer, if the client does not say.
const DEFAULT_LIMIT: usize = 50;
/// And at most.
const MAX_LIMIT: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Page {
    source: String,
    entity_type: String,
    after: Option<String>,
    limit: Option<usize>,
}

/// Which entity of a target stands for which of a source.
pub(crate) async fn list(
    State(services): State<Services>,
    Path((tenant, system)): Path<(String, String)>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let target = find(&services, &tenant, &system).await?;
    let source = find(&services, &tenant, &page.source).await?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let key =
        RelationKey { source: source.id, target: target.id, entity_type: EntityType::new(page.entity_type) };
    let found = services
        .of_tenant(&tenant, move |store| store.scan_relations(&key, page.after.as_deref(), limit))
        .await?;
    let next = if found.len() == limit { found.last().map(|r| r.source_id.clone()) } else { None };
    let relations: Vec<_> = found
        .iter()
        .map(|relation| {
            json!({
                "sourceId": relation.source_id,
                "targetId": relation.target_id,
                "existedBefore": relation.existed_before,
                "state": relation.state,
            })
        })
        .collect();
    Ok(Json(json!({ "relations": relations, "next": next })))
}
