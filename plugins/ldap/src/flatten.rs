//! Nested groups made flat (`ad.group.flatten`): a group has, in place of the groups among its members, all users
//! that these have, and those in them, however deep.
//!
//! The names of all groups are read once at the start of a read; the members of a group only if it is nested.

use crate::client::Worker;
use crate::settings::{Settings, Tree};
use crate::{finding, mapping, paging};
use gangway_sdk::{Entity, Error, Result, error::code, json, system};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// What is known of a read's groups.
#[derive(Debug, Default)]
pub struct Flattener {
    /// The names of all groups; none before they were read.
    groups: Option<HashSet<String>>,
    /// The members of nested groups, by their names.
    nested: HashMap<String, Vec<String>>,
}

impl Flattener {
    /// Flattens a page's groups; `first` says that a read begins.
    pub fn page(
        &mut self,
        settings: &Settings,
        worker: &mut Worker,
        tree: &Tree,
        first: bool,
        entities: &mut [Entity],
    ) -> Result<()> {
        if first {
            *self = Self::default();
        }
        if self.groups.is_none() {
            self.groups = Some(paging::names(settings, tree, settings.flatten_page_size)?);
        }
        let mut contents = Vec::with_capacity(entities.len());
        for entity in entities.iter() {
            contents.push(json::parse::<Map<String, Value>>(&entity.json)?);
        }
        let named = contents.iter().flat_map(members).map(str::to_owned).collect();
        self.load(settings, worker, tree, named)?;
        for (entity, mut content) in entities.iter_mut().zip(contents) {
            if !members(&content).any(|name| self.is_group(name)) {
                continue;
            }
            for (attribute, values) in &mut content {
                if mapping::holds_members(attribute) {
                    *values = self.users(&entity.id, values).into();
                }
            }
            entity.json = serde_json::to_string(&content)?;
        }
        Ok(())
    }

    fn is_group(&self, name: &str) -> bool {
        self.groups.as_ref().is_some_and(|groups| groups.contains(name))
    }

    /// Reads the members of those names that are groups, of the groups among those, and so on.
    fn load(
        &mut self,
        settings: &Settings,
        worker: &mut Worker,
        tree: &Tree,
        mut named: Vec<String>,
    ) -> Result<()> {
        loop {
            system::check_cancelled()?;
            named.retain(|name| self.is_group(name) && !self.nested.contains_key(name));
            named.sort_unstable();
            named.dedup();
            if named.is_empty() {
                return Ok(());
            }
            let found = finding::by_ids(settings, worker, tree, &named);
            let mut next = Vec::new();
            for (name, entity) in named.into_iter().zip(found) {
                let inside: Vec<String> = match entity {
                    Ok(entity) => members(&json::parse(&entity.json)?).map(str::to_owned).collect(),
                    // It went away meanwhile.
                    Err(error) if error.is(code::NOT_FOUND) => Vec::new(),
                    Err(error) => return Err(of_nested(error, &name)),
                };
                next.extend(inside.iter().cloned());
                self.nested.insert(name, inside);
            }
            named = next;
        }
    }

    /// The users that a group has, each once. A group that is inside itself ends there.
    fn users(&self, group: &str, values: &Value) -> Vec<Value> {
        let mut users = Vec::new();
        let mut known: HashSet<&str> = HashSet::from([group]);
        let direct = values.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut open: Vec<&str> = direct.iter().rev().filter_map(Value::as_str).collect();
        while let Some(name) = open.pop() {
            if !known.insert(name) {
                continue;
            }
            if self.is_group(name) {
                open.extend(self.nested.get(name).into_iter().flatten().rev().map(String::as_str));
            } else {
                users.push(Value::from(name));
            }
        }
        users
    }
}

fn of_nested(error: Error, name: &str) -> Error {
    Error { message: format!("The nested group {name:?} cannot be read: {}", error.message), ..error }
}

/// The names of a group's members.
fn members(content: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let lists = content.iter().filter(|(attribute, _)| mapping::holds_members(attribute));
    lists.filter_map(|(_, values)| values.as_array()).flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_inside_groups_give_their_users_once_and_a_circle_ends() {
        let names = |list: &[&str]| -> Vec<String> { list.iter().map(|name| (*name).to_owned()).collect() };
        let flattener = Flattener {
            groups: Some(names(&["g", "h", "i"]).into_iter().collect()),
            nested: HashMap::from([
                ("h".to_owned(), names(&["b", "i", "a"])),
                ("i".to_owned(), names(&["c", "g", "h"])),
            ]),
        };
        let users = flattener.users("g", &serde_json::json!(["a", "h", "d"]));
        assert_eq!(users, ["a", "b", "c", "d"]);
    }
}
