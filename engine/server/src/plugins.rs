//! Plugins of a tenant: the host runs them, the store remembers them.

use crate::problem::Problem;
use crate::services::{OpenError, Services};
use gangway_host::{Host, LoadError, Loaded, Origin, PluginStatus};
use gangway_model::{Manifest, PluginId, TenantId};
use gangway_store::{PluginRecord, PluginVersion};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Why plugins of the store are not loaded.
#[derive(Default)]
pub(crate) struct Unavailable(Mutex<HashMap<(TenantId, PluginId), String>>);

impl Unavailable {
    fn set(&self, tenant: &TenantId, plugin: &PluginId, reason: Option<String>) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.clone(), plugin.clone());
        match reason {
            Some(reason) => map.insert(key, reason),
            None => map.remove(&key),
        };
    }

    fn reason(&self, tenant: &TenantId, plugin: &PluginId) -> Option<String> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(&(tenant.clone(), plugin.clone())).cloned()
    }
}

/// What is answered after loading.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    id: PluginId,
    digest: String,
    manifest: Manifest,
    roles: Vec<&'static str>,
    /// SHA-256 of the version that it replaced.
    replaced: Option<String>,
    timings: Timings,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Timings {
    verify_micros: u64,
    compile_micros: u64,
    smoke_micros: u64,
    total_micros: u64,
    from_cache: bool,
}

impl Report {
    fn new(id: &PluginId, loaded: Loaded) -> Self {
        let micros = |d: std::time::Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
        let t = loaded.timings;
        Self {
            id: id.clone(),
            digest: loaded.digest,
            manifest: loaded.manifest,
            roles: loaded.roles,
            replaced: loaded.replaced,
            timings: Timings {
                verify_micros: micros(t.verify),
                compile_micros: micros(t.compile),
                smoke_micros: micros(t.smoke),
                total_micros: micros(t.total),
                from_cache: !matches!(loaded.origin, Origin::Compiler),
            },
        }
    }
}

impl Services {
    /// Loads what the store remembers, of every tenant. A plugin that does not come up is shown as
    /// unavailable; the engine starts all the same.
    pub(crate) async fn load_stored_plugins(&self) -> Result<(), OpenError> {
        let store = self.inner.store.clone();
        let records = tokio::task::spawn_blocking(move || {
            let mut records = Vec::new();
            for tenant in store.tenants()? {
                for record in store.tenant(&tenant)?.plugins()? {
                    records.push((tenant.clone(), record));
                }
            }
            Ok::<_, gangway_store::StoreError>(records)
        })
        .await
        .map_err(|error| {
            gangway_store::StoreError::Failed(format!("reading the plugins broke down: {error}"))
        })??;
        for (tenant, record) in records {
            // The one before comes first, so that a roll back works after a restart, too.
            if let Some(previous) = previous(&record)
                && let Err(problem) = self.load_stored(&tenant, &record.id, &previous).await
            {
                tracing::warn!(
                    tenant = tenant.as_str(),
                    plugin = record.id.as_str(),
                    detail = problem.detail(),
                    "no way back"
                );
            }
            if let Err(problem) = self.load_stored(&tenant, &record.id, &record.current).await {
                self.inner.host.unload(&tenant, &record.id);
                tracing::error!(
                    tenant = tenant.as_str(),
                    plugin = record.id.as_str(),
                    detail = problem.detail(),
                    "plugin did not come up; upload it again"
                );
                self.inner.unavailable.set(&tenant, &record.id, Some(problem.detail().to_owned()));
            }
        }
        Ok(())
    }

    async fn load_stored(&self, tenant: &TenantId, id: &PluginId, digest: &str) -> Result<(), Problem> {
        let wanted = digest.to_owned();
        let wasm = self
            .of_tenant(tenant, move |store| store.component(&wanted))
            .await?
            .ok_or_else(|| Problem::internal(format!("the component {digest} is not in the store")))?;
        self.inner.host.load(tenant, id, wasm).await.map_err(|error| Problem::refused(&error))?;
        Ok(())
    }

