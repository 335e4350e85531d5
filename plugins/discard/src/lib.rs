//! A target that accepts every write at once and keeps nothing: what a pipeline costs without a system
//! behind it.

use gangway_sdk::{AttributeValue, Connector, Entity, Error, Kind, Operation, Outcome, Result, Target};
use serde::Deserialize;

gangway_sdk::plugin! { manifest: "plugin.json", target: Discard }

/// The target.
#[derive(Debug, Default)]
pub struct Discard {
    created: u64,
}

impl Connector for Discard {
    fn open() -> Result<Self> {
        Ok(Discard::default())
    }
}

/// The attributes that give a created entity its identifier: the first that is there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named<'a> {
    #[serde(borrow)]
    id: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    user_name: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    display_name: Option<std::borrow::Cow<'a, str>>,
}

impl Discard {
    /// The identifier of a created entity: the one it was given, or one that the same content gets again.
    fn identify(&mut self, operation: &Operation) -> Result<String> {
        if let Some(id) = operation.id.as_deref().filter(|id| !id.is_empty()) {
            return Ok(id.to_owned());
        }
        let named: Named<'_> = serde_json::from_str(&operation.json).map_err(|error| {
            Error::invalid(format!(
                "The {} to create is not a JSON object that can be read: {error}.",
                operation.entity_type
            ))
        })?;
        self.created += 1;
        Ok(named
            .id
            .or(named.user_name)
            .or(named.display_name)
            .map_or_else(|| self.created.to_string(), Into::into))
    }
}

impl Target for Discard {
    fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>> {
        Ok(operations
            .iter()
            .map(|operation| {
                let id = match operation.kind() {
                    Kind::Create => self.identify(operation),
                    Kind::Replace | Kind::Patch | Kind::Delete => operation.require_id().map(str::to_owned),
                    Kind::Unknown => Err(operation.unsupported()),
                };
                id.map(Outcome::done).into()
            })
            .collect())
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        ids.iter().map(|id| Err(Error::no_entity(entity_type, id))).collect()
    }

    fn find(
        &mut self,
        _entity_type: &str,
        _attributes: &[AttributeValue],
        _limit: u32,
    ) -> Result<Vec<Entity>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests;
