//! The component under test, and what checks need around it.

use crate::Options;
use crate::config::{Config, ConfigError, Sample};
use crate::faults::{Fault, Faults};
use crate::place::{Memory, Nobody, Place};
use gangway_egress::{Egress, EgressConfig};
use gangway_host::{CrashPolicy, Host, HostConfig, Inspection, Interposer, LoadError, Roles};
use gangway_model::ports::{JobContext, Source, Systems, Target, Transformation};
use gangway_model::{
    Diagnostic, Direction, JobId, Manifest, Operation, OperationKind, Outcome, PluginError, PluginId, Role,
    System, SystemId, TenantId, TransformationRef, code,
};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The component under test.
pub(crate) struct Bench<'a> {
    host: Host,
    pub(crate) config: &'a Config,
    pub(crate) manifest: Manifest,
    pub(crate) roles: Roles,
    system: System,
    state: Arc<Memory>,
    run: String,
    numbers: AtomicUsize,
    /// What checks created and did not delete, with type and identifier.
    created: Mutex<Vec<(String, String)>>,
    _place: Place,
}

/// An instance, its job's stop switch, and the server that misbehaves if there is one.
pub(crate) struct Opened<T: ?Sized> {
    pub(crate) side: Arc<T>,
    pub(crate) cancelled: Arc<AtomicBool>,
    faults: Option<Arc<Faults>>,
}

impl<T: ?Sized> Opened<T> {
    /// How many requests met the fault.
    pub(crate) fn hits(&self) -> usize {
        self.faults.as_ref().map_or(0, |faults| faults.hits())
    }
}

/// A sample with its own number.
#[derive(Clone)]
pub(crate) struct Specimen {
    pub(crate) entity_type: String,
    pub(crate) id: Option<String>,
    pub(crate) create: Value,
    pub(crate) update: Option<Value>,
    pub(crate) find: Vec<(String, String)>,
    pub(crate) compare: Vec<String>,
}

impl<'a> Bench<'a> {
    /// Loads the component. The inner error says that the host refuses it.
    pub(crate) async fn open(
        wasm: Vec<u8>,
        inspection: &Inspection,
        config: &'a Config,
        options: Options,
    ) -> Result<Result<Self, LoadError>, ConfigError> {
        let place = Place::new()?;
        let egress = Arc::new(Egress::new(EgressConfig::new(options.clock.clone())));
        let mut host_config = HostConfig::new(place.cache(), options.clock, egress);
        // A check that crashes the plugin must not spoil the next one.
        host_config.crash_policy =
            CrashPolicy { crashes: usize::MAX, window: Duration::ZERO, back_off: Duration::ZERO };
        let host = Host::new(host_config).map_err(|error| ConfigError::Place(error.to_string()))?;
        let (tenant, plugin) = (TenantId::new("conformance"), PluginId::new("under-test"));
        let system = System {
            tenant: tenant.clone(),
            id: SystemId::new("conformance"),
            name: "Conformance".to_owned(),
            description: String::new(),
            role: Role::Source,
            system_type: None,
            plugin: plugin.clone(),
            enabled: true,
            sources: Vec::new(),
            properties: config.properties(&options.environment)?,
            grants: place.grants(config, &options.folder)?,
            read: None,
            write: None,
        };
        if let Err(error) = host.load(&tenant, &plugin, wasm).await {
            return Ok(Err(error));
        }
        Ok(Ok(Self {
            host,
            config,
            manifest: inspection.manifest.clone(),
            roles: inspection.roles,
            system,
            state: Arc::default(),
            run: options.run,
            numbers: AtomicUsize::new(0),
            created: Mutex::default(),
            _place: place,
        }))
    }

    /// Whether the plugin may use a host interface.
    pub(crate) fn uses(&self, capability: &str) -> bool {
        self.manifest.capabilities.iter().any(|c| c.name == capability)
    }

    /// How often it crashed so far, and how the last time.
    pub(crate) fn crashes(&self) -> (u64, String) {
        let status = self.host.plugins(&self.system.tenant).into_iter().next();
        status.map_or((0, String::new()), |s| (s.crashes, s.last_crash.map(|c| c.text).unwrap_or_default()))
    }

    /// A source in a fresh instance.
    pub(crate) async fn source(&self, fault: Option<Fault>) -> Result<Opened<dyn Source>, PluginError> {
        let (systems, job, faults) = self.systems(fault);
        let side = systems.source(&self.system, &job).await?;
        Ok(Opened { side, cancelled: job.cancelled, faults })
    }

    /// A target in a fresh instance.
    pub(crate) async fn target(&self, fault: Option<Fault>) -> Result<Opened<dyn Target>, PluginError> {
        let (systems, job, faults) = self.systems(fault);
        let system = System { role: Role::Target, ..self.system.clone() };
        let side = systems.target(&system, &job).await?;
        Ok(Opened { side, cancelled: job.cancelled, faults })
    }

