//! Takes back what a job did to the targets, the last change first.
//!
//! What is to be written is what the target held before, so no transformation takes part. Everything
//! else is that of any job: intents before creates, conflicts, targets that break off, one commit for
//! what belongs together, and a place to go on from.

use crate::StartError;
use crate::apply::{LaneApply, LaneResult};
use crate::checkpoint::Deletions;
use crate::decide::{Reason, UNKNOWN, Verb, binding};
use crate::error::Stop;
use crate::fingerprint::Trust;
use crate::intents::intents;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::prepare::{LanePlan, Work};
use crate::run::{Lane, OpenLane, Run};
use crate::runner::{Runner, blocking};
use crate::services::Order;
use gangway_model::{
    EntityType, Intent, Job, JobId, JobType, Operation, OperationKind, Phase, Relation, RelationState,
    SystemId, TenantId, Trigger, Undo, code,
};
use gangway_store::{Change, Image, StoreError, TenantStore};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Changes taken back, and committed, at once.
const BATCH: usize = 200;
/// Jobs that are followed back to the first of a chain of resumed ones.
const MAX_CHAIN: usize = 10_000;

/// What an undo of a job would do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Undoable {
    /// The target.
    pub target: SystemId,
    /// Its name; its identifier if it is gone.
    pub target_name: String,
    /// `user`, `group`, …
    pub entity_type: EntityType,
    /// Entities that were deleted, and would be made again.
    pub deleted: u64,
    /// Changes of content that would be taken back.
    pub updated: u64,
    /// Entities that were made, and would be removed if that is asked for.
    pub created: u64,
}

impl Runner {
    /// What can be undone of a job.
    pub async fn undoable(&self, tenant: &TenantId, job: &JobId) -> Result<Vec<Undoable>, StartError> {
        let (store, tenant, job) = (self.services().store.clone(), tenant.clone(), job.clone());
        let counted = blocking(move || {
            let store = store.tenant(&tenant)?;
            let (run, _) = first_of(store.as_ref(), &job)?;
            let mut rows = count(store.as_ref(), &run)?;
            for system in store.systems()? {
                let of = rows.iter_mut().filter(|row| row.target == system.id);
                of.for_each(|row| row.target_name.clone_from(&system.name));
            }
            Ok(rows)
        });
        counted.await.map_err(StartError::from)
    }

    /// Starts a job that takes back what another did.
    pub async fn undo(
        &self,
        tenant: &TenantId,
        job: &JobId,
        remove_created: bool,
        trigger: Trigger,
    ) -> Result<JobId, StartError> {
        let (store, tenant_id, job) = (self.services().store.clone(), tenant.clone(), job.clone());
        let (run, source, any) = blocking(move || {
            let store = store.tenant(&tenant_id)?;
            let (run, job) = first_of(store.as_ref(), &job)?;
            let any = !store.images(&run, None, 1)?.is_empty() && job.status.is_final();
            Ok((run, job.source, any))
        })
        .await?;
        if !any {
            return Err(StartError::NothingToUndo);
        }
        let undo = Undo { job: run, remove_created };
        let order = Order { undo: Some(undo), ..Order::from(JobType::Undo) };
        self.start(tenant, &source, order, trigger).await
    }
}

/// The first job of a chain, to which its images belong, and the job itself.
fn first_of(store: &dyn TenantStore, id: &JobId) -> Result<(JobId, Job), StoreError> {
    let job = store.job(id)?.ok_or_else(|| StoreError::Missing(format!("job {id}")))?;
    let mut run = job.id.clone();
    let mut before = job.resumes.clone();
    for _ in 0..MAX_CHAIN {
        let Some(earlier) = before else { break };
        before = store.job(&earlier)?.and_then(|job| job.resumes);
        run = earlier;
    }
    Ok((run, job))
}