    /// Takes a component into use: kept in the store, loaded, and recorded as the current version.
    pub(crate) async fn load_plugin(
        &self,
        tenant: &TenantId,
        id: &PluginId,
        wasm: Vec<u8>,
    ) -> Result<Report, Problem> {
        let context = |problem: Problem| problem.tenant(tenant.as_str()).plugin(id.as_str());
        let _changes = self.inner.changes.lock().await;
        // The tenant must exist, and its record is read before anything happens.
        let record = self.plugin_record(tenant, id).await?;
        let kept = wasm.clone();
        let loaded = self
            .inner
            .host
            .load(tenant, id, wasm)
            .await
            .map_err(|error| context(Problem::refused(&error)))?;
        let known = self.inner.host.plugins(tenant).into_iter().find(|p| p.id == *id);
        let version = PluginVersion {
            digest: loaded.digest.clone(),
            loaded_ms: known.map_or_else(|| self.inner.clock.now_ms(), |p| p.loaded_ms),
            manifest: loaded.manifest.clone(),
        };
        let replaced = loaded.replaced.is_some();
        let record = with_version(record, id, version);
        let stored = self
            .of_tenant(tenant, move |store| {
                store.put_component(&record.current, &kept)?;
                store.put_plugin(&record)
            })
            .await;
        if let Err(problem) = stored {
            // What is not remembered is not used.
            if !replaced || self.inner.host.roll_back(tenant, id).is_err() {
                self.inner.host.unload(tenant, id);
            }
            return Err(context(problem));
        }
        self.inner.unavailable.set(tenant, id, None);
        Ok(Report::new(id, loaded))
    }

    /// Goes back to the version before.
    pub(crate) async fn roll_back_plugin(&self, tenant: &TenantId, id: &PluginId) -> Result<Value, Problem> {
        let _changes = self.inner.changes.lock().await;
        let missing = || Problem::refused(&LoadError::Missing(id.to_string())).tenant(tenant.as_str());
        let mut record = self.plugin_record(tenant, id).await?.ok_or_else(missing)?;
        let status = self
            .inner
            .host
            .roll_back(tenant, id)
            .map_err(|error| Problem::refused(&error).tenant(tenant.as_str()).plugin(id.as_str()))?;
        record.current = status.digest.clone();
        let kept = record.clone();
        if let Err(problem) = self.of_tenant(tenant, move |store| store.put_plugin(&kept)).await {
            // Back again: what is not remembered is not used.
            let _ = self.inner.host.roll_back(tenant, id);
            return Err(problem.plugin(id.as_str()));
        }
        Ok(self.plugin_json(tenant, &record, Some(status)))
    }

    /// Removes a plugin. Refused while a system uses it.
    pub(crate) async fn remove_plugin(&self, tenant: &TenantId, id: &PluginId) -> Result<(), Problem> {
        let _changes = self.inner.changes.lock().await;
        let name = id.clone();
        let users: Vec<String> = self
            .of_tenant(tenant, |store| store.systems())
            .await?
            .into_iter()
            .filter(|system| {
                let documents = [&system.read, &system.write];
                system.plugin == name || documents.into_iter().flatten().any(|d| d.plugin == name)
            })
            .map(|system| system.name)
            .collect();
        if !users.is_empty() {
            return Err(Problem::conflict(format!("plugin {id} is used by {}", users.join(", ")))
                .action("delete these systems, or give them another plugin, first")
                .tenant(tenant.as_str())
                .plugin(id.as_str()));
        }
        let name = id.clone();
        if !self.of_tenant(tenant, move |store| store.delete_plugin(&name)).await? {
            return Err(Problem::refused(&LoadError::Missing(id.to_string())).tenant(tenant.as_str()));
        }
        self.inner.host.unload(tenant, id);
        self.inner.unavailable.set(tenant, id, None);
        Ok(())
    }

