//! Which version of a plugin is in use, for each tenant.
//!
//! Readers never wait: the map is swapped as a whole. Who opened a system before a swap keeps the
//! version that was current then; a version ends with its last user.

use crate::LoadError;
use crate::code::Code;
use crate::limits::Limits;
use crate::quarantine::{Crash, Health, PluginState};
use crate::verify::Roles;
use arc_swap::ArcSwap;
use gangway_model::{Manifest, PluginId, TenantId};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One version of a plugin in use by one tenant.
pub(crate) struct Version {
    pub(crate) tenant: TenantId,
    pub(crate) id: PluginId,
    pub(crate) digest: String,
    pub(crate) manifest: Manifest,
    pub(crate) roles: Roles,
    pub(crate) limits: Arc<Limits>,
    pub(crate) code: Arc<Code>,
    pub(crate) health: Health,
    pub(crate) loaded_ms: u64,
}

impl Version {
    /// As messages name it.
    pub(crate) fn name(&self) -> String {
        self.to_string()
    }
}

/// The name it is loaded under, and its version.
impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.id, self.manifest.version)
    }
}

/// A plugin as administrators see it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginStatus {
    /// The name it is loaded under.
    pub id: PluginId,
    /// SHA-256 of the version in use.
    pub digest: String,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it can be used as.
    pub roles: Vec<&'static str>,
    /// When it was loaded, in milliseconds since 1970.
    pub loaded_ms: u64,
    /// How it is.
    #[serde(flatten)]
    pub state: PluginState,
    /// Crashes since it was loaded.
    pub crashes: u64,
    /// The last of them.
    pub last_crash: Option<Crash>,
    /// SHA-256 of the version that a roll back would bring.
    pub previous: Option<String>,
}

#[derive(Clone)]
struct Slot {
    current: Arc<Version>,
    previous: Option<Arc<Version>>,
}

impl Slot {
    fn status(&self, now_ms: u64) -> PluginStatus {
        let version = &self.current;
        let (crashes, last_crash) = version.health.crashes();
        PluginStatus {
            id: version.id.clone(),
            digest: version.digest.clone(),
            manifest: version.manifest.clone(),
            roles: version.roles.names(),
            loaded_ms: version.loaded_ms,
            state: version.health.state(now_ms),
            crashes,
            last_crash,
            previous: self.previous.as_ref().map(|version| version.digest.clone()),
        }
    }
}

type Map = BTreeMap<(TenantId, PluginId), Slot>;

#[derive(Default)]
pub(crate) struct Registry {
    map: ArcSwap<Map>,
    writer: Mutex<()>,
}

impl Registry {
    pub(crate) fn current(&self, tenant: &TenantId, id: &PluginId) -> Option<Arc<Version>> {
        self.map.load().get(&(tenant.clone(), id.clone())).map(|slot| slot.current.clone())
    }

    /// Puts a version into use; the one before is kept for a roll back. Gives its digest.
    pub(crate) fn swap_in(&self, version: Arc<Version>) -> Option<String> {
        self.change(|map| {
            let key = (version.tenant.clone(), version.id.clone());
            match map.remove(&key) {
                None => {
                    map.insert(key, Slot { current: version, previous: None });
                    None
                }
                Some(before) => {
                    let replaced = before.current.digest.clone();
                    // The same bytes again are a fresh start, not a version to go back to.
                    let previous =
                        if replaced == version.digest { before.previous } else { Some(before.current) };
                    map.insert(key, Slot { current: version, previous });
                    Some(replaced)
                }
            }
        })
    }

    pub(crate) fn roll_back(
        &self,
        tenant: &TenantId,
        id: &PluginId,
        now_ms: u64,
    ) -> Result<PluginStatus, LoadError> {
        self.change(|map| {
            let slot = map
                .get_mut(&(tenant.clone(), id.clone()))
                .ok_or_else(|| LoadError::Missing(id.to_string()))?;
            let previous = slot.previous.take().ok_or_else(|| LoadError::NoPrevious(id.to_string()))?;
            slot.previous = Some(std::mem::replace(&mut slot.current, previous));
            Ok(slot.status(now_ms))
        })
    }

    pub(crate) fn remove(&self, tenant: &TenantId, id: &PluginId) -> bool {
        self.change(|map| map.remove(&(tenant.clone(), id.clone())).is_some())
    }

    pub(crate) fn statuses(&self, tenant: &TenantId, now_ms: u64) -> Vec<PluginStatus> {
        let map = self.map.load();
        map.iter().filter(|((of, _), _)| of == tenant).map(|(_, slot)| slot.status(now_ms)).collect()
    }

    fn change<R>(&self, change: impl FnOnce(&mut Map) -> R) -> R {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut map = Map::clone(&self.map.load());
        let result = change(&mut map);
        self.map.store(Arc::new(map));
        result
    }
}
