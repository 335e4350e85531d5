use crate::cache::Cache;
use crate::capabilities::log::LogGate;
use crate::code::{Compiler, Origin};
use crate::pool::{Call, Document, Pool, compile};
use crate::ports::TenantSystems;
use crate::quarantine::Health;
use crate::registry::{Registry, Version};
use crate::scope::Scope;
use crate::verify::Inspection;
use crate::{HostConfig, Interposer, LoadError, PluginStatus, engine, guest, verify};
use gangway_egress::Egress;
use gangway_model::ports::{Clock, StateSpace, Systems};
use gangway_model::{Diagnostic, Direction, Manifest, PluginError, PluginId, TenantId, code};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// The plugins of the installation. Clones are the same host.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    config: HostConfig,
    compiler: Arc<Compiler>,
    registry: Registry,
}

/// A component that went into use.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loaded {
    /// SHA-256.
    pub digest: String,
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it can be used as.
    pub roles: Vec<&'static str>,
    /// SHA-256 of the version that it replaced.
    pub replaced: Option<String>,
    /// Where its compiled code came from.
    pub origin: Origin,
    /// How long it took.
    pub timings: Timings,
}

/// How long loading took, step by step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timings {
    /// Reading and judging the component's outline.
    pub verify: Duration,
    /// The compiler (and checking every instruction before it), or the cache.
    pub compile: Duration,
    /// The first instance and its first call.
    pub smoke: Duration,
    /// From the bytes to being in use, waits included.
    pub total: Duration,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("cache_dir", &self.inner.config.cache_dir).finish_non_exhaustive()
    }
}

impl Host {
    /// A host without plugins.
    pub fn new(config: HostConfig) -> Result<Self, LoadError> {
        #[cfg(any(test, feature = "testing"))]
        let core_dumps = config.memory_observer.is_some();
        #[cfg(not(any(test, feature = "testing")))]
        let core_dumps = false;
        let engine = engine::engine(core_dumps, config.perf_map)?;
        let linker = guest::linker(&engine).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        let cache = Cache::new(&config.cache_dir, &engine)?;
        let compiler = Arc::new(Compiler::new(engine, linker, cache));
        Ok(Self { inner: Arc::new(Inner { config, compiler, registry: Registry::default() }) })
    }

    /// What can be said of a component without running it, and whether this engine takes it.
    pub fn inspect(wasm: &[u8]) -> Result<Inspection, LoadError> {
        verify::inspect(wasm)
    }

    /// Puts a component into use under a name. On an error nothing has changed. Who has systems
    /// open goes on with the version they were opened with.
    pub async fn load(&self, tenant: &TenantId, id: &PluginId, wasm: Vec<u8>) -> Result<Loaded, LoadError> {
        let start = Instant::now();
        let work = move || (verify::read(&wasm).and_then(Inspection::accepted), wasm);
        let (inspection, wasm) = tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| LoadError::Malformed(format!("it cannot be read: {error}")))?;
        let inspection = inspection?;
        let verify = start.elapsed();

        let compiler = &self.inner.compiler;
        let (code, origin, compile) = compiler.code(wasm, &inspection).await?;

        let smoke = Instant::now();
        let config = &self.inner.config;
        let limits = config.plugin_limits.get(id).unwrap_or(&config.limits);
        let version = Arc::new(Version {
            tenant: tenant.clone(),
            id: id.clone(),
            digest: inspection.digest.clone(),
            manifest: inspection.manifest.clone(),
            roles: inspection.roles,
            limits: Arc::new(limits.clone()),
            code,
            health: Health::new(config.crash_policy.clone()),
            loaded_ms: config.clock.now_ms(),
        });
        self.smoke(&version, &inspection).await?;
        let smoke = smoke.elapsed();

