//! Users and groups of SCIM 2.0 service providers (RFC 7643, RFC 7644), as source and as target.

pub mod assignments;
pub mod bulk;
pub mod client;
pub mod deltas;
pub mod mapping;
pub mod members;
pub mod paging;
pub mod payload;
pub mod reading;
pub mod roles;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod writing;

use client::Client;
use gangway_sdk::{
    AttributeValue, ChangePage, Changes, Connector, Entity, Operation, Outcome, Page, Result, Source, Target,
    log, system,
};
use reading::Provider;
use serde_json::Value;
use settings::{Resource, Settings};

/// The connector to one SCIM system.
#[derive(Debug)]
pub struct Scim {
    client: Client,
    /// What the service says it can do, once it was asked.
    provider: Option<Provider>,
}

impl Scim {
    fn provider(client: &Client, kept: &mut Option<Provider>) -> Provider {
        kept.get_or_insert_with(|| reading::service_provider_config(client)).clone()
    }

    fn page(
        &mut self,
        resource: Resource,
        filter: Option<&str>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page> {
        let Self { client, provider } = self;
        let by_cursor = || reading::pages_by_cursor(client, || Self::provider(client, provider));
        reading::page(client, by_cursor, (resource, filter), cursor, limit)
    }

    fn by_ids(&self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        match Resource::of(entity_type) {
            Ok(resource) => reading::by_ids(&self.client, resource, ids),
            Err(error) => ids.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

impl Connector for Scim {
    fn open() -> Result<Self> {
        Ok(Self { client: Client::new(Settings::read(&system::properties())?), provider: None })
    }
}

impl Source for Scim {
    fn read_page(&mut self, entity_type: &str, cursor: Option<&str>, limit: u32) -> Result<Page> {
        let resource = Resource::of(entity_type)?;
        let filter = self.client.settings().filter(resource).map(str::to_owned);
        self.page(resource, filter.as_deref(), cursor, limit)
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        self.by_ids(entity_type, ids)
    }
}

impl Changes for Scim {
    fn mark(&mut self, entity_type: &str, since_ms: u64) -> Result<Option<String>> {
        deltas::mark(self.client.settings(), Resource::of(entity_type)?, since_ms)
    }

    fn read_changes(
        &mut self,
        entity_type: &str,
        mark: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<ChangePage> {
        let resource = Resource::of(entity_type)?;
        if let Some(page) = deltas::deleted(&self.client, resource, mark, cursor, limit)? {
            return Ok(page);
        }
        let filter = deltas::filter(self.client.settings().filter(resource), mark);
        let page = self.page(resource, Some(&filter), cursor, limit).map_err(deltas::explained)?;
        let mut page = ChangePage::from(page);
        if page.next_cursor.is_none()
            && Self::provider(&self.client, &mut self.provider).deleted.contains(&resource.entity_type)
        {
            page.next_cursor = Some(deltas::first_deleted()?);
        }
        Ok(page)
    }
}

impl Target for Scim {
    fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>> {
        system::check_cancelled()?;
        self.client.renew_token()?;
        if assignments::are_in(operations) {
            let client = self.client.clone();
            return assignments::write(&client, operations, |operations| self.write_entities(operations));
        }
        self.write_entities(operations)
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        self.by_ids(entity_type, ids)
    }

    fn find(&mut self, entity_type: &str, attributes: &[AttributeValue], limit: u32) -> Result<Vec<Entity>> {
        reading::find(&self.client, Resource::of(entity_type)?, attributes, limit)
    }
}

impl Scim {
    fn write_entities(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>> {
        if roles::are_kept(&self.client, operations) {
            let client = self.client.clone();
            return roles::write(&client, operations, |operations| self.write_whole(operations));
        }
        self.write_whole(operations)
    }

    fn write_whole(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>> {
        let rules = self.client.settings().members;
        if !operations.iter().any(|operation| members::is_large(rules, operation)) {
            return self.write_each(operations);
        }
        // A large group stands alone: its members take several requests, one after the other.
        let mut outcomes = Vec::with_capacity(operations.len());
        for run in operations.chunk_by(|a, b| !members::is_large(rules, a) && !members::is_large(rules, b)) {
            match run {
                [large] if members::is_large(rules, large) => {
                    outcomes.push(members::write(&self.client, large));
                }
                others => outcomes.extend(self.write_each(others)?),
            }
        }
        Ok(outcomes)
    }

    fn write_each(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>> {
        let Some(count) = self.client.settings().bulk.filter(|_| bulk::is_of_use(operations)) else {
            return Ok(writing::write(&self.client, operations));
        };
        let config = Self::provider(&self.client, &mut self.provider).config;
        if config.pointer("/bulk/supported").and_then(Value::as_bool) == Some(false) {
            log::warn(
                "the service says that it has no bulk operations, so each write is a request of its own; set the \
                 property `scim.support.bulk.operation` to false",
            );
            return Ok(writing::write(&self.client, operations));
        }
        Ok(bulk::write(&self.client, operations, count, bulk::Limits::of(&config)))
    }
}

gangway_sdk::plugin! { manifest: "plugin.json", source: Scim, changes: Scim, target: Scim }