    /// A transformation in a fresh instance.
    pub(crate) async fn transformation(
        &self,
        document: &str,
        direction: Direction,
    ) -> Result<Arc<dyn Transformation>, PluginError> {
        let (systems, job, _) = self.systems(None);
        let reference =
            TransformationRef { plugin: self.system.plugin.clone(), document: document.to_owned() };
        match direction {
            Direction::Read => {
                let system = System { read: Some(reference), ..self.system.clone() };
                systems.read_transformation(&system, &job).await
            }
            Direction::Write => {
                let system = System { write: Some(reference), role: Role::Target, ..self.system.clone() };
                systems.write_transformation(&system, &job, Arc::new(Nobody)).await
            }
        }
    }

    /// What is wrong in a document.
    pub(crate) async fn diagnostics(&self, document: &str) -> Result<Vec<Diagnostic>, PluginError> {
        let System { tenant, plugin, .. } = &self.system;
        self.host.check_document(tenant, plugin, document, Direction::Read, Vec::new()).await
    }

    fn systems(&self, fault: Option<Fault>) -> (Arc<dyn Systems>, JobContext, Option<Arc<Faults>>) {
        let cancelled = Arc::new(AtomicBool::new(false));
        let faults = fault.map(|fault| Faults::new(fault, cancelled.clone()));
        let interposer = faults.clone().map(|faults| faults as Arc<dyn Interposer>);
        let systems = self.host.systems_through(&self.system.tenant, self.state.clone(), interposer);
        (systems, JobContext { job: JobId::new("conformance"), cancelled }, faults)
    }

    pub(crate) fn sample(&self, entity_type: &str) -> Option<&Sample> {
        self.config.samples.get(entity_type)
    }

    /// An identifier that stands for nothing.
    pub(crate) fn unknown(&self, entity_type: &str) -> String {
        let sample = self.sample(entity_type).and_then(|sample| sample.unknown.clone());
        sample.unwrap_or_else(|| "no-such-entity".to_owned())
    }

    /// An entity that was not written before; none if the configuration does not say how to make one.
    pub(crate) fn specimen(&self, entity_type: &str) -> Option<Specimen> {
        let sample = self.sample(entity_type)?;
        let create = sample.create.as_ref()?;
        let number = (self.numbers.fetch_add(1, Ordering::SeqCst) + 1).to_string();
        let text = |text: &str| text.replace("{{run}}", &self.run).replace("{{n}}", &number);
        Some(Specimen {
            entity_type: entity_type.to_owned(),
            id: sample.id.as_deref().map(text),
            create: filled(create, &text),
            update: sample.update.as_ref().map(|update| filled(update, &text)),
            find: sample.find.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
            compare: sample.compare.clone(),
        })
    }

    /// Notes what a write created, so that it does not stay.
    pub(crate) fn note(&self, entity_type: &str, outcome: &Outcome) {
        if let (Some(id), None) = (&outcome.id, &outcome.error) {
            let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
            created.push((entity_type.to_owned(), id.clone()));
        }
    }

    /// Deletes what checks left behind. What they deleted themselves is not found, which is as good.
    pub(crate) async fn clean_up(&self) {
        let created = std::mem::take(&mut *self.created.lock().unwrap_or_else(PoisonError::into_inner));
        if created.is_empty() {
            return;
        }
        let Ok(target) = self.target(None).await else { return };
        for (entity_type, id) in created {
            let _ = target.side.write(vec![delete(&entity_type, &id)]).await;
        }
    }
}

impl Specimen {
    pub(crate) fn creation(&self) -> Operation {
        Operation {
            kind: OperationKind::Create,
            entity_type: self.entity_type.clone(),
            id: self.id.clone(),
            version: None,
            json: self.create.to_string(),
            members: None,
        }
    }

    pub(crate) fn replacement(&self, id: &str, content: &Value) -> Operation {
        Operation {
            kind: OperationKind::Replace,
            entity_type: self.entity_type.clone(),
            id: Some(id.to_owned()),
            version: None,
            json: content.to_string(),
            members: None,
        }
    }
}

pub(crate) fn delete(entity_type: &str, id: &str) -> Operation {
    Operation {
        kind: OperationKind::Delete,
        entity_type: entity_type.to_owned(),
        id: Some(id.to_owned()),
        version: None,
        json: String::new(),
        members: None,
    }
}

/// The one outcome of a write of one operation.
pub(crate) async fn write_one(target: &dyn Target, operation: Operation) -> Result<Outcome, PluginError> {
    let missing = || PluginError::new(code::INTERNAL, "no outcome");
    let outcome = target.write(vec![operation]).await?.into_iter().next().ok_or_else(missing)?;
    match outcome.error {
        Some(error) => Err(error),
        None => Ok(outcome),
    }
}

fn filled(value: &Value, text: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(held) => Value::String(text(held)),
        Value::Array(items) => items.iter().map(|item| filled(item, text)).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), filled(value, text))).collect()
        }
        other => other.clone(),
    }
}
