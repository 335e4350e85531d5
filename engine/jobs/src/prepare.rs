//! Turns one page of the source into what is to be done in each target. Reads relations and runs
//! transformations; writes nothing, so that it may run ahead of the pages being applied, and again.

use crate::decide::{Intention, Reason, Verb, binding, intend};
use crate::delta;
use crate::error::Stop;
use crate::fingerprint::Trust;
use crate::journal::Journal;
use crate::plan::plan;
use crate::run::{Lane, OpenLane, Run};
use crate::transform::{apply, request};
use crate::unresolved;
use futures_util::future::join_all;
use gangway_model::{
    Answer, AnswerOutcome, Counters, Entity, EntityEvent, EntityState, EntityType, Hash, Intent, Page,
    PluginError, Relation, TransformOperation, code,
};
use gangway_store::NewRelation;
use std::collections::HashMap;
use std::sync::Arc;

/// A page, decided.
pub(crate) struct Prepared {
    /// As the source gave it: what it takes to prepare it again.
    pub(crate) page: Arc<Page>,
    /// The relation keys of its entities.
    pub(crate) ids: Vec<String>,
    /// The source's row.
    pub(crate) counters: Counters,
    /// The source's failed and skipped entities.
    pub(crate) events: Vec<EntityEvent>,
    /// One for each of the run's lanes; none where a target does not take part.
    pub(crate) lanes: Vec<Option<LanePlan>>,
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

/// Prepares one page.
pub(crate) async fn prepare(
    run: &Arc<Run>,
    entity_type: &EntityType,
    page: Arc<Page>,
) -> Result<Prepared, Stop> {
    let mut looks = first_look(run, entity_type, &page).await?;
    let mut prepared = Prepared {
        page: page.clone(),
        ids: Vec::with_capacity(page.entities.len()),
        counters: Counters::default(),
        events: Vec::new(),
        lanes: Vec::with_capacity(run.lanes.len()),
    };
    let (passed, excluded) = read(run, entity_type, &page, &looks, &mut prepared).await?;
    second_look(run, entity_type, &page, &passed, &mut looks).await?;
    let plans = run.lanes.iter().zip(&looks).map(|(lane, look)| {
        let passed = &passed;
        async move {
            match (look, lane.open.as_ref()) {
                (Some(look), Some(open)) => Some(plan(run, lane, open, entity_type, look, passed).await),
                _ => None,
            }
        }
    });
    prepared.lanes = join_all(plans).await;
    if entity_type.as_str() == "group" {
        for (lane, plan) in run.lanes.iter().zip(&mut prepared.lanes) {
            let Some(plan) = plan else { continue };
            let groups: Vec<_> =
                plan.incomplete.iter().map(|(id, json)| (id.as_str(), json.as_ref())).collect();
            plan.events.extend(unresolved::lines(run, lane, &groups, run.clock.now_ms()).await?);
        }
    }
    delta::gone(run, entity_type, &page, &looks, &excluded, &mut prepared).await?;
    prepared.ids.extend(passed.into_iter().map(|p| p.source_id));
    Ok(prepared)
}

/// Fingerprints, and the relations under the identifiers of the source: the usual relation keys.
async fn first_look(
    run: &Arc<Run>,
    entity_type: &EntityType,
    page: &Arc<Page>,
) -> Result<Vec<Option<Look>>, Stop> {
    let (shared, entity_type, page) = (run.clone(), entity_type.clone(), page.clone());
    run.blocking(move |store| {
        let run = shared;
        let read = run.read.configuration();
        let bases: Vec<_> =
            page.entities.iter().map(|e| run.fingerprints.base(entity_type.as_str(), e)).collect();
        let ids: Vec<&str> = page.entities.iter().map(|e| e.id.as_str()).collect();
        let look = |lane: &Lane, open: &OpenLane| {
            Ok(Look {
                fingerprints: run.fingerprints.fingerprints(&bases, &read, &open.configuration),
                relations: store.relations(&run.key(lane, &entity_type), &ids)?,
                intents: Vec::new(),
            })
        };
        run.lanes
            .iter()
            .map(|lane| lane.takes(&entity_type).map(|open| look(lane, open)).transpose())
            .collect()
    })
    .await
}

/// The read transformation, for whatever some target cannot leave as it is; and the places of those that
/// its condition excludes.
async fn read(
    run: &Arc<Run>,
    entity_type: &EntityType,
    page: &Page,
    looks: &[Option<Look>],
    prepared: &mut Prepared,
) -> Result<(Vec<Passed>, Vec<usize>), Stop> {
    // Where no target takes the type, it is read for the numbers alone.
    let for_all = looks.iter().all(Option::is_none);
    let needed: Vec<bool> = (0..page.entities.len())
        .map(|index| {
            let changed = |look: &Look| look.intention(run, index) != Intention::Unchanged;
            for_all || looks.iter().flatten().any(changed)
        })
        .collect();
    let entities = || page.entities.iter().enumerate().zip(&needed);
    let requests: Vec<_> = entities()
        .filter(|(_, needed)| **needed)
        .map(|((_, entity), _)| request(entity_type, TransformOperation::Read, &entity.json))
        .collect();
    let mut answers = apply(run.read.as_ref(), &requests).await.map_err(Stop::Source)?.into_iter();

    let journal = Journal { entity_type, system: &run.source.id, time_ms: run.clock.now_ms() };
    for problem in &page.problems {
        prepared.counters.failed += 1;
        prepared.events.push(journal.failed(problem.id.as_deref(), None, problem.error.clone()));
    }
    let mut passed: Vec<Passed> = Vec::with_capacity(page.entities.len());
    let mut excluded = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::with_capacity(page.entities.len());
    for ((index, entity), needed) in entities() {
        let mut depends = false;
        let found = if *needed {
            answers.next().map_or(Err(Reading::Failed(no_answer())), |answer| {
                depends = answer.depends;
                after_read(entity, answer)
            })
        } else {
            Ok((entity.id.clone(), None))
        };
        let found = found.and_then(|(source_id, common)| {
            match known.get(&source_id).and_then(|first| page.entities.get(*first)) {
                Some(first) if first.json == entity.json => Err(Reading::Repeated),
                Some(_) => Err(Reading::Failed(twice(&source_id))),
                None => Ok((source_id, common)),
            }
        });
        match found {
            Ok((source_id, common)) => {
                prepared.counters.read += 1;
                known.insert(source_id.clone(), index);
                passed.push(Passed { index, source_id, common, depends });
            }
            Err(Reading::Skipped(reason)) => {
                excluded.push(index);
                prepared.counters.skipped += 1;
                let content = run.tracing.content(EntityState::Skipped, &entity.json);
                let line = journal.skipped(Some(&entity.id), None, reason);
                prepared.events.push(EntityEvent { content, ..line });
            }
            Err(Reading::Failed(error)) => {
                prepared.counters.failed += 1;
                let content = run.tracing.content(EntityState::Failed, &entity.json);
                let line = journal.failed(Some(&entity.id), None, error);
                prepared.events.push(EntityEvent { content, ..line });
            }
            Err(Reading::Repeated) => {}
        }
    }
    Ok((passed, excluded))
}

/// Why an entity of the page goes no further.
enum Reading {
    Skipped(String),
    Failed(PluginError),
    /// The page holds it twice, word for word.
    Repeated,
}

fn after_read(entity: &Entity, answer: Answer) -> Result<(String, Option<Arc<str>>), Reading> {
    match answer.outcome {
        AnswerOutcome::Transformed => match answer.id {
            Some(source_id) => Ok((source_id, Some(answer.json.into()))),
            None => Err(Reading::Failed(PluginError::new(
                code::INVALID,
                "the read transformation did not set the variable entityIdSourceSystem; add a mapping with \"targetVariable\": \"entityIdSourceSystem\"",
            ))),
        },
        AnswerOutcome::Filtered | AnswerOutcome::Skipped | AnswerOutcome::Ignored => {
            Err(Reading::Skipped(answer.reason))
        }
        AnswerOutcome::Failed => Err(Reading::Failed(crate::decide::transformation_error(&answer))),
        AnswerOutcome::Deleted => Err(Reading::Failed(PluginError::new(
            code::INTERNAL,
            format!(
                "the read transformation answered 'deleted' for {:?}: a defect of the transformation plugin",
                entity.id
            ),
        ))),
    }
}

fn no_answer() -> PluginError {
    PluginError::new(code::INTERNAL, "the transformation plugin gave no answer for this entity")
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
    entity_type: &EntityType,
    page: &Page,
    passed: &[Passed],
    looks: &mut [Option<Look>],
) -> Result<(), Stop> {
    let renamed: Vec<(usize, String)> = passed
        .iter()
        .filter(|p| page.entities.get(p.index).is_some_and(|e| e.id != p.source_id))
        .map(|p| (p.index, p.source_id.clone()))
        .collect();
    for (lane, look) in run.lanes.iter().zip(looks.iter_mut()) {
        let Some(look) = look else { continue };
        let key = run.key(lane, entity_type);
        if !renamed.is_empty() {
            let (key, renamed) = (key.clone(), renamed.clone());
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
            continue;
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
    }
    Ok(())
}

impl Prepared {
    /// Keeps what a second look at the page can add: updates of entities that were written before.
    /// Everything else was counted, logged and attempted the first time.
    pub(crate) fn complete_only(&mut self) {
        self.counters = Counters::default();
        self.events.clear();
        for plan in self.lanes.iter_mut().flatten() {
            plan.counters = Counters::default();
            plan.events.clear();
            plan.work.retain(|work| work.verb == Verb::Update);
        }
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
