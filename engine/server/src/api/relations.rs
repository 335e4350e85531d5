use crate::api::systems::find;
use crate::extract::{self, Body, Path, Query};
use crate::problem::Problem;
use crate::services::Services;
use axum::Json;
use axum::extract::State;
use gangway_model::{EntityType, Relation, RelationKey, RelationState};
use gangway_store::{Commit, NewRelation};
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Change {
    source: String,
    entity_type: String,
    /// Identifiers in the source.
    #[serde(default)]
    source_ids: Vec<String>,
    /// Every relation of the source, the target and the type.
    #[serde(default)]
    all: bool,
}

/// What is done to relations by hand.
#[derive(Clone, Copy)]
enum Deed {
    /// From now on the engine answers for the entity as if it had made it.
    Adopt,
    /// The engine leaves the entity alone.
    Release,
    /// The engine does not know the entity any more.
    Forget,
}

impl Deed {
    fn named(name: &str) -> Result<Self, Problem> {
        match name {
            "adopt" => Ok(Self::Adopt),
            "release" => Ok(Self::Release),
            "forget" => Ok(Self::Forget),
            other => Err(Problem::not_found("action", other).action("use adopt, release or forget")),
        }
    }

    /// Adds to a commit what it takes.
    fn apply(self, commit: &mut Commit, key: &RelationKey, relations: Vec<Relation>) -> usize {
        let count = relations.len();
        if matches!(self, Self::Forget) {
            let ids: Vec<String> = relations.into_iter().map(|relation| relation.source_id).collect();
            commit.settled.push((key.clone(), ids.clone()));
            commit.removed.push((key.clone(), ids));
            return count;
        }
        let changed = relations.into_iter().map(|relation| {
            let (existed_before, state) = match (self, relation.state) {
                (Self::Release, _) => (relation.existed_before, RelationState::Released),
                (_, RelationState::Released) => (false, RelationState::Active),
                (_, state) => (false, state),
            };
            NewRelation {
                source_id: relation.source_id,
                target_id: relation.target_id,
                existed_before,
                fingerprint: relation.fingerprint,
                payload: relation.payload,
                state,
            }
        });
        commit.relations.push((key.clone(), changed.collect()));
        count
    }
}

/// Adopts, releases or forgets relations.
pub(crate) async fn change(
    State(services): State<Services>,
    Path((tenant, system, deed)): Path<(String, String, String)>,
    Body(change): Body<Change>,
) -> Result<Json<Value>, Problem> {
    let tenant = extract::tenant(&tenant)?;
    let deed = Deed::named(&deed)?;
    // No job starts meanwhile.
    let _changes = services.inner.changes.lock().await;
    let target = find(&services, &tenant, &system).await?;
    let source = find(&services, &tenant, &change.source).await?;
    if change.all != change.source_ids.is_empty() {
        return Err(Problem::invalid("give either sourceIds or \"all\": true", Vec::new())
            .action("name the entities by their identifiers in the source, or take all of them")
            .tenant(tenant.as_str())
            .system(target.name));
    }
    if let Some(job) = services.runner().holder(&tenant, &target.id) {
        return Err(Problem::conflict(format!("job {job} uses system {:?}", target.name))
            .action("wait for the job or stop it, then change its relations")
            .tenant(tenant.as_str())
            .system(target.name)
            .job(job.as_str()));
    }
    let key = RelationKey {
        source: source.id,
        target: target.id,
        entity_type: EntityType::new(change.entity_type),
    };
    let changed = services
        .of_tenant(&tenant, move |store| {
            let mut changed = 0;
            if !change.all {
                for ids in change.source_ids.chunks(MAX_LIMIT) {
                    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                    let found = store.relations(&key, &ids)?.into_iter().flatten().collect();
                    let mut commit = Commit::default();
                    changed += deed.apply(&mut commit, &key, found);
                    store.commit(&commit)?;
                }
                return Ok(changed);
            }
            let mut after: Option<String> = None;
            loop {
                let found = store.scan_relations(&key, after.as_deref(), MAX_LIMIT)?;
                let Some(last) = found.last() else { return Ok(changed) };
                after = Some(last.source_id.clone());
                let mut commit = Commit::default();
                changed += deed.apply(&mut commit, &key, found);
                store.commit(&commit)?;
            }
        })
        .await?;
    Ok(Json(json!({ "changed": changed })))
}
