//! Why an entity is, or is not, where it is: its lines in the logs of all jobs, what the engine knows of it
//! now, and what stood in the way of deletions, put together as sentences.

use gangway_model::{
    EntityState, Job, JobId, JobType, Relation, RelationKey, RelationState, System, SystemId,
};
use gangway_store::{PastEvent, StoreError, TenantStore};
use std::collections::HashMap;

/// Jobs that are looked at for the latest one of a source.
const JOBS: usize = 200;

/// All that is known of an entity.
pub struct History {
    /// What became of it and why, in sentences, the most important first.
    pub answer: Vec<String>,
    /// What the engine knows of it now.
    pub relations: Vec<(RelationKey, Relation)>,
    /// What happened to it, newest first.
    pub events: Vec<PastEvent>,
    /// The jobs in which it happened.
    pub jobs: HashMap<JobId, Job>,
    /// The names of systems.
    pub names: HashMap<SystemId, String>,
}

/// Looks for an entity by its identifier in the source or in a target.
pub fn history(
    store: &dyn TenantStore,
    id: &str,
    system: Option<&System>,
    limit: usize,
) -> Result<History, StoreError> {
    let names: HashMap<_, _> = store.systems()?.into_iter().map(|s| (s.id, s.name)).collect();
    let mut events = store.history(id, system.map(|s| &s.id), limit)?;
    let mut jobs = HashMap::new();
    for event in &events {
        if !jobs.contains_key(&event.run)
            && let Some(job) = store.job(&event.run)?
        {
            jobs.insert(event.run.clone(), job);
        }
    }
    // What a simulation foresees has not become of anybody.
    events.retain(|event| jobs.get(&event.run).is_none_or(|job: &Job| job.kind != JobType::Simulate));
    let mut relations = Vec::new();
    for key in store.relation_keys()? {
        if system.is_some_and(|system| key.source != system.id && key.target != system.id) {
            continue;
        }
        relations.extend(relations_of(store, &key, id)?.into_iter().map(|found| (key.clone(), found)));
    }
    let mut latest = store.jobs(None, JOBS)?;
    latest.retain(|job| job.kind != JobType::Simulate);
    let answer = explain(id, &relations, &events, &jobs, &names, &latest);
    Ok(History { answer, relations, events, jobs, names })
}

/// Relations of the pair in which the entity has this identifier on either side.
fn relations_of(store: &dyn TenantStore, key: &RelationKey, id: &str) -> Result<Vec<Relation>, StoreError> {
    let mut found: Vec<Relation> = store.relations(key, &[id])?.into_iter().flatten().collect();
    let owner = store.owners(key, &[id])?.into_iter().flatten().next();
    if let Some(owner) = owner.filter(|owner| owner != id) {
        let held = store.relations(key, &[owner.as_str()])?.into_iter().flatten();
        found.extend(held.filter(|relation| relation.target_id == id));
    }
    Ok(found)
}

fn explain(
    id: &str,
    relations: &[(RelationKey, Relation)],
    events: &[PastEvent],
    jobs: &HashMap<JobId, Job>,
    names: &HashMap<SystemId, String>,
    latest: &[Job],
) -> Vec<String> {
    let name =
        |system: &SystemId| names.get(system).map_or_else(|| system.to_string(), |name| format!("{name:?}"));
    let mut lines = Vec::new();
    let mut sources: Vec<&SystemId> = Vec::new();
    for (key, relation) in relations {
        if !sources.contains(&&key.source) {
            sources.push(&key.source);
        }
        let who = format!(
            "{} {:?} of {} is {:?} in {}",
            key.entity_type,
            relation.source_id,
            name(&key.source),
            relation.target_id,
            name(&key.target)
        );
        let origin = if relation.existed_before {
            "it existed before the engine came"
        } else {
            "the engine created it"
        };
        lines.push(match relation.state {
            RelationState::Active => format!("not deleted: {who}; {origin}, and it is managed"),
            RelationState::PendingDelete => format!(
                "not deleted yet: {who}, gone from the source; a job could not delete it, and the next full read tries again"
            ),
            RelationState::Disabled => format!(
                "not deleted: {who}, gone from the source; the write transformation has content in place of the deletion, which was written, and the engine goes on managing it"
            ),
            RelationState::Released => format!(
                "not deleted: {who}; it existed before the engine came, and was left alone when it was gone from the source, because ips.delete.existedbefore.entities was not true in {}",
                name(&key.target)
            ),
        });
    }
    // The latest line of each system says how it came to be as it is.
    let mut told: Vec<&SystemId> = Vec::new();
    for past in events {
        let event = &past.event;
        if told.contains(&&event.system) {
            continue;
        }
        told.push(&event.system);
        let source = jobs.get(&past.run).map(|job| &job.source);
        if let Some(source) = source
            && !sources.contains(&source)
        {
            sources.push(source);
        }
        let why = match (&event.error, &event.reason) {
            (Some(error), _) => format!(": {error}"),
            (None, Some(reason)) => format!(": {reason}"),
            (None, None) => String::new(),
        };
        let what = match event.state {
            EntityState::Created => "created in",
            EntityState::Updated => "updated in",
            EntityState::Deleted => "deleted from",
            EntityState::Skipped => "skipped in",
            EntityState::Failed => "failed in",
        };
        lines.push(format!("last {what} {} by job {}{why}", name(&event.system), past.run));
    }
    for source in sources {
        let Some(job) = latest.iter().find(|job| job.source == *source && job.end_ms.is_some()) else {
            continue;
        };
        for outcome in &job.outcome {
            lines.push(format!("the latest job of {} ({}): {outcome}", name(source), job.id));
        }
        if let Some(error) = &job.error {
            lines.push(format!("the latest job of {} ({}): {error}", name(source), job.id));
        }
    }
    if lines.is_empty() {
        lines.push(format!(
            "nothing is known of {id:?}: no relation has this identifier, and no log that is still kept mentions it; identifiers are those of the source or the target system, word for word"
        ));
    }
    lines
}
