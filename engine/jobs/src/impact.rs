//! What a Read job would do after a change of a system: the whole of it but the writing.

use crate::decide::Verb;
use crate::error::Stop;
use crate::execute::{Execution, linked_targets};
use crate::page::SharedPage;
use crate::prepare::{numbers, prepare};
use crate::progress::Progress;
use crate::run::Run;
use crate::runner::{Runner, blocking};
use crate::safety::Threshold;
use crate::transform::{apply, request_for};
use crate::{deletion, policy};
use gangway_model::{
    AnswerOutcome, EntityType, JobId, PluginError, Relation, RelationState, Role, System, TenantId,
    TransformOperation, code,
};
use gangway_store::SeenSet;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Identifiers that are named for each kind of effect.
const EXAMPLES: usize = 10;
/// Relations looked at at once.
const BATCH: usize = 500;

/// The effect on one entity type of one target, fed by one source.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// Name of the source.
    pub source: String,
    /// Name of the target.
    pub target: String,
    /// `user`, `group`, …
    pub entity_type: String,
    /// Entities that are managed now.
    pub managed: u64,
    /// Entities that would be created.
    pub created: u64,
    /// Entities that would be updated.
    pub updated: u64,
    /// Entities that failed to be read or transformed. While there are any, nothing is deleted.
    pub failed: u64,
    /// Entities that would be deleted.
    pub deleted: u64,
    /// Of those, entities that get other content instead (mappings of scope `deleteEntity`).
    pub disabled: u64,
    /// Entities that would be deleted if `skipOperations` did not hold them.
    pub held: u64,
    /// Entities that are left alone and no longer managed, because they existed before.
    pub released: u64,
    /// Why none of the deletions would happen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// Source identifiers of some that would be deleted.
    pub examples: Vec<String>,
}

impl Runner {
    /// What a Read job would do if the system were as given. Reads the sources in question from
    /// beginning to end, and writes nothing.
    pub async fn impact(&self, tenant: &TenantId, changed: &System) -> Result<Vec<Impact>, PluginError> {
        let (store, id, changed) = (self.services().store.clone(), tenant.clone(), changed.clone());
        let pairs = blocking(move || {
            let store = store.tenant(&id)?;
            let mut systems = store.systems()?;
            systems.retain(|system| system.id != changed.id);
            systems.push(changed.clone());
            let sources: Vec<System> = match changed.role {
                Role::Source => vec![changed],
                _ => {
                    systems.iter().filter(|s| s.enabled && changed.sources.contains(&s.id)).cloned().collect()
                }
            };
            let mut pairs = Vec::new();
            for source in sources {
                let targets = linked_targets(systems.clone(), &source.id);
                if source.enabled && !targets.is_empty() {
                    pairs.push((store.clone(), source, targets));
                }
            }
            Ok(pairs)
        });
        let pairs = pairs.await.map_err(|error| PluginError::new(code::UNAVAILABLE, error.to_string()))?;
        let mut all = Vec::new();
        for (store, source, targets) in pairs {
            let execution = Execution {
                store,
                systems: (self.services().systems)(tenant),
                clock: self.services().clock.clone(),
                targets: targets.iter().map(|target| target.id.clone()).collect(),
                cancelled: Arc::new(AtomicBool::new(false)),
                suspended: Arc::default(),
                progress: Progress::new(tenant.clone(), Arc::new(|_| ())),
                expired: Arc::default(),
            };
            let run = execution.dry(JobId::new("impact"), source, targets).await.map_err(plain)?;
            all.extend(of(&Arc::new(run)).await.map_err(plain)?);
        }
        Ok(all)
    }
}

fn plain(stop: Stop) -> PluginError {
    match stop {
        Stop::Source(error) => error,
        other => PluginError::new(code::UNAVAILABLE, other.to_string()),
    }
}

