//! Delta reads: where they start, what is remembered of them, and what they find to be gone.

use crate::decide::binding;
use crate::error::Stop;
use crate::mode::{self, Facts};
use crate::policy;
use crate::prepare::{Look, Prepared, rewritten};
use crate::run::Run;
use gangway_model::ports::Source;
use gangway_model::{
    DeltaState, EntityType, Job, JobType, Page, PluginError, ReadMode, Reading, Relation, RelationState,
    System, SystemId, Trigger, code,
};
use gangway_store::{NewRelation, StoreError, TenantStore};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is remembered of a source's delta reads; none before its first successful full read, and none if
/// its connector cannot read changes.
pub fn state(store: &dyn TenantStore, source: &SystemId) -> Result<Option<DeltaState>, StoreError> {
    let Some(bytes) = store.state(source, DeltaState::KEY)? else { return Ok(None) };
    // What cannot be read means a full read, which makes it anew.
    Ok(serde_json::from_slice(&bytes).ok())
}

/// Forgets that a target had a full read of its sources: the next job of each reads everything again.
pub fn forget_target(store: &dyn TenantStore, target: &System) -> Result<(), StoreError> {
    for source in &target.sources {
        if let Some(mut known) = state(store, source)?
            && known.targets.remove(&target.id)
        {
            keep(store, source, &known)?;
        }
    }
    Ok(())
}

fn keep(store: &dyn TenantStore, source: &SystemId, state: &DeltaState) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(state).unwrap_or_default();
    store.set_state(source, DeltaState::KEY, Some(&bytes))
}

/// Remembers what a job that ended means for the next one.
pub(crate) fn remember(store: &dyn TenantStore, job: &Job, targets: BTreeSet<SystemId>, success: bool) {
    let kept = state(store, &job.source).map(|state| mode::after(state, job, targets, success));
    let kept = kept.and_then(|state| match state {
        Some(state) => keep(store, &job.source, &state),
        None => Ok(()),
    });
    if let Err(error) = kept {
        tracing::warn!(job = %job.id, %error, "where the next delta read starts was not kept; it starts where the last one did");
    }
}

/// Decides how much is read, and from where, unless that was decided before a restart.
pub(crate) async fn decide(
    job: &mut Job,
    source: &System,
    targets: &[System],
    reader: &dyn Source,
    types: &[EntityType],
    store: Arc<dyn TenantStore>,
    now_ms: u64,
) -> Result<(), Stop> {
    if job.reading.is_some() {
        return Ok(());
    }
    let id = source.id.clone();
    let found = tokio::task::spawn_blocking(move || state(store.as_ref(), &id)).await;
    let found = found.unwrap_or_else(|_| Err(StoreError::Failed("a call to the store panicked".to_owned())));
    let state = found.map_err(Stop::Store)?;
    let from_ms = now_ms.saturating_sub(policy::delta_margin_ms(source));
    let mut marks = BTreeMap::new();
    let mut capable = Err("the connector cannot say what changed".to_owned());
    if reader.reads_changes() && matches!(job.kind, JobType::Read | JobType::Resync) {
        capable = mark(reader, types, from_ms, &mut marks).await;
    }
    if capable.is_ok() && marks.is_empty() {
        capable = Err("the connector cannot say what changed in any type that is read".to_owned());
    }
    let unread = state.as_ref().and_then(|state| unread(state, targets, &marks));
    let scheduled = job.trigger.kind == Trigger::REPEAT;
    let (read_mode, reason) = mode::decide(&Facts {
        kind: job.kind,
        capable: capable.as_ref().copied().map_err(String::as_str),
        enabled: source.flag("ips.delta.read", reader.by_changes()),
        state: state.as_ref(),
        unread: unread.as_deref(),
        scheduled,
        force_count: policy::full_read_force_count(source),
    });
    let since = state.filter(|_| read_mode == ReadMode::Delta).map(|state| state.marks).unwrap_or_default();
    if read_mode == ReadMode::Delta {
        job.outcome.extend(policy::no_full_read_planned(source));
        for entity_type in types.iter().filter(|t| !since.contains_key(*t)) {
            job.outcome.push(format!("{entity_type} entities were not read: only a full read reads them"));
        }
        job.outcome
            .push("nothing was deleted for entities that were not read: it was a delta read".to_owned());
    }
    job.read_mode = read_mode;
    job.reading = Some(Reading { reason, scheduled, from_ms, marks, since, candidates: 0 });
    Ok(())
}