        let roles = version.roles.names();
        let replaced = self.inner.registry.swap_in(version);
        let timings = Timings { verify, compile, smoke, total: start.elapsed() };
        tracing::info!(
            tenant = tenant.as_str(), plugin = id.as_str(), version = inspection.manifest.version.as_str(),
            digest = inspection.digest.as_str(), ?origin, total = ?timings.total, "plugin loaded"
        );
        Ok(Loaded {
            digest: inspection.digest,
            manifest: inspection.manifest,
            roles,
            replaced,
            origin,
            timings,
        })
    }

    /// The first call: the component must start, and say of itself what its manifest says.
    async fn smoke(&self, version: &Arc<Version>, inspection: &Inspection) -> Result<(), LoadError> {
        let pool = self.pool(version.clone(), self.unbound(version));
        let described = pool
            .call(Call::reading("describe"), |guest| {
                Box::pin(async move { guest.metadata.call_describe(&mut guest.store).await })
            })
            .await
            .map_err(|error| LoadError::Smoke(error.message))?;
        let same = serde_json::from_str::<serde_json::Value>(&described)
            .is_ok_and(|described| described == inspection.manifest_json);
        if !same {
            return Err(LoadError::Smoke(format!(
                "what {} describes differs from the manifest in its custom section; build it with the SDK's export \
                 macro, which writes both from one place",
                version.name()
            )));
        }
        Ok(())
    }

    /// Goes back to the version before; going back twice is going forward again.
    pub fn roll_back(&self, tenant: &TenantId, id: &PluginId) -> Result<PluginStatus, LoadError> {
        let status = self.inner.registry.roll_back(tenant, id, self.clock().now_ms())?;
        tracing::info!(
            tenant = tenant.as_str(),
            plugin = id.as_str(),
            version = status.manifest.version.as_str(),
            "plugin rolled back"
        );
        Ok(status)
    }

    /// Takes a plugin out of use. False if there was none. Who has systems open goes on.
    pub fn unload(&self, tenant: &TenantId, id: &PluginId) -> bool {
        self.inner.registry.remove(tenant, id)
    }

    /// The plugins of a tenant, by name.
    pub fn plugins(&self, tenant: &TenantId) -> Vec<PluginStatus> {
        self.inner.registry.statuses(tenant, self.clock().now_ms())
    }

    /// Ends a pause or a quarantine. False if there is no such plugin.
    pub fn release(&self, tenant: &TenantId, id: &PluginId) -> bool {
        let Some(version) = self.inner.registry.current(tenant, id) else { return false };
        version.health.release();
        true
    }

    /// Opens systems of a tenant.
    pub fn systems(&self, tenant: &TenantId, state: Arc<dyn StateSpace>) -> Arc<dyn Systems> {
        self.systems_through(tenant, state, None)
    }

    /// The same with somebody between plugins and the network.
    pub fn systems_through(
        &self,
        tenant: &TenantId,
        state: Arc<dyn StateSpace>,
        interposer: Option<Arc<dyn Interposer>>,
    ) -> Arc<dyn Systems> {
        Arc::new(TenantSystems { host: self.clone(), tenant: tenant.clone(), state, interposer })
    }

    /// What is wrong, or doubtful, in a document. The error speaks of the plugin.
    pub async fn check_document(
        &self,
        tenant: &TenantId,
        plugin: &PluginId,
        document: &str,
        direction: Direction,
        properties: Vec<(String, String)>,
    ) -> Result<Vec<Diagnostic>, PluginError> {
        let version = self
            .version(tenant, plugin)
            .map_err(|error| PluginError::new(code::CONFIGURATION, error.to_string()))?;
        if !version.roles.transformation {
            return Err(PluginError::new(
                code::CONFIGURATION,
                format!("the plugin {} is no transformation", version.name()),
            ));
        }
        let scope = self.unbound(&version);
        let pool = self.pool(version, scope);
        let document = Document { text: document.to_owned(), direction, properties };
        pool.call(Call::reading("compile"), move |guest| {
            Box::pin(async move {
                let compiled = match compile(guest, &document).await? {
                    Ok(compiled) => compiled,
                    Err(diagnostics) => return Ok(diagnostics),
                };
                let Some(transformation) = &guest.transformation else { return Ok(Vec::new()) };
                let warnings = transformation.compiled().call_warnings(&mut guest.store, compiled).await?;
                Ok(warnings.into_iter().map(Diagnostic::from).collect())
            })
        })
        .await
    }

    pub(crate) fn version(&self, tenant: &TenantId, id: &PluginId) -> Result<Arc<Version>, LoadError> {
        self.inner.registry.current(tenant, id).ok_or_else(|| LoadError::Missing(id.to_string()))
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.config.clock
    }

    pub(crate) fn egress(&self) -> &Arc<Egress> {
        &self.inner.config.egress
    }

    pub(crate) fn pool(&self, version: Arc<Version>, scope: Arc<Scope>) -> Pool {
        let config = &self.inner.config;
        #[allow(unused_mut)]
        let mut pool = Pool::new(self.inner.compiler.engine.clone(), version, scope, config.pool_size);
        #[cfg(any(test, feature = "testing"))]
        {
            pool.observer = config.memory_observer.clone();
        }
        pool
    }

    /// The scope of a plugin that serves no system.
    fn unbound(&self, version: &Version) -> Arc<Scope> {
        Arc::new(Scope {
            plugin: version.name(),
            declared: version.manifest.capabilities.iter().map(|c| c.name.clone()).collect(),
            properties: version.manifest.properties.clone(),
            clock: self.clock().clone(),
            cancelled: Arc::new(AtomicBool::new(false)),
            open: None,
            log: LogGate::new(&version.limits),
        })
    }
}