    /// Every plugin of a tenant as it is answered.
    pub(crate) async fn plugin_list(&self, tenant: &TenantId) -> Result<Vec<Value>, Problem> {
        let records = self.of_tenant(tenant, |store| store.plugins()).await?;
        let mut running: HashMap<PluginId, PluginStatus> =
            self.inner.host.plugins(tenant).into_iter().map(|p| (p.id.clone(), p)).collect();
        Ok(records
            .iter()
            .map(|record| self.plugin_json(tenant, record, running.remove(&record.id)))
            .collect())
    }

    async fn plugin_record(&self, tenant: &TenantId, id: &PluginId) -> Result<Option<PluginRecord>, Problem> {
        let records = self.of_tenant(tenant, |store| store.plugins()).await?;
        Ok(records.into_iter().find(|record| record.id == *id))
    }

    fn plugin_json(&self, tenant: &TenantId, record: &PluginRecord, status: Option<PluginStatus>) -> Value {
        let current = record.versions.iter().find(|v| v.digest == record.current);
        let shown = match status {
            Some(status) => serde_json::to_value(status).unwrap_or_default(),
            None => json!({
                "id": record.id,
                "digest": record.current,
                "manifest": current.map(|v| &v.manifest),
                "loadedMs": current.map(|v| v.loaded_ms),
                "state": "unavailable",
                "reason": self.inner.unavailable.reason(tenant, &record.id),
            }),
        };
        let versions: Vec<_> = record
            .versions
            .iter()
            .map(|v| json!({ "digest": v.digest, "loadedMs": v.loaded_ms, "version": v.manifest.version }))
            .collect();
        let Value::Object(mut shown) = shown else { return Value::Null };
        shown.insert("versions".to_owned(), Value::Array(versions));
        Value::Object(shown)
    }
}

/// The record with a version that goes into use. Versions stand in the order of their use, so that the
/// one before is always known; see [`previous`].
fn with_version(record: Option<PluginRecord>, id: &PluginId, version: PluginVersion) -> PluginRecord {
    let mut record = record.unwrap_or_else(|| PluginRecord {
        id: id.clone(),
        versions: Vec::new(),
        current: version.digest.clone(),
    });
    if let Some(at) = record.versions.iter().position(|v| v.digest == record.current) {
        let current = record.versions.remove(at);
        record.versions.push(current);
    }
    record.versions.retain(|v| v.digest != version.digest);
    record.current = version.digest.clone();
    record.versions.push(version);
    record
}

/// The version a roll back brings: the last but the one in use.
fn previous(record: &PluginRecord) -> Option<String> {
    record.versions.iter().rev().find(|v| v.digest != record.current).map(|v| v.digest.clone())
}

/// Looks at a component without running it.
pub fn inspect(wasm: &[u8]) -> Result<gangway_host::Inspection, LoadError> {
    Host::inspect(wasm)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(digest: &str) -> PluginVersion {
        let manifest = json!({ "interface": "0.1", "name": "p", "version": "1" });
        PluginVersion {
            digest: digest.to_owned(),
            loaded_ms: 0,
            manifest: serde_json::from_value(manifest).unwrap(),
        }
    }

    fn after(loads: &[&str]) -> PluginRecord {
        let id = PluginId::new("p");
        let record = loads.iter().fold(None, |record, d| Some(with_version(record, &id, version(d))));
        record.unwrap()
    }

    #[test]
    fn the_version_before_is_the_one_that_was_in_use_before() {
        assert_eq!(previous(&after(&["a"])), None);
        assert_eq!(previous(&after(&["a", "b", "c"])), Some("b".into()));
        // The same bytes again change nothing.
        assert_eq!(previous(&after(&["a", "b", "b"])), Some("a".into()));
        assert_eq!(previous(&after(&["a", "b", "a"])), Some("b".into()));
    }

    #[test]
    fn after_a_roll_back_the_version_before_is_the_one_that_was_left() {
        let mut record = after(&["a", "b", "c"]);
        record.current = "b".into();
        assert_eq!(previous(&record), Some("c".into()));
        let record = with_version(Some(record), &PluginId::new("p"), version("d"));
        assert_eq!(previous(&record), Some("b".into()));
    }
}
