//! CSV files as source and target. A file is named after the type it holds: `users`, `groups`.
//!
//! Each row is one entity, whose JSON is written straight from the row's text: on the way from file to
//! page no value is parsed that does not have to be.

mod dialect;
mod duplicates;
mod encoding;
mod header;
mod json;
mod record;
mod rows;
mod settings;
mod source;
mod target;

use gangway_sdk::{
    AttributeValue, Connector, Entity, Operation, Outcome, Page, Result, Source, Target, system,
};
use settings::Settings;

gangway_sdk::plugin! { manifest: "plugin.json", source: Csv, target: Csv }

/// The connector.
pub struct Csv {
    settings: Settings,
    /// The file that the last page came from.
    reading: Option<source::Reading>,
}

impl Connector for Csv {
    fn open() -> Result<Self> {
        Ok(Csv { settings: Settings::new(system::properties())?, reading: None })
    }
}

impl Source for Csv {
    fn read_page(&mut self, entity_type: &str, cursor: Option<&str>, limit: u32) -> Result<Page> {
        source::read_page(&mut self.reading, &self.settings, entity_type, cursor, limit)
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        source::read_entities(&self.settings, entity_type, ids)
    }
}

impl Target for Csv {
    fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>> {
        target::write(&self.settings, operations)
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        source::read_entities(&self.settings, entity_type, ids)
    }

    fn find(&mut self, entity_type: &str, attributes: &[AttributeValue], limit: u32) -> Result<Vec<Entity>> {
        source::find(&self.settings, entity_type, attributes, limit)
    }
}

#[cfg(test)]
mod tests;
