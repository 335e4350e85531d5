//! What a job has done and not yet made durable: relations, seen marks, log lines, numbers and the
//! checkpoint. They become durable in one commit, so that after a crash they agree.

use crate::apply::LaneResult;
use crate::error::sided;
use crate::prepare::LanePlan;
use crate::run::{Lane, Run};
use crate::simulate::{self, Predicted};
use crate::stats;
use gangway_model::{
    Action, Counters, EntityEvent, EntityType, Intent, Job, JobStatus, JobType, Phase, PlannedOperation,
    PluginError, RelationKey, RelationState, System,
};
use gangway_store::Commit;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Everything booked, and the job as it stands with it.
pub(crate) struct Books {
    pub(crate) run: Arc<Run>,
    pub(crate) job: Job,
    pub(crate) pending: Commit,
    /// How often something was booked.
    pub(crate) entries: u64,
    pub(crate) total: Option<u64>,
}

impl Books {
    pub(crate) fn new(run: Arc<Run>, job: Job) -> Self {
        Self { run, job, pending: Commit::default(), entries: 0, total: None }
    }

    pub(crate) fn job(&self) -> &Job {
        &self.job
    }

    /// Entities of the type being read, where the source says so.
    pub(crate) fn total(&self) -> Option<u64> {
        self.total
    }

    /// What is to be committed.
    pub(crate) fn take(&mut self) -> Commit {
        let mut batch = std::mem::take(&mut self.pending);
        batch.run = Some(self.run.run.clone());
        batch.job = Some(self.job.clone());
        if self.run.kind == JobType::Simulate {
            // A simulation changes nothing that another job looks at.
            batch.intents.clear();
            batch.relations.clear();
            batch.removed.clear();
            batch.settled.clear();
            batch.absences.clear();
            batch.reads.clear();
            batch.images.clear();
        }
        batch
    }

    /// Creates that go out as soon as this is durable.
    pub(crate) fn announce(&mut self, intents: Vec<(RelationKey, Vec<Intent>)>) {
        for (key, intents) in intents {
            push(&mut self.pending.intents, &key, intents);
        }
    }

    pub(crate) fn end(&mut self, status: JobStatus, end_ms: Option<u64>) {
        self.job.status = status;
        self.job.end_ms = end_ms;
    }

    /// Log lines of the source.
    pub(crate) fn source_events(&mut self, events: Vec<EntityEvent>) {
        let run = self.run.clone();
        self.pending.events.extend(blamed(events, &run.source, "source"));
    }

    /// Whether entities of the type were created in this job.
    pub(crate) fn created(&self, entity_type: &EntityType) -> bool {
        let rows = &self.job.statistics;
        rows.iter().any(|row| row.key.entity_type == *entity_type && row.counters.created > 0)
    }

    /// Books what a page came to in one target.
    pub(crate) fn lane(&mut self, lane: &Lane, entity_type: &EntityType, plan: LanePlan, result: LaneResult) {
        let key = self.run.key(lane, entity_type);
        self.count(entity_type, &lane.system, Action::Write, plan.counters);
        self.count(entity_type, &lane.system, Action::Write, result.counters);
        self.pending.events.extend(plan.events);
        self.pending.events.extend(blamed(result.events, &lane.system, "target"));
        push(&mut self.pending.seen, &key, plan.seen);
        self.candidates(lane, plan.unwanted.len() as u64);
        push(&mut self.pending.unwanted, &key, plan.unwanted);
        push(&mut self.pending.relations, &key, plan.refreshed);
        push(&mut self.pending.relations, &key, result.relations);
        push(&mut self.pending.settled, &key, result.settled);
        self.pending.images.extend(result.images);
        push(&mut self.pending.members, &key, result.members);
        if let Some(error) = result.broken.or(plan.broken) {
            self.break_off(lane, &error);
        }
    }

    /// Books what a page would come to in one target.
    pub(crate) fn predicted(
        &mut self,
        lane: &Lane,
        entity_type: &EntityType,
        plan: LanePlan,
        predicted: Predicted,
    ) {
        let key = self.run.key(lane, entity_type);
        self.count(entity_type, &lane.system, Action::Write, plan.counters);
        self.count(entity_type, &lane.system, Action::Write, predicted.counters);
        self.pending.planned.extend(predicted.planned);
        let events = plan.events.into_iter().chain(blamed(predicted.events, &lane.system, "target"));
        for event in events {
            self.pending.planned.extend(simulate::of_event(&event, false));
            self.pending.events.push(event);
        }
        push(&mut self.pending.seen, &key, plan.seen);
        push(&mut self.pending.seen, &key, predicted.seen);
        if let Some(error) = plan.broken.or(predicted.broken) {
            self.break_off(lane, &error);
        }
    }

