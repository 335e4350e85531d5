//! Carries out one page's work in one target.
//!
//! Each entity walks through a few steps until it is done: a create that meets a conflict becomes a
//! search, a search that finds one account becomes an update, an update of an account that is gone
//! becomes a create. All entities that stand at the same step take it together.
//!
//! Before a create goes out its intent is durable. The intent goes away only together with knowledge
//! of what became of the request: a relation, or the certainty that nothing happened.

use crate::decide::{UNKNOWN, Verb};
use crate::error::Stop;
use crate::fingerprint::Trust;
use crate::item::{CountsAs, Item, Step, Why, split};
use crate::journal::Journal;
use crate::prepare::{LanePlan, rewritten};
use crate::run::{Lane, OpenLane, Run, broke_off};
use crate::safety::Remember;
use crate::{memory, policy, safety, writeback};
use gangway_model::{
    Counters, Entity, EntityEvent, EntityState, EntityType, Hash, JobType, Operation, OperationKind, Outcome,
    PluginError, RelationKey, RelationState, code,
};
use gangway_store::{Change, Image, NewRelation};
use std::collections::HashMap;
use std::sync::Arc;

/// Operations in one call to a target plugin.
const BATCH: usize = 500;
/// Calls with a single operation that a plugin may fail in a row before its target counts as broken.
const STRIKES: u32 = 3;

/// What became of a page in one target: everything that is to be committed.
#[derive(Default)]
pub(crate) struct LaneResult {
    pub(crate) counters: Counters,
    pub(crate) events: Vec<EntityEvent>,
    pub(crate) relations: Vec<NewRelation>,
    pub(crate) settled: Vec<String>,
    /// What large groups hold now; none where that is not known.
    pub(crate) members: Vec<(String, Option<Vec<u8>>)>,
    /// The target broke off, and why.
    pub(crate) broken: Option<PluginError>,
    /// The job was being stopped: some entities were not attempted, or their end is unknown.
    pub(crate) interrupted: bool,
    /// An entity has another identifier in the target than before.
    pub(crate) moved: bool,
    /// What was made, so that it can be undone.
    pub(crate) images: Vec<Image>,
}

/// Applies one target's work.
pub(crate) struct LaneApply<'a> {
    pub(crate) run: &'a Run,
    pub(crate) lane: &'a Lane,
    pub(crate) open: &'a OpenLane,
    pub(crate) entity_type: &'a EntityType,
    pub(crate) key: RelationKey,
    pub(crate) result: LaneResult,
    /// Target entities that this page took: target identifier to source identifier.
    pub(crate) claimed: HashMap<String, String>,
    /// What was created without a payload hash, with what the read transformation made of it.
    pub(crate) created: HashMap<String, (Arc<str>, Trust)>,
    /// Users whose identifier in the target may be news: source and target identifier.
    pub(crate) identified: Vec<(String, String)>,
    strikes: u32,
    /// The content is final: it is what the target held once, and no transformation makes it again.
    pub(crate) raw: bool,
}

impl<'a> LaneApply<'a> {
    pub(crate) fn new(run: &'a Run, lane: &'a Lane, open: &'a OpenLane, entity_type: &'a EntityType) -> Self {
        Self {
            run,
            lane,
            open,
            entity_type,
            key: run.key(lane, entity_type),
            result: LaneResult::default(),
            claimed: HashMap::new(),
            created: HashMap::new(),
            identified: Vec::new(),
            strikes: 0,
            raw: false,
        }
    }

