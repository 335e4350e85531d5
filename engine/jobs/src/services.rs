//! What a runner works with, and what it is asked for.

use gangway_model::ports::{Clock, Systems};
use gangway_model::{Event, JobId, JobType, TenantId, Undo};
use gangway_store::Store;
use std::sync::Arc;
use std::time::Duration;

/// Opens the systems of a tenant.
pub type SystemsFactory = Arc<dyn Fn(&TenantId) -> Arc<dyn Systems> + Send + Sync>;
/// Makes the identifiers of jobs: unique, and sorting by the time they are made.
pub type JobIds = Arc<dyn Fn() -> JobId + Send + Sync>;

/// What a [`Runner`](crate::Runner) works with.
#[derive(Clone)]
pub struct Services {
    /// The state.
    pub store: Arc<dyn Store>,
    /// The plugins.
    pub systems: SystemsFactory,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: JobIds,
    /// Jobs that may run at once, over all tenants.
    pub at_once: usize,
    /// When a job is ended although nobody stops it.
    pub limits: Limits,
    /// Told of the tenant when one of its jobs begins to fail or ends.
    pub news: News,
}

/// Hears of tenants with news in the store.
pub type News = Arc<dyn Fn(&TenantId) + Send + Sync>;

/// When a job is ended although nobody stops it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time without a committed page.
    pub idle: Duration,
    /// Time in all.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(3600), total: Duration::from_secs(24 * 3600) }
    }
}

/// What a job is to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its type.
    pub kind: JobType,
    /// A simulation that looks at the targets too.
    pub live: bool,
    /// The plan that an Apply carries out.
    pub plan: Option<JobId>,
    /// What an Undo takes back.
    pub undo: Option<Undo>,
    /// What a RealTime carries out.
    pub event: Option<Event>,
}

impl From<JobType> for Order {
    fn from(kind: JobType) -> Self {
        Self { kind, live: false, plan: None, undo: None, event: None }
    }
}