/// What came after the last full read.
fn unread(state: &DeltaState, targets: &[System], marks: &BTreeMap<EntityType, String>) -> Option<String> {
    let target = targets.iter().find(|target| !state.targets.contains(&target.id));
    let entity_type = marks.keys().find(|entity_type| !state.marks.contains_key(*entity_type));
    target
        .map(|target| format!("target {:?}", target.name))
        .or_else(|| entity_type.map(|entity_type| format!("the {entity_type} entities")))
}

async fn mark(
    reader: &dyn Source,
    types: &[EntityType],
    from_ms: u64,
    marks: &mut BTreeMap<EntityType, String>,
) -> Result<(), String> {
    for entity_type in types {
        match reader.mark(entity_type.as_str(), from_ms).await {
            Ok(mark) => marks.extend(mark.map(|mark| (entity_type.clone(), mark))),
            Err(error) => {
                marks.clear();
                return Err(error.message);
            }
        }
    }
    Ok(())
}

impl Run {
    /// One page, of everything or of what changed.
    pub(crate) async fn read_page(
        &self,
        entity_type: &EntityType,
        cursor: Option<&str>,
    ) -> Result<Page, PluginError> {
        let Some(since) = &self.since else {
            return self.reader.read_page(entity_type.as_str(), cursor, self.page_size).await;
        };
        let Some(mark) = since.get(entity_type) else {
            return Err(PluginError::new(code::INTERNAL, "a type without a mark is not read by its changes"));
        };
        self.reader.read_changes(entity_type.as_str(), mark, cursor, self.page_size).await
    }

    /// Whether the job reads the type: a delta read leaves out those of which the connector cannot say
    /// what changed.
    pub(crate) fn reads(&self, entity_type: &EntityType) -> bool {
        self.since.as_ref().is_none_or(|since| since.contains_key(entity_type))
    }

    /// Only what changed is read.
    pub(crate) fn is_delta(&self) -> bool {
        self.since.is_some()
    }
}

/// What a delta read found that a target is not to hold any longer: the deletion phase looks at it, and if
/// a gate is closed a later job does.
pub(crate) fn unwanted(relation: Option<&Relation>) -> Option<NewRelation> {
    let relation = binding(relation).filter(|r| r.state != RelationState::Disabled)?;
    Some(NewRelation { state: RelationState::PendingDelete, ..rewritten(relation) })
}

/// What is gone by the source's own word, and what the read transformation's condition excludes now.
pub(crate) async fn gone(
    run: &Arc<Run>,
    entity_type: &EntityType,
    page: &Page,
    looks: &[Option<Look>],
    excluded: &[usize],
    prepared: &mut Prepared,
) -> Result<(), Stop> {
    if !run.is_delta() || (page.removed.is_empty() && excluded.is_empty()) {
        return Ok(());
    }
    for ((lane, look), plan) in run.lanes.iter().zip(looks).zip(&mut prepared.lanes) {
        let (Some(look), Some(plan)) = (look, plan) else { continue };
        let (key, removed) = (run.key(lane, entity_type), page.removed.clone());
        let relations = run
            .blocking(move |store| {
                store.relations(&key, &removed.iter().map(String::as_str).collect::<Vec<_>>())
            })
            .await?;
        plan.unwanted.extend(excluded.iter().filter_map(|index| unwanted(look.relation(*index))));
        plan.unwanted.extend(relations.iter().filter_map(|relation| unwanted(relation.as_ref())));
    }
    Ok(())
}
