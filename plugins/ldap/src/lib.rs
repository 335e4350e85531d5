//! Users and groups of LDAP directories (RFC 4511), Active Directory among them, as source and as target.

pub mod ber;
pub mod changes;
pub mod client;
pub mod deltas;
pub mod departures;
pub mod dn;
pub mod failure;
pub mod filter;
pub mod finding;
pub mod flatten;
pub mod mapping;
pub mod message;
pub mod paging;
pub mod ranges;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod writing;

use client::Worker;
use flatten::Flattener;
use gangway_sdk::{
    AttributeValue, ChangePage, Changes, Connector, Entity, Operation, Outcome, Page, Result, Source, Target,
    system,
};
use paging::Pages;
use settings::Settings;

/// The connector to one directory.
#[derive(Debug)]
pub struct Ldap {
    settings: Settings,
    pages: Pages,
    flattener: Flattener,
    worker: Worker,
}

impl Ldap {
    fn by_ids(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        match self.settings.tree(entity_type) {
            Ok(tree) => finding::by_ids(&self.settings, &mut self.worker, tree, ids),
            Err(error) => ids.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

impl Connector for Ldap {
    fn open() -> Result<Self> {
        let settings = Settings::read(&system::properties())?;
        Ok(Self {
            settings,
            pages: Pages::default(),
            flattener: Flattener::default(),
            worker: Worker::default(),
        })
    }
}

impl Source for Ldap {
    fn read_page(&mut self, entity_type: &str, cursor: Option<&str>, limit: u32) -> Result<Page> {
        system::check_cancelled()?;
        let tree = self.settings.tree(entity_type)?;
        let mut page = self.pages.read(&self.settings, &mut self.worker, tree, cursor, limit)?;
        if self.settings.flattens(tree) {
            let (worker, first) = (&mut self.worker, cursor.is_none());
            self.flattener.page(&self.settings, worker, tree, first, &mut page.entities)?;
        }
        Ok(page)
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        let mut found = self.by_ids(entity_type, ids);
        let Ok(tree) = self.settings.tree(entity_type) else { return found };
        if self.settings.flattens(tree) {
            for answer in &mut found {
                let Ok(entity) = answer else { continue };
                let one = std::slice::from_mut(entity);
                if let Err(error) = self.flattener.page(&self.settings, &mut self.worker, tree, true, one) {
                    *answer = Err(error);
                }
            }
        }
        found
    }
}

impl Changes for Ldap {
    fn mark(&mut self, entity_type: &str, since_ms: u64) -> Result<Option<String>> {
        let tree = self.settings.tree(entity_type)?;
        if self.settings.flattens(tree) {
            // A group does not change where one inside it does.
            return Ok(None);
        }
        deltas::mark(&self.settings, &mut self.worker, tree, since_ms).map(Some)
    }

    fn read_changes(
        &mut self,
        entity_type: &str,
        mark: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<ChangePage> {
        system::check_cancelled()?;
        let tree = self.settings.tree(entity_type)?;
        let (changed, gone) =
            deltas::changed(&self.settings, &mut self.worker, tree, mark, cursor.is_none())?;
        let page = self.pages.read(&self.settings, &mut self.worker, &changed, cursor, limit)?;
        Ok(ChangePage { removed: gone, ..ChangePage::from(page) })
    }
}

impl Target for Ldap {
    fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>> {
        system::check_cancelled()?;
        Ok(writing::write(&self.settings, &mut self.worker, operations))
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        self.by_ids(entity_type, ids)
    }

    fn find(&mut self, entity_type: &str, attributes: &[AttributeValue], limit: u32) -> Result<Vec<Entity>> {
        let tree = self.settings.tree(entity_type)?;
        finding::find(&self.settings, &mut self.worker, tree, attributes, limit)
    }
}

gangway_sdk::plugin! { manifest: "plugin.json", source: Ldap, changes: Ldap, target: Ldap }
