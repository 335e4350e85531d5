//! Gathers what a job has done and makes it durable: relations, seen marks, log lines, numbers and
//! the checkpoint in one commit, so that after a crash they agree.

use crate::apply::LaneResult;
use crate::error::{Stop, sided};
use crate::prepare::LanePlan;
use crate::progress::Progress;
use crate::run::{Lane, Run};
use crate::simulate::{self, Predicted};
use crate::stats;
use gangway_model::{
    Action, Counters, Delivered, EntityEvent, EntityType, Intent, Job, JobStatus, JobType, Phase,
    PlannedOperation, PluginError, RelationKey, RelationState, System,
};
use gangway_store::Commit;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The job's books.
pub(crate) struct Ledger {
    run: Arc<Run>,
    job: Job,
    /// The job as the store holds it.
    durable: Job,
    pending: Commit,
    /// Pages in `pending`.
    pages: u32,
    total: Option<u64>,
    progress: Progress,
}

impl Ledger {
    pub(crate) fn new(run: Arc<Run>, job: Job, progress: Progress) -> Self {
        Self { run, durable: job.clone(), job, pending: Commit::default(), pages: 0, total: None, progress }
    }

    pub(crate) fn job(&self) -> &Job {
        &self.job
    }

    /// The job as it was committed last: what remains if the store fails.
    pub(crate) fn into_durable(self) -> Job {
        self.durable
    }

    pub(crate) fn pages(&self) -> u32 {
        self.pages
    }

    /// Whether relations wait to be committed: then others cannot see them yet.
    pub(crate) fn holds_relations(&self) -> bool {
        !(self.pending.relations.is_empty() && self.pending.unwanted.is_empty())
    }

    /// Books the source's side of a page, and where the next one starts.
    pub(crate) fn page(
        &mut self,
        entity_type: &EntityType,
        counters: Counters,
        events: Vec<EntityEvent>,
        total: Option<u64>,
        next: Phase,
    ) {
        let run = self.run.clone();
        self.count(entity_type, &run.source, Action::Read, counters);
        self.pending.events.extend(blamed(events, &run.source, "source"));
        self.total = total.or(self.total);
        self.pages += 1;
        self.job.checkpoint.pages += 1;
        self.job.checkpoint.phase = next;
    }

    /// Notes whether the type being read refers to entities that are not there yet.
    pub(crate) fn unresolved(&mut self, unresolved: bool) {
        self.job.checkpoint.unresolved = unresolved;
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
        if let Some(reading) = &mut self.job.reading {
            reading.candidates += plan.unwanted.len() as u64;
        }
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

    /// Notes what a page of the source held.
    pub(crate) fn delivered(&mut self, page: Delivered) {
        self.pending.delivered.push(page);
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

    /// Makes everything booked so far durable, with the intents of what goes out next.
    pub(crate) async fn commit(&mut self, intents: Vec<(RelationKey, Vec<Intent>)>) -> Result<(), Stop> {
        let mut batch = std::mem::take(&mut self.pending);
        self.pages = 0;
        batch.run = Some(self.run.run.clone());
        batch.job = Some(self.job.clone());
        batch.intents = intents;
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
        self.run.blocking(move |store| store.commit(&batch)).await?;
        self.durable = self.job.clone();
        self.progress.step(&self.job, self.total);
        Ok(())
    }

    /// Ends the job.
    pub(crate) async fn finish(mut self, status: JobStatus) -> Result<Job, (Job, Stop)> {
        self.job.status = status;
        // An interrupted job has not ended: it goes on after the restart.
        self.job.end_ms = status.is_final().then(|| self.run.clock.now_ms());
        match self.commit(Vec::new()).await {
            Ok(()) => Ok(self.job),
            Err(stop) => Err((self.durable, stop)),
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
