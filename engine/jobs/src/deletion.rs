//! The end of a job: what the engine manages in a target and this run has not seen in the source.
//!
//! Whatever makes the reading doubtful closes a gate, and nothing is deleted. Of every candidate the
//! entity log says what became of it and why.

use crate::checkpoint::{Deletions, Ledger};
use crate::decide::transformation_error;
use crate::error::Stop;
use crate::journal::Journal;
use crate::pipeline::all_broken;
use crate::run::{Lane, OpenLane, Run};
use crate::transform::{apply, request_for};
use gangway_model::{
    AnswerOutcome, EntityType, JobId, JobType, Operation, PluginError, Relation, RelationState,
    TransformOperation, code,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

mod gates;
mod hold;
mod leaving;
mod write;

use gates::Gates;

/// Relations looked at, and deletions made and committed, at once.
const BATCH: usize = 500;

/// Runs the deletion phase.
pub(crate) async fn run(run: &Arc<Run>, ledger: &mut Ledger) -> Result<(), Stop> {
    if run.is_delta() && ledger.job().reading.as_ref().is_none_or(|reading| reading.candidates == 0) {
        return Ok(());
    }
    if all_broken(run) {
        ledger.outcome("no deletions: every target broke off".to_owned());
        return Ok(());
    }
    let gates = Gates::of(run, ledger.job()).await?;
    if let Some(why) = gates.closed_for_all(run) {
        ledger.outcome(format!("no deletions: {why}"));
    }
    let mut held = BTreeMap::new();
    // Groups go before the users that are their members.
    for entity_type in run.types.iter().rev() {
        for lane in &run.lanes {
            if lane.broken.load(Ordering::Acquire) {
                ledger.outcome(format!("no deletions in {:?}: it broke off", lane.system.name));
                continue;
            }
            let Some(open) = lane.takes(entity_type) else { continue };
            let closed = gates.closed(lane, entity_type);
            *held.entry(entity_type.clone()).or_default() |= closed.is_some();
            let now_ms = run.clock.now_ms();
            let run_before = gates.run_before(entity_type);
            Phase { run, lane, open, entity_type, now_ms, run_before }.run(ledger, closed).await?;
        }
    }
    gates.passed(run, ledger, &held);
    Ok(())
}

/// Carries out deletions that were decided before, and updates in their place.
pub(crate) async fn carry_out(
    run: &Arc<Run>,
    (lane, open): (&Lane, &OpenLane),
    entity_type: &EntityType,
    step: &mut Deletions,
    planned: Vec<(Relation, Operation)>,
) -> Result<(), Stop> {
    let phase = Phase { run, lane, open, entity_type, now_ms: run.clock.now_ms(), run_before: None };
    phase.write(step, planned.into_iter().map(write::Deed::planned).collect()).await
}

/// One entity type of one target.
struct Phase<'a> {
    run: &'a Arc<Run>,
    lane: &'a Lane,
    open: &'a OpenLane,
    entity_type: &'a EntityType,
    now_ms: u64,
    /// The run of the full read before this one.
    run_before: Option<&'a JobId>,
}

