//! Whether what a plan was made from is still so: the systems' configuration, the source's entities, the
//! relations, and, if they were looked at, the accounts in the targets.

use crate::error::Stop;
use crate::run::{Lane, Run};
use crate::verbatim::{BATCH, deeds};
use crate::{correlate, live, simulate};
use gangway_model::{EntityType, Hash, JobId, Plan, PlannedOperation, PlannedVerb};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// Differences that are named one by one.
const NAMED: usize = 20;
/// Entities of the source that may wait for their counterpart in the plan: the source may deliver them in
/// another order, and memory has an end.
const WAITING: usize = 100_000;

/// What is not as it was.
#[derive(Default)]
pub(crate) struct Moved {
    named: Vec<String>,
    more: usize,
}

impl Moved {
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    fn add(&mut self, difference: String) {
        if self.named.len() < NAMED {
            self.named.push(difference);
        } else {
            self.more += 1;
        }
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.named.join("; "))?;
        if self.more > 0 {
            write!(f, "; and {} more", self.more)?;
        }
        Ok(())
    }
}

/// All differences; nothing is written.
pub(crate) async fn since(run: &Run, plan: &Plan) -> Result<Moved, Stop> {
    let mut moved = Moved::default();
    configuration(run, plan, &mut moved);
    if moved.is_empty() {
        source(run, plan, &mut moved).await?;
        operations(run, plan, &mut moved).await?;
    }
    Ok(moved)
}

fn configuration(run: &Run, plan: &Plan, moved: &mut Moved) {
    let now = simulate::systems(run);
    for system in &now {
        match plan.systems.iter().find(|planned| planned.id == system.id) {
            None => moved.add(format!("system {:?} takes part now, and did not", system.name)),
            Some(planned) if planned.configuration != system.configuration => {
                moved.add(format!("the configuration of system {:?} was changed", system.name));
            }
            Some(_) => {}
        }
    }
    for planned in plan.systems.iter().filter(|planned| !now.iter().any(|system| system.id == planned.id)) {
        moved.add(format!("system {:?} takes part no longer", planned.name));
    }
}

/// How often an entity was delivered now, less how often it was then; those with 0 are forgotten.
#[derive(Default)]
struct Balance(HashMap<(EntityType, String, Hash), i64>);

impl Balance {
    fn count(&mut self, entity_type: &EntityType, entities: Vec<(String, Hash)>, by: i64) {
        for (id, hash) in entities {
            let key = (entity_type.clone(), id, hash);
            let entry = self.0.entry(key.clone()).or_default();
            *entry += by;
            if *entry == 0 {
                self.0.remove(&key);
            }
        }
    }
}

async fn source(run: &Run, plan: &Plan, moved: &mut Moved) -> Result<(), Stop> {
    let mut balance = Balance::default();
    let mut page_of_plan = Some(0);
    for entity_type in &run.types {
        let mut cursor: Option<String> = None;
        loop {
            if run.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let page = run.reader.read_page(entity_type.as_str(), cursor.as_deref(), run.page_size).await;
            let page = page.map_err(Stop::Source)?;
            balance.count(entity_type, simulate::delivered(run, entity_type, &page).entities, 1);
            page_of_plan = then(run, &plan.id, page_of_plan, &mut balance).await?;
            if balance.0.len() > WAITING {
                moved.add(format!("the source {:?} delivers something else altogether", run.source.name));
                return Ok(());
            }
            match page.next_cursor {
                Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => break,
            }
        }
    }
    while page_of_plan.is_some() && balance.0.len() <= WAITING {
        page_of_plan = then(run, &plan.id, page_of_plan, &mut balance).await?;
    }
    // The same entity with another hash stands there twice.
    let mut entities: BTreeMap<(EntityType, String), (bool, bool)> = BTreeMap::new();
    for ((entity_type, id, _), count) in balance.0 {
        let (now, then) = entities.entry((entity_type, id)).or_default();
        *now |= count > 0;
        *then |= count < 0;
    }
    for ((entity_type, id), (now, then)) in entities {
        let what = match (now, then) {
            (true, true) => "was changed",
            (true, false) => "is new",
            _ => "is gone",
        };
        moved.add(format!("{entity_type} {id:?} of the source {what}"));
    }
    Ok(())
}

