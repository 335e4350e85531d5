//! One target's way through all pages of one entity type.
//!
//! Three stages overlap over bounded channels. The next page is fetched while those before it are transformed
//! and the first of them is written; memory holds a handful of pages, however many there are.

use crate::apply::{LaneApply, LaneResult};
use crate::error::Stop;
use crate::intents::intents;
use crate::lane::Way;
use crate::place::{Course, OfSource};
use crate::prepare::{LanePlan, Prepared, prepare};
use crate::run::{Lane, OpenLane, Run};
use crate::simulate;
use crate::stages::{Ready, Stages, broke_down};
use gangway_model::{Counters, EntityState, EntityType, Intent, JobType, RelationKey};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Pages that may wait for one commit while nothing depends on it.
pub(crate) const PAGES_PER_COMMIT: u32 = 8;
/// More than the pages that can be between the preparer's look and the applier.
const PAGES_REMEMBERED: usize = 8;

/// All pages of one entity type, for one target.
pub(crate) struct TypePass<'a> {
    way: &'a Way,
    open: &'a OpenLane,
    entity_type: &'a EntityType,
    index: u32,
    /// The type was read before in this job; only references are completed.
    again: bool,
    /// Pages of the type that the target had behind it when the pass began.
    before: u64,
    /// Pages committed.
    committed: watch::Sender<u64>,
    /// Pages applied.
    applied: u64,
    /// Pages since the last commit.
    waiting: u32,
    /// They wrote relations, which others do not see yet.
    holds_relations: bool,
    /// The last pages that wrote something.
    recent: VecDeque<Written>,
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
    pub(crate) fn new(
        way: &'a Way,
        open: &'a OpenLane,
        entity_type: &'a EntityType,
        (index, again): (u32, bool),
        before: u64,
    ) -> Self {
        Self {
            way,
            open,
            entity_type,
            index,
            again,
            before,
            committed: watch::Sender::new(0),
            applied: 0,
            waiting: 0,
            holds_relations: false,
            recent: VecDeque::new(),
            in_turn: Arc::default(),
        }
    }

    fn run(&self) -> &'a Arc<Run> {
        &self.way.run
    }

    fn lane(&self) -> &'a Arc<Lane> {
        &self.way.lane
    }

    pub(crate) async fn all_pages(&mut self, cursor: Option<String>) -> Result<(), Stop> {
        let stages = Stages {
            run: self.run().clone(),
            lane: self.lane().clone(),
            reader: self.way.reader.clone(),
            entity_type: self.entity_type.clone(),
            in_turn: self.in_turn.clone(),
            committed: self.committed.subscribe(),
        };
        let (mut stages, mut ready) = stages.start(cursor);
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
                    if self.run().is_cancelled() {
                        break Err(Stop::Cancelled);
                    }
                    self.page(page).await?;
                    if self.lane().broken.load(Ordering::Acquire) {
                        break Ok(());
                    }
                }
                Some(Err(stop)) => break Err(stop),
                None if self.run().is_cancelled() => break Err(Stop::Cancelled),
                None => break finished(&mut stages).await,
            }
        };
        self.commit(Vec::new()).await?;
        end
    }

    async fn commit(&mut self, intents: Vec<(RelationKey, Vec<Intent>)>) -> Result<(), Stop> {
        if intents.is_empty() && self.waiting == 0 {
            return Ok(());
        }
        self.way.ledger.commit(intents).await?;
        (self.waiting, self.holds_relations) = (0, false);
        let applied = self.applied;
        self.committed.send_if_modified(|committed| {
            let news = *committed != applied;
            *committed = applied;
            news
        });
        Ok(())
    }

    async fn page(&mut self, ready: Ready) -> Result<(), Stop> {
        if self.run().kind == JobType::Simulate {
            return self.predict(ready.number, ready.prepared).await;
        }
        let Ready { number, looked_after, mut prepared } = ready;
        let refers = prepared.plan.depends;
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
            prepared = prepare(self.run(), (self.lane(), self.open), self.entity_type, prepared.page).await?;
        }
        if self.again {
            prepared.complete_only();
        }
        let plan = &prepared.plan;
        let works = !plan.work.is_empty() || !plan.unwanted.is_empty();
        let since_ms = self.run().clock.now_ms();
        let announced = intents(self.lane(), self.entity_type, plan, since_ms);
        let due = self.waiting >= PAGES_PER_COMMIT || (works && self.holds_relations);
        if due || !announced.is_empty() {
            let key = self.run().key(self.lane(), self.entity_type);
            let announced =
                Some(announced).filter(|intents| !intents.is_empty()).map(|intents| (key, intents));
            self.commit(announced.into_iter().collect()).await?;
        }
        let mut result = LaneResult::default();
        let unwanted = prepared.plan.unwanted.iter().map(|relation| relation.source_id.clone());
        prepared.ids.extend(unwanted);
        if prepared.plan.broken.is_none() {
            let apply = LaneApply::new(self.run(), self.lane(), self.open, self.entity_type);
            result = apply.page(&mut prepared.plan, since_ms).await?;
        }
        let interrupted = result.interrupted;
        if interrupted && self.run().suspended.load(Ordering::Acquire) {
            // The page is done again after the restart, as after a crash: it counts once.
            return Err(Stop::Cancelled);
        }
        let matters = result.counters.created > 0 || result.moved;
        if self.again {
            // The entity was counted and logged when it was written first.
            result.counters = Counters { failed: result.counters.failed, ..Counters::default() };
            result.events.retain(|event| event.state == EntityState::Failed);
        }
        let writes = !(result.relations.is_empty()
            && prepared.plan.refreshed.is_empty()
            && prepared.plan.unwanted.is_empty());
        let course = self.course(&prepared);
        let (of_source, plan, ids) = self.parts(number, prepared);
        self.way.ledger.book(|books| {
            books.lane(self.lane(), self.entity_type, plan, result);
            books.page(self.lane(), self.entity_type, course, of_source);
        });
        self.holds_relations |= writes;
        self.waiting += 1;
        self.applied = number + 1;
        if works {
            self.recent.push_back(Written { number, ids: ids.into_iter().collect(), matters });
        }
        if self.recent.len() > PAGES_REMEMBERED {
            self.recent.pop_front();
        }
        if interrupted { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// In place of [`Self::page`]: what it would come to.
    async fn predict(&mut self, number: u64, mut prepared: Prepared) -> Result<(), Stop> {
        if self.waiting >= PAGES_PER_COMMIT {
            self.commit(Vec::new()).await?;
        }
        let (lane, entity_type) = (self.lane(), self.entity_type);
        let predicted = simulate::page(self.run(), lane, self.open, entity_type, &mut prepared.plan).await?;
        // What would be written is not there: nothing is completed.
        let course = Course { unresolved: false, ..self.course(&prepared) };
        let delivered = simulate::delivered(self.run(), entity_type, &prepared.page.page);
        let (of_source, plan, _) = self.parts(number, prepared);
        self.way.ledger.book(|books| {
            books.predicted(lane, entity_type, plan, predicted);
            books.page(lane, entity_type, course, OfSource { delivered: Some(delivered), ..of_source });
        });
        self.waiting += 1;
        self.applied = number + 1;
        Ok(())
    }

    fn course(&self, prepared: &Prepared) -> Course {
        Course { index: self.index, again: self.again, unresolved: prepared.plan.unresolved }
    }

    /// The source's side of a page, the target's, and the entities.
    fn parts(&self, number: u64, prepared: Prepared) -> (OfSource, LanePlan, Vec<String>) {
        let Prepared { page, ids, counters, events, plan } = prepared;
        let (total, next) = (page.page.total, page.page.next_cursor.clone());
        let number = self.before + number;
        (OfSource { number, counters, events, total, next, delivered: None }, plan, ids)
    }

    /// The pages that wrote something which a page prepared that early cannot have seen.
    fn since(&self, looked_after: u64) -> impl Iterator<Item = &Written> {
        self.recent.iter().filter(move |page| page.number >= looked_after)
    }
}

/// The channel closed: the last page came through, unless a stage died.
async fn finished(stages: &mut JoinSet<()>) -> Result<(), Stop> {
    while let Some(stage) = stages.join_next().await {
        if stage.is_err() {
            return Err(broke_down());
        }
    }
    Ok(())
}
