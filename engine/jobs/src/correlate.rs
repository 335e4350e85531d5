//! Finds the account behind a conflict, an unanswered create or a switched-off create, and decides
//! whose it is.

use crate::apply::LaneApply;
use crate::decide::{UNKNOWN, binding};
use crate::error::Stop;
use crate::item::{CountsAs, Item, Step, Why, split};
use crate::run::{Lane, Run};
use crate::transform::{apply, request};
use crate::{appgroup, attribute, policy};
use gangway_model::{
    AnswerOutcome, Entity, EntityType, JobType, PluginError, Relation, RelationKey, RelationState, SystemId,
    TransformOperation, code,
};
use gangway_store::{Commit, NewRelation};
use serde_json::Value;

/// By how much the clock of a target may lag behind the engine's: an account that seems this much
/// older than an unanswered request is still taken for its result.
const CLOCK_SKEW_MS: u64 = 1000;

/// Whether an account that was found may be the result of a request sent at that time: its system says that it was
/// created since, or does not say when.
pub(crate) fn made_since(entity: &Entity, since_ms: u64) -> bool {
    entity.created_ms.is_none_or(|created| created.saturating_add(CLOCK_SKEW_MS) >= since_ms)
}

impl LaneApply<'_> {
    /// Searches, and gives the entities that have a next step.
    pub(crate) async fn find(&mut self, items: Vec<Item>) -> Result<Vec<Item>, Stop> {
        if items.is_empty() {
            return Ok(items);
        }
        let (adopted, items) = split(self.adoptable(items).await, |i| i.step == Step::Replace);
        let mut next = self.free_only(adopted).await?;
        let mut searches = Vec::new();
        let mut blocked = Vec::new();
        for item in items {
            match self.filter(&item) {
                Ok(filter) => searches.push((item, filter)),
                // Without the attribute there is nothing to look by: the target tells if it is there.
                Err(_) if item.step == Step::Find(Why::Before) => {
                    next.push(Item { step: Step::Create, ..item });
                }
                Err(error) => blocked.push((item, error)),
            }
        }
        let filters = searches.iter().map(|(_, filter)| Some(filter.clone())).collect();
        let answers = self.open.search(self.entity_type, filters).await;
        let of_system = |error: &PluginError| error.is_of_system() && error.code != code::CANCELLED;
        if !answers.is_empty() && answers.iter().all(|a| a.as_ref().is_err_and(of_system)) {
            self.result.broken = answers.iter().find_map(|a| a.as_ref().err().cloned());
        }
        let mut found = Vec::new();
        for ((item, filter), answer) in searches.into_iter().zip(answers) {
            match answer {
                Err(error) if error.code == code::CANCELLED => self.result.interrupted = true,
                Err(error) => self.not_found(&item, error),
                Ok(entities) => match entities.as_slice() {
                    [] => match self.none(item, &filter) {
                        Ok(item) => next.extend(item),
                        Err(failed) => blocked.push(*failed),
                    },
                    [entity] => found.push(self.one(item, entity)),
                    several => {
                        let ids: Vec<&str> = several.iter().map(|e| e.id.as_str()).collect();
                        let error = PluginError::new(
                            code::CONFLICT,
                            format!(
                                "more than one entity of {:?} has {}: {}; choose unique attributes that tell them apart",
                                self.lane.system.name,
                                spell(&filter),
                                ids.join(", ")
                            ),
                        );
                        self.not_found(&item, error);
                    }
                },
            }
        }
        for (item, error) in self.blockers(blocked).await? {
            self.not_found(&item, error);
        }
        let found = self.free_only(found).await?;
        self.claim(found, &mut next).await?;
        Ok(next)
    }

    /// Content for entities that are to be found and not created. Where the transformation decides
    /// the identifier, no search is needed.
    async fn adoptable(&mut self, items: Vec<Item>) -> Vec<Item> {
        let (adopt, mut others) = split(items, |item| item.step == Step::Find(Why::Adopt));
        let requests: Vec<_> = adopt
            .iter()
            .map(|item| request(self.entity_type, TransformOperation::Update, &item.work.common))
            .collect();
        let answers = match apply(self.open.write.as_ref(), &requests).await {
            Ok(answers) => answers,
            Err(error) => {
                for item in adopt {
                    self.fail(&item, error.clone());
                }
                self.result.broken = Some(error);
                return others;
            }
        };
        for (mut item, answer) in adopt.into_iter().zip(answers) {
            match answer.outcome {
                AnswerOutcome::Transformed => {
                    item.counts_as = CountsAs::Updated;
                    item.existed_before = true;
                    item.work.trust = item.work.trust.after(&answer);
                    if answer.id.is_some() {
                        item.payload = self.run.fingerprints.payload(&answer.json);
                        item.step = Step::Replace;
                    }
                    item.id = answer.id;
                    item.content = answer.json;
                    others.push(item);
                }
                AnswerOutcome::Failed => self.fail(&item, crate::decide::transformation_error(&answer)),
                _ => self.skip(&item, answer.reason),
            }
        }
        others
    }

    fn filter(&self, item: &Item) -> Result<Vec<(String, String)>, PluginError> {
        let entity_type = self.entity_type.as_str();
        if item.step == Step::Find(Why::Conflict)
            && !policy::resolves_conflicts(&self.lane.system, entity_type)
        {
            let refused = conflict(item);
            return Err(refused.with("resolution", "switched off by automatic.conflict.resolution"));
        }
        let content: Value = serde_json::from_str(&item.content).unwrap_or_default();
        self.unique_attributes(&content)
            .into_iter()
            .map(|name| appgroup::qualified(&content, name))
            .map(|name| match attribute::text(&content, &name) {
                Some(value) => Ok((name, value)),
                None => Err(PluginError::new(
                    code::CONFLICT,
                    format!(
                        "the entity may be in {:?} already, and cannot be looked for: the write transformation gives no value for the unique attribute {name:?}; map it, or name another in *.{entity_type}.unique.attribute",
                        self.lane.system.name
                    ),
                )),
            })
            .collect()
    }

    /// An application's own system need not know of applications: there a group is told by its name alone.
    fn unique_attributes(&self, content: &Value) -> Vec<String> {
        let entity_type = self.entity_type.as_str();
        let content = if self.run.of_application { &Value::Null } else { content };
        policy::unique_attributes(&self.lane.system, entity_type, content)
    }

    /// Nothing was found: the next step, or the error.
    fn none(&mut self, mut item: Item, filter: &[(String, String)]) -> Result<Option<Item>, Box<Refused>> {
        match item.step {
            Step::Find(Why::Adopt) => {
                let reason = format!("{}; no entity of the target has {}", item.work.reason, spell(filter));
                self.skip(&item, reason);
                Ok(None)
            }
            Step::Find(Why::Before) => Ok(Some(Item { step: Step::Create, ..item })),
            Step::Find(Why::Unanswered) if !item.searched => {
                item.searched = true;
                item.step = Step::Create;
                Ok(Some(item))
            }
            _ => {
                let refused = conflict(&item);
                let error = PluginError {
                    message: format!(
                        "the target refused the create ({}), and no entity there has {}; correct the unique attribute, or the entity in the target that is in the way",
                        refused.message,
                        spell(filter)
                    ),
                    ..refused
                };
                Err(Box::new((item, error)))
            }
        }
    }

    /// Ends a search that led nowhere.
    fn not_found(&mut self, item: &Item, error: PluginError) {
        if matches!(item.step, Step::Find(Why::Conflict | Why::Before)) {
            self.settle(item);
        }
        self.fail(item, error);
    }

    fn one(&self, mut item: Item, entity: &Entity) -> Item {
        let since = item.intent.unwrap_or_default();
        let ours = item.step == Step::Find(Why::Unanswered) && made_since(entity, since);
        item.existed_before = !ours;
        item.counts_as = if ours { CountsAs::Created } else { CountsAs::Updated };
        item.id = Some(entity.id.clone());
        item
    }

    /// Fails those whose account belongs to another entity: of this page, or by a relation of any
    /// source that feeds the target.
    async fn free_only(&mut self, items: Vec<Item>) -> Result<Vec<Item>, Stop> {
        let ids: Vec<String> = items.iter().filter_map(|item| item.id.clone()).collect();
        if ids.is_empty() {
            return Ok(items);
        }
        let owners = holders(self.run, self.lane, &self.key, ids).await?;
        let mut free = Vec::new();
        for (mut item, owner) in items.into_iter().zip(owners) {
            let id = item.id.clone().unwrap_or_default();
            let own = (self.run.source.id.clone(), item.work.source_id.clone());
            let owner = self.claimed.get(&id).map(|id| (own.0.clone(), id.clone())).or(owner);
            match owner.filter(|owner| *owner != own) {
                Some((source, owner)) => {
                    let error = PluginError::new(
                        code::CONFLICT,
                        format!(
                            "source entity {:?} matches target entity {id:?} of {:?}, which belongs to source entity {owner:?}{} already; two of them have the same unique attribute: correct one, or choose another unique attribute",
                            item.work.source_id,
                            self.lane.system.name,
                            self.of_other(&source)
                        ),
                    );
                    item.id = None; // not its own
                    self.not_found(&item, error);
                }
                None => {
                    self.claimed.insert(id, item.work.source_id.clone());
                    free.push(item);
                }
            }
        }
        Ok(free)
    }

    /// Prepares the updates. That an account existed before is made durable first: after a crash an
    /// open intent would claim it as made by the engine.
    async fn claim(&mut self, found: Vec<Item>, next: &mut Vec<Item>) -> Result<(), Stop> {
        if self.run.kind == JobType::Apply {
            self.planned(found);
            return Ok(());
        }
        let mut found = found;
        let mut known = Vec::new();
        for item in &mut found {
            let (true, Some(_), Some(id)) = (item.existed_before, item.intent, item.id.clone()) else {
                continue;
            };
            let relation = NewRelation {
                source_id: item.work.source_id.clone(),
                target_id: id,
                existed_before: true,
                fingerprint: UNKNOWN,
                payload: UNKNOWN,
                state: RelationState::Active,
            };
            item.work.relation = Some(Relation {
                source_id: relation.source_id.clone(),
                target_id: relation.target_id.clone(),
                existed_before: true,
                fingerprint: UNKNOWN,
                payload: UNKNOWN,
                state: RelationState::Active,
                ordinal: 0,
            });
            item.intent = None;
            known.push(relation);
        }
        if !known.is_empty() {
            let settled = known.iter().map(|r| r.source_id.clone()).collect();
            let batch = Commit {
                run: Some(self.run.run.clone()),
                relations: vec![(self.key.clone(), known)],
                settled: vec![(self.key.clone(), settled)],
                ..Commit::default()
            };
            self.run.blocking(move |store| store.commit(&batch)).await?;
        }
        next.extend(self.updates(found).await);
        Ok(())
    }
}

