//! What every implementation of [`Store`] must do, as tests.
//!
//! ```text
//! #[test]
//! fn contract() {
//!     gangway_store::contract::run(|| Arc::new(MyStore::new_and_empty()));
//! }
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test suite, although other crates call it"
)]

mod events;
mod jobs;
mod members;
mod model;
mod pipeline;
mod plugins;
mod records;
mod state;
mod systems;
mod tenants;
mod undo;

use crate::{NewRelation, Store, TenantStore};
use gangway_model::{
    Grants, Job, JobStatus, PluginId, Property, RelationKey, RelationState, Role, System, TenantId,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A case of the suite: its name, and what it does with an empty store.
pub type Case = (&'static str, fn(&dyn Store));

/// All cases.
pub fn cases() -> Vec<Case> {
    [
        tenants::CASES,
        systems::CASES,
        plugins::CASES,
        jobs::CASES,
        pipeline::CASES,
        events::CASES,
        records::CASES,
        state::CASES,
        model::CASES,
        members::CASES,
        undo::CASES,
    ]
    .concat()
}

/// Runs every case on a store of its own, which `make` makes; it must be empty.
pub fn run(make: impl Fn() -> Arc<dyn Store>) {
    for (name, case) in cases() {
        let store = make();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&*store)));
        if let Err(panic) = result {
            let why = panic.downcast_ref::<String>().map(String::as_str);
            let why = why.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
            panic!("the store does not keep the contract in {name}: {why}");
        }
    }
}

fn tenant(store: &dyn Store) -> Arc<dyn TenantStore> {
    let name = TenantId::new("acme");
    store.create_tenant(&name).unwrap();
    store.tenant(&name).unwrap()
}

fn system(id: &str, name: &str) -> System {
    System {
        tenant: "acme".into(),
        id: id.into(),
        name: name.to_owned(),
        description: String::new(),
        role: Role::Target,
        system_type: None,
        plugin: PluginId::new("scim2"),
        enabled: true,
        sources: Vec::new(),
        properties: BTreeMap::from([
            ("URL".to_owned(), Property::plain("https://example.com")),
            ("Password".to_owned(), Property::secret("hunter2")),
        ]),
        grants: Grants::default(),
        read: None,
        write: None,
    }
}

/// A job with what every job has. Read from its stored form, so that a field added to it later, which
/// old records lack, needs no change here.
pub(crate) fn job(id: &str, status: JobStatus) -> Job {
    serde_json::from_value(serde_json::json!({
        "tenant": "acme",
        "id": id,
        "source": "s",
        "sourceName": "Source",
        "type": "READ",
        "readMode": "FULL",
        "trigger": { "type": "IMMEDIATE", "by": null },
        "status": status,
        "startMs": 1,
        "checkpoint": { "phase": { "name": "reading", "index": 0, "cursor": null }, "pages": 0 },
    }))
    .expect("a stored job")
}

fn key(source: &str, target: &str, entity_type: &str) -> RelationKey {
    RelationKey { source: source.into(), target: target.into(), entity_type: entity_type.into() }
}

fn relation(source_id: &str, target_id: &str) -> NewRelation {
    NewRelation {
        source_id: source_id.to_owned(),
        target_id: target_id.to_owned(),
        existed_before: false,
        fingerprint: [1; 16],
        payload: [2; 16],
        state: RelationState::Active,
    }
}
