//! The tenants' directories, opened when they are first asked for.

use crate::limits::{Limits, Rates, Tenants};
use crate::problem::Problem;
use gangway_directory::{Directory, Ids};
use gangway_model::TenantId;
use gangway_model::ports::Clock;
use gangway_store::Store;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

pub(crate) struct Directories {
    tenants: PathBuf,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    open: RwLock<HashMap<TenantId, Arc<Directory>>>,
    limits: Tenants,
}

impl Directories {
    pub(crate) fn new(data_dir: &Path, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            tenants: data_dir.join("tenants"),
            clock,
            ids,
            open: RwLock::default(),
            limits: Tenants::new(Rates::DIRECTORY),
        }
    }

    /// A tenant's directory, if it is open.
    pub(crate) fn get(&self, tenant: &TenantId) -> Option<Arc<Directory>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    /// A tenant's directory, opened or made. Blocks.
    pub(crate) fn open(&self, store: &dyn Store, tenant: &TenantId) -> Result<Arc<Directory>, Problem> {
        // One at a time: a file that is open cannot be opened again.
        let mut open = self.lock();
        if let Some(directory) = open.get(tenant) {
            return Ok(directory.clone());
        }
        store.tenant(tenant)?;
        let file = self.tenants.join(tenant.as_str()).join("directory.redb");
        let directory = Directory::open(&file, self.clock.clone(), self.ids.clone())
            .map_err(|error| Problem::internal(error.to_string()).tenant(tenant.as_str()))?;
        let directory = Arc::new(directory);
        open.insert(tenant.clone(), directory.clone());
        Ok(directory)
    }

    /// Lets go of a tenant's directory.
    pub(crate) fn close(&self, tenant: &TenantId) {
        self.lock().remove(tenant);
    }

    /// How often a tenant's directory is asked.
    pub(crate) fn limits(&self, tenant: &TenantId) -> Arc<Limits> {
        self.limits.of(tenant)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, HashMap<TenantId, Arc<Directory>>> {
        self.open.write().unwrap_or_else(PoisonError::into_inner)
    }
}
