//! Turns one page of the source into what is to be done in one target. Reads relations and runs
//! transformations; writes nothing, so that it may run ahead of the pages being applied, and again.

use crate::decide::{Intention, Reason, Verb, binding, intend};
use crate::delta;
use crate::error::Stop;
use crate::fingerprint::Trust;
use crate::journal::Journal;
use crate::page::{Reading, SharedPage};
use crate::plan::plan;
use crate::run::{Lane, OpenLane, Run};
use crate::unresolved;
use gangway_model::{
    Counters, EntityEvent, EntityState, EntityType, Hash, Intent, Page, PluginError, Relation, code,
};
use gangway_store::NewRelation;
use std::collections::HashMap;
use std::sync::Arc;

/// A page, decided for one target.
pub(crate) struct Prepared {
    /// As the source gave it: what it takes to prepare it again.
    pub(crate) page: Arc<SharedPage>,
    /// The relation keys of its entities.
    pub(crate) ids: Vec<String>,
    /// The source's row.
    pub(crate) counters: Counters,
    /// The source's failed and skipped entities.
    pub(crate) events: Vec<EntityEvent>,
    /// What is to be done.
    pub(crate) plan: LanePlan,
}

/// What is to be done in one target.
#[derive(Default)]
pub(crate) struct LanePlan {
    /// The target's row, as far as nothing needs to be written for it.
    pub(crate) counters: Counters,
    /// Entities skipped and failed without a request.
    pub(crate) events: Vec<EntityEvent>,
    /// Ordinals of relations that stay as they are.
    pub(crate) seen: Vec<u64>,
    /// Relations whose fingerprint alone is new.
    pub(crate) refreshed: Vec<NewRelation>,
    /// Of a delta read: relations whose entity the target is not to hold any longer.
    pub(crate) unwanted: Vec<NewRelation>,
    /// What to write.
    pub(crate) work: Vec<Work>,
    /// The write transformation failed altogether.
    pub(crate) broken: Option<PluginError>,
    /// Entities that refer to some that are not in the target, with their common JSON.
    pub(crate) incomplete: Vec<(String, Arc<str>)>,
    /// An entity refers to one that is not in the target.
    pub(crate) unresolved: bool,
    /// What became of an entity depended on more than the entity, perhaps on the pages before.
    pub(crate) depends: bool,
}

/// One entity to be written to one target.
pub(crate) struct Work {
    pub(crate) source_id: String,
    pub(crate) verb: Verb,
    /// The reason of an [`Verb::Adopt`], should there be nothing to adopt.
    pub(crate) reason: Reason,
    /// Of the create or the update.
    pub(crate) content: String,
    /// The target's identifier where the transformation decides it.
    pub(crate) given_id: Option<String>,
    pub(crate) relation: Option<Relation>,
    pub(crate) intent: Option<Intent>,
    pub(crate) trust: Trust,
    /// Zero for a create.
    pub(crate) payload: Hash,
    /// The source entity is what it was when it was written last.
    pub(crate) by_configuration: bool,
    /// The read transformation's result, for a second write transformation.
    pub(crate) common: Arc<str>,
}

/// What a look into the store gave for one lane: an element for each entity of the page.
pub(crate) struct Look {
    pub(crate) fingerprints: Vec<Hash>,
    pub(crate) relations: Vec<Option<Relation>>,
    pub(crate) intents: Vec<Option<Intent>>,
}

impl Look {
    pub(crate) fn intention(&self, run: &Run, index: usize) -> Intention {
        intend(run.kind, self.relation(index), self.fingerprints.get(index))
    }

    pub(crate) fn relation(&self, index: usize) -> Option<&Relation> {
        self.relations.get(index).and_then(Option::as_ref)
    }
}

/// An entity that passed the read transformation, or needs none.
pub(crate) struct Passed {
    pub(crate) index: usize,
    pub(crate) source_id: String,
    /// None if no target needs it transformed.
    pub(crate) common: Option<Arc<str>>,
    /// The read transformation depended on more than the entity.
    pub(crate) depends: bool,
}

/// The source's side of a page.
struct OfPage {
    passed: Vec<Passed>,
    /// The places of those that the condition of the read transformation excludes.
    excluded: Vec<usize>,
    counters: Counters,
    events: Vec<EntityEvent>,
}

