//! Where the files are: a directory, or memory.

use super::fault::{Fault, from_io};
use crate::StoreError;
use crate::private::{file_options, make_dir};
use ::redb::backends::{FileBackend, InMemoryBackend};
use ::redb::{Builder, Database, StorageBackend};
use gangway_model::TenantId;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    /// The installation's.
    Engine,
    /// A tenant's.
    Tenant(TenantId),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => f.write_str("the engine's database engine.redb"),
            Self::Tenant(tenant) => write!(f, "the database of tenant {tenant}"),
        }
    }
}

/// Puts what belongs into a new database.
pub(super) type Fill<'a> = &'a dyn Fn(&Database) -> Result<(), Fault>;

/// Holds database files.
pub(super) trait Medium: Send + Sync {
    fn exists(&self, place: &Place) -> bool;
    fn tenants(&self) -> Result<Vec<TenantId>, StoreError>;
    fn open(&self, place: &Place, builder: &mut Builder) -> Result<Database, Fault>;
    /// The file is there afterwards with all that `fill` puts into it, or it is not there.
    fn create(&self, place: &Place, builder: &mut Builder, fill: Fill<'_>) -> Result<Database, Fault>;
    /// Removes a tenant's file, which nobody has open.
    fn erase(&self, tenant: &TenantId) -> Result<(), StoreError>;
}

const STATE_FILE: &str = "state.redb";
/// Tenants' names do not start with a dot.
const DRAFT: &str = ".new-";
const ERASED: &str = ".erased-";

/// A data directory, locked for this process.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    /// Held for as long as the store is open.
    _lock: File,
}

impl Directory {
    pub(super) fn open(root: &Path) -> Result<Self, StoreError> {
        let failed = |error| from_io(&error, &root.display());
        make_dir(root).map_err(failed)?;
        let lock = lock(root)?;
        make_dir(&root.join("tenants")).map_err(failed)?;
        let directory = Self { root: root.to_owned(), _lock: lock };
        directory.finish_interrupted().map_err(failed)?;
        Ok(directory)
    }

    /// Removes what a tenant's creation or erasure left when the process was killed.
    fn finish_interrupted(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(self.root.join("tenants"))? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(DRAFT) || name.starts_with(ERASED) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        match std::fs::remove_file(self.root.join(format!("{DRAFT}engine.redb"))) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn tenant_dir(&self, prefix: &str, tenant: &TenantId) -> PathBuf {
        self.root.join("tenants").join(format!("{prefix}{tenant}"))
    }

    fn path(&self, place: &Place) -> PathBuf {
        match place {
            Place::Engine => self.root.join("engine.redb"),
            Place::Tenant(tenant) => self.tenant_dir("", tenant).join(STATE_FILE),
        }
    }
}

impl Medium for Directory {
    fn exists(&self, place: &Place) -> bool {
        self.path(place).exists()
    }

    fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let dir = self.root.join("tenants");
        let failed = |error| from_io(&error, &dir.display());
        let mut tenants = Vec::new();
        for entry in std::fs::read_dir(&dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let tenant = name.to_str().and_then(|name| TenantId::parse(name).ok());
            tenants.extend(tenant.filter(|tenant| self.exists(&Place::Tenant(tenant.clone()))));
        }
        Ok(tenants)
    }

    fn open(&self, place: &Place, builder: &mut Builder) -> Result<Database, Fault> {
        let path = self.path(place);
        let file = file_options().open(&path);
        let file = file.map_err(|error| from_io(&error, &path.display()))?;
        Ok(builder.create_with_backend(FileBackend::new(file)?)?)
    }

    fn create(&self, place: &Place, builder: &mut Builder, fill: Fill<'_>) -> Result<Database, Fault> {
        let (draft, place_dir, file) = match place {
            Place::Engine => {
                let draft = self.root.join(format!("{DRAFT}engine.redb"));
                (draft.clone(), self.path(place), draft)
            }
            Place::Tenant(tenant) => {
                let draft = self.tenant_dir(DRAFT, tenant);
                (draft.clone(), self.tenant_dir("", tenant), draft.join(STATE_FILE))
            }
        };
        let failed = |error| from_io(&error, place);
        self.finish_interrupted().map_err(failed)?;
        if file != draft {
            make_dir(&draft).map_err(failed)?;
        }
        let opened = file_options().create_new(true).open(&file).map_err(failed)?;
        let backend = FileBackend::new(opened)?;
        let database = builder.create_with_backend(backend)?;
        fill(&database)?;
        if file != draft {
            sync_dir(&draft).map_err(failed)?;
        }
        std::fs::rename(&draft, &place_dir).map_err(failed)?;
        sync_dir(place_dir.parent().unwrap_or(&self.root)).map_err(failed)?;
        Ok(database)
    }

    fn erase(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let doomed = self.tenant_dir(ERASED, tenant);
        let failed = |error| from_io(&error, &Place::Tenant(tenant.clone()));
        self.finish_interrupted().map_err(failed)?;
        // Once renamed, the tenant is gone even if the process is killed before the rest.
        std::fs::rename(self.tenant_dir("", tenant), &doomed).map_err(failed)?;
        sync_dir(&self.root.join("tenants")).map_err(failed)?;
        std::fs::remove_dir_all(&doomed).map_err(failed)
    }
}

fn sync_dir(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

fn lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join("lock");
    let failed = |error| from_io(&error, &path.display());
    let mut file = file_options().create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
            writeln!(file, "{}", std::process::id()).map_err(failed)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the message: without it the message says less.
            let _ = file.read_to_string(&mut holder);
            Err(StoreError::Failed(format!(
                "the data directory {} is in use by process {}: stop that engine, or give this one another data directory",
                root.display(),
                holder.trim()
            )))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Files that are gone with the process.
#[derive(Default)]
pub(super) struct Memory {
    files: Mutex<BTreeMap<Place, SharedMemory>>,
}

impl Memory {
    fn files(&self) -> MutexGuard<'_, BTreeMap<Place, SharedMemory>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn file(&self, place: &Place) -> Result<SharedMemory, StoreError> {
        self.files().get(place).cloned().ok_or_else(|| StoreError::Missing(place.to_string()))
    }
}

impl Medium for Memory {
    fn exists(&self, place: &Place) -> bool {
        self.files().contains_key(place)
    }

    fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let tenant = |place: &Place| match place {
            Place::Tenant(tenant) => Some(tenant.clone()),
            Place::Engine => None,
        };
        Ok(self.files().keys().filter_map(tenant).collect())
    }

    fn open(&self, place: &Place, builder: &mut Builder) -> Result<Database, Fault> {
        Ok(builder.create_with_backend(self.file(place)?)?)
    }

    fn create(&self, place: &Place, builder: &mut Builder, fill: Fill<'_>) -> Result<Database, Fault> {
        let file = SharedMemory::default();
        let database = builder.create_with_backend(file.clone())?;
        fill(&database)?;
        self.files().insert(place.clone(), file);
        Ok(database)
    }

    fn erase(&self, tenant: &TenantId) -> Result<(), StoreError> {
        self.files().remove(&Place::Tenant(tenant.clone()));
        Ok(())
    }
}

/// Memory that outlives the database opened on it.
#[derive(Clone, Default, Debug)]
pub(super) struct SharedMemory(Arc<InMemoryBackend>);

impl StorageBackend for SharedMemory {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.0.write(offset, data)
    }
}