fn count(store: &dyn TenantStore, run: &JobId) -> Result<Vec<Undoable>, StoreError> {
    let mut rows: Vec<Undoable> = Vec::new();
    let mut below = None;
    loop {
        let images = store.images(run, below, BATCH)?;
        let Some((last, _)) = images.last() else { return Ok(rows) };
        below = Some(*last);
        for (_, image) in &images {
            let place =
                rows.iter().position(|r| r.target == image.target && r.entity_type == image.entity_type);
            let row = match place {
                Some(place) => rows.get_mut(place),
                None => {
                    rows.push(Undoable {
                        target: image.target.clone(),
                        target_name: image.target.to_string(),
                        entity_type: image.entity_type.clone(),
                        deleted: 0,
                        updated: 0,
                        created: 0,
                    });
                    rows.last_mut()
                }
            };
            let Some(row) = row else { continue };
            match image.change {
                Change::Created => row.created += 1,
                Change::Updated => row.updated += 1,
                Change::Deleted => row.deleted += 1,
            }
        }
    }
}

/// Runs the job.
pub(crate) async fn run(run: &Arc<Run>, ledger: &Ledger, mut below: Option<u64>) -> Result<(), Stop> {
    let Some(undo) = ledger.job().undo.clone() else { return Ok(()) };
    loop {
        if run.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let of = undo.job.clone();
        let images = run.blocking(move |store| store.images(&of, below, BATCH)).await?;
        // What follows one another in one target and type is taken back together, and no more: groups
        // were deleted before their members.
        let same = |a: &(u64, Image), b: &(u64, Image)| {
            a.1.target == b.1.target
                && a.1.entity_type == b.1.entity_type
                && (a.1.change == Change::Created) == (b.1.change == Change::Created)
        };
        let Some(stretch) = images.chunk_by(same).next() else { return Ok(()) };
        let Some((lowest, first)) = stretch.last() else { return Ok(()) };
        below = Some(*lowest);
        let lane = run.lanes.iter().find(|lane| lane.system.id == first.target);
        let open = lane.and_then(|lane| Some((lane, lane.takes(&first.entity_type)?)));
        match open {
            Some((lane, open)) => {
                let stretch = stretch.iter().map(|(_, image)| image);
                let part = Part { run, lane, open, entity_type: &first.entity_type, undo: &undo };
                part.take_back(ledger, stretch).await?;
            }
            None => ledger.outcome(format!(
                "{} changes in target {} were not undone: it is disabled, not linked to the source, or broke off",
                first.entity_type, first.target
            )),
        }
        ledger.phase(Phase::Undoing { below });
        ledger.commit(Vec::new()).await?;
    }
}

/// Changes of one type in one target.
struct Part<'a> {
    run: &'a Arc<Run>,
    lane: &'a Lane,
    open: &'a OpenLane,
    entity_type: &'a EntityType,
    undo: &'a Undo,
}

