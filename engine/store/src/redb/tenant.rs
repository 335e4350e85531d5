use super::file::DatabaseFile;
use super::medium::{Medium, Place};
use super::open_files::OpenFiles;
use super::pending::Pending;
use super::tables::{
    ABSENCES, COMPONENTS, EVENT_STATES, EVENTS, HASH_KEY, IMAGE_RUNS, IMAGES, INTENTS, JOBS, KEY_ID, MEMBERS,
    META, NEWS, OWNERS, PAIRS, PLAN_PAGES, PLANNED, PLANS, PLUGINS, READS, RECORDS, RELATIONS, SEEN, SOURCES,
    SPACES, STATE, SYSTEM_NAMES, SYSTEMS, TENANT, UNFINISHED,
};
use super::{Options, check_key, pairs, seen};
use crate::seal::{MasterKey, Sealer};
use crate::{
    Absence, Commit, Image, LastRead, News, PastEvent, Plans, PluginRecord, Record, SeenSet, StoreError,
    TenantStore,
};
use gangway_model::{
    EntityEvent, EntityState, EntityType, Intent, Job, JobId, PluginId, Relation, RelationKey, System,
    SystemId, TenantId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, RwLock};

/// A [`TenantStore`] in one file.
pub(super) struct Tenant {
    pub(super) name: TenantId,
    pub(super) file: Arc<DatabaseFile>,
    pub(super) sealer: Sealer,
    /// Held by who writes relations until the entries that wait are up to date.
    pub(super) writer: Mutex<()>,
    pub(super) pending: RwLock<Pending>,
    pub(super) waiting_relations: usize,
    hash_key: [u8; 32],
}

impl Tenant {
    pub(super) fn create(
        medium: &Arc<dyn Medium>,
        name: &TenantId,
        key: &MasterKey,
        options: Options,
        open_files: &Arc<OpenFiles>,
    ) -> Result<Self, StoreError> {
        let mut hash_key = [0; 32];
        (options.random)(&mut hash_key)?;
        let sealer = key.sealer(name.as_str(), options.random);
        let sealed = sealer.seal(&["hash key"], &hash_key)?;
        let place = Place::Tenant(name.clone());
        let file = DatabaseFile::create(medium, place, options.cache_bytes, open_files, &|write| {
            {
                let mut meta = write.txn.open_table(META)?;
                meta.insert(KEY_ID, key.id().as_slice())?;
                meta.insert(TENANT, name.as_str().as_bytes())?;
                meta.insert(HASH_KEY, sealed.as_slice())?;
            }
            // Readers cannot make a table, and need not ask whether there is one.
            let tables = [
                PAIRS, SPACES, INTENTS, ABSENCES, MEMBERS, READS, IMAGES, SEEN, EVENTS, STATE, COMPONENTS,
                RECORDS, PLANNED, PLAN_PAGES,
            ];
            for table in tables {
                write.txn.open_table(table)?;
            }
            for table in [JOBS, SYSTEMS, PLUGINS, IMAGE_RUNS, PLANS] {
                write.txn.open_table(table)?;
            }
            write.txn.open_table(RELATIONS)?;
            write.txn.open_table(SOURCES)?;
            write.txn.open_table(OWNERS)?;
            write.txn.open_table(UNFINISHED)?;
            write.txn.open_table(NEWS)?;
            write.txn.open_table(EVENT_STATES)?;
            write.txn.open_table(SYSTEM_NAMES)?;
            Ok(())
        })?;
        Ok(Self::new(name, file, sealer, options, hash_key))
    }

    pub(super) fn open(
        medium: &Arc<dyn Medium>,
        name: &TenantId,
        key: &MasterKey,
        options: Options,
        open_files: &Arc<OpenFiles>,
    ) -> Result<Self, StoreError> {
        let place = Place::Tenant(name.clone());
        let file = DatabaseFile::existing(medium, place.clone(), options.cache_bytes, open_files);
        let sealer = key.sealer(name.as_str(), options.random);
        let hash_key = file.read(|txn| {
            let meta = txn.open_table(META)?;
            check_key(&meta, key, &place)?;
            let owner = meta.get(TENANT)?.map(|owner| owner.value().to_vec()).unwrap_or_default();
            if owner != name.as_str().as_bytes() {
                return Err(StoreError::Failed(format!(
                    "the file in the folder of tenant {name} belongs to tenant {}; give the folder that name",
                    String::from_utf8_lossy(&owner)
                ))
                .into());
            }
            let sealed = meta.get(HASH_KEY)?.map(|sealed| sealed.value().to_vec()).unwrap_or_default();
            Ok(sealer.open(&["hash key"], &sealed)?)
        })?;
        let hash_key = hash_key.try_into().map_err(|_| {
            StoreError::Damaged(format!("the hash key of tenant {name} is not 32 bytes long"))
        })?;
        Ok(Self::new(name, file, sealer, options, hash_key))
    }

    fn new(
        name: &TenantId,
        file: Arc<DatabaseFile>,
        sealer: Sealer,
        options: Options,
        hash_key: [u8; 32],
    ) -> Self {
        Self {
            name: name.clone(),
            file,
            sealer,
            writer: Mutex::default(),
            pending: RwLock::default(),
            waiting_relations: options.waiting_relations,
            hash_key,
        }
    }

    /// For erasure: waits for those who use the file, and nobody can any more.
    pub(super) fn close_for_good(&self) {
        self.file.close_for_good();
    }
}

