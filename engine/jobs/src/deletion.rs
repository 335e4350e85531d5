//! The end of a job: what the engine manages in a target and this run has not seen in the source.
//!
//! Whatever makes the reading doubtful closes a gate, and nothing is deleted.

use crate::checkpoint::{Deletions, Ledger};
use crate::decide::transformation_error;
use crate::error::Stop;
use crate::journal::Journal;
use crate::pipeline::all_broken;
use crate::prepare::rewritten;
use crate::run::{Lane, OpenLane, Run};
use crate::simulate;
use crate::transform::{apply, request_for};
use crate::{policy, stats};
use gangway_model::{
    Action, Answer, AnswerOutcome, EntityType, JobType, Operation, OperationKind, Outcome, PluginError,
    Relation, RelationState, TransformOperation, code,
};
use gangway_store::{NewRelation, SeenSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Relations looked at, and deletions made and committed, at once.
const BATCH: usize = 500;

/// Runs the deletion phase.
pub(crate) async fn run(run: &Arc<Run>, ledger: &mut Ledger) -> Result<(), Stop> {
    let failed = stats::failed(ledger.job(), Action::Read);
    if failed > 0 {
        let entities = if failed == 1 { "entity" } else { "entities" };
        ledger.outcome(format!("no deletions: {failed} {entities} failed at the source"));
        return Ok(());
    }
    if all_broken(run) {
        ledger.outcome("no deletions: every target broke off".to_owned());
        return Ok(());
    }
    // Groups go before the users that are their members.
    for entity_type in run.types.iter().rev() {
        for lane in &run.lanes {
            if lane.broken.load(Ordering::Acquire) {
                ledger.outcome(format!("no deletions in {:?}: it broke off", lane.system.name));
            } else if let Some(open) = lane.takes(entity_type) {
                Phase { run, lane, open, entity_type }.run(ledger).await?;
            }
        }
    }
    Ok(())
}

/// One entity type of one target.
pub(crate) struct Phase<'a> {
    pub(crate) run: &'a Arc<Run>,
    pub(crate) lane: &'a Lane,
    pub(crate) open: &'a OpenLane,
    pub(crate) entity_type: &'a EntityType,
}

