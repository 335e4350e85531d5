//! A host with short limits, and a system to open.

use gangway_egress::{Egress, EgressConfig};
use gangway_host::{Host, HostConfig, Limits, Loaded};
use gangway_model::ports::{Clock, JobContext, Source, StateSpace, Systems};
use gangway_model::{JobId, Page, PluginError, PluginId, Property, Role, System, SystemId, TenantId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The real time plus what a test adds to it.
#[derive(Default)]
pub(crate) struct TestClock(pub(crate) AtomicU64);

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        u64::try_from(now).unwrap() + self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
pub(crate) struct MemoryState(pub(crate) Mutex<BTreeMap<String, Vec<u8>>>);

impl StateSpace for MemoryState {
    fn get(&self, _: &System, key: &str) -> Result<Option<Vec<u8>>, PluginError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    fn set(&self, _: &System, key: &str, value: Option<&[u8]>) -> Result<(), PluginError> {
        let mut values = self.0.lock().unwrap();
        match value {
            Some(value) => values.insert(key.to_owned(), value.to_vec()),
            None => values.remove(key),
        };
        Ok(())
    }
}

pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) state: Arc<MemoryState>,
    pub(crate) cancelled: Arc<AtomicBool>,
}

/// Short enough for tests, long enough for a busy machine.
pub(crate) fn limits() -> Limits {
    Limits {
        cpu: Duration::from_millis(200),
        wall: Duration::from_secs(2),
        grace: Duration::from_millis(200),
        ..Limits::default()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut HostConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::default());
        let egress = Arc::new(Egress::new(EgressConfig::new(clock.clone())));
        let mut config = HostConfig::new(folder.path().join("compiled"), clock.clone(), egress);
        config.limits = limits();
        config.pool_size = 2;
        change(&mut config);
        let host = Host::new(config).unwrap();
        Self { host, folder, clock, state: Arc::default(), cancelled: Arc::default() }
    }

    pub(crate) async fn load(&self, name: &str, wasm: Vec<u8>) -> Loaded {
        self.host.load(&tenant(), &PluginId::new(name), wasm).await.unwrap()
    }

    pub(crate) fn systems(&self) -> Arc<dyn Systems> {
        self.host.systems(&tenant(), self.state.clone())
    }

    pub(crate) fn job(&self) -> JobContext {
        JobContext { job: JobId::new("job-1"), cancelled: self.cancelled.clone() }
    }

    pub(crate) async fn source(&self, system: &System) -> Result<Arc<dyn Source>, PluginError> {
        self.systems().source(system, &self.job()).await
    }

    /// Reads the first page through the plugin `guest`.
    pub(crate) async fn read(&self) -> Result<Page, PluginError> {
        let source = self.source(&system("guest")).await?;
        source.read_page("user", None, 10).await
    }
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme")
}

pub(crate) fn system(plugin: &str) -> System {
    System {
        tenant: tenant(),
        id: SystemId::new("s1"),
        name: "Test".into(),
        description: String::new(),
        role: Role::Source,
        system_type: None,
        plugin: PluginId::new(plugin),
        enabled: true,
        sources: Vec::new(),
        properties: BTreeMap::from([
            ("plain".to_owned(), Property::plain("visible-value")),
            ("Password".to_owned(), Property::secret("canary-3f9a")),
        ]),
        grants: Default::default(),
        read: None,
        write: None,
    }
}
