//! What the engine keeps as records of the store: small, sealed, and known only here.

use gangway_model::{JobType, SystemId, TenantSettings};
use gangway_schedule::Schedule;
use gangway_store::{Record, StoreError, TenantStore};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Recurring jobs, by source.
pub const SCHEDULES: &str = "schedule";
/// The tenant's settings: one record.
pub const SETTINGS: &str = "settings";
const TENANT: &str = "tenant";
/// More records of a kind than there are systems.
const ALL: usize = 100_000;

/// A recurring job of a source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recurring {
    /// What it starts.
    #[serde(rename = "type")]
    pub kind: JobType,
    /// When.
    pub schedule: Schedule,
}

/// A record to be written, or with none to be removed.
pub fn record<T: Serialize>(kind: &'static str, key: &str, value: Option<&T>) -> Result<Record, StoreError> {
    let write = |value| {
        serde_json::to_vec(value)
            .map_err(|error| StoreError::Failed(format!("cannot write the {kind} of {key}: {error}")))
    };
    Ok(Record { kind, key: key.to_owned(), value: value.map(write).transpose()? })
}

/// A record as it was written.
pub fn read<T: DeserializeOwned>(kind: &str, key: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Damaged(format!("the {kind} record {key} cannot be read: {error}")))
}

/// A record by its kind and key.
pub fn find<T: DeserializeOwned>(
    store: &dyn TenantStore,
    kind: &str,
    key: &str,
) -> Result<Option<T>, StoreError> {
    store.record(kind, key)?.map(|bytes| read(kind, key, &bytes)).transpose()
}

/// All records of a kind, by key.
pub fn all<T: DeserializeOwned>(store: &dyn TenantStore, kind: &str) -> Result<Vec<(String, T)>, StoreError> {
    let records = store.records(kind, None, ALL)?;
    records.into_iter().map(|(key, bytes)| Ok((key.clone(), read(kind, &key, &bytes)?))).collect()
}

/// The tenant's settings.
pub fn settings(store: &dyn TenantStore) -> Result<TenantSettings, StoreError> {
    Ok(find(store, SETTINGS, TENANT)?.unwrap_or_default())
}

/// Changes the tenant's settings.
pub fn set_settings(store: &dyn TenantStore, settings: &TenantSettings) -> Result<(), StoreError> {
    store.put_records(&[record(SETTINGS, TENANT, Some(settings))?])
}

/// The recurring job of a source.
pub fn recurring(store: &dyn TenantStore, source: &SystemId) -> Result<Option<Recurring>, StoreError> {
    find(store, SCHEDULES, source.as_str())
}

/// Sets or removes the recurring job of a source.
pub fn set_recurring(
    store: &dyn TenantStore,
    source: &SystemId,
    recurring: Option<&Recurring>,
) -> Result<(), StoreError> {
    store.put_records(&[record(SCHEDULES, source.as_str(), recurring)?])
}

/// Removes all records of some kinds.
pub fn clear(store: &dyn TenantStore, kinds: &[&'static str]) -> Result<(), StoreError> {
    let mut gone = Vec::new();
    for kind in kinds {
        let keys = store.records(kind, None, ALL)?.into_iter().map(|(key, _)| key);
        gone.extend(keys.map(|key| Record { kind, key, value: None }));
    }
    store.put_records(&gone)
}