impl Phase<'_> {
    async fn run(&self, ledger: &mut Ledger) -> Result<(), Stop> {
        let (key, run_id) = (self.run.key(self.lane, self.entity_type), self.run.run.clone());
        let seen = self.run.blocking(move |store| store.seen(&run_id, &key)).await?;
        let blocked = self.blocked(ledger, &seen).await?;
        let mut after = None;
        while let Some(relations) = self.batch(after.as_deref()).await? {
            after = relations.last().map(|r| r.source_id.clone());
            if self.run.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let unseen: Vec<Relation> =
                relations.into_iter().filter(|r| is_candidate(r) && !seen.contains(r.ordinal)).collect();
            if unseen.is_empty() {
                continue;
            }
            let ordinals: Vec<u64> = unseen.iter().map(|relation| relation.ordinal).collect();
            let mut step = self.step(unseen, blocked.as_deref()).await;
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

    fn stays(&self, relation: &Relation) -> bool {
        relation.existed_before && !policy::deletes_existed_before(&self.lane.system)
    }

    /// Whether the threshold forbids all deletions of this type, with the explanation. The numbers
    /// are booked here, once for the whole run, so that a job that resumes in the midst of writing
    /// the log lines neither counts again nor takes the rest for a number below the threshold.
    async fn blocked(&self, ledger: &mut Ledger, seen: &SeenSet) -> Result<Option<String>, Stop> {
        let subject = format!("no {} deletions in {:?}: ", self.entity_type, self.lane.system.name);
        if let Some(line) = ledger.job().outcome.iter().find(|line| line.starts_with(&subject)) {
            return Ok(Some(line.clone()));
        }
        let threshold = policy::delete_threshold(&self.lane.system, self.entity_type.as_str());
        if threshold == Ok(None) {
            return Ok(None);
        }
        let mut left = 0;
        let mut after = None;
        while let Some(relations) = self.batch(after.as_deref()).await? {
            after = relations.last().map(|r| r.source_id.clone());
            left += relations
                .iter()
                .filter(|r| is_candidate(r) && !seen.contains(r.ordinal) && !self.stays(r))
                .count() as u64;
        }
        // A job that resumes has some of them behind it.
        let done = stats::row(ledger.job(), self.entity_type, &self.lane.system, Action::Write).deleted;
        let line = match threshold {
            Ok(Some(threshold)) if left + done > threshold => format!(
                "{subject}{} candidates are more than ips.delete.threshold.{}s = {threshold}; check the source, then raise the threshold if they are right",
                left + done,
                self.entity_type
            ),
            Err(wrong) if left > 0 => format!("{subject}{wrong}"),
            _ => return Ok(None),
        };
        ledger.outcome(line.clone());
        let counters = gangway_model::Counters { failed: left, ..gangway_model::Counters::default() };
        ledger.count(self.entity_type, &self.lane.system, Action::Write, counters);
        ledger.commit(Vec::new()).await?;
        Ok(Some(line))
    }

    async fn step(&self, unseen: Vec<Relation>, blocked: Option<&str>) -> Deletions {
        let mut step = Deletions::default();
        let journal = Journal {
            entity_type: self.entity_type,
            system: &self.lane.system.id,
            time_ms: self.run.clock.now_ms(),
        };
        let (stay, mut go): (Vec<_>, Vec<_>) = unseen.into_iter().partition(|r| self.stays(r));
        for relation in stay {
            step.counters.skipped += 1;
            step.events.push(journal.skipped(
                Some(&relation.source_id),
                Some(&relation.target_id),
                "it is gone from the source, and was in the target before the engine came (ips.delete.existedbefore.entities is not true): left alone, no longer managed",
            ));
            step.relations.push(NewRelation { state: RelationState::Released, ..rewritten(&relation) });
        }
        if let Some(line) = blocked {
            for relation in go {
                let error = PluginError::new(code::CONFIGURATION, line);
                step.events.push(journal.failed(Some(&relation.source_id), Some(&relation.target_id), error));
                // Logged: not again in this run.
                step.seen.push(relation.ordinal);
            }
            return step;
        }
        let requests: Vec<_> = go
            .iter()
            .map(|r| request_for(self.entity_type, TransformOperation::Delete, "{}", &r.target_id))
            .collect();
        let answers = match apply(self.open.write.as_ref(), &requests).await {
            Ok(answers) => answers,
            Err(error) => {
                step.broken = Some(error);
                return step;
            }
        };
        let mut operations = Vec::new();
        let mut written = Vec::new();
        for (relation, answer) in go.drain(..).zip(answers) {
            match operation(self.entity_type, &relation, &answer) {
                Some(operation) => {
                    operations.push(operation);
                    written.push(relation);
                }
                None if answer.outcome == AnswerOutcome::Failed => {
                    step.fail(&journal, &relation, transformation_error(&answer));
                }
                None => {
                    let held = if answer.outcome == AnswerOutcome::Skipped { "held" } else { "not deleted" };
                    step.counters.skipped += 1;
                    step.events.push(journal.skipped(
                        Some(&relation.source_id),
                        Some(&relation.target_id),
                        format!("it is gone from the source, and {held}: {}", answer.reason),
                    ));
                    step.seen.push(relation.ordinal);
                }
            }
        }
        self.write(&mut step, &journal, written, operations).await;
        step
    }

    /// Carries out deletions, and updates in their place.
    pub(crate) async fn write(
        &self,
        step: &mut Deletions,
        journal: &Journal<'_>,
        relations: Vec<Relation>,
        operations: Vec<Operation>,
    ) {
        if operations.is_empty() {
            return;
        }
        if self.run.kind == JobType::Simulate {
            step.counters.deleted += relations.len() as u64;
            let (lane, open, entity_type) = (self.lane, self.open, self.entity_type);
            step.planned =
                simulate::deletions(self.run, lane, open, entity_type, relations, operations).await;
            return;
        }
        match self.call(operations.clone()).await {
            Ok(outcomes) => self.outcomes(step, journal, relations, outcomes),
            Err(error) if error.code == code::CANCELLED => step.interrupted = true,
            Err(error) if error.is_of_system() => {
                for relation in &relations {
                    step.fail(journal, relation, error.clone());
                }
                step.broken = Some(error);
            }
            // One entity may be what the plugin stumbles over; deletions may be repeated.
            Err(_) => {
                for (relation, operation) in relations.into_iter().zip(operations) {
                    if let Some(error) = &step.broken {
                        let error = error.clone();
                        step.fail(journal, &relation, error);
                        continue;
                    }
                    let outcome = self.call(vec![operation]).await;
                    if let Err(error) = &outcome
                        && error.is_of_system()
                        && error.code != code::CANCELLED
                    {
                        step.broken = Some(error.clone());
                    }
                    let outcomes = outcome.unwrap_or_else(|error| vec![Outcome::failed(error)]);
                    self.outcomes(step, journal, vec![relation], outcomes);
                    if step.interrupted {
                        return;
                    }
                }
            }
        }
    }

    async fn call(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>, PluginError> {
        let count = operations.len();
        let outcomes = self.open.target.write(operations).await?;
        if outcomes.len() == count {
            return Ok(outcomes);
        }
        Err(PluginError::new(
            code::INTERNAL,
            format!(
                "the target plugin gave {} outcomes for {count} deletions: a defect of the plugin",
                outcomes.len()
            ),
        ))
    }

    fn outcomes(
        &self,
        step: &mut Deletions,
        journal: &Journal<'_>,
        relations: Vec<Relation>,
        outcomes: Vec<Outcome>,
    ) {
        let of_system = |outcome: &Outcome| {
            outcome.error.as_ref().filter(|e| e.is_of_system() && e.code != code::CANCELLED).cloned()
        };
        if outcomes.iter().all(|outcome| of_system(outcome).is_some()) {
            step.broken = outcomes.first().and_then(of_system);
        }
        for (relation, outcome) in relations.into_iter().zip(outcomes) {
            match outcome.error {
                Some(error) if error.code == code::CANCELLED => step.interrupted = true,
                Some(error) if error.code != code::NOT_FOUND => step.fail(journal, &relation, error),
                // Not there is what was wanted.
                _ => {
                    let reason = if relation.state == RelationState::PendingDelete {
                        "an earlier job could not delete it"
                    } else {
                        "it was not among the entities read from the source, or a condition excludes it"
                    };
                    step.counters.deleted += 1;
                    step.events.push(journal.deleted(&relation.source_id, &relation.target_id, reason));
                    step.removed.push(relation.source_id);
                }
            }
        }
    }
}

impl Deletions {
    fn fail(&mut self, journal: &Journal<'_>, relation: &Relation, error: PluginError) {
        self.counters.failed += 1;
        self.events.push(journal.failed(Some(&relation.source_id), Some(&relation.target_id), error));
        self.relations.push(NewRelation { state: RelationState::PendingDelete, ..rewritten(relation) });
    }
}

fn is_candidate(relation: &Relation) -> bool {
    relation.state != RelationState::Released
}

/// What goes to the target: the content that stands in for a deletion, or a deletion.
fn operation(entity_type: &EntityType, relation: &Relation, answer: &Answer) -> Option<Operation> {
    let (kind, json) = match answer.outcome {
        AnswerOutcome::Deleted => (OperationKind::Delete, String::new()),
        AnswerOutcome::Transformed => (OperationKind::Replace, answer.json.clone()),
        AnswerOutcome::Filtered | AnswerOutcome::Skipped | AnswerOutcome::Ignored | AnswerOutcome::Failed => {
            return None;
        }
    };
    Some(Operation {
        kind,
        entity_type: entity_type.as_str().to_owned(),
        id: Some(relation.target_id.clone()),
        version: None,
        json,
    })
}
