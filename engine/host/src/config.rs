use crate::{CrashPolicy, Limits};
use async_trait::async_trait;
use gangway_egress::{Egress, HttpRequest, HttpResponse};
use gangway_model::ports::Clock;
use gangway_model::{PluginError, PluginId, System};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What a [`Host`](crate::Host) needs from outside.
#[derive(Clone)]
pub struct HostConfig {
    /// Where compiled code is kept. The engine makes it readable for its own user only.
    pub cache_dir: PathBuf,
    /// For all plugins.
    pub limits: Limits,
    /// For single plugins: an interpreter (Python, JavaScript) wants 256 MiB of memory.
    pub plugin_limits: BTreeMap<PluginId, Limits>,
    /// When a plugin is quarantined.
    pub crash_policy: CrashPolicy,
    /// Instances of one open system or document that may run at once.
    pub pool_size: usize,
    /// Writes `/tmp/perf-<process>.map`, with which Linux `perf` names the functions of plugins.
    pub perf_map: bool,
    /// The clock, also of the guests.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub egress: Arc<Egress>,
    /// Gets the memory of every instance after every call.
    #[cfg(any(test, feature = "testing"))]
    pub memory_observer: Option<crate::testing::MemoryObserver>,
}

impl HostConfig {
    /// With the default limits, and as many instances as the machine has processors.
    pub fn new(cache_dir: impl Into<PathBuf>, clock: Arc<dyn Clock>, egress: Arc<Egress>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            limits: Limits::default(),
            plugin_limits: BTreeMap::new(),
            crash_policy: CrashPolicy::default(),
            pool_size: std::thread::available_parallelism().map_or(2, usize::from),
            perf_map: false,
            clock,
            egress,
            #[cfg(any(test, feature = "testing"))]
            memory_observer: None,
        }
    }
}

/// Stands between plugins and the network: the conformance kit injects faults through it, and the
/// engine reaches its own directory without a socket.
#[async_trait]
pub trait Interposer: Send + Sync {
    /// Answers a request in place of the network; none lets it pass to the network, where the
    /// grants are checked. An interposer that answers decides by itself what is allowed.
    async fn answer(
        &self,
        system: &System,
        request: &HttpRequest,
    ) -> Option<Result<HttpResponse, PluginError>>;
}
