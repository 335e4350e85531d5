//! The straight line of a job: read a page, prepare it, apply it, commit it; then delete; then end.
//!
//! Three stages overlap over bounded channels. The reader fetches the next page while the preparer
//! transforms those before it and the applier writes the first of them; memory holds a handful of
//! pages, however many there are.

use crate::apply::{LaneApply, LaneResult};
use crate::checkpoint::Ledger;
use crate::deletion;
use crate::error::Stop;
use crate::intents::intents;
use crate::prepare::{Prepared, prepare};
use crate::run::Run;
use crate::simulate;
use crate::unanswered;
use crate::undo;
use futures_util::future::join_all;
use gangway_model::{Counters, EntityState, EntityType, JobType, Page, Phase, PluginError, code};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Pages that may wait for one commit while nothing depends on it.
const PAGES_PER_COMMIT: u32 = 8;
/// Pages prepared at once: transforming is what takes the most of a processor.
const PAGES_PREPARED_AT_ONCE: usize = 2;
/// More than the pages that can be between the preparer's look and the applier.
const PAGES_REMEMBERED: usize = 8;

/// Runs a job from its checkpoint to its end. The books are the caller's in any case.
pub(crate) async fn run(run: &Arc<Run>, ledger: &mut Ledger) -> Result<(), Stop> {
    // What this job itself has begun is looked for entity by entity when it resumes.
    if ledger.job().resumes.is_none() && matches!(run.kind, JobType::Read | JobType::Resync) {
        unanswered::follow(run).await?;
    }
    loop {
        if run.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        match ledger.job().checkpoint.phase.clone() {
            Phase::Reading { index, cursor } | Phase::Completing { index, cursor } => {
                let again = matches!(ledger.job().checkpoint.phase, Phase::Completing { .. });
                let position = usize::try_from(index).unwrap_or(usize::MAX);
                match run.types.get(position) {
                    Some(entity_type) if !run.reads(entity_type) => {
                        ledger.phase(Phase::Reading { index: index + 1, cursor: None });
                    }
                    Some(entity_type) if !all_broken(run) => {
                        TypePass::new(run, ledger, entity_type, index, again).all_pages(cursor).await?;
                    }
                    Some(_) => {
                        ledger.outcome("reading was ended early: every target broke off".to_owned());
                        ledger.phase(Phase::Deleting);
                    }
                    None => ledger.phase(Phase::Deleting),
                }
                ledger.commit(Vec::new()).await?;
            }
            Phase::Undoing { below } => {
                undo::run(run, ledger, below).await?;
                ledger.phase(Phase::Done);
            }
            Phase::Deleting => {
                deletion::run(run, ledger).await?;
                ledger.phase(Phase::Done);
            }
            Phase::Applying { .. } | Phase::Done => return Ok(()),
        }
    }
}

pub(crate) fn all_broken(run: &Run) -> bool {
    run.lanes.iter().all(|lane| lane.broken.load(Ordering::Acquire))
}

/// A prepared page on its way to the applier.
struct Ready {
    /// Its number in this pass.
    number: u64,
    /// How many pages of this pass were committed when its relations were read.
    looked_after: u64,
    prepared: Prepared,
}

/// All pages of one entity type.
struct TypePass<'a> {
    run: &'a Arc<Run>,
    ledger: &'a mut Ledger,
    entity_type: &'a EntityType,
    index: u32,
    /// The type was read before in this job; only references are completed.
    again: bool,
    /// Pages committed.
    committed: watch::Sender<u64>,
    /// Pages applied.
    applied: u64,
    /// The last pages that wrote something.
    recent: VecDeque<Written>,
    /// Entities refer to those of the pages before: a page is committed before the next is prepared.
    in_turn: Arc<AtomicBool>,
}

/// A page that wrote something.
struct Written {
    number: u64,
    /// Its entities.
    ids: HashSet<String>,
    /// Others may be written differently because of it: it made entities, or gave some another
    /// identifier in the target.
    matters: bool,
}

impl<'a> TypePass<'a> {
    fn new(
        run: &'a Arc<Run>,
        ledger: &'a mut Ledger,
        entity_type: &'a EntityType,
        index: u32,
        again: bool,
    ) -> Self {
        Self {
            run,
            ledger,
            entity_type,
            index,
            again,
            committed: watch::Sender::new(0),
            applied: 0,
            recent: VecDeque::new(),
            in_turn: Arc::default(),
        }
    }

