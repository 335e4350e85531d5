//! Warm instances of one open system or one compiled document.
//!
//! An instance takes one call at a time. What ends otherwise than by returning (a trap, a limit, a
//! dropped call) leaves it unusable, and it is thrown away; the next call gets a fresh one.

use crate::fault::{self, Fault};
use crate::guest::{self, Guest};
use crate::limits::{Limits, Meter};
use crate::output::Tail;
use crate::registry::Version;
use crate::scope::Scope;
use gangway_model::{Diagnostic, Direction, PluginError, code};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use wasmtime::{AsContext as _, Engine};

/// A call's work on the instance it was given.
pub(crate) type Work<'a, R> = Pin<Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a>>;

/// One call: its name in the interface, and whether being cut off leaves its effect unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) name: &'static str,
    pub(crate) writes: bool,
}

impl Call {
    pub(crate) const fn reading(name: &'static str) -> Self {
        Self { name, writes: false }
    }

    pub(crate) const fn writing(name: &'static str) -> Self {
        Self { name, writes: true }
    }
}

/// A document that every instance compiles before its first call.
pub(crate) struct Document {
    pub(crate) text: String,
    pub(crate) direction: Direction,
    pub(crate) properties: Vec<(String, String)>,
}

pub(crate) struct Pool {
    pub(crate) engine: Engine,
    pub(crate) version: Arc<Version>,
    pub(crate) scope: Arc<Scope>,
    pub(crate) document: Option<Document>,
    idle: Mutex<Vec<Guest>>,
    places: Semaphore,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) observer: Option<crate::testing::MemoryObserver>,
}

impl Pool {
    pub(crate) fn new(engine: Engine, version: Arc<Version>, scope: Arc<Scope>, size: usize) -> Self {
        Self {
            engine,
            version,
            scope,
            document: None,
            idle: Mutex::default(),
            places: Semaphore::new(size.max(1)),
            #[cfg(any(test, feature = "testing"))]
            observer: None,
        }
    }

    /// Runs one call on an instance of its own.
    pub(crate) async fn call<R: Send>(
        &self,
        call: Call,
        work: impl for<'a> FnOnce(&'a mut Guest) -> Work<'a, R> + Send,
    ) -> Result<R, PluginError> {
        self.admit()?;
        let _place = self.places.acquire().await;
        // The wait for a place may have been long, and the call before may have crashed.
        self.admit()?;
        let warm = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut guest = match warm {
            Some(guest) => guest,
            None => self.fresh().await?,
        };
        let meter = guest.store.data().meter.clone();
        let output = guest.output.clone();
        let result = self.driven(call, &meter, &output, work(&mut guest)).await?;
        #[cfg(any(test, feature = "testing"))]
        if let Some(observer) = &self.observer {
            crate::testing::observe(guest, &self.version.name(), observer).await;
            return Ok(result);
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(guest);
        Ok(result)
    }

    /// An instance, ready for its first call.
    async fn fresh(&self) -> Result<Guest, PluginError> {
        let version = &self.version;
        let (store, output) = guest::store(&self.engine, &self.scope, &version.limits);
        let meter = store.as_context().data().meter.clone();
        let moving_in = Guest::new(store, output.clone(), &version.code);
        let mut guest = self.driven(Call::reading("instantiate"), &meter, &output, moving_in).await?;
        if let Some(document) = &self.document {
            let compiled = compile(&mut guest, document);
            let compiled = self.driven(Call::reading("compile"), &meter, &output, compiled).await?;
            let compiled = compiled.map_err(|diagnostics| refused(&version.name(), &diagnostics))?;
            guest.compiled = Some(compiled);
        }
        Ok(guest)
    }

    async fn driven<R>(
        &self,
        call: Call,
        meter: &Meter,
        output: &Tail,
        work: impl Future<Output = wasmtime::Result<R>>,
    ) -> Result<R, PluginError> {
        let limits: &Limits = &self.version.limits;
        let name = || self.version.name();
        let fault = match meter.drive(limits, &self.scope.cancelled, work).await {
            Ok(Ok(result)) => return Ok(result),
            Ok(Err(error)) => fault::trapped(&name(), call.name, &error, output, meter, limits),
            Err(ended) => fault::ended(&name(), call.name, call.writes, ended),
        };
        Err(self.record(fault))
    }

    fn record(&self, fault: Fault) -> PluginError {
        let version = &self.version;
        let (tenant, plugin) = (version.tenant.as_str(), version.name());
        if let Some(crash) = fault.crash {
            tracing::error!(target: "gangway::plugin", tenant, plugin, "{crash}");
            if version.health.crashed(self.scope.clock.now_ms(), crash) {
                tracing::error!(target: "gangway::plugin", tenant, plugin, "quarantined: it crashes again and again");
            }
        }
        fault.error
    }

    fn admit(&self) -> Result<(), PluginError> {
        if self.scope.cancelled.load(Ordering::Relaxed) {
            return Err(PluginError::new(code::CANCELLED, "the job is being stopped"));
        }
        self.version.health.admit(&self.version, self.version.id.as_str(), self.scope.clock.now_ms())
    }
}

/// Compiles a document; the inner error lists what is wrong with it.
pub(crate) async fn compile(
    guest: &mut Guest,
    document: &Document,
) -> wasmtime::Result<Result<wasmtime::component::ResourceAny, Vec<Diagnostic>>> {
    let transformation =
        guest.transformation.as_ref().ok_or_else(|| wasmtime::format_err!("it transforms nothing"))?;
    let direction = document.direction.as_str();
    let compiled = transformation
        .call_compile(&mut guest.store, &document.text, direction, &document.properties)
        .await?;
    Ok(compiled.map_err(|diagnostics| diagnostics.into_iter().map(Diagnostic::from).collect()))
}

/// A document that was accepted when it was saved is refused now: by another version, or by other
/// properties.
fn refused(plugin: &str, diagnostics: &[Diagnostic]) -> PluginError {
    let problems: Vec<_> = diagnostics
        .iter()
        .take(5)
        .map(|d| format!("{} (at {:?}, line {}, column {})", d.message, d.pointer, d.line, d.column))
        .collect();
    let more = diagnostics.len().saturating_sub(problems.len());
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    PluginError::new(
        code::CONFIGURATION,
        format!("the transformation document is refused by {plugin}: {}{more}", problems.join("; ")),
    )
}
