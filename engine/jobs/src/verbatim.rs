//! A job that carries out a plan: exactly its operations, and only if nothing moved since it was made.

use crate::apply::{LaneApply, LaneResult};
use crate::checkpoint::Deletions;
use crate::decide::{Reason, UNKNOWN, Verb};
use crate::deletion;
use crate::error::Stop;
use crate::fingerprint::Trust;
use crate::intents::intent;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::moved;
use crate::prepare::{LanePlan, Work, rewritten};
use crate::run::{Lane, Run};
use futures_util::future::join_all;
use gangway_model::{
    EntityType, Intent, JobId, Operation, OperationKind, Phase, Plan, PlannedOperation, PlannedVerb,
    PluginError, Relation, RelationKey, RelationState, code,
};
use gangway_store::{NewRelation, PlanFilter};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Operations carried out and committed at once.
pub(crate) const BATCH: usize = 500;

/// What of a plan a job does something about.
pub(crate) fn deeds() -> PlanFilter {
    let verbs = vec![
        PlannedVerb::Create,
        PlannedVerb::Update,
        PlannedVerb::Delete,
        PlannedVerb::Retire,
        PlannedVerb::Release,
    ];
    PlanFilter { verbs, ..PlanFilter::default() }
}

/// Checks the plan against what there is, then carries it out.
pub(crate) async fn run(run: &Arc<Run>, ledger: &Ledger) -> Result<(), Stop> {
    let id = run.plan.clone().unwrap_or_else(|| run.run.clone());
    let mut plan = stored(run, id).await?;
    let mut after = match ledger.job().checkpoint.phase {
        Phase::Applying { after } => after,
        _ => {
            let moved = moved::since(run, &plan).await?;
            if !moved.is_empty() {
                return Err(Stop::Refused(format!(
                    "plan {} was not applied, nothing was written; since it was made: {moved}; simulate again",
                    plan.id
                )));
            }
            plan.applied = Some(ledger.job().id.clone());
            let record = plan.clone();
            run.blocking(move |store| store.plans().put(&record)).await?;
            // From here on a successor does not check again: what it finds moved, this job moved.
            ledger.phase(Phase::Applying { after: 0 });
            ledger.commit(Vec::new()).await?;
            0
        }
    };
    loop {
        if run.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let id = plan.id.clone();
        let operations = run
            .blocking(move |store| store.plans().operations(&id, &deeds(), Some(after), BATCH, true))
            .await?;
        let Some((last, _)) = operations.last() else { break };
        after = *last;
        batch(run, ledger, operations.into_iter().map(|(_, operation)| operation).collect()).await?;
        ledger.phase(Phase::Applying { after });
        ledger.commit(Vec::new()).await?;
    }
    ledger.phase(Phase::Done);
    Ok(())
}

async fn stored(run: &Run, id: JobId) -> Result<Plan, Stop> {
    let wanted = id.clone();
    let plan = run.blocking(move |store| store.plans().get(&wanted)).await?;
    plan.ok_or_else(|| Stop::Refused(format!("plan {id} is not there any more: simulate again")))
}

/// What one batch came to in one target, in its order.
enum Step {
    Written(EntityType, LaneResult),
    Deleted(EntityType, Deletions),
}

async fn batch(run: &Arc<Run>, ledger: &Ledger, operations: Vec<PlannedOperation>) -> Result<(), Stop> {
    let mut lanes = Vec::new();
    let mut announced: Vec<(RelationKey, Vec<Intent>)> = Vec::new();
    let since_ms = run.clock.now_ms();
    for lane in &run.lanes {
        let of_lane = operations.iter().filter(|operation| operation.target == lane.system.id);
        let mut chunks: Vec<Chunk> = Vec::new();
        for operation in of_lane.cloned() {
            let is_write = matches!(operation.verb, PlannedVerb::Create | PlannedVerb::Update);
            match chunks.last_mut() {
                Some(chunk) if chunk.is_write == is_write && chunk.entity_type == operation.entity_type => {
                    chunk.operations.push(operation);
                }
                _ => chunks.push(Chunk {
                    entity_type: operation.entity_type.clone(),
                    is_write,
                    operations: vec![operation],
                    known: Vec::new(),
                    intents: Vec::new(),
                }),
            }
        }
        for chunk in &mut chunks {
            chunk.look(run, lane).await?;
            let intents = chunk.creates(lane, since_ms);
            if !intents.is_empty() {
                announced.push((run.key(lane, &chunk.entity_type), intents));
            }
        }
        lanes.push((lane, chunks));
    }
    if !announced.is_empty() {
        ledger.commit(announced).await?;
    }
    let results = join_all(lanes.into_iter().map(|(lane, chunks)| async move {
        let mut steps = Vec::new();
        let mut broken = None;
        for chunk in chunks {
            let step = chunk.carry_out(run, lane, since_ms, broken.as_ref()).await?;
            let (Step::Written(_, LaneResult { broken: error, .. })
            | Step::Deleted(_, Deletions { broken: error, .. })) = &step;
            broken = broken.or_else(|| error.clone());
            steps.push(step);
        }
        Ok::<_, Stop>((lane, steps))
    }))
    .await;
    let results = results.into_iter().collect::<Result<Vec<_>, Stop>>()?;
    let interrupted = |step: &Step| match step {
        Step::Written(_, result) => result.interrupted,
        Step::Deleted(_, step) => step.interrupted,
    };
    let stopped = results.iter().any(|(_, steps)| steps.iter().any(interrupted));
    if stopped && run.suspended.load(Ordering::Acquire) {
        // The batch is done again after the restart, as after a crash: it counts once.
        return Err(Stop::Cancelled);
    }
    for (lane, steps) in results {
        for step in steps {
            match step {
                Step::Written(entity_type, result) => {
                    ledger.book(|books| books.lane(lane, &entity_type, LanePlan::default(), result));
                }
                Step::Deleted(entity_type, step) => {
                    ledger.book(|books| books.deletions(lane, &entity_type, step));
                }
            }
        }
    }
    if stopped { Err(Stop::Cancelled) } else { Ok(()) }
}