    async fn all_pages(&mut self, cursor: Option<String>) -> Result<(), Stop> {
        let (to_preparer, pages) = mpsc::channel(1);
        let (to_applier, mut ready) = mpsc::channel(1);
        // Dropped with this future, and the stages with it.
        let mut stages = JoinSet::new();
        stages.spawn(read_pages(self.run.clone(), self.entity_type.clone(), cursor, to_preparer));
        stages.spawn(prepare_pages(
            self.run.clone(),
            self.entity_type.clone(),
            (self.in_turn.clone(), self.committed.subscribe()),
            pages,
            to_applier,
        ));
        let end = loop {
            // What the next page does not wait for is committed with it; otherwise at once.
            let next = match ready.try_recv() {
                Ok(next) => Some(next),
                Err(_) => {
                    self.commit(Vec::new()).await?;
                    ready.recv().await
                }
            };
            match next {
                Some(Ok(page)) => {
                    if self.run.is_cancelled() {
                        break Err(Stop::Cancelled);
                    }
                    self.page(page).await?;
                    if all_broken(self.run) {
                        break Ok(());
                    }
                }
                Some(Err(stop)) => break Err(stop),
                None if self.run.is_cancelled() => break Err(Stop::Cancelled),
                None => break self.finished(&mut stages).await,
            }
        };
        self.commit(Vec::new()).await?;
        end
    }

    /// The channel closed: the last page came through, unless a stage died.
    async fn finished(&self, stages: &mut JoinSet<()>) -> Result<(), Stop> {
        while let Some(stage) = stages.join_next().await {
            if stage.is_err() {
                return Err(broke_down());
            }
        }
        Ok(())
    }

    async fn commit(
        &mut self,
        intents: Vec<(gangway_model::RelationKey, Vec<gangway_model::Intent>)>,
    ) -> Result<(), Stop> {
        if intents.is_empty() && self.ledger.pages() == 0 {
            return Ok(());
        }
        self.ledger.commit(intents).await?;
        let applied = self.applied;
        self.committed.send_if_modified(|committed| {
            let news = *committed != applied;
            *committed = applied;
            news
        });
        Ok(())
    }

