//! A job that writes nothing: what a Resync would do becomes a stored plan.
//!
//! Reading, transforming and deciding are those of any job. Where a job would write, the operation is
//! noted instead, with what it takes to carry it out later and to see that nothing moved meanwhile.

use crate::decide::{UNKNOWN, Verb};
use crate::error::Stop;
use crate::ledger::Ledger;
use crate::live;
use crate::policy;
use crate::prepare::{LanePlan, Work};
use crate::run::{Lane, OpenLane, Run};
use async_trait::async_trait;
use gangway_model::ports::Target;
use gangway_model::{
    Counters, Delivered, Entity, EntityEvent, EntityState, EntityType, Hash, Operation, OperationKind,
    Outcome, Page, Plan, PlannedContent, PlannedOperation, PlannedSystem, PlannedVerb, PluginError, Relation,
    System, code,
};
use serde_json::json;
use std::sync::Arc;

/// Plans of one source that are kept beside the newest.
const PLANS_KEPT: usize = 9;

/// A target that cannot be written to, whatever is asked of it.
pub(crate) struct ReadOnly(pub(crate) Arc<dyn Target>);

#[async_trait]
impl Target for ReadOnly {
    async fn write(&self, _: Vec<Operation>) -> Result<Vec<Outcome>, PluginError> {
        Err(PluginError::new(code::INTERNAL, "a simulation asked for a write: a defect of the engine"))
    }

    async fn read_entities(&self, entity_type: &str, ids: Vec<String>) -> Vec<Result<Entity, PluginError>> {
        self.0.read_entities(entity_type, ids).await
    }

    async fn find(
        &self,
        entity_type: &str,
        attributes: Vec<(String, String)>,
        limit: u32,
    ) -> Result<Vec<Entity>, PluginError> {
        self.0.find(entity_type, attributes, limit).await
    }

    fn entity_types(&self) -> Vec<String> {
        self.0.entity_types()
    }
}

/// What a page would come to in one target.
#[derive(Default)]
pub(crate) struct Predicted {
    pub(crate) counters: Counters,
    pub(crate) planned: Vec<PlannedOperation>,
    pub(crate) events: Vec<EntityEvent>,
    /// Ordinals of relations that would be written.
    pub(crate) seen: Vec<u64>,
    pub(crate) broken: Option<PluginError>,
}

/// One entity, with what a look at the target found.
pub(crate) struct Foreseen {
    pub(crate) work: Work,
    pub(crate) verb: PlannedVerb,
    pub(crate) reason: String,
    /// The account as the target holds it.
    pub(crate) found: Option<Entity>,
    pub(crate) existed_before: bool,
}

/// Everything that shapes what a system reads or is written; its secrets do not.
pub(crate) fn configuration(run: &Run, system: &System, transformation: &[u8; 32]) -> Hash {
    let plain: Vec<(&str, &str)> = system.plain_properties().collect();
    let shape = json!({
        "plugin": system.plugin, "properties": plain, "grants": system.grants, "sources": system.sources,
        "transformation": transformation,
    });
    run.fingerprints.texts(&[&shape.to_string()])
}

/// The systems of a run as they are configured now, the source first.
pub(crate) fn systems(run: &Run) -> Vec<PlannedSystem> {
    let system = |system: &System, transformation: &[u8; 32]| PlannedSystem {
        id: system.id.clone(),
        name: system.name.clone(),
        configuration: configuration(run, system, transformation),
    };
    let mut systems = vec![system(&run.source, &run.read.configuration())];
    systems.extend(run.lanes.iter().map(|lane| {
        let transformation = lane.open.as_ref().map_or([0; 32], |open| open.configuration);
        system(&lane.system, &transformation)
    }));
    systems
}

/// Makes the plan's record, and removes those that are too old. A resumed simulation goes on with its own.
pub(crate) async fn open_plan(run: &Arc<Run>, ledger: &Ledger) -> Result<(), Stop> {
    let now = run.clock.now_ms();
    let plan = Plan {
        tenant: run.source.tenant.clone(),
        id: run.run.clone(),
        source: run.source.id.clone(),
        source_name: run.source.name.clone(),
        live: run.live,
        created_ms: ledger.job().start_ms,
        expires_ms: now.saturating_add(policy::plan_retention_ms(&run.source)),
        complete: false,
        systems: systems(run),
        approval: None,
        applied: None,
    };
    run.blocking(move |store| {
        let plans = store.plans();
        let mut of_source = 0;
        for known in plans.list()? {
            if known.id == plan.id {
                return Ok(());
            }
            let is_of_source = known.source == plan.source;
            of_source += usize::from(is_of_source);
            if known.expires_ms <= now || (is_of_source && of_source > PLANS_KEPT) {
                plans.delete(&known.id)?;
            }
        }
        plans.put(&plan)
    })
    .await
}