impl Part<'_> {
    async fn take_back(
        &self,
        ledger: &Ledger,
        images: impl DoubleEndedIterator<Item = &Image>,
    ) -> Result<(), Stop> {
        // Of several changes to one entity the oldest image counts; it comes last.
        let mut known = HashSet::new();
        let mut images: Vec<&Image> = images.rev().filter(|i| known.insert(i.source_id.clone())).collect();
        images.reverse();
        let key = self.run.key(self.lane, self.entity_type);
        let ids: Vec<String> = images.iter().map(|image| image.source_id.clone()).collect();
        let (relations, intents) = self
            .run
            .blocking(move |store| {
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                Ok((store.relations(&key, &ids)?, store.intents(&key, &ids)?))
            })
            .await?;
        let mut plan = LanePlan::default();
        let mut remove = Vec::new();
        for ((image, relation), intent) in images.into_iter().zip(relations).zip(intents) {
            let relation = relation.filter(|relation| binding(Some(relation)).is_some());
            match image.change {
                Change::Created if !self.undo.remove_created => {}
                Change::Created => match relation {
                    Some(r) if r.target_id == image.target_id && !r.existed_before => remove.push(r),
                    _ => self.skip(&mut plan, image, "what was created then is not managed any more"),
                },
                Change::Deleted => match relation {
                    Some(_) => self.skip(&mut plan, image, "it has a counterpart in the target"),
                    None => plan.work.push(work(image, None, intent)),
                },
                Change::Updated => match relation {
                    Some(r) if r.target_id != image.target_id => {
                        self.skip(&mut plan, image, "it has another counterpart in the target now");
                    }
                    relation => {
                        let relation = relation.unwrap_or_else(|| related(image));
                        plan.work.push(work(image, Some(relation), intent));
                    }
                },
            }
        }
        self.write(ledger, plan).await?;
        self.remove(ledger, remove).await
    }

    fn skip(&self, plan: &mut LanePlan, image: &Image, why: &str) {
        plan.counters.skipped += 1;
        let reason = format!("not undone: {why}");
        plan.events.push(self.journal().skipped(Some(&image.source_id), Some(&image.target_id), reason));
    }

    fn journal(&self) -> Journal<'_> {
        Journal {
            entity_type: self.entity_type,
            system: &self.lane.system.id,
            time_ms: self.run.clock.now_ms(),
        }
    }

    async fn write(&self, ledger: &Ledger, mut plan: LanePlan) -> Result<(), Stop> {
        let since_ms = self.run.clock.now_ms();
        let announced = intents(self.lane, self.entity_type, &plan, since_ms);
        if !announced.is_empty() {
            ledger.commit(vec![(self.run.key(self.lane, self.entity_type), announced)]).await?;
        }
        let mut apply = LaneApply::new(self.run, self.lane, self.open, self.entity_type);
        apply.raw = true;
        let result = match plan.work.is_empty() {
            true => LaneResult::default(),
            false => apply.page(&mut plan, since_ms).await?,
        };
        let interrupted = result.interrupted;
        if interrupted && self.run.suspended.load(Ordering::Acquire) {
            return Err(Stop::Cancelled);
        }
        ledger.book(|books| books.lane(self.lane, self.entity_type, plan, result));
        if interrupted { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Removes what the job created.
    async fn remove(&self, ledger: &Ledger, relations: Vec<Relation>) -> Result<(), Stop> {
        if relations.is_empty() || self.lane.broken.load(Ordering::Acquire) {
            return Ok(());
        }
        let operations = relations
            .iter()
            .map(|relation| Operation {
                kind: OperationKind::Delete,
                entity_type: self.entity_type.as_str().to_owned(),
                id: Some(relation.target_id.clone()),
                version: None,
                json: String::new(),
                members: None,
            })
            .collect();
        let mut step = Deletions::default();
        match self.open.carry_out(operations).await {
            Err(error) if error.code == code::CANCELLED => return Err(Stop::Cancelled),
            Err(error) => {
                for relation in &relations {
                    step.fail(&self.journal(), relation, error.clone());
                }
                step.broken = error.is_of_system().then_some(error);
            }
            Ok(outcomes) => {
                for (relation, outcome) in relations.into_iter().zip(outcomes) {
                    match outcome.error {
                        Some(error) if error.code == code::CANCELLED => return Err(Stop::Cancelled),
                        Some(error) if error.code != code::NOT_FOUND => {
                            step.fail(&self.journal(), &relation, error);
                        }
                        _ => {
                            step.counters.deleted += 1;
                            step.events.push(self.journal().deleted(
                                &relation.source_id,
                                &relation.target_id,
                                format!("job {} created it, and is being undone", self.undo.job),
                            ));
                            step.removed.push(relation.source_id);
                        }
                    }
                }
            }
        }
        ledger.book(|books| books.deletions(self.lane, self.entity_type, step));
        Ok(())
    }
}

/// The relation of an entity that is managed no longer.
fn related(image: &Image) -> Relation {
    Relation {
        source_id: image.source_id.clone(),
        target_id: image.target_id.clone(),
        existed_before: image.existed_before,
        fingerprint: UNKNOWN,
        payload: UNKNOWN,
        state: RelationState::Active,
        ordinal: 0,
    }
}

fn work(image: &Image, relation: Option<Relation>, intent: Option<Intent>) -> Work {
    let verb = match (&relation, &intent) {
        (Some(_), _) => Verb::Update,
        (None, Some(_)) => Verb::Look,
        (None, None) => Verb::Create,
    };
    Work {
        source_id: image.source_id.clone(),
        verb,
        reason: Reason::Changed,
        content: writable(&image.content),
        given_id: Some(image.target_id.clone()),
        relation,
        intent,
        trust: Trust { fingerprint: UNKNOWN, read_depends: false, write_depends: false },
        payload: UNKNOWN,
        by_configuration: false,
        common: Arc::from("{}"),
    }
}

/// The content without what the target alone writes.
fn writable(content: &str) -> String {
    let mut content: Value = serde_json::from_str(content).unwrap_or_default();
    if let Some(members) = content.as_object_mut() {
        members.remove("meta");
        members.remove("groups");
    }
    content.to_string()
}