/// Prepares one page for one target.
pub(crate) async fn prepare(
    run: &Arc<Run>,
    (lane, open): (&Arc<Lane>, &OpenLane),
    entity_type: &EntityType,
    page: Arc<SharedPage>,
) -> Result<Prepared, Stop> {
    let mut look = first_look(run, lane, open, entity_type, &page).await?;
    let changed = |index| look.intention(run, index) != Intention::Unchanged;
    let needed: Vec<bool> = (0..page.page.entities.len()).map(changed).collect();
    let OfPage { passed, excluded, counters, events } = read(run, entity_type, &page, &needed).await?;
    second_look(run, lane, entity_type, &page.page, &passed, &mut look).await?;
    let mut plan = plan(run, lane, open, entity_type, &look, &passed).await;
    if entity_type.as_str() == "group" {
        let groups: Vec<_> = plan.incomplete.iter().map(|(id, json)| (id.as_str(), json.as_ref())).collect();
        let lines = unresolved::lines(run, lane, &groups, run.clock.now_ms()).await?;
        plan.events.extend(lines);
    }
    plan.unwanted.extend(delta::gone(run, lane, entity_type, &page.page, &look, &excluded).await?);
    let ids = passed.into_iter().map(|passed| passed.source_id).collect();
    Ok(Prepared { page, ids, counters, events, plan })
}

/// The source's side of a page that no target goes by. What one leaves as it is needs no transformation;
/// of a type that none takes, everything does.
pub(crate) async fn numbers(
    run: &Arc<Run>,
    entity_type: &EntityType,
    page: &Arc<SharedPage>,
) -> Result<(Counters, Vec<EntityEvent>), Stop> {
    let mut looks = Vec::new();
    for lane in &run.lanes {
        if let Some(open) = lane.takes(entity_type) {
            looks.push(first_look(run, lane, open, entity_type, page).await?);
        }
    }
    let changed =
        |index| looks.is_empty() || looks.iter().any(|l| l.intention(run, index) != Intention::Unchanged);
    let needed: Vec<bool> = (0..page.page.entities.len()).map(changed).collect();
    let of_page = read(run, entity_type, page, &needed).await?;
    Ok((of_page.counters, of_page.events))
}

/// Fingerprints, and the relations under the identifiers of the source: the usual relation keys.
async fn first_look(
    run: &Arc<Run>,
    lane: &Lane,
    open: &OpenLane,
    entity_type: &EntityType,
    page: &Arc<SharedPage>,
) -> Result<Look, Stop> {
    let (shared, entity_type, page) = (run.clone(), entity_type.clone(), page.clone());
    let (key, configuration) = (run.key(lane, &entity_type), open.configuration);
    run.blocking(move |store| {
        let ids: Vec<&str> = page.page.entities.iter().map(|e| e.id.as_str()).collect();
        let bases = page.bases(&shared, &entity_type);
        Ok(Look {
            fingerprints: shared.fingerprints.fingerprints(
                bases,
                &shared.read.configuration(),
                &configuration,
            ),
            relations: store.relations(&key, &ids)?,
            intents: Vec::new(),
        })
    })
    .await
}