    /// Carries out a page. The error speaks of the store: nothing of the page may be committed.
    pub(crate) async fn page(mut self, plan: &mut LanePlan, since_ms: u64) -> Result<LaneResult, Stop> {
        let looks = policy::looks_before_create(&self.lane.system);
        let mut items: Vec<Item> = std::mem::take(&mut plan.work)
            .into_iter()
            .map(|mut work| {
                let content = std::mem::take(&mut work.content);
                let item = Item { content, ..Item::new(work, since_ms) };
                let step =
                    if looks && item.step == Step::Create { Step::Find(Why::Before) } else { item.step };
                Item { step, ..item }
            })
            .collect();
        while !items.is_empty() && !self.result.interrupted && self.result.broken.is_none() {
            let (remake, others) = split(items, |item| item.step == Step::Remake);
            let (find, mut next) = split(others, |item| matches!(item.step, Step::Find(_)));
            next.extend(self.remake(remake).await?);
            next.extend(self.find(find).await?);
            // What now waits for a search waits for the next round.
            let (mut write, waiting) = split(next, |item| matches!(item.step, Step::Create | Step::Replace));
            items = waiting;
            self.remember(&write).await?;
            self.recall_members(&mut write).await?;
            items.extend(self.write(write).await);
        }
        if let Some(error) = self.result.broken.clone() {
            for item in items {
                self.unattempted(item, &error);
            }
        }
        if self.run.kind != JobType::Apply {
            self.payloads().await;
        }
        self.write_back().await;
        Ok(self.result)
    }

    async fn write(&mut self, items: Vec<Item>) -> Vec<Item> {
        let mut next = Vec::new();
        let (alone, together) = split(items, |item| item.alone);
        let mut batches: Vec<Vec<Item>> = Vec::new();
        let mut rest = together;
        while rest.len() > BATCH {
            let tail = rest.split_off(BATCH);
            batches.push(std::mem::replace(&mut rest, tail));
        }
        if !rest.is_empty() {
            batches.push(rest);
        }
        batches.extend(alone.into_iter().map(|item| vec![item]));
        for mut batch in batches {
            if self.result.interrupted {
                break;
            }
            if let Some(error) = self.result.broken.clone() {
                for item in batch {
                    self.unattempted(item, &error);
                }
                continue;
            }
            let operations = batch.iter_mut().map(|item| self.operation(item)).collect();
            match self.open.carry_out(operations).await {
                Ok(outcomes) => {
                    self.strikes = 0;
                    self.outcomes(batch, outcomes, &mut next);
                }
                Err(error) => self.batch_failed(batch, error, &mut next),
            }
        }
        next
    }

    /// Keeps what the target holds of entities that are about to get other content, if the target's
    /// properties ask for that.
    async fn remember(&self, items: &[Item]) -> Result<(), Stop> {
        if safety::remembers(&self.lane.system) != Remember::Everything {
            return Ok(());
        }
        let known: Vec<&Item> = items.iter().filter(|i| i.step == Step::Replace && i.id.is_some()).collect();
        if known.is_empty() {
            return Ok(());
        }
        let ids = known.iter().filter_map(|item| item.id.clone()).collect();
        let found = self.open.target.read_entities(self.entity_type.as_str(), ids).await;
        let images = known.into_iter().zip(found).filter_map(|(item, found)| {
            let relation = item.related(item.id.clone()?);
            memory::image(self.run, self.lane, self.entity_type, &relation, Change::Updated, found.ok()?)
        });
        memory::keep(self.run, images.collect()).await
    }

    fn operation(&self, item: &mut Item) -> Operation {
        let (kind, id) = match item.step {
            Step::Create => (OperationKind::Create, item.work.given_id.clone()),
            _ => (OperationKind::Replace, item.id.clone()),
        };
        Operation {
            kind,
            entity_type: self.entity_type.as_str().to_owned(),
            id,
            version: None,
            json: item.content.clone(),
            members: item.members.take(),
        }
    }

    fn outcomes(&mut self, batch: Vec<Item>, outcomes: Vec<Outcome>, next: &mut Vec<Item>) {
        if let Some(error) = broke_off(&outcomes) {
            self.result.broken = Some(error);
        }
        for (item, outcome) in batch.into_iter().zip(outcomes) {
            match outcome.error {
                None => self.succeeded(item, outcome.id),
                Some(error) => next.extend(self.failed_write(item, error)),
            }
        }
    }