/// Neighbouring operations of one type in one target that go out together.
struct Chunk {
    entity_type: EntityType,
    is_write: bool,
    operations: Vec<PlannedOperation>,
    known: Vec<Option<Relation>>,
    /// Of creates that went out before an interruption.
    intents: Vec<Option<Intent>>,
}

impl Chunk {
    async fn look(&mut self, run: &Run, lane: &Lane) -> Result<(), Stop> {
        let key = run.key(lane, &self.entity_type);
        let ids: Vec<String> = self.operations.iter().map(|operation| operation.source_id.clone()).collect();
        (self.known, self.intents) = run
            .blocking(move |store| {
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                Ok((store.relations(&key, &ids)?, store.intents(&key, &ids)?))
            })
            .await?;
        Ok(())
    }

    fn creates(&self, lane: &Lane, since_ms: u64) -> Vec<Intent> {
        let creates = self.operations.iter().filter(|operation| operation.verb == PlannedVerb::Create);
        creates.map(|o| intent(lane, &self.entity_type, &o.source_id, &o.content.json, since_ms)).collect()
    }

    async fn carry_out(
        self,
        run: &Arc<Run>,
        lane: &Lane,
        since_ms: u64,
        broken: Option<&PluginError>,
    ) -> Result<Step, Stop> {
        let entity_type = self.entity_type.clone();
        let open = lane.takes(&entity_type).filter(|_| broken.is_none());
        let (true, Some(open)) = (self.is_write, open) else {
            return Ok(Step::Deleted(entity_type, self.deletions(run, lane, broken).await?));
        };
        let mut plan = LanePlan::default();
        for ((operation, relation), intent) in self.operations.into_iter().zip(self.known).zip(self.intents) {
            plan.work.push(work(operation, relation, intent));
        }
        let apply = LaneApply::new(run, lane, open, &entity_type);
        let result = apply.page(&mut plan, since_ms).await?;
        Ok(Step::Written(entity_type, result))
    }

    /// Deletions, releases, and everything of a target that takes no requests any more.
    async fn deletions(
        self,
        run: &Arc<Run>,
        lane: &Lane,
        broken: Option<&PluginError>,
    ) -> Result<Deletions, Stop> {
        let mut step = Deletions::default();
        let entity_type = &self.entity_type;
        let journal = Journal { entity_type, system: &lane.system.id, time_ms: run.clock.now_ms() };
        let open = lane.takes(entity_type).filter(|_| broken.is_none());
        let mut planned = Vec::new();
        for (operation, relation) in self.operations.into_iter().zip(self.known) {
            let id = Some(operation.source_id.as_str());
            let target_id = operation.target_id.as_deref();
            match (operation.verb, relation) {
                (PlannedVerb::Release, Some(relation)) => {
                    step.counters.skipped += 1;
                    step.events.push(journal.skipped(id, target_id, operation.reason.clone()));
                    step.relations
                        .push(NewRelation { state: RelationState::Released, ..rewritten(&relation) });
                }
                (PlannedVerb::Delete | PlannedVerb::Retire, Some(relation)) if open.is_some() => {
                    let is_delete = operation.verb == PlannedVerb::Delete;
                    let content = Operation {
                        kind: if is_delete { OperationKind::Delete } else { OperationKind::Replace },
                        entity_type: entity_type.as_str().to_owned(),
                        id: operation.target_id.clone(),
                        version: None,
                        json: if is_delete { String::new() } else { operation.content.json },
                        members: None,
                    };
                    planned.push((relation, content));
                }
                _ => {
                    let error = broken.cloned().unwrap_or_else(|| {
                        PluginError::new(
                            code::UNAVAILABLE,
                            "the target takes no requests in this job any more",
                        )
                    });
                    step.counters.failed += 1;
                    step.events.push(journal.failed(id, target_id, error));
                }
            }
        }
        if let Some(open) = open {
            deletion::carry_out(run, (lane, open), entity_type, &mut step, planned).await?;
        }
        Ok(step)
    }
}

/// The work that the operation stands for.
fn work(operation: PlannedOperation, relation: Option<Relation>, intent: Option<Intent>) -> Work {
    let creates = operation.verb == PlannedVerb::Create;
    let relation = relation.filter(|relation| relation.state != RelationState::Released);
    let relation = match (creates, relation) {
        (true, _) => None,
        (false, Some(relation)) => Some(relation),
        // Found by the look of the simulation.
        (false, None) => Some(Relation {
            source_id: operation.source_id.clone(),
            target_id: operation.target_id.clone().unwrap_or_default(),
            existed_before: operation.existed_before,
            fingerprint: UNKNOWN,
            payload: UNKNOWN,
            state: RelationState::Active,
            ordinal: 0,
        }),
    };
    let verb = match (creates, &intent) {
        (true, None) => Verb::Create,
        (true, Some(_)) => Verb::Look,
        (false, _) => Verb::Update,
    };
    Work {
        verb,
        reason: Reason::Resync,
        content: operation.content.json,
        given_id: operation.content.given_id,
        relation,
        intent,
        trust: Trust {
            fingerprint: operation.fingerprint,
            read_depends: operation.fingerprint == UNKNOWN,
            write_depends: false,
        },
        payload: if creates { UNKNOWN } else { operation.new },
        by_configuration: false,
        common: "".into(),
        source_id: operation.source_id,
    }
}