/// Takes the next page of the plan off the balance. None when there are no more.
async fn then(
    run: &Run,
    plan: &JobId,
    after: Option<u64>,
    balance: &mut Balance,
) -> Result<Option<u64>, Stop> {
    let Some(after) = after else { return Ok(None) };
    let plan = plan.clone();
    let pages = run.blocking(move |store| store.plans().pages(&plan, Some(after), 1)).await?;
    let mut last = None;
    for (number, page) in pages {
        balance.count(&page.entity_type, page.entities, -1);
        last = Some(number);
    }
    Ok(last)
}

async fn operations(run: &Run, plan: &Plan, moved: &mut Moved) -> Result<(), Stop> {
    let mut after = 0;
    loop {
        if run.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        let (id, contents) = (plan.id.clone(), plan.live);
        let batch = run
            .blocking(move |store| store.plans().operations(&id, &deeds(), Some(after), BATCH, contents))
            .await?;
        let Some((last, _)) = batch.last() else { return Ok(()) };
        after = *last;
        for lane in &run.lanes {
            for entity_type in &run.types {
                let of_pair: Vec<&PlannedOperation> = batch
                    .iter()
                    .map(|(_, operation)| operation)
                    .filter(|o| o.target == lane.system.id && o.entity_type == *entity_type)
                    .collect();
                if !of_pair.is_empty() {
                    relations(run, lane, entity_type, &of_pair, moved).await?;
                    if plan.live {
                        accounts(run, lane, entity_type, &of_pair, moved).await;
                    }
                }
            }
        }
    }
}

async fn relations(
    run: &Run,
    lane: &Lane,
    entity_type: &EntityType,
    operations: &[&PlannedOperation],
    moved: &mut Moved,
) -> Result<(), Stop> {
    let key = run.key(lane, entity_type);
    let ids: Vec<String> = operations.iter().map(|operation| operation.source_id.clone()).collect();
    let (relations, intents) = run
        .blocking(move |store| {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            Ok((store.relations(&key, &ids)?, store.intents(&key, &ids)?))
        })
        .await?;
    for ((operation, relation), intent) in operations.iter().zip(relations).zip(intents) {
        let name = format!("{entity_type} {:?} in {:?}", operation.source_id, lane.system.name);
        let now =
            crate::decide::binding(relation.as_ref()).map(|relation| run.fingerprints.relation(relation));
        if operation.verb != PlannedVerb::Release && now != operation.relation {
            moved.add(format!("another job wrote {name}"));
        }
        if operation.verb == PlannedVerb::Create && intent.is_some() {
            moved.add(format!("whether an earlier job created {name} is unknown; run a Read job first"));
        }
    }
    Ok(())
}

/// What the simulation saw in the target.
async fn accounts(
    run: &Run,
    lane: &Lane,
    entity_type: &EntityType,
    operations: &[&PlannedOperation],
    moved: &mut Moved,
) {
    let Some(open) = lane.takes(entity_type) else { return };
    let name = |o: &PlannedOperation| format!("{entity_type} {:?} in {:?}", o.source_id, lane.system.name);
    let looked: Vec<&&PlannedOperation> = operations.iter().filter(|o| o.seen.is_some()).collect();
    if !looked.is_empty() {
        let ids = looked.iter().map(|o| o.target_id.clone().unwrap_or_default()).collect();
        let answers = open.target.read_entities(entity_type.as_str(), ids).await;
        for (operation, answer) in looked.iter().zip(answers) {
            match answer {
                Ok(entity) if Some(live::seen(run, &entity)) == operation.seen => {}
                Ok(_) => moved.add(format!("{} was changed there", name(operation))),
                Err(error) => moved.add(format!("{} cannot be read: {error}", name(operation))),
            }
        }
    }
    for operation in operations.iter().filter(|o| o.verb == PlannedVerb::Create) {
        let content: Value = serde_json::from_str(&operation.content.json).unwrap_or_default();
        let Some(filter) = correlate::unique(lane, entity_type, &content) else { continue };
        match open.target.find(entity_type.as_str(), filter, 1).await {
            Ok(found) if found.is_empty() => {}
            Ok(_) => moved.add(format!("{} is there now", name(operation))),
            Err(error) => moved.add(format!("{} cannot be looked for: {error}", name(operation))),
        }
    }
}
