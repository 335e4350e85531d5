//! Everything a running engine consists of, wired together.

use crate::auth::Guard;
use crate::directories::Directories;
use crate::inside;
use crate::limits::{Rates, Tenants};
use crate::plugins::Unavailable;
use crate::problem::Problem;
use gangway_directory::Ids;
use gangway_egress::{Egress, EgressConfig};
use gangway_host::{Host, HostConfig, LoadError};
use gangway_jobs::{Runner, Scheduler};
use gangway_model::ports::{Clock, StateSpace};
use gangway_model::{JobId, JobType, PluginError, System, TenantId, code};
use gangway_notify::Sender;
use gangway_store::{MasterKey, RedbStore, Store, StoreError, TenantStore, os_random};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, Semaphore, mpsc, watch};
use uuid::Uuid;

/// Components that are read into memory at once.
const UPLOADS: usize = 2;

/// Changes the settings of the plugin host.
pub type HostSettings = Arc<dyn Fn(&mut HostConfig) + Send + Sync>;

/// How to open an engine.
#[derive(Clone)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Jobs that may run at once.
    pub jobs_at_once: usize,
    /// When a job is ended although nobody stops it.
    pub limits: gangway_jobs::Limits,
    /// What schedules may be.
    pub schedules: ScheduleRules,
    /// Make a new API token; the one before is void.
    pub new_token: bool,
    /// The address under which clients reach the engine, for links in SCIM answers, without a slash
    /// at the end. None: what the client's own request says.
    pub public_url: Option<String>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers of systems, and of the directory's resources.
    pub ids: Arc<dyn Ids>,
    /// Identifiers of jobs: they sort by the time they are made.
    pub job_ids: gangway_jobs::JobIds,
    /// Changes how plugins are run, before the first one is.
    pub host: Option<HostSettings>,
}

impl Config {
    /// The real clock, random identifiers, and as many jobs at once as there are processors.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            jobs_at_once: std::thread::available_parallelism().map_or(2, usize::from).max(2),
            limits: gangway_jobs::Limits::default(),
            schedules: ScheduleRules::default(),
            new_token: false,
            public_url: None,
            clock: Arc::new(SystemClock),
            ids: Arc::new(OrderedIds),
            job_ids: Arc::new(|| JobId::new(Uuid::now_v7().to_string())),
            host: None,
        }
    }
}

/// What schedules may be.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleRules {
    /// The shortest interval, in seconds.
    pub minimum_seconds: u64,
    /// As in the reference product: nothing but Read jobs.
    pub reads_only: bool,
}

impl Default for ScheduleRules {
    fn default() -> Self {
        Self { minimum_seconds: 60, reads_only: false }
    }
}

impl ScheduleRules {
    /// Why jobs of a type cannot be scheduled.
    pub(crate) fn forbids(&self, kind: JobType) -> Option<String> {
        if kind == JobType::Read || (kind == JobType::Resync && !self.reads_only) {
            return None;
        }
        Some(format!(
            "jobs of this type are not scheduled by this engine{}",
            if self.reads_only { " (--schedule-reads-only)" } else { "" }
        ))
    }
}

/// Why an engine did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be made.
    #[error("cannot make the data directory {path}: {error}")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plugin host.
    #[error(transparent)]
    Host(#[from] LoadError),
}

/// An engine that has just been opened.
pub struct Opened {
    /// The engine.
    pub services: Services,
    /// A new API token. It is not kept anywhere: show it now or never.
    pub token: Option<String>,
}

/// An engine. Clones are the same one.
#[derive(Clone)]
pub struct Services {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Host,
    pub(crate) runner: Runner,
    pub(crate) scheduler: Scheduler,
    pub(crate) schedules: ScheduleRules,
    /// Tenants whose jobs have news.
    pub(crate) news: Mutex<mpsc::UnboundedReceiver<TenantId>>,
    /// Tenants whose messages are due.
    pub(crate) outbox: (mpsc::UnboundedSender<TenantId>, Mutex<mpsc::UnboundedReceiver<TenantId>>),
    pub(crate) sender: Sender,
    pub(crate) directories: Arc<Directories>,
    /// How often other systems may send something.
    pub(crate) inbound: Tenants,
    pub(crate) guard: Guard,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) public_url: Option<String>,
    /// Plugins that did not come up again, and why.
    pub(crate) unavailable: Unavailable,
    /// One change of tenants, systems or plugins at a time: each reads before it writes.
    pub(crate) changes: Mutex<()>,
    pub(crate) uploads: Semaphore,
    closing: watch::Sender<bool>,
}

impl Inner {
    /// Sends a tenant's messages that are due.
    pub(crate) fn deliver(&self, tenant: &TenantId) {
        // Nobody listens while the engine goes down: they are in the store.
        let _ = self.outbox.0.send(tenant.clone());
    }
}

