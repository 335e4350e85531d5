//! A store that dies: after so many durable steps nothing it is asked for happens any more, as after
//! a SIGKILL.

use gangway_model::{
    EntityEvent, EntityState, EntityType, Intent, Job, JobId, PluginId, Relation, RelationKey, System,
    SystemId, TenantId,
};
use gangway_store::{
    Absence, Commit, Image, LastRead, News, PastEvent, Plans, PluginRecord, Record, SeenSet, Store,
    StoreError, TenantStore,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// When it dies.
#[derive(Clone, Default)]
pub(super) struct Life {
    /// Durable steps left; negative for ever.
    steps: Arc<AtomicI64>,
    dead: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
}

impl Life {
    pub(super) fn of(steps: i64) -> Self {
        let life = Self::default();
        life.steps.store(steps, Ordering::SeqCst);
        life
    }

    pub(super) fn long() -> Self {
        Self::of(i64::MAX)
    }

    pub(super) fn end(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_over(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// From now on only the disk is full: reading goes on, and it can be emptied.
    pub(super) fn fill(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.is_over() { Err(StoreError::Failed("the engine was killed".into())) } else { Ok(()) }
    }

    fn step(&self) -> Result<(), StoreError> {
        self.alive()?;
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Full("no space left on device".into()));
        }
        if self.steps.fetch_sub(1, Ordering::SeqCst) == 0 {
            self.end();
        }
        self.alive()
    }
}

pub(super) struct MortalStore(pub(super) Arc<dyn Store>, pub(super) Life);

impl Store for MortalStore {
    fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        self.1.alive()?;
        self.0.tenants()
    }
    fn create_tenant(&self, tenant: &TenantId) -> Result<(), StoreError> {
        self.1.alive()?;
        self.0.create_tenant(tenant)
    }
    fn tenant(&self, tenant: &TenantId) -> Result<Arc<dyn TenantStore>, StoreError> {
        self.1.alive()?;
        Ok(Arc::new(MortalTenant(self.0.tenant(tenant)?, self.1.clone())))
    }
    fn delete_tenant(&self, tenant: &TenantId) -> Result<(), StoreError> {
        self.1.alive()?;
        self.0.delete_tenant(tenant)
    }
    fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.1.alive()?;
        self.0.setting(key)
    }
    fn set_setting(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.1.alive()?;
        self.0.set_setting(key, value)
    }
    fn secret(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.1.alive()?;
        self.0.secret(key)
    }
    fn set_secret(&self, key: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.1.alive()?;
        self.0.set_secret(key, value)
    }
}

struct MortalTenant(Arc<dyn TenantStore>, Life);

macro_rules! mortal {
    ($(fn $name:ident($($arg:ident: $kind:ty),*) -> $result:ty, $check:ident;)*) => {
        impl TenantStore for MortalTenant {
            fn hash_key(&self) -> [u8; 32] {
                self.0.hash_key()
            }
            fn plans(&self) -> &dyn Plans {
                self.0.plans()
            }
            $(fn $name(&self, $($arg: $kind),*) -> Result<$result, StoreError> {
                self.1.$check()?;
                self.0.$name($($arg),*)
            })*
        }
    };
}

mortal! {
    fn put_system(system: &System) -> (), alive;
    fn system(id: &SystemId) -> Option<System>, alive;
    fn systems() -> Vec<System>, alive;
    fn delete_system(id: &SystemId) -> bool, alive;
    fn reset_system(id: &SystemId) -> bool, alive;
    fn put_plugin(plugin: &PluginRecord) -> (), alive;
    fn plugins() -> Vec<PluginRecord>, alive;
    fn delete_plugin(id: &PluginId) -> bool, alive;
    fn put_component(digest: &str, wasm: &[u8]) -> (), alive;
    fn component(digest: &str) -> Option<Vec<u8>>, alive;
    fn put_job(job: &Job) -> (), step;
    fn job(id: &JobId) -> Option<Job>, alive;
    fn jobs(before: Option<&JobId>, limit: usize) -> Vec<Job>, alive;
    fn unfinished_jobs() -> Vec<Job>, alive;
    fn delete_job(id: &JobId) -> bool, alive;
    fn news() -> Vec<(JobId, News)>, alive;
    fn settle_news(job: &JobId, news: News, records: &[Record]) -> (), alive;
    fn relation_keys() -> Vec<RelationKey>, alive;
    fn history(id: &str, system: Option<&SystemId>, limit: usize) -> Vec<PastEvent>, alive;
    fn record(kind: &str, key: &str) -> Option<Vec<u8>>, alive;
    fn records(kind: &str, after: Option<&str>, limit: usize) -> Vec<(String, Vec<u8>)>, alive;
    fn put_records(records: &[Record]) -> (), alive;
    fn relations(key: &RelationKey, ids: &[&str]) -> Vec<Option<Relation>>, alive;
    fn intents(key: &RelationKey, ids: &[&str]) -> Vec<Option<Intent>>, alive;
    fn absences(key: &RelationKey, ids: &[&str]) -> Vec<Option<Absence>>, alive;
    fn last_read(source: &SystemId, entity_type: &EntityType) -> Option<LastRead>, alive;
    fn images(run: &JobId, before: Option<u64>, limit: usize) -> Vec<(u64, Image)>, alive;
    fn purge_images(now_ms: u64) -> u64, alive;
    fn scan_intents(key: &RelationKey, after: Option<&str>, limit: usize) -> Vec<Intent>, alive;
    fn owners(key: &RelationKey, ids: &[&str]) -> Vec<Option<String>>, alive;
    fn scan_relations(key: &RelationKey, after: Option<&str>, limit: usize) -> Vec<Relation>, alive;
    fn count_relations(key: &RelationKey) -> u64, alive;
    fn commit(batch: &Commit) -> (), step;
    fn members(key: &RelationKey, source_id: &str) -> Option<Vec<u8>>, alive;
    fn seen(run: &JobId, key: &RelationKey) -> SeenSet, alive;
    fn forget_seen(run: &JobId) -> (), step;
    fn events(run: &JobId, state: Option<EntityState>, after: Option<u64>, limit: usize) -> Vec<(u64, EntityEvent)>, alive;
    fn state(system: &SystemId, key: &str) -> Option<Vec<u8>>, alive;
    fn set_state(system: &SystemId, key: &str, value: Option<&[u8]>) -> (), alive;
}