    pub(crate) fn succeeded(&mut self, item: Item, id: Option<String>) {
        let id = match item.step {
            Step::Create => id.or_else(|| item.work.given_id.clone()),
            _ => id.or_else(|| item.id.clone()),
        };
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            // The intent stays: the next job looks for what was made.
            let error = PluginError::new(
                code::PROTOCOL,
                "the target took the entity and did not say under which identifier; the next job looks for it by its unique attributes",
            );
            self.fail(&item, error);
            return;
        };
        let state = match item.counts_as {
            CountsAs::Created => EntityState::Created,
            CountsAs::Updated => EntityState::Updated,
        };
        match state {
            EntityState::Created => self.result.counters.created += 1,
            _ => {
                self.result.counters.updated += 1;
                self.result.counters.updated_by_configuration += u64::from(item.work.by_configuration);
            }
        }
        let line = self.journal().written(state, &item.work.source_id, &id);
        self.log(line, &item.content);
        self.remember_members(&item, true);
        self.claimed.insert(id.clone(), item.work.source_id.clone());
        if item.step == Step::Create && safety::remembers(&self.lane.system) == Remember::Everything {
            let nothing = Entity { id: id.clone(), version: None, created_ms: None, json: String::new() };
            let relation = item.related(id.clone());
            self.result.images.extend(memory::image(
                self.run,
                self.lane,
                self.entity_type,
                &relation,
                Change::Created,
                nothing,
            ));
        }
        if item.work.trust.depends() && item.payload == UNKNOWN {
            let work = &item.work;
            self.created.insert(work.source_id.clone(), (work.common.clone(), work.trust));
        }
        let mut payload = item.payload;
        if item.step == Step::Create && !item.work.trust.depends() && !self.raw {
            payload = self.run.fingerprints.created(&item.content);
        }
        if self.run.write_back.is_some() && writeback::concerns(&item) {
            self.identified.push((item.work.source_id.clone(), id.clone()));
        }
        self.relate(&item, id, item.work.trust.kept(), payload);
    }

    /// The step after an operation that failed, if there is one.
    fn failed_write(&mut self, mut item: Item, error: PluginError) -> Option<Item> {
        if error.code == code::CANCELLED {
            self.result.interrupted = true;
            return None;
        }
        match item.step {
            Step::Create if error.code == code::CONFLICT && self.of_plan(&item) => {
                self.settle(&item);
                let why =
                    "the plan creates it, and the target has one; simulate again, with a look at the target";
                self.fail(&item, error.with("plan", why));
                return None;
            }
            Step::Create if error.code == code::CONFLICT => {
                // Between an unanswered request and this one the search may have come too early.
                let unanswered = item.work.intent.is_some() || item.alone;
                item.step = Step::Find(if unanswered { Why::Unanswered } else { Why::Conflict });
                item.conflict = Some(error);
                return Some(item);
            }
            Step::Replace
                if error.code == code::NOT_FOUND
                    && item.work.verb == Verb::Update
                    && !item.remade
                    && self.run.kind != JobType::Apply =>
            {
                item.step = Step::Remake;
                return Some(item);
            }
            Step::Replace if error.code == code::NOT_FOUND && item.work.verb == Verb::Adopt => {
                self.skip(&item, item.work.reason.to_string());
                return None;
            }
            Step::Create if !error.leaves_effect_unknown() => self.settle(&item),
            _ => {}
        }
        self.fail(&item, error);
        None
    }

    /// Whether a create is one of a plan, which does that and nothing else, and was not sent before.
    fn of_plan(&self, item: &Item) -> bool {
        self.run.kind == JobType::Apply && item.work.intent.is_none() && !item.alone
    }

    /// The outer error of a call: none of the operations was attempted, or any may have been.
    fn batch_failed(&mut self, batch: Vec<Item>, error: PluginError, next: &mut Vec<Item>) {
        if error.code == code::CANCELLED {
            self.result.interrupted = true;
            return;
        }
        let defect = error.leaves_effect_unknown() && !error.is_of_system();
        if defect && batch.len() > 1 {
            // One entity may be what the plugin stumbles over. What the others came to is unknown, so
            // each is looked for, or written again, in a call of its own.
            next.extend(batch.into_iter().map(|mut item| {
                item.alone = true;
                if item.step == Step::Create {
                    item.step = Step::Find(Why::Unanswered);
                }
                item
            }));
            return;
        }
        if defect {
            self.strikes += 1;
        }
        if error.is_of_system() || self.strikes >= STRIKES {
            self.result.broken = Some(error.clone());
        }
        for item in batch {
            self.unattempted(item, &error);
        }
    }

    /// Ends an entity whose operation failed with its whole call, or was never sent.
    fn unattempted(&mut self, item: Item, error: &PluginError) {
        let sent_before = item.alone || item.work.intent.is_some();
        match item.step {
            Step::Create if !error.leaves_effect_unknown() && !sent_before => self.settle(&item),
            // The target said that the account was there: the create had no effect; or none was sent.
            Step::Find(Why::Conflict | Why::Before) => self.settle(&item),
            _ => {}
        }
        self.fail(&item, error.clone());
    }

    fn relate(&mut self, item: &Item, target_id: String, fingerprint: Hash, payload: Hash) {
        self.result.moved |= item.work.relation.as_ref().is_some_and(|r| r.target_id != target_id);
        self.result.relations.push(NewRelation {
            source_id: item.work.source_id.clone(),
            target_id,
            existed_before: item.existed_before,
            fingerprint,
            payload,
            state: RelationState::Active,
        });
        self.settle(item);
    }

    /// Keeps what is known of an entity whose content did not arrive: whose it is, and that what it
    /// holds is unknown, so that the next job writes it.
    fn relate_unwritten(&mut self, item: &Item) {
        if let (Some(id), CountsAs::Created) = (&item.id, item.counts_as) {
            // Found, and made by an earlier attempt of the engine.
            self.relate(item, id.clone(), UNKNOWN, UNKNOWN);
        } else if let Some(relation) = &item.work.relation {
            let kept = NewRelation {
                fingerprint: UNKNOWN,
                payload: UNKNOWN,
                state: RelationState::Active,
                ..rewritten(relation)
            };
            self.result.relations.push(kept);
        }
    }

    pub(crate) fn settle(&mut self, item: &Item) {
        if item.intent.is_some() {
            self.result.settled.push(item.work.source_id.clone());
        }
    }

    pub(crate) fn fail(&mut self, item: &Item, error: PluginError) {
        self.remember_members(item, false);
        self.relate_unwritten(item);
        self.result.counters.failed += 1;
        let event = self.journal().failed(Some(&item.work.source_id), item.id.as_deref(), error);
        self.log(event, &item.content);
    }

    /// Counts and logs as failed what was written, because something else that belongs to it failed.
    pub(crate) fn failed_afterwards(&mut self, source_id: &str, target_id: &str, error: PluginError) {
        self.result.counters.failed += 1;
        let event = self.journal().failed(Some(source_id), Some(target_id), error);
        self.log(event, "");
    }

    pub(crate) fn skip(&mut self, item: &Item, reason: String) {
        self.relate_unwritten(item);
        self.result.counters.skipped += 1;
        let event = self.journal().skipped(Some(&item.work.source_id), item.id.as_deref(), reason);
        self.log(event, &item.content);
    }

    fn log(&mut self, line: EntityEvent, content: &str) {
        let content = self.run.tracing.content(line.state, content);
        self.result.events.push(EntityEvent { content, ..line });
    }

    fn journal(&self) -> Journal<'a> {
        Journal {
            entity_type: self.entity_type,
            system: &self.lane.system.id,
            time_ms: self.run.clock.now_ms(),
        }
    }
}