/// Marks the plan as complete, unless it was made under two configurations.
pub(crate) async fn close_plan(run: &Arc<Run>, ledger: &Ledger) -> Result<(), Stop> {
    let (id, now) = (run.run.clone(), systems(run));
    let same = run
        .blocking(move |store| {
            let Some(mut plan) = store.plans().get(&id)? else { return Ok(false) };
            plan.complete = plan.systems == now;
            store.plans().put(&plan)?;
            Ok(plan.complete)
        })
        .await?;
    if !same {
        ledger.outcome(
            "the plan cannot be applied: the configuration changed while the simulation was interrupted"
                .to_owned(),
        );
    }
    Ok(())
}

/// A page of the source, to know it again.
pub(crate) fn delivered(run: &Run, entity_type: &EntityType, page: &Page) -> Delivered {
    let entities = page
        .entities
        .iter()
        .map(|entity| (entity.id.clone(), run.fingerprints.entity(entity_type.as_str(), entity)))
        .collect();
    Delivered { entity_type: entity_type.clone(), entities }
}

/// What a page's work would come to in one target.
pub(crate) async fn page(
    run: &Run,
    lane: &Lane,
    open: &OpenLane,
    entity_type: &EntityType,
    plan: &mut LanePlan,
) -> Result<Predicted, Stop> {
    let mut predicted = Predicted::default();
    if plan.broken.is_some() {
        return Ok(predicted);
    }
    let work = std::mem::take(&mut plan.work);
    predicted.seen = work.iter().filter_map(|work| work.relation.as_ref().map(|r| r.ordinal)).collect();
    let foreseen = if run.live {
        let (foreseen, broken) = live::look(run, lane, open, entity_type, work).await?;
        predicted.broken = broken;
        foreseen
    } else {
        work.into_iter().map(by_the_books).collect()
    };
    for entity in foreseen {
        match entity.verb {
            PlannedVerb::Create => predicted.counters.created += 1,
            PlannedVerb::Update => predicted.counters.updated += 1,
            PlannedVerb::Fail => predicted.counters.failed += 1,
            _ => predicted.counters.skipped += 1,
        }
        if let Some(event) = event(run, lane, entity_type, &entity) {
            predicted.events.push(event);
        } else {
            predicted.planned.push(operation(run, lane, entity_type, entity));
        }
    }
    Ok(predicted)
}

/// What the operational data say of an entity.
fn by_the_books(work: Work) -> Foreseen {
    let (verb, reason) = match work.verb {
        Verb::Update => (PlannedVerb::Update, update_reason(&work)),
        Verb::Adopt => {
            let reason = format!("{}; an account that is there would be updated", work.reason);
            (PlannedVerb::Skip, reason)
        }
        _ => (PlannedVerb::Create, work.reason.to_string()),
    };
    let existed_before = work.relation.as_ref().is_some_and(|relation| relation.existed_before);
    Foreseen { work, verb, reason, found: None, existed_before }
}

/// A Resync writes everything; whoever reads a plan wants to know what else there is to it.
pub(crate) fn update_reason(work: &Work) -> String {
    let reason = match &work.relation {
        Some(relation) if relation.payload == UNKNOWN => "what was written last is not known",
        Some(relation) if relation.payload == work.payload => "a Resync writes it once more",
        _ => "the content changed",
    };
    reason.to_owned()
}

/// The log line of an entity that would be skipped or fail.
fn event(run: &Run, lane: &Lane, entity_type: &EntityType, entity: &Foreseen) -> Option<EntityEvent> {
    let journal =
        crate::journal::Journal { entity_type, system: &lane.system.id, time_ms: run.clock.now_ms() };
    let id = Some(entity.work.source_id.as_str());
    match entity.verb {
        PlannedVerb::Skip => Some(journal.skipped(id, None, entity.reason.clone())),
        PlannedVerb::Fail => {
            Some(journal.failed(id, None, PluginError::new(code::CONFLICT, entity.reason.clone())))
        }
        _ => None,
    }
}