/// The read transformation for what is needed, and what that means for the source's row.
async fn read(
    run: &Arc<Run>,
    entity_type: &EntityType,
    page: &SharedPage,
    needed: &[bool],
) -> Result<OfPage, Stop> {
    let readings = page.read(run, entity_type, needed).await.map_err(Stop::Source)?;
    let page = &page.page;
    let mut of_page = OfPage {
        passed: Vec::with_capacity(page.entities.len()),
        excluded: Vec::new(),
        counters: Counters::default(),
        events: Vec::new(),
    };
    let journal = Journal { entity_type, system: &run.source.id, time_ms: run.clock.now_ms() };
    for problem in &page.problems {
        of_page.counters.failed += 1;
        of_page.events.push(journal.failed(problem.id.as_deref(), None, problem.error.clone()));
    }
    let mut known: HashMap<String, usize> = HashMap::with_capacity(page.entities.len());
    for ((index, entity), reading) in page.entities.iter().enumerate().zip(readings) {
        let passed = match reading {
            // It stays as it is: its relation key is the identifier under which it was found.
            None => Ok((entity.id.clone(), None, false)),
            Some(Reading::Passed { source_id, common, depends }) => Ok((source_id, Some(common), depends)),
            Some(Reading::Skipped(reason)) => {
                of_page.excluded.push(index);
                of_page.counters.skipped += 1;
                let content = run.tracing.content(EntityState::Skipped, &entity.json);
                let line = journal.skipped(Some(&entity.id), None, reason);
                of_page.events.push(EntityEvent { content, ..line });
                continue;
            }
            Some(Reading::Failed(error)) => Err(error),
        };
        let error = match passed {
            Ok((source_id, common, depends)) => {
                match known.get(&source_id).and_then(|first| page.entities.get(*first)) {
                    // The page holds it twice, word for word.
                    Some(first) if first.json == entity.json => continue,
                    Some(_) => twice(&source_id),
                    None => {
                        of_page.counters.read += 1;
                        known.insert(source_id.clone(), index);
                        of_page.passed.push(Passed { index, source_id, common, depends });
                        continue;
                    }
                }
            }
            Err(error) => error,
        };
        of_page.counters.failed += 1;
        let content = run.tracing.content(EntityState::Failed, &entity.json);
        let line = journal.failed(Some(&entity.id), None, error);
        of_page.events.push(EntityEvent { content, ..line });
    }
    Ok(of_page)
}

fn twice(source_id: &str) -> PluginError {
    PluginError::new(
        code::INVALID,
        format!(
            "the source delivered two different entities with the identifier {source_id:?} in one page; make entityIdSourceSystem unique"
        ),
    )
}

/// Relations under keys that the read transformation made, and the open attempts to create.
async fn second_look(
    run: &Arc<Run>,
    lane: &Lane,
    entity_type: &EntityType,
    page: &Page,
    passed: &[Passed],
    look: &mut Look,
) -> Result<(), Stop> {
    let key = run.key(lane, entity_type);
    let renamed: Vec<(usize, String)> = passed
        .iter()
        .filter(|p| page.entities.get(p.index).is_some_and(|e| e.id != p.source_id))
        .map(|p| (p.index, p.source_id.clone()))
        .collect();
    if !renamed.is_empty() {
        let key = key.clone();
        let found = run
            .blocking(move |store| {
                let ids: Vec<&str> = renamed.iter().map(|(_, id)| id.as_str()).collect();
                let relations = store.relations(&key, &ids)?;
                Ok(renamed.into_iter().map(|(index, _)| index).zip(relations).collect::<Vec<_>>())
            })
            .await?;
        for (index, relation) in found {
            if let Some(place) = look.relations.get_mut(index) {
                *place = relation;
            }
        }
    }
    let new: Vec<(usize, String)> = passed
        .iter()
        .filter(|p| binding(look.relation(p.index)).is_none())
        .map(|p| (p.index, p.source_id.clone()))
        .collect();
    look.intents.resize(page.entities.len(), None);
    if new.is_empty() {
        return Ok(());
    }
    let found = run
        .blocking(move |store| {
            let ids: Vec<&str> = new.iter().map(|(_, id)| id.as_str()).collect();
            let intents = store.intents(&key, &ids)?;
            Ok(new.into_iter().map(|(index, _)| index).zip(intents).collect::<Vec<_>>())
        })
        .await?;
    for (index, intent) in found {
        if let Some(place) = look.intents.get_mut(index) {
            *place = intent;
        }
    }
    Ok(())
}

impl Prepared {
    /// Keeps what a second look at the page can add: updates of entities that were written before.
    /// Everything else was counted, logged and attempted the first time.
    pub(crate) fn complete_only(&mut self) {
        self.counters = Counters::default();
        self.events.clear();
        self.plan.counters = Counters::default();
        self.plan.events.clear();
        self.plan.work.retain(|work| work.verb == Verb::Update);
    }
}

/// A relation as it stands, to be written with a difference.
pub(crate) fn rewritten(relation: &Relation) -> NewRelation {
    NewRelation {
        source_id: relation.source_id.clone(),
        target_id: relation.target_id.clone(),
        existed_before: relation.existed_before,
        fingerprint: relation.fingerprint,
        payload: relation.payload,
        state: relation.state,
    }
}