    async fn page(&mut self, ready: Ready) -> Result<(), Stop> {
        if self.run.kind == JobType::Simulate {
            return self.predict(ready.number, ready.prepared).await;
        }
        let Ready { number, looked_after, mut prepared } = ready;
        let refers = prepared.lanes.iter().flatten().any(|plan| plan.depends);
        if refers && self.since(looked_after).any(|page| page.matters) {
            self.in_turn.store(true, Ordering::Release);
        }
        // A page before this one wrote what an entity refers to, or an entity that is here again
        // (entities move between the pages of a system that changes while it is read): look again.
        if self
            .since(looked_after)
            .any(|page| (refers && page.matters) || prepared.ids.iter().any(|id| page.ids.contains(id)))
        {
            self.commit(Vec::new()).await?;
            prepared = prepare(self.run, self.entity_type, prepared.page).await?;
        }
        if self.again {
            prepared.complete_only();
        }
        let unresolved = prepared.lanes.iter().flatten().any(|plan| plan.unresolved);
        let run = self.run.clone();
        let since_ms = run.clock.now_ms();
        let mut announced = Vec::new();
        let mut works = false;
        for (lane, plan) in run.lanes.iter().zip(&prepared.lanes) {
            let (Some(plan), Some(_)) = (plan, lane.takes(self.entity_type)) else { continue };
            works |= !plan.work.is_empty() || !plan.unwanted.is_empty();
            let intents = intents(lane, self.entity_type, plan, since_ms);
            if !intents.is_empty() {
                announced.push((run.key(lane, self.entity_type), intents));
            }
        }
        let due = self.ledger.pages() >= PAGES_PER_COMMIT || (works && self.ledger.holds_relations());
        if due || !announced.is_empty() {
            self.commit(announced).await?;
        }
        let unwanted = prepared.lanes.iter().flatten().flat_map(|plan| &plan.unwanted);
        prepared.ids.extend(unwanted.map(|relation| relation.source_id.clone()));
        let (shared, entity_type) = (&run, self.entity_type);
        let writes = run.lanes.iter().zip(prepared.lanes).map(|(lane, plan)| async move {
            let (Some(mut plan), Some(open)) = (plan, lane.takes(entity_type)) else { return Ok(None) };
            let apply = LaneApply::new(shared, lane, open, entity_type);
            let result = if plan.broken.is_some() {
                LaneResult::default()
            } else {
                apply.page(&mut plan, since_ms).await?
            };
            Ok(Some((lane, plan, result)))
        });
        let results = join_all(writes).await.into_iter().collect::<Result<Vec<_>, Stop>>()?;
        let interrupted = results.iter().flatten().any(|(_, _, result)| result.interrupted);
        if interrupted && run.suspended.load(Ordering::Acquire) {
            // The page is done again after the restart, as after a crash: it counts once.
            return Err(Stop::Cancelled);
        }
        let mut matters = false;
        for (lane, plan, mut result) in results.into_iter().flatten() {
            matters |= result.counters.created > 0 || result.moved;
            if self.again {
                // The entity was counted and logged when it was written first.
                result.counters = Counters { failed: result.counters.failed, ..Counters::default() };
                result.events.retain(|event| event.state == EntityState::Failed);
            }
            self.ledger.lane(lane, self.entity_type, plan, result);
        }
        let next = self.next(prepared.page.next_cursor.clone(), unresolved);
        self.ledger.page(self.entity_type, prepared.counters, prepared.events, prepared.page.total, next);
        self.applied = number + 1;
        if works {
            let ids = prepared.ids.into_iter().collect();
            self.recent.push_back(Written { number, ids, matters });
        }
        if self.recent.len() > PAGES_REMEMBERED {
            self.recent.pop_front();
        }
        if interrupted { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// In place of [`Self::page`]: what it would come to.
    async fn predict(&mut self, number: u64, prepared: Prepared) -> Result<(), Stop> {
        if self.ledger.pages() >= PAGES_PER_COMMIT {
            self.commit(Vec::new()).await?;
        }
        let run = self.run.clone();
        self.ledger.delivered(simulate::delivered(&run, self.entity_type, &prepared.page));
        let (shared, entity_type) = (&run, self.entity_type);
        let lanes = run.lanes.iter().zip(prepared.lanes).map(|(lane, plan)| async move {
            let (Some(mut plan), Some(open)) = (plan, lane.takes(entity_type)) else { return Ok(None) };
            let predicted = simulate::page(shared, lane, open, entity_type, &mut plan).await?;
            Ok(Some((lane, plan, predicted)))
        });
        let results = join_all(lanes).await.into_iter().collect::<Result<Vec<_>, Stop>>()?;
        for (lane, plan, predicted) in results.into_iter().flatten() {
            self.ledger.predicted(lane, self.entity_type, plan, predicted);
        }
        let next = match prepared.page.next_cursor.clone() {
            Some(cursor) => Phase::Reading { index: self.index, cursor: Some(cursor) },
            None => Phase::Reading { index: self.index + 1, cursor: None },
        };
        self.ledger.page(self.entity_type, prepared.counters, prepared.events, prepared.page.total, next);
        self.applied = number + 1;
        Ok(())
    }

    /// What comes after a page. A type whose entities refer to each other is read once more if some
    /// of them were created in this job, because others may have been written before them.
    fn next(&mut self, cursor: Option<String>, unresolved: bool) -> Phase {
        let index = self.index;
        let unresolved = unresolved || self.ledger.job().checkpoint.unresolved;
        let once_more = !self.again && unresolved && self.ledger.created(self.entity_type);
        self.ledger.unresolved(unresolved && cursor.is_some());
        match cursor {
            Some(cursor) if self.again => Phase::Completing { index, cursor: Some(cursor) },
            Some(cursor) => Phase::Reading { index, cursor: Some(cursor) },
            None if once_more => Phase::Completing { index, cursor: None },
            None => Phase::Reading { index: index + 1, cursor: None },
        }
    }

    /// The pages that wrote something which a page prepared that early cannot have seen.
    fn since(&self, looked_after: u64) -> impl Iterator<Item = &Written> {
        self.recent.iter().filter(move |page| page.number >= looked_after)
    }
}

async fn read_pages(
    run: Arc<Run>,
    entity_type: EntityType,
    mut cursor: Option<String>,
    to: mpsc::Sender<Result<Arc<Page>, Stop>>,
) {
    while !run.is_cancelled() {
        let page = run.read_page(&entity_type, cursor.as_deref()).await;
        let page = page.and_then(|page| check(&run, &entity_type, cursor.as_deref(), page));
        let next = page.as_ref().ok().and_then(|page| page.next_cursor.clone());
        let page = page.map(Arc::new).map_err(|error| match error.code.as_str() {
            code::CANCELLED => Stop::Cancelled,
            _ => Stop::Source(error),
        });
        if to.send(page).await.is_err() || next.is_none() {
            return;
        }
        cursor = next;
    }
}

fn check(run: &Run, entity_type: &EntityType, cursor: Option<&str>, page: Page) -> Result<Page, PluginError> {
    let name = &run.source.name;
    if page.next_cursor.is_some() && page.next_cursor.as_deref() == cursor {
        return Err(PluginError::new(
            code::PROTOCOL,
            format!(
                "reading {entity_type} entities of {name:?} does not move on: the page at cursor {:?} names itself as the next; check the paging of the system",
                cursor.unwrap_or_default()
            ),
        ));
    }
    if page.entities.iter().any(|entity| entity.id.is_empty()) {
        return Err(PluginError::new(
            code::INTERNAL,
            format!(
                "the plugin of {name:?} delivered a {entity_type} entity without an identifier: a defect of the plugin"
            ),
        ));
    }
    Ok(page)
}

/// Prepares pages, several at once where they do not need one another, and hands them on in order.
async fn prepare_pages(
    run: Arc<Run>,
    entity_type: EntityType,
    (in_turn, committed): (Arc<AtomicBool>, watch::Receiver<u64>),
    mut pages: mpsc::Receiver<Result<Arc<Page>, Stop>>,
    to: mpsc::Sender<Result<Ready, Stop>>,
) {
    let mut busy = JoinSet::new();
    let mut ready = BTreeMap::new();
    let (mut taken, mut given) = (0, 0);
    let mut more = true;
    loop {
        tokio::select! {
            page = pages.recv(), if more && busy.len() + ready.len() < PAGES_PREPARED_AT_ONCE => match page {
                Some(page) => {
                    more = page.is_ok();
                    let (run, entity_type, mut committed) = (run.clone(), entity_type.clone(), committed.clone());
                    let (number, in_turn) = (taken, in_turn.clone());
                    taken += 1;
                    busy.spawn(async move {
                        if in_turn.load(Ordering::Acquire) && committed.wait_for(|committed| *committed >= number).await.is_err() {
                            return (number, Err(Stop::Cancelled));
                        }
                        let looked_after = *committed.borrow();
                        let prepared = match page {
                            Ok(page) => prepare(&run, &entity_type, page).await,
                            Err(stop) => Err(stop),
                        };
                        (number, prepared.map(|prepared| Ready { number, looked_after, prepared }))
                    });
                }
                None => more = false,
            },
            Some(done) = busy.join_next() => {
                let (number, page) = match done {
                    Ok(done) => done,
                    Err(_) => (given, Err(broke_down())),
                };
                ready.insert(number, page);
                while let Some(page) = ready.remove(&given) {
                    given += 1;
                    let ends = page.is_err();
                    if to.send(page).await.is_err() || ends {
                        return;
                    }
                }
            }
            else => return,
        }
    }
}

fn broke_down() -> Stop {
    Stop::Source(PluginError::new(
        code::INTERNAL,
        "a stage of the job broke down: a defect of the engine, see its log",
    ))
}

/// Rows of zeros for a type that is about to be read.
pub(crate) fn open_rows(run: &Run, ledger: &mut Ledger) {
    for entity_type in &run.types {
        ledger.count(entity_type, &run.source, gangway_model::Action::Read, Counters::default());
        for lane in run.lanes.iter().filter(|lane| lane.takes(entity_type).is_some()) {
            ledger.count(entity_type, &lane.system, gangway_model::Action::Write, Counters::default());
        }
    }
}
