//! What the instances of one open system may do, and on whose behalf.

use crate::Interposer;
use crate::capabilities::log::LogGate;
use gangway_egress::SystemEgress;
use gangway_model::ports::{Clock, Resolver, StateSpace};
use gangway_model::{JobId, PluginError, PropertySpec, System, code};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Who an instance works for. One for each open system, shared by its instances.
pub(crate) struct Scope {
    /// The plugin's name under which it is loaded, and its version: `csv 1.2.0`.
    pub(crate) plugin: String,
    /// The capabilities that the manifest declares: the first key.
    pub(crate) declared: Vec<String>,
    /// The properties that the manifest describes.
    pub(crate) properties: Vec<PropertySpec>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cancelled: Arc<AtomicBool>,
    /// None while a plugin is only asked to describe itself or to check a document.
    pub(crate) open: Option<Open>,
    pub(crate) log: LogGate,
}

/// An open system.
pub(crate) struct Open {
    pub(crate) system: Arc<System>,
    pub(crate) job: JobId,
    pub(crate) side: Side,
    pub(crate) state: Arc<dyn StateSpace>,
    pub(crate) interposer: Option<Arc<dyn Interposer>>,
}

/// What an instance does for the system.
pub(crate) enum Side {
    /// Reads or writes it.
    Connector(Arc<SystemEgress>),
    /// Transforms its entities. A transformation is a function: it reaches no network and no file.
    Transformation(Option<Arc<dyn Resolver>>),
}

/// A host interface that takes two keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Capability {
    Http,
    Connection,
    Files,
    Relations,
    State,
}

impl Capability {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Connection => "connection",
            Self::Files => "files",
            Self::Relations => "relations",
            Self::State => "state",
        }
    }
}

impl Scope {
    /// The first key: the manifest. A component that imports what it does not declare is not even
    /// compiled; this is the second line of defence.
    pub(crate) fn declared(&self, capability: Capability) -> Result<&Open, PluginError> {
        let name = capability.name();
        if !self.declared.iter().any(|declared| declared == name) {
            return Err(denied(format!(
                "the plugin {} does not declare \"{name}\" in its manifest; its author adds \
                 {{\"name\": \"{name}\", \"reason\": \"…\"}} to \"capabilities\"",
                self.plugin
            )));
        }
        self.open.as_ref().ok_or_else(|| {
            denied(format!("the plugin {} may not use \"{name}\" here: it serves no system now", self.plugin))
        })
    }

    /// Both keys for what needs the network.
    pub(crate) fn network(&self, capability: Capability) -> Result<(&Open, &Arc<SystemEgress>), PluginError> {
        let open = self.declared(capability)?;
        match &open.side {
            Side::Connector(egress) => Ok((open, egress)),
            Side::Transformation(_) => Err(self.only_connectors(capability)),
        }
    }

    /// Both keys for files; which of them is decided by name.
    pub(crate) fn files(&self) -> Result<&Open, PluginError> {
        let open = self.declared(Capability::Files)?;
        match &open.side {
            Side::Connector(_) => Ok(open),
            Side::Transformation(_) => Err(self.only_connectors(Capability::Files)),
        }
    }

    /// Both keys for values that outlive the instance.
    pub(crate) fn state(&self) -> Result<&Open, PluginError> {
        let open = self.declared(Capability::State)?;
        match &open.side {
            Side::Transformation(_) => Err(self.only_connectors(Capability::State)),
            Side::Connector(_) if !open.system.grants.state => {
                Err(self.not_granted(Capability::State, &open.system, "\"state\": true"))
            }
            Side::Connector(_) => Ok(open),
        }
    }

    /// Both keys for identifiers of other systems.
    pub(crate) fn relations(&self) -> Result<&Arc<dyn Resolver>, PluginError> {
        let open = self.declared(Capability::Relations)?;
        if !open.system.grants.relations {
            return Err(self.not_granted(Capability::Relations, &open.system, "\"relations\": true"));
        }
        match &open.side {
            Side::Transformation(Some(resolver)) => Ok(resolver),
            _ => Err(PluginError::new(
                code::UNSUPPORTED,
                format!(
                    "the plugin {} asks for relations where there are none: they are between a source and a target, so \
                     only the write transformation of a target can ask",
                    self.plugin
                ),
            )),
        }
    }

    fn not_granted(&self, capability: Capability, system: &System, line: &str) -> PluginError {
        denied(format!(
            "the plugin {} declares \"{}\", but the system \"{}\" does not grant it. To allow it, add this to the \
             system's grants: {line}",
            self.plugin,
            capability.name(),
            system.name
        ))
    }

    fn only_connectors(&self, capability: Capability) -> PluginError {
        denied(format!(
            "the plugin {} may not use \"{}\" while it transforms: a transformation's result depends on its input only",
            self.plugin,
            capability.name()
        ))
    }
}

pub(crate) fn denied(message: String) -> PluginError {
    PluginError::new(code::DENIED, message)
}