    /// Books a step of the deletion phase.
    pub(crate) fn deletions(&mut self, lane: &Lane, entity_type: &EntityType, step: Deletions) {
        let key = self.run.key(lane, entity_type);
        self.count(entity_type, &lane.system, Action::Write, step.counters);
        if self.run.kind == JobType::Simulate {
            self.pending.planned.extend(step.planned);
            let released: HashSet<&str> = step
                .relations
                .iter()
                .filter(|relation| relation.state == RelationState::Released)
                .map(|relation| relation.source_id.as_str())
                .collect();
            let is_released =
                |event: &EntityEvent| event.source_id.as_deref().is_some_and(|id| released.contains(id));
            self.pending
                .planned
                .extend(step.events.iter().filter_map(|event| simulate::of_event(event, is_released(event))));
        }
        self.pending.events.extend(blamed(step.events, &lane.system, "target"));
        push(&mut self.pending.seen, &key, step.seen);
        push(&mut self.pending.relations, &key, step.relations);
        push(&mut self.pending.removed, &key, step.removed);
        push(&mut self.pending.absences, &key, step.absences);
        if let Some(error) = step.broken {
            self.break_off(lane, &error);
        }
    }

    /// The target gets no more requests in this job.
    pub(crate) fn break_off(&mut self, lane: &Lane, error: &PluginError) {
        lane.broken.store(true, Ordering::Release);
        let error = sided(error.clone(), &lane.system, "target");
        tracing::warn!(job = %self.job.id, target = %lane.system.name, %error, "target broke off");
        self.job.broken.entry(lane.system.id.clone()).or_insert_with(|| error.to_string());
        self.mark();
    }

    /// Notes what the next full read is compared with.
    pub(crate) fn last_read(&mut self, read: gangway_store::LastRead) {
        self.pending.reads.push(read);
    }

    /// Notes a circumstance that influenced deletion, once.
    pub(crate) fn outcome(&mut self, line: String) {
        if !self.job.outcome.contains(&line) {
            self.job.outcome.push(line);
        }
    }

    /// Notes the source's error.
    pub(crate) fn source_failed(&mut self, error: String) {
        self.job.error = Some(error);
        self.mark();
    }

    pub(crate) fn phase(&mut self, phase: Phase) {
        self.job.checkpoint.phase = phase;
    }

    pub(crate) fn count(
        &mut self,
        entity_type: &EntityType,
        system: &System,
        action: Action,
        more: Counters,
    ) {
        stats::add(&mut self.job, entity_type, system, action, more);
        if more.failed > 0 {
            self.mark();
        }
    }

    fn mark(&mut self) {
        if self.job.status == JobStatus::Running {
            self.job.status = JobStatus::RunningWithError;
        }
    }
}

/// A step of the deletion phase in one target.
#[derive(Default)]
pub(crate) struct Deletions {
    pub(crate) counters: Counters,
    pub(crate) events: Vec<EntityEvent>,
    pub(crate) seen: Vec<u64>,
    pub(crate) relations: Vec<gangway_store::NewRelation>,
    pub(crate) removed: Vec<String>,
    /// Of a simulation.
    pub(crate) planned: Vec<PlannedOperation>,
    pub(crate) absences: Vec<gangway_store::Absence>,
    pub(crate) broken: Option<PluginError>,
    pub(crate) interrupted: bool,
}

/// Lines whose errors say whose credentials were refused.
fn blamed(
    events: Vec<EntityEvent>,
    system: &System,
    side: &'static str,
) -> impl Iterator<Item = EntityEvent> {
    events
        .into_iter()
        .map(move |event| EntityEvent { error: event.error.map(|error| sided(error, system, side)), ..event })
}

fn push<T>(list: &mut Vec<(RelationKey, Vec<T>)>, key: &RelationKey, items: Vec<T>) {
    if items.is_empty() {
        return;
    }
    match list.iter_mut().find(|(k, _)| k == key) {
        Some((_, existing)) => existing.extend(items),
        None => list.push((key.clone(), items)),
    }
}
