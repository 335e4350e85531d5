//! The traits through which the job engine uses plugins, over pools of instances.

mod batch;
mod convert;
mod source;
mod target;
mod transformation;

use crate::capabilities::log::LogGate;
use crate::pool::{Document, Pool};
use crate::registry::Version;
use crate::scope::{Open, Scope, Side};
use crate::{Host, Interposer};
use async_trait::async_trait;
use gangway_model::ports::{JobContext, Resolver, Source, StateSpace, Systems, Target, Transformation};
use gangway_model::{Direction, PluginError, PluginId, System, TenantId, TransformationRef, code};
use std::sync::Arc;

/// Opens the systems of one tenant.
pub(crate) struct TenantSystems {
    pub(crate) host: Host,
    pub(crate) tenant: TenantId,
    pub(crate) state: Arc<dyn StateSpace>,
    pub(crate) interposer: Option<Arc<dyn Interposer>>,
}

#[async_trait]
impl Systems for TenantSystems {
    async fn source(&self, system: &System, job: &JobContext) -> Result<Arc<dyn Source>, PluginError> {
        let pool = self.connector(system, job, "source")?;
        Ok(Arc::new(source::PooledSource { pool }))
    }

    async fn target(&self, system: &System, job: &JobContext) -> Result<Arc<dyn Target>, PluginError> {
        let pool = self.connector(system, job, "target")?;
        Ok(Arc::new(target::PooledTarget { pool }))
    }

    async fn read_transformation(
        &self,
        system: &System,
        job: &JobContext,
    ) -> Result<Arc<dyn Transformation>, PluginError> {
        self.transformation(system, job, system.read.as_ref(), Direction::Read, None).await
    }

    async fn write_transformation(
        &self,
        system: &System,
        job: &JobContext,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Arc<dyn Transformation>, PluginError> {
        self.transformation(system, job, system.write.as_ref(), Direction::Write, Some(resolver)).await
    }
}

impl TenantSystems {
    fn connector(&self, system: &System, job: &JobContext, role: &str) -> Result<Pool, PluginError> {
        let version = self.version(system, &system.plugin)?;
        if !version.roles.names().contains(&role) {
            return Err(cannot(system, &version, role));
        }
        check_properties(system, &version)?;
        let egress = self.host.egress().for_system(system, job.cancelled.clone())?;
        Ok(self.pool(system, job, version, Side::Connector(egress)))
    }

    async fn transformation(
        &self,
        system: &System,
        job: &JobContext,
        reference: Option<&TransformationRef>,
        direction: Direction,
        resolver: Option<Arc<dyn Resolver>>,
    ) -> Result<Arc<dyn Transformation>, PluginError> {
        let reference = reference.ok_or_else(|| {
            configuration(system, &format!("it has no {} transformation", direction.as_str()))
        })?;
        let version = self.version(system, &reference.plugin)?;
        if !version.roles.transformation {
            return Err(cannot(system, &version, "transformation"));
        }
        let mut pool = self.pool(system, job, version, Side::Transformation(resolver));
        pool.document = Some(Document::of(system, &reference.document, direction));
        let opened = transformation::PooledTransformation::open(pool).await.map_err(|mut error| {
            error.message = format!("system \"{}\": {}", system.name, error.message);
            error
        })?;
        Ok(Arc::new(opened))
    }

    fn version(&self, system: &System, plugin: &PluginId) -> Result<Arc<Version>, PluginError> {
        if system.tenant != self.tenant {
            return Err(PluginError::new(
                code::INTERNAL,
                format!("the system \"{}\" is not of the tenant {}", system.name, self.tenant),
            ));
        }
        self.host.version(&self.tenant, plugin).map_err(|error| configuration(system, &error.to_string()))
    }

    fn pool(&self, system: &System, job: &JobContext, version: Arc<Version>, side: Side) -> Pool {
        let scope = Scope {
            plugin: version.name(),
            declared: version.manifest.capabilities.iter().map(|c| c.name.clone()).collect(),
            properties: version.manifest.properties.clone(),
            clock: self.host.clock().clone(),
            cancelled: job.cancelled.clone(),
            log: LogGate::new(&version.limits),
            open: Some(Open {
                system: Arc::new(system.clone()),
                job: job.job.clone(),
                side,
                state: self.state.clone(),
                interposer: self.interposer.clone(),
            }),
        };
        self.host.pool(version, Arc::new(scope))
    }
}

impl Document {
    /// With the properties that a document may use: all but the secret ones.
    pub(crate) fn of(system: &System, text: &str, direction: Direction) -> Self {
        let properties =
            system.plain_properties().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { text: text.to_owned(), direction, properties }
    }
}

/// A plugin that declares a property as required is not started without it.
fn check_properties(system: &System, version: &Version) -> Result<(), PluginError> {
    let missing: Vec<_> = version
        .manifest
        .properties
        .iter()
        .filter(|spec| spec.required && spec.default.is_none())
        .filter(|spec| system.property(&spec.name).is_none_or(str::is_empty))
        .map(|spec| spec.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(configuration(
        system,
        &format!(
            "the plugin {} needs the properties that are not set: {}",
            version.name(),
            missing.join(", ")
        ),
    ))
}

fn cannot(system: &System, version: &Version, role: &str) -> PluginError {
    configuration(
        system,
        &format!(
            "the plugin {} is no {role}; it is {}. Choose another plugin for it",
            version.name(),
            version.roles.names().join(" and ")
        ),
    )
}

fn configuration(system: &System, text: &str) -> PluginError {
    PluginError::new(code::CONFIGURATION, format!("system \"{}\": {text}", system.name))
}

/// Not reached: a role is checked when the system is opened.
fn no_export() -> wasmtime::Error {
    wasmtime::format_err!("the component does not export it")
}
