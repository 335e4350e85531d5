use crate::LoadError;
use crate::bindings::v0_1::exports::gangway::plugin::{changes, metadata, source, target, transformation};
use crate::cache::Cache;
use crate::guest::GuestState;
use crate::verify::{self, Inspection, Roles};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

/// A component, compiled and linked, with the places of its exports looked up. Tenants that load
/// the same bytes share one.
pub(crate) struct Code {
    pub(crate) pre: InstancePre<GuestState>,
    pub(crate) metadata: metadata::GuestIndices,
    pub(crate) source: Option<source::GuestIndices>,
    pub(crate) changes: Option<changes::GuestIndices>,
    pub(crate) target: Option<target::GuestIndices>,
    pub(crate) transformation: Option<transformation::GuestIndices>,
}

/// Where compiled code came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Compiled now.
    Compiler,
    /// From the cache on disk.
    Cache,
    /// In memory already: another tenant, or another name, uses the same component.
    Memory,
}

/// Turns verified bytes into code: one component at a time, off the asynchronous runtime.
pub(crate) struct Compiler {
    pub(crate) engine: Engine,
    linker: Linker<GuestState>,
    cache: Cache,
    known: Mutex<HashMap<String, Weak<Code>>>,
    turn: Semaphore,
}

impl Compiler {
    pub(crate) fn new(engine: Engine, linker: Linker<GuestState>, cache: Cache) -> Self {
        Self { engine, linker, cache, known: Mutex::default(), turn: Semaphore::new(1) }
    }

    /// The code of a component, and how long the compiler (or the cache) took.
    pub(crate) async fn code(
        self: &Arc<Self>,
        wasm: Vec<u8>,
        inspection: &Inspection,
    ) -> Result<(Arc<Code>, Origin, Duration), LoadError> {
        let turn = self.turn.acquire().await;
        let start = Instant::now();
        if let Some(code) = self.known(&inspection.digest) {
            return Ok((code, Origin::Memory, start.elapsed()));
        }
        let compiler = self.clone();
        let digest = inspection.digest.clone();
        let roles = inspection.roles;
        let work = move || compiler.make(&wasm, &digest, roles);
        let (code, origin) = tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| LoadError::Compile(format!("the compiler gave up: {error}")))??;
        drop(turn);
        Ok((code, origin, start.elapsed()))
    }

    fn make(&self, wasm: &[u8], digest: &str, roles: Roles) -> Result<(Arc<Code>, Origin), LoadError> {
        let (component, origin) = match self.cache.load(&self.engine, digest) {
            Some(component) => (component, Origin::Cache),
            None => {
                verify::validate(wasm)?;
                let component = Component::from_binary(&self.engine, wasm)
                    .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
                self.cache.store(digest, &component);
                (component, Origin::Compiler)
            }
        };
        let code = Arc::new(self.link(&component, roles)?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, code| code.strong_count() > 0);
        known.insert(digest.to_owned(), Arc::downgrade(&code));
        Ok((code, origin))
    }

    fn link(&self, component: &Component, roles: Roles) -> Result<Code, LoadError> {
        let pre =
            self.linker.instantiate_pre(component).map_err(|error| LoadError::Link(format!("{error:#}")))?;
        let wrong = |error: wasmtime::Error| LoadError::Exports(format!("{error:#}"));
        Ok(Code {
            metadata: metadata::GuestIndices::new(&pre).map_err(wrong)?,
            source: roles.source.then(|| source::GuestIndices::new(&pre)).transpose().map_err(wrong)?,
            changes: roles.changes.then(|| changes::GuestIndices::new(&pre)).transpose().map_err(wrong)?,
            target: roles.target.then(|| target::GuestIndices::new(&pre)).transpose().map_err(wrong)?,
            transformation: roles
                .transformation
                .then(|| transformation::GuestIndices::new(&pre))
                .transpose()
                .map_err(wrong)?,
            pre,
        })
    }

    fn known(&self, digest: &str) -> Option<Arc<Code>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(digest)?.upgrade()
    }
}