fn operation(run: &Run, lane: &Lane, entity_type: &EntityType, entity: Foreseen) -> PlannedOperation {
    let Foreseen { work, verb, reason, found, existed_before } = entity;
    let new = match verb {
        PlannedVerb::Create if work.trust.depends() => UNKNOWN,
        PlannedVerb::Create => run.fingerprints.created(&work.content),
        _ => work.payload,
    };
    let old = work.relation.as_ref().map_or(UNKNOWN, |relation| relation.payload);
    let unchanged = match &found {
        Some(found) => crate::difference::differences(Some(&found.json), &work.content).is_empty(),
        None => verb == PlannedVerb::Update && old == new && old != UNKNOWN,
    };
    let known = work.relation.as_ref().map(|relation| relation.target_id.clone());
    PlannedOperation {
        entity_type: entity_type.clone(),
        target: lane.system.id.clone(),
        verb,
        reason,
        source_id: work.source_id,
        target_id: found.as_ref().map(|found| found.id.clone()).or(known),
        unchanged,
        unanswered: work.intent.is_some() && found.is_none(),
        existed_before,
        relation: work.relation.as_ref().map(|relation| run.fingerprints.relation(relation)),
        fingerprint: work.trust.kept(),
        old,
        new,
        seen: found.as_ref().map(|found| live::seen(run, found)),
        content: PlannedContent {
            json: work.content,
            before: found.map(|found| found.json),
            given_id: work.given_id,
        },
    }
}

/// A skipped or failed entity as the plan shows it; other lines have their operation already.
pub(crate) fn of_event(event: &EntityEvent, released: bool) -> Option<PlannedOperation> {
    let verb = match event.state {
        EntityState::Skipped if released => PlannedVerb::Release,
        EntityState::Skipped => PlannedVerb::Skip,
        EntityState::Failed => PlannedVerb::Fail,
        EntityState::Created | EntityState::Updated | EntityState::Deleted => return None,
    };
    let error = event.error.as_ref().map(ToString::to_string);
    Some(PlannedOperation {
        entity_type: event.entity_type.clone(),
        target: event.system.clone(),
        verb,
        reason: event.reason.clone().or(error).unwrap_or_default(),
        source_id: event.source_id.clone().unwrap_or_default(),
        target_id: event.target_id.clone(),
        unchanged: false,
        unanswered: false,
        existed_before: verb == PlannedVerb::Release,
        relation: None,
        fingerprint: UNKNOWN,
        old: UNKNOWN,
        new: UNKNOWN,
        seen: None,
        content: PlannedContent::default(),
    })
}

/// What the deletion phase would send.
pub(crate) async fn deletions(
    run: &Run,
    lane: &Lane,
    open: &OpenLane,
    entity_type: &EntityType,
    relations: Vec<Relation>,
    operations: Vec<Operation>,
) -> Vec<PlannedOperation> {
    let mut looked: Vec<Option<Result<Entity, PluginError>>> = relations.iter().map(|_| None).collect();
    if run.live {
        let ids = relations.iter().map(|relation| relation.target_id.clone()).collect();
        let answers = open.target.read_entities(entity_type.as_str(), ids).await;
        looked = answers.into_iter().map(Some).collect();
        looked.resize_with(relations.len(), || None);
    }
    relations
        .into_iter()
        .zip(operations)
        .zip(looked)
        .map(|((relation, operation), looked)| {
            let gone = matches!(&looked, Some(Err(error)) if error.code == code::NOT_FOUND);
            let found = looked.and_then(Result::ok);
            let retires = operation.kind != OperationKind::Delete;
            let reason = if gone {
                "it is gone from the source, and from the target already"
            } else if retires {
                "it is gone from the source; the write transformation has an update in place of the deletion"
            } else {
                "it is gone from the source"
            };
            PlannedOperation {
                entity_type: entity_type.clone(),
                target: lane.system.id.clone(),
                verb: if retires { PlannedVerb::Retire } else { PlannedVerb::Delete },
                reason: reason.to_owned(),
                relation: Some(run.fingerprints.relation(&relation)),
                source_id: relation.source_id,
                target_id: Some(relation.target_id),
                unchanged: false,
                unanswered: false,
                existed_before: relation.existed_before,
                fingerprint: UNKNOWN,
                old: relation.payload,
                new: UNKNOWN,
                seen: found.as_ref().map(|found| live::seen(run, found)),
                content: PlannedContent {
                    json: operation.json,
                    before: found.map(|found| found.json),
                    given_id: None,
                },
            }
        })
        .collect()
}