impl LaneApply<'_> {
    /// The ends of creates of a plan that were sent before an interruption: nothing further is written.
    fn planned(&mut self, found: Vec<Item>) {
        for mut item in found {
            let id = item.id.clone();
            if item.existed_before {
                item.id = None;
                let error = PluginError::new(
                    code::CONFLICT,
                    "the plan creates it, and the target had one before; simulate again, with a look at the target",
                );
                self.settle(&item);
                self.fail(&item, error);
            } else {
                // What exactly it holds is not known: the next Read writes it.
                item.work.trust.write_depends = true;
                self.succeeded(item, id);
            }
        }
    }
}

/// The unique attributes of a content with their values; none if one has none.
pub(crate) fn unique(
    lane: &Lane,
    entity_type: &EntityType,
    content: &Value,
) -> Option<Vec<(String, String)>> {
    policy::unique_attributes(&lane.system, entity_type.as_str(), content)
        .into_iter()
        .map(|name| appgroup::qualified(content, name))
        .map(|name| attribute::text(content, &name).map(|value| (name, value)))
        .collect()
}

/// Which source entity holds each of some entities of a target, by a relation that binds.
pub(crate) async fn holders(
    run: &Run,
    lane: &Lane,
    key: &RelationKey,
    ids: Vec<String>,
) -> Result<Vec<Option<(SystemId, String)>>, Stop> {
    let mut sources = vec![run.source.id.clone()];
    sources.extend(lane.system.sources.iter().filter(|source| **source != run.source.id).cloned());
    let key = key.clone();
    run.blocking(move |store| {
        let owners = store.owners(&key, &ids.iter().map(String::as_str).collect::<Vec<_>>())?;
        let mut holding = Vec::with_capacity(owners.len());
        for (id, owner) in ids.iter().zip(owners) {
            let Some(owner) = owner else {
                holding.push(None);
                continue;
            };
            // A released relation holds nothing any more.
            let mut holder = None;
            for source in &sources {
                let key = RelationKey { source: source.clone(), ..key.clone() };
                let relations = store.relations(&key, &[&owner])?;
                if relations.iter().any(|r| binding(r.as_ref()).is_some_and(|r| r.target_id == *id)) {
                    holder = Some((source.clone(), owner));
                    break;
                }
            }
            holding.push(holder);
        }
        Ok(holding)
    })
    .await
}

/// An entity whose create was refused for good, and why.
pub(crate) type Refused = (Item, PluginError);

fn conflict(item: &Item) -> PluginError {
    item.conflict
        .clone()
        .unwrap_or_else(|| PluginError::new(code::CONFLICT, "the target says that the entity exists already"))
}

/// The names only: the entity log holds no attribute value of a person.
fn spell(filter: &[(String, String)]) -> String {
    let names: Vec<&str> = filter.iter().map(|(name, _)| name.as_str()).collect();
    format!("the same {}", names.join(" and "))
}