impl Services {
    /// Opens the engine of a data directory, or makes it, and loads its plugins. Jobs are taken up
    /// when it is served.
    pub async fn open(config: Config) -> Result<Opened, OpenError> {
        let (data_dir, renew) = (config.data_dir.clone(), config.new_token);
        let (store, guard, token) = tokio::task::spawn_blocking(move || open_store(&data_dir, renew))
            .await
            .map_err(|error| StoreError::Failed(format!("opening the store broke down: {error}")))??;

        let egress = Arc::new(Egress::new(EgressConfig::new(config.clock.clone())));
        let mut host_config =
            HostConfig::new(config.data_dir.join("cache"), config.clock.clone(), egress.clone());
        if let Some(change) = &config.host {
            change(&mut host_config);
        }
        let host = Host::new(host_config)?;
        let state: Arc<dyn StateSpace> = Arc::new(StoredState(store.clone()));
        let directories =
            Arc::new(Directories::new(&config.data_dir, config.clock.clone(), config.ids.clone()));
        let systems = {
            let (host, store, directories) = (host.clone(), store.clone(), directories.clone());
            move |tenant: &TenantId| {
                inside::systems(&host, tenant, state.clone(), store.clone(), directories.clone())
            }
        };
        let (tell, news) = mpsc::unbounded_channel();
        let outbox = mpsc::unbounded_channel();
        let runner = Runner::new(gangway_jobs::Services {
            store: store.clone(),
            systems: Arc::new(systems),
            clock: config.clock.clone(),
            ids: config.job_ids,
            at_once: config.jobs_at_once,
            limits: config.limits,
            news: Arc::new(move |tenant: &TenantId| {
                // Nobody listens while the engine goes down: it is in the store.
                let _ = tell.send(tenant.clone());
            }),
        });
        let services = Self {
            inner: Arc::new(Inner {
                directories,
                inbound: Tenants::new(Rates::INBOUND),
                scheduler: Scheduler::new(runner.clone(), store.clone(), config.clock.clone()),
                store,
                host,
                schedules: config.schedules,
                news: Mutex::new(news),
                outbox: (outbox.0, Mutex::new(outbox.1)),
                sender: Sender::new(egress.clone()),
                runner,
                guard,
                clock: config.clock,
                ids: config.ids,
                public_url: config.public_url,
                unavailable: Unavailable::default(),
                changes: Mutex::default(),
                uploads: Semaphore::new(UPLOADS),
                closing: watch::Sender::new(false),
            }),
        };
        services.load_stored_plugins().await?;
        Ok(Opened { services, token })
    }

    /// The jobs.
    pub fn runner(&self) -> &Runner {
        &self.inner.runner
    }

    /// The plugins.
    pub fn host(&self) -> &Host {
        &self.inner.host
    }

    /// The state.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.inner.store
    }

    /// Turns true when the engine goes down: long answers end then.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.inner.closing.subscribe()
    }

    pub(crate) fn close(&self) {
        self.inner.closing.send_replace(true);
    }

    /// Asks the store, off the runtime.
    pub(crate) async fn stored<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = self.inner.store.clone();
        blocking(move || call(store.as_ref()).map_err(Problem::from)).await
    }

    /// Asks a tenant's store, off the runtime.
    pub(crate) async fn of_tenant<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        call: impl FnOnce(&dyn TenantStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let id = tenant.clone();
        let result = self.stored(move |store| call(store.tenant(&id)?.as_ref())).await;
        result.map_err(|problem| problem.tenant(tenant.as_str()))
    }
}

/// Does something that blocks off the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(call)
        .await
        .unwrap_or_else(|_| Err(Problem::internal("a call broke down: a defect of the engine")))
}

type OpenStore = (Arc<dyn Store>, Guard, Option<String>);

fn open_store(data_dir: &Path, renew: bool) -> Result<OpenStore, OpenError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data_dir).map_err(|error| OpenError::DataDir { path: data_dir.to_owned(), error })?;
    let key = MasterKey::load_or_create(data_dir, os_random)?;
    let store = RedbStore::open(data_dir, key)?;
    let (guard, token) = Guard::open(&store, renew, os_random)?;
    Ok((Arc::new(store), guard, token))
}

/// The plugins' small values, in the store.
struct StoredState(Arc<dyn Store>);

impl StoredState {
    fn tenant(&self, system: &System) -> Result<Arc<dyn TenantStore>, PluginError> {
        self.0.tenant(&system.tenant).map_err(|error| state_error(system, &error))
    }
}

impl StateSpace for StoredState {
    fn get(&self, system: &System, key: &str) -> Result<Option<Vec<u8>>, PluginError> {
        self.tenant(system)?.state(&system.id, key).map_err(|error| state_error(system, &error))
    }

    fn set(&self, system: &System, key: &str, value: Option<&[u8]>) -> Result<(), PluginError> {
        self.tenant(system)?.set_state(&system.id, key, value).map_err(|error| state_error(system, &error))
    }
}

fn state_error(system: &System, error: &StoreError) -> PluginError {
    let code = if matches!(error, StoreError::Full(_)) { code::TOO_LARGE } else { code::UNAVAILABLE };
    PluginError::new(code, format!("system {:?}: a state value was not kept: {error}", system.name))
}

/// The machine's clock.
struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Identifiers in the order of their making (UUID version 7): those of one transaction stand together in a table, and
/// fewer pages of it are written.
struct OrderedIds;

impl Ids for OrderedIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
