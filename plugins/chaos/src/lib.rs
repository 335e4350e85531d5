//! A made-up system that misbehaves exactly when a schedule says so: the source and target of tests that
//! ask what the engine does when a plugin or a system goes wrong. Its people are made from a seed, so what
//! should have arrived can be worked out independently.

mod act;
mod deltas;
mod people;
mod schedule;
mod store;

use act::{After, Before};
use deltas::Deltas;
use gangway_sdk::{
    AttributeValue, ChangePage, Changes, Connector, Entity, Error, Operation, Outcome, Page, Result, Source,
    Target, system,
};
use people::People;
use schedule::{Call, Schedule};
use store::Store;

gangway_sdk::plugin! { manifest: "plugin.json", source: Chaos, changes: Chaos, target: Chaos }

/// The connector.
pub struct Chaos {
    people: People,
    store: Store,
    schedule: Schedule,
    deltas: Deltas,
}

impl Connector for Chaos {
    fn open() -> Result<Self> {
        let properties = system::properties();
        let mut schedule = Schedule::new(&properties)?;
        for act in schedule.firing(Call::Open, None)? {
            act.before()?;
        }
        let (people, store) = (People::new(&properties)?, Store::new(&properties)?);
        Ok(Chaos { people, store, schedule, deltas: Deltas::new(&properties)? })
    }
}

impl Source for Chaos {
    fn read_page(&mut self, entity_type: &str, cursor: Option<&str>, limit: u32) -> Result<Page> {
        let acts = self.schedule.firing(Call::ReadPage, Some(entity_type))?;
        acts.iter().try_for_each(Before::before)?;
        let limit = if acts.iter().any(After::shortens) { limit.min(1) } else { limit };
        let mut page = store::page(&self.people, &self.store, entity_type, cursor, limit)?;
        for act in &acts {
            act.on_page(&mut page, cursor)?;
        }
        Ok(page)
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        self.entities(entity_type, ids)
            .unwrap_or_else(|error| ids.iter().map(|_| Err(error.clone())).collect())
    }
}

impl Changes for Chaos {
    fn mark(&mut self, entity_type: &str, _since_ms: u64) -> Result<Option<String>> {
        self.deltas.mark(&self.people, entity_type)
    }

    fn read_changes(
        &mut self,
        entity_type: &str,
        mark: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<ChangePage> {
        let acts = self.schedule.firing(Call::ReadPage, Some(entity_type))?;
        acts.iter().try_for_each(Before::before)?;
        self.deltas.page(&self.people, entity_type, mark, cursor, limit)
    }
}

impl Target for Chaos {
    fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>> {
        let acts = self.schedule.firing(Call::Write, operations.first().map(|o| o.entity_type.as_str()))?;
        acts.iter().try_for_each(Before::before)?;
        let mut outcomes = Vec::with_capacity(operations.len());
        for operation in operations {
            outcomes.push(self.carry_out(operation).into());
        }
        for act in &acts {
            act.on_outcomes(&mut outcomes)?;
        }
        Ok(outcomes)
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        Source::read_entities(self, entity_type, ids)
    }

    fn find(&mut self, entity_type: &str, attributes: &[AttributeValue], limit: u32) -> Result<Vec<Entity>> {
        let acts = self.schedule.firing(Call::Find, Some(entity_type))?;
        acts.iter().try_for_each(Before::before)?;
        let mut found = store::find(&self.people, &self.store, entity_type, attributes, limit)?;
        for act in &acts {
            act.on_entities(&mut found)?;
        }
        Ok(found)
    }
}

impl Chaos {
    fn entities(&mut self, entity_type: &str, ids: &[String]) -> Result<Vec<Result<Entity>>> {
        let acts = self.schedule.firing(Call::ReadEntities, Some(entity_type))?;
        acts.iter().try_for_each(Before::before)?;
        let mut answers: Vec<Result<Entity>> = Vec::with_capacity(ids.len());
        for id in ids {
            let json = store::get(&self.people, &self.store, entity_type, id)?;
            answers.push(
                json.map(|json| Entity::new(id, json)).ok_or_else(|| Error::no_entity(entity_type, id)),
            );
        }
        for act in &acts {
            act.on_answers(&mut answers)?;
        }
        Ok(answers)
    }

    fn carry_out(&mut self, operation: &Operation) -> Result<Outcome> {
        let acts = self.schedule.firing(Call::Operation, Some(&operation.entity_type))?;
        acts.iter().try_for_each(Before::before)?;
        let id = store::carry_out(&self.people, &mut self.store, operation)?;
        let mut outcome = vec![Outcome::done(id)];
        for act in &acts {
            act.on_outcomes(&mut outcome)?;
        }
        outcome.pop().ok_or_else(|| Error::internal("The outcome was scheduled away."))
    }
}

#[cfg(test)]
mod tests;