async fn of(run: &Arc<Run>) -> Result<Vec<Impact>, Stop> {
    let mut all = Vec::new();
    for entity_type in &run.types {
        let mut seen: Vec<SeenSet> = run.lanes.iter().map(|_| SeenSet::default()).collect();
        let mut rows: Vec<Impact> = run
            .lanes
            .iter()
            .map(|lane| Impact {
                source: run.source.name.clone(),
                target: lane.system.name.clone(),
                entity_type: entity_type.to_string(),
                blocked: lane.failure.as_ref().map(ToString::to_string),
                ..Impact::default()
            })
            .collect();
        let mut cursor = None;
        loop {
            let page = run.reader.read_page(entity_type.as_str(), cursor.as_deref(), run.page_size).await;
            let page = page.map_err(Stop::Source)?;
            let next = page.next_cursor.clone().filter(|next| Some(next) != cursor.as_ref());
            let page = Arc::new(SharedPage::new(page));
            for ((row, seen), lane) in rows.iter_mut().zip(&mut seen).zip(&run.lanes) {
                let Some(open) = lane.takes(entity_type) else {
                    row.failed += numbers(run, entity_type, &page).await?.0.failed;
                    continue;
                };
                let prepared = prepare(run, (lane, open), entity_type, page.clone()).await?;
                let plan = prepared.plan;
                row.failed += prepared.counters.failed + plan.counters.failed;
                if let Some(error) = plan.broken {
                    row.blocked = Some(error.to_string());
                }
                plan.seen.iter().for_each(|ordinal| seen.insert(*ordinal));
                for work in plan.work {
                    work.relation.iter().for_each(|relation| seen.insert(relation.ordinal));
                    match work.verb {
                        Verb::Create | Verb::Look => row.created += 1,
                        _ => row.updated += 1,
                    }
                }
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        for ((place, mut row), seen) in rows.into_iter().enumerate().zip(seen) {
            deletions(run, place, entity_type, &seen, &mut row).await?;
            all.push(row);
        }
    }
    Ok(all)
}

/// What of a target's relations would go.
async fn deletions(
    run: &Arc<Run>,
    place: usize,
    entity_type: &EntityType,
    seen: &SeenSet,
    row: &mut Impact,
) -> Result<(), Stop> {
    let Some(lane) = run.lanes.get(place) else { return Ok(()) };
    let Some(open) = lane.takes(entity_type) else { return Ok(()) };
    let existed_before_goes = policy::deletes_existed_before(&lane.system);
    let mut after: Option<String> = None;
    loop {
        let (key, from) = (run.key(lane, entity_type), after.clone());
        let relations = run.blocking(move |store| store.scan_relations(&key, from.as_deref(), BATCH)).await?;
        let Some(last) = relations.last() else { break };
        after = Some(last.source_id.clone());
        row.managed += relations.iter().filter(|r| r.state != RelationState::Released).count() as u64;
        let (stay, go): (Vec<Relation>, Vec<Relation>) = relations
            .into_iter()
            .filter(|r| deletion::is_candidate(r) && !seen.contains(r.ordinal))
            .partition(|r| r.existed_before && !existed_before_goes);
        row.released += stay.len() as u64;
        let requests: Vec<_> = go
            .iter()
            .map(|r| request_for(entity_type, TransformOperation::Delete, "{}", &r.target_id))
            .collect();
        let answers = apply(open.write.as_ref(), &requests).await.map_err(Stop::Source)?;
        for (relation, answer) in go.into_iter().zip(answers) {
            match answer.outcome {
                AnswerOutcome::Deleted => row.deleted += 1,
                AnswerOutcome::Transformed => {
                    row.deleted += 1;
                    row.disabled += 1;
                }
                _ => {
                    row.held += 1;
                    continue;
                }
            }
            if row.examples.len() < EXAMPLES {
                row.examples.push(relation.source_id);
            }
        }
    }
    if row.blocked.is_none() {
        row.blocked = match Threshold::of(&lane.system, entity_type.as_str()) {
            Err(wrong) => Some(wrong),
            Ok(threshold) => threshold
                .limit(row.managed)
                .filter(|limit| row.deleted + row.held > *limit)
                .map(|limit| format!("more than {}", threshold.spell(row.managed, limit))),
        };
    }
    Ok(())
}