/// The form of what is small and few, and grows fields over time.
pub(super) fn to_json<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Failed(format!("cannot write a {what}: {error}")))
}

pub(super) fn from_json<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(json)
        .map_err(|error| StoreError::Damaged(format!("a {what} record cannot be read: {error}")))
}

impl TenantStore for Tenant {
    fn hash_key(&self) -> [u8; 32] {
        self.hash_key
    }

    fn put_system(&self, system: &System) -> Result<(), StoreError> {
        self.write_system(system)
    }

    fn system(&self, id: &SystemId) -> Result<Option<System>, StoreError> {
        self.read_system(id)
    }

    fn systems(&self) -> Result<Vec<System>, StoreError> {
        self.read_systems()
    }

    fn delete_system(&self, id: &SystemId) -> Result<bool, StoreError> {
        self.remove_system(id)
    }

    fn reset_system(&self, id: &SystemId) -> Result<bool, StoreError> {
        self.forget_system(id)
    }

    fn put_plugin(&self, plugin: &PluginRecord) -> Result<(), StoreError> {
        self.write_plugin(plugin)
    }

    fn plugins(&self) -> Result<Vec<PluginRecord>, StoreError> {
        self.read_plugins()
    }

    fn delete_plugin(&self, id: &PluginId) -> Result<bool, StoreError> {
        self.remove_plugin(id)
    }

    fn put_component(&self, digest: &str, wasm: &[u8]) -> Result<(), StoreError> {
        self.write_component(digest, wasm)
    }

    fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_component(digest)
    }

    fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        self.file.write(|write| super::jobs::put(write.txn, job))
    }

    fn job(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.read_job(id)
    }

    fn jobs(&self, before: Option<&JobId>, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.read_jobs(before, limit)
    }

    fn unfinished_jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.read_unfinished()
    }

    fn delete_job(&self, id: &JobId) -> Result<bool, StoreError> {
        self.remove_job(id)
    }

    fn news(&self) -> Result<Vec<(JobId, News)>, StoreError> {
        self.read_news()
    }

    fn settle_news(&self, job: &JobId, news: News, records: &[Record]) -> Result<(), StoreError> {
        self.write_settled(job, news, records)
    }

    fn relations(&self, key: &RelationKey, source_ids: &[&str]) -> Result<Vec<Option<Relation>>, StoreError> {
        self.read_relations(key, source_ids)
    }

    fn intents(&self, key: &RelationKey, source_ids: &[&str]) -> Result<Vec<Option<Intent>>, StoreError> {
        self.read_intents(key, source_ids)
    }

    fn absences(&self, key: &RelationKey, source_ids: &[&str]) -> Result<Vec<Option<Absence>>, StoreError> {
        self.read_absences(key, source_ids)
    }

    fn last_read(&self, source: &SystemId, entity_type: &EntityType) -> Result<Option<LastRead>, StoreError> {
        self.read_last_read(source, entity_type)
    }

    fn images(
        &self,
        run: &JobId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Image)>, StoreError> {
        self.read_images(run, before, limit)
    }

    fn purge_images(&self, now_ms: u64) -> Result<u64, StoreError> {
        self.remove_images(now_ms)
    }

    fn scan_intents(
        &self,
        key: &RelationKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Intent>, StoreError> {
        self.read_open_intents(key, after, limit)
    }

    fn owners(&self, key: &RelationKey, target_ids: &[&str]) -> Result<Vec<Option<String>>, StoreError> {
        self.read_owners(key, target_ids)
    }

    fn scan_relations(
        &self,
        key: &RelationKey,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Relation>, StoreError> {
        self.read_scan(key, after, limit)
    }

    fn relation_keys(&self) -> Result<Vec<RelationKey>, StoreError> {
        self.file.read(|txn| {
            let all = pairs::all(&txn.open_table(PAIRS)?)?;
            Ok(all.into_iter().map(|(key, _)| key).collect())
        })
    }

    fn count_relations(&self, key: &RelationKey) -> Result<u64, StoreError> {
        self.read_count(key)
    }

    fn commit(&self, batch: &Commit) -> Result<(), StoreError> {
        self.write_commit(batch)
    }

    fn members(&self, key: &RelationKey, source_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_members(key, source_id)
    }

    fn seen(&self, run: &JobId, key: &RelationKey) -> Result<SeenSet, StoreError> {
        self.read_seen(run, key)
    }

    fn forget_seen(&self, run: &JobId) -> Result<(), StoreError> {
        self.flush()?;
        self.file.write(|write| seen::forget(write.txn, run))
    }

    fn events(
        &self,
        run: &JobId,
        state: Option<EntityState>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, EntityEvent)>, StoreError> {
        self.read_events(run, state, after, limit)
    }

    fn history(
        &self,
        id: &str,
        system: Option<&SystemId>,
        limit: usize,
    ) -> Result<Vec<PastEvent>, StoreError> {
        self.read_history(id, system, limit)
    }

    fn record(&self, kind: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_record(kind, key)
    }

    fn records(
        &self,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.read_record_list(kind, after, limit)
    }

    fn put_records(&self, records: &[Record]) -> Result<(), StoreError> {
        self.write_records(records)
    }

    fn plans(&self) -> &dyn Plans {
        self
    }

    fn state(&self, system: &SystemId, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_state(system, key)
    }

    fn set_state(&self, system: &SystemId, key: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.write_state(system, key, value)
    }
}
