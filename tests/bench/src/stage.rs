use gangway_egress::{Egress, EgressConfig};
use gangway_host::{Host, HostConfig};
use gangway_kit::component;
use gangway_model::ports::{Clock, JobContext, Resolver, StateSpace};
use gangway_model::{JobId, PluginError, PluginId, Role, System, SystemId, TenantId};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

/// The tenant of the benches.
pub(crate) const TENANT: &str = "bench";

struct WallClock;

impl Clock for WallClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(0)
    }
}

/// A state space that keeps nothing.
pub(crate) struct NoState;

impl StateSpace for NoState {
    fn get(&self, _: &System, _: &str) -> Result<Option<Vec<u8>>, PluginError> {
        Ok(None)
    }

    fn set(&self, _: &System, _: &str, _: Option<&[u8]>) -> Result<(), PluginError> {
        Ok(())
    }
}

/// A resolver that knows everybody under the same identifier.
pub(crate) struct Same;

impl Resolver for Same {
    fn resolve(
        &self,
        _: &str,
        ids: &[String],
        _: Option<&str>,
        _: Option<&str>,
    ) -> Result<Vec<Vec<String>>, PluginError> {
        Ok(ids.iter().map(|id| vec![id.clone()]).collect())
    }
}

/// A host without an engine around it, with the given components loaded.
pub(crate) async fn host(cache: &Path, plugins: &[&str]) -> anyhow::Result<Host> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let egress = Arc::new(Egress::new(EgressConfig::new(clock.clone())));
    let mut config = HostConfig::new(cache, clock, egress);
    config.perf_map = std::env::var_os("GANGWAY_PERF_MAP").is_some();
    let host = Host::new(config)?;
    for plugin in plugins {
        host.load(&TenantId::new(TENANT), &PluginId::new(*plugin), component(plugin)?).await?;
    }
    Ok(host)
}

/// A system without properties.
pub(crate) fn system(plugin: &str, role: Role) -> System {
    System {
        tenant: TenantId::new(TENANT),
        id: SystemId::new(plugin),
        name: plugin.to_owned(),
        description: String::new(),
        role,
        system_type: None,
        plugin: PluginId::new(plugin),
        enabled: true,
        sources: Vec::new(),
        properties: std::collections::BTreeMap::new(),
        grants: gangway_model::Grants::default(),
        read: None,
        write: None,
    }
}

/// A job that nobody stops.
pub(crate) fn job() -> JobContext {
    JobContext { job: JobId::new("bench"), cancelled: Arc::new(AtomicBool::new(false)) }
}
