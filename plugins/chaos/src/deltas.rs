//! What changed between two settings of the properties: a mark is the people as they were.

use crate::people::People;
use gangway_sdk::system::{Properties, wrong};
use gangway_sdk::{ChangePage, Entity, Error, Result, paging};

/// What the system says of changes.
#[derive(Debug)]
pub(crate) struct Deltas {
    types: Vec<String>,
    /// Why changes cannot be read.
    missing: Option<String>,
    tombstones: bool,
}

impl Deltas {
    pub(crate) fn new(properties: &Properties) -> Result<Self> {
        let types =
            properties.get_or("chaos.delta.types", "user,group").split(',').map(str::to_owned).collect();
        let missing = properties.get("chaos.delta.missing").map(str::to_owned);
        Ok(Self { types, missing, tombstones: properties.flag("chaos.delta.tombstones", false)? })
    }

    pub(crate) fn mark(&self, people: &People, entity_type: &str) -> Result<Option<String>> {
        if let Some(missing) = &self.missing {
            return Err(Error::unsupported(missing));
        }
        let known = self.types.iter().any(|known| known == entity_type);
        known.then(|| serde_json::to_string(people).map_err(Error::from)).transpose()
    }

    /// The people who are new or different, and those who left if the system tells of them.
    pub(crate) fn page(
        &self,
        people: &People,
        entity_type: &str,
        mark: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<ChangePage> {
        let then: People = serde_json::from_str(mark)
            .map_err(|error| wrong("mark", mark, &format!("one that this plugin gave: {error}")))?;
        let from = paging::decode(cursor)?.unwrap_or(0u64);
        let (mut place, mut entities) = (from, Vec::new());
        while place < people.count(entity_type) && entities.len() < limit as usize {
            let (id, json) = (people.id(entity_type, place), people.json(entity_type, place));
            let before = then.place(entity_type, &id).map(|place| then.json(entity_type, place));
            if before.as_ref() != Some(&json) {
                entities.push(Entity::new(id, json));
            }
            place += 1;
        }
        let mut removed = Vec::new();
        if self.tombstones && cursor.is_none() {
            let ids = (0..then.count(entity_type)).map(|place| then.id(entity_type, place));
            removed.extend(ids.filter(|id| people.place(entity_type, id).is_none()));
        }
        let next_cursor = (place < people.count(entity_type)).then(|| paging::encode(&place)).transpose()?;
        Ok(ChangePage { entities, removed, problems: Vec::new(), next_cursor })
    }
}
