//! The store on redb: one file for the installation and one for each tenant.
//!
//! Everything about the files themselves (opening, locking, faults) is in [`file`] and [`medium`];
//! what the tables hold is in [`tables`]; each noun of [`TenantStore`] has its own module.

mod absences;
mod events;
mod fault;
mod file;
mod images;
mod intents;
mod jobs;
mod medium;
mod members;
mod open_files;
mod owners;
mod pairs;
mod pending;
mod pipeline;
mod plans;
mod plugins;
mod records;
mod relations;
mod seen;
mod state;
mod systems;
mod tables;
mod tenant;
#[cfg(test)]
mod tests;

use self::fault::Fault;
use self::file::DatabaseFile;
use self::medium::{Directory, Medium, Memory, Place};
use self::open_files::OpenFiles;
use self::tables::{KEY_ID, META, SETTINGS};
use self::tenant::Tenant;
use crate::seal::{MasterKey, Random, Sealer, os_random};
use crate::{Store, StoreError, TenantStore};
use ::redb::ReadableTable;
use gangway_model::TenantId;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much memory the store may use, and where its randomness comes from.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Page cache of one open tenant, in bytes.
    pub cache_bytes: usize,
    /// How many tenants' files stay open while they are idle; each has a cache.
    pub open_tenants: usize,
    /// How many new relations of a tenant may wait in memory for a sorted sweep over the indexes;
    /// each takes about 150 bytes.
    pub waiting_relations: usize,
    /// For hash keys and nonces.
    pub random: Random,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 8 << 20, open_tenants: 3, waiting_relations: 1 << 15, random: os_random }
    }
}

/// The engine's own file holds a handful of settings.
const ENGINE_CACHE_BYTES: usize = 1 << 20;

/// A [`Store`] in a directory.
pub struct RedbStore {
    medium: Arc<dyn Medium>,
    key: MasterKey,
    options: Options,
    engine: Arc<DatabaseFile>,
    open_files: Arc<OpenFiles>,
    tenants: Mutex<HashMap<TenantId, Arc<Tenant>>>,
}

impl RedbStore {
    /// Opens the store of a data directory, or makes it, with the default [`Options`].
    pub fn open(data_dir: &Path, key: MasterKey) -> Result<Self, StoreError> {
        Self::open_with(data_dir, key, Options::default())
    }

    /// Opens the store of a data directory, or makes it. Only one process at a time can have it.
    pub fn open_with(data_dir: &Path, key: MasterKey, options: Options) -> Result<Self, StoreError> {
        Self::on(Arc::new(Directory::open(data_dir)?), key, options)
    }

    /// A store that is gone when it is dropped.
    pub fn in_memory() -> Result<Self, StoreError> {
        let options = Options { cache_bytes: 4 << 20, ..Options::default() };
        let mut key = [0; 32];
        (options.random)(&mut key)?;
        Self::on(Arc::new(Memory::default()), MasterKey::from_bytes(key), options)
    }

    fn on(medium: Arc<dyn Medium>, key: MasterKey, options: Options) -> Result<Self, StoreError> {
        let open_files = Arc::new(OpenFiles::new(options.open_tenants));
        // Of its own: the engine's file is small and stays open.
        let own = Arc::new(OpenFiles::new(usize::MAX));
        let engine = if medium.exists(&Place::Engine) {
            DatabaseFile::existing(&medium, Place::Engine, ENGINE_CACHE_BYTES, &own)
        } else {
            DatabaseFile::create(&medium, Place::Engine, ENGINE_CACHE_BYTES, &own, &|write| {
                write.txn.open_table(META)?.insert(KEY_ID, key.id().as_slice())?;
                write.txn.open_table(SETTINGS)?;
                Ok(())
            })?
        };
        engine.read(|txn| check_key(&txn.open_table(META)?, &key, &Place::Engine))?;
        Ok(Self { medium, key, options, engine, open_files, tenants: Mutex::default() })
    }

    /// Of the installation: no tenant has an empty name.
    fn sealer(&self) -> Sealer {
        self.key.sealer("", self.options.random)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Tenant>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says which key is wrong instead of letting the first credential fail to open.
fn check_key(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &MasterKey,
    place: &Place,
) -> Result<(), Fault> {
    let stored = meta.get(KEY_ID)?;
    if stored.is_some_and(|id| id.value() == key.id()) {
        return Ok(());
    }
    Err(StoreError::Failed(format!(
        "{place} was made with another master key than the one given: start with the right master.key, or restore it from the backup that the data comes from"
    ))
    .into())
}

impl Store for RedbStore {
    fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let mut names = self.medium.tenants()?;
        names.sort();
        Ok(names)
    }

    fn create_tenant(&self, tenant: &TenantId) -> Result<(), StoreError> {
        TenantId::parse(tenant.as_str()).map_err(StoreError::Failed)?;
        let mut known = self.known();
        if self.medium.exists(&Place::Tenant(tenant.clone())) {
            return Err(StoreError::Exists(format!("tenant {tenant}")));
        }
        let made = Tenant::create(&self.medium, tenant, &self.key, self.options, &self.open_files)?;
        known.insert(tenant.clone(), Arc::new(made));
        Ok(())
    }

    fn tenant(&self, tenant: &TenantId) -> Result<Arc<dyn TenantStore>, StoreError> {
        let mut known = self.known();
        if let Some(open) = known.get(tenant) {
            return Ok(Arc::clone(open) as Arc<dyn TenantStore>);
        }
        // A name that cannot be a tenant's never reaches the file system.
        if TenantId::parse(tenant.as_str()).is_err() || !self.medium.exists(&Place::Tenant(tenant.clone())) {
            return Err(StoreError::Missing(format!("tenant {tenant}")));
        }
        let open = Arc::new(Tenant::open(&self.medium, tenant, &self.key, self.options, &self.open_files)?);
        known.insert(tenant.clone(), Arc::clone(&open));
        Ok(open)
    }

    fn delete_tenant(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let mut known = self.known();
        let place = Place::Tenant(tenant.clone());
        if TenantId::parse(tenant.as_str()).is_err() || !self.medium.exists(&place) {
            return Err(StoreError::Missing(format!("tenant {tenant}")));
        }
        if let Some(open) = known.remove(tenant) {
            open.close_for_good();
        }
        self.medium.erase(tenant)
    }

    fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.engine.read(|txn| {
            let value = txn.open_table(SETTINGS)?.get(key)?.map(|value| value.value().to_vec());
            Ok(value)
        })
    }

    fn set_setting(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.engine.write(|write| {
            write.txn.open_table(SETTINGS)?.insert(key, value)?;
            Ok(())
        })
    }

    fn secret(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sealed = self.engine.read(|txn| {
            let value = txn.open_table(SETTINGS)?.get(sealed_key(key).as_str())?;
            Ok(value.map(|value| value.value().to_vec()))
        })?;
        sealed.map(|sealed| self.sealer().open(&["secret", key], &sealed)).transpose()
    }

    fn set_secret(&self, key: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        let sealed = value.map(|value| self.sealer().seal(&["secret", key], value)).transpose()?;
        self.engine.write(|write| {
            let mut settings = write.txn.open_table(SETTINGS)?;
            match &sealed {
                Some(sealed) => settings.insert(sealed_key(key).as_str(), sealed.as_slice())?,
                None => settings.remove(sealed_key(key).as_str())?,
            };
            Ok(())
        })
    }
}

/// No setting in clear has such a key.
fn sealed_key(key: &str) -> String {
    format!("secret/{key}")
}