impl Phase<'_> {
    async fn run(&self, ledger: &mut Ledger, closed: Option<String>) -> Result<(), Stop> {
        let (key, run_id) = (self.run.key(self.lane, self.entity_type), self.run.run.clone());
        let seen = self.run.blocking(move |store| store.seen(&run_id, &key)).await?;
        if let Some(why) = closed {
            return self.gate_closed(ledger, &seen, &why).await;
        }
        let blocked = self.blocked(ledger, &seen).await?;
        let mut after = None;
        while let Some(relations) = self.batch(after.as_deref()).await? {
            after = relations.last().map(|r| r.source_id.clone());
            if self.run.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let unseen: Vec<Relation> =
                relations.into_iter().filter(|r| self.is_candidate(r) && !seen.contains(r.ordinal)).collect();
            if unseen.is_empty() {
                continue;
            }
            let ordinals: Vec<u64> = unseen.iter().map(|relation| relation.ordinal).collect();
            let mut step = self.step(unseen, blocked.as_deref()).await?;
            if self.run.kind == JobType::Simulate {
                // Their relations stay as they are: a simulation that resumes has these behind it.
                step.seen = ordinals;
            }
            if step.interrupted && self.run.suspended.load(Ordering::Acquire) {
                return Err(Stop::Cancelled);
            }
            let interrupted = step.interrupted;
            let broken = step.broken.is_some();
            ledger.deletions(self.lane, self.entity_type, step);
            ledger.commit(Vec::new()).await?;
            if interrupted {
                return Err(Stop::Cancelled);
            }
            if broken {
                ledger.outcome(format!(
                    "deletions in {:?} were cut short: it broke off",
                    self.lane.system.name
                ));
                break;
            }
        }
        Ok(())
    }

    async fn batch(&self, after: Option<&str>) -> Result<Option<Vec<Relation>>, Stop> {
        let key = self.run.key(self.lane, self.entity_type);
        let after = after.map(str::to_owned);
        let relations =
            self.run.blocking(move |store| store.scan_relations(&key, after.as_deref(), BATCH)).await?;
        Ok(Some(relations).filter(|relations| !relations.is_empty()))
    }

    /// A delta read names its candidates itself, and has not looked for others.
    fn is_candidate(&self, relation: &Relation) -> bool {
        is_candidate(relation) && (!self.run.is_delta() || relation.state == RelationState::PendingDelete)
    }

    fn journal(&self) -> Journal<'_> {
        Journal { entity_type: self.entity_type, system: &self.lane.system.id, time_ms: self.now_ms }
    }

    async fn step(&self, unseen: Vec<Relation>, blocked: Option<&str>) -> Result<Deletions, Stop> {
        let mut step = Deletions::default();
        let unseen = self.after_grace(&mut step, unseen).await?;
        let unseen = self.leave_groups(&mut step, unseen).await;
        let go = self.release(&mut step, unseen);
        if let Some(line) = blocked {
            for relation in go {
                let error = PluginError::new(code::CONFIGURATION, line);
                step.events.push(self.journal().failed(
                    Some(&relation.source_id),
                    Some(&relation.target_id),
                    error,
                ));
                // Logged: not again in this run.
                step.seen.push(relation.ordinal);
            }
            return Ok(step);
        }
        let requests: Vec<_> = go
            .iter()
            .map(|r| request_for(self.entity_type, TransformOperation::Delete, "{}", &r.target_id))
            .collect();
        let answers = match apply(self.open.write.as_ref(), &requests).await {
            Ok(answers) => answers,
            Err(error) => {
                step.broken = Some(error);
                return Ok(step);
            }
        };
        let mut deeds = Vec::new();
        for (relation, answer) in go.into_iter().zip(answers) {
            match self.deed(&relation, &answer) {
                Some(deed) => deeds.push(deed),
                None if answer.outcome == AnswerOutcome::Failed => {
                    step.fail(&self.journal(), &relation, transformation_error(&answer));
                }
                None => {
                    let held = if answer.outcome == AnswerOutcome::Skipped { "held" } else { "not deleted" };
                    step.hold(&self.journal(), &relation, &format!("{held}: {}", answer.reason));
                }
            }
        }
        self.write(&mut step, deeds).await?;
        Ok(step)
    }
}

impl Deletions {
    pub(crate) fn fail(&mut self, journal: &Journal<'_>, relation: &Relation, error: PluginError) {
        self.counters.failed += 1;
        self.events.push(journal.failed(Some(&relation.source_id), Some(&relation.target_id), error));
        self.relations.push(gangway_store::NewRelation {
            state: RelationState::PendingDelete,
            ..crate::prepare::rewritten(relation)
        });
    }

    /// It stays, and is a candidate again in the next job.
    fn hold(&mut self, journal: &Journal<'_>, relation: &Relation, why: &str) {
        self.counters.skipped += 1;
        self.events.push(journal.skipped(
            Some(&relation.source_id),
            Some(&relation.target_id),
            format!("it is gone from the source, and {why}"),
        ));
        self.seen.push(relation.ordinal);
    }
}

pub(crate) fn is_candidate(relation: &Relation) -> bool {
    matches!(relation.state, RelationState::Active | RelationState::PendingDelete)
}
