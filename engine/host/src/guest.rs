//! One instance: the store, what the host keeps in it, and the exports.

use crate::bindings::v0_1::Everything;
use crate::bindings::v0_1::exports::gangway::plugin::{changes, metadata, source, target, transformation};
use crate::code::Code;
use crate::limits::{Limits, Meter, Space};
use crate::output::Tail;
use crate::scope::Scope;
use gangway_model::ports::Clock;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::{HasData, HasSelf, Linker, ResourceAny, ResourceTable};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::cli::WasiCliView as _;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::filesystem::WasiFilesystemView as _;
use wasmtime_wasi::p2::bindings as wasi;
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};

/// What the host keeps for one instance.
pub(crate) struct GuestState {
    pub(crate) scope: Arc<Scope>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) table: ResourceTable,
    pub(crate) replacements: usize,
    wasi: WasiCtx,
    space: Space,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) stop_at_tick: bool,
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The call used up its processor time.
#[derive(Debug, thiserror::Error)]
#[error("it used {0:?} of processor time in one call")]
pub(crate) struct CpuExceeded(pub(crate) Duration);

/// A running instance. It takes one call at a time.
pub(crate) struct Guest {
    pub(crate) store: Store<GuestState>,
    pub(crate) output: Tail,
    pub(crate) metadata: metadata::Guest,
    pub(crate) source: Option<source::Guest>,
    pub(crate) changes: Option<changes::Guest>,
    pub(crate) target: Option<target::Guest>,
    pub(crate) transformation: Option<transformation::Guest>,
    /// The document this instance has compiled.
    pub(crate) compiled: Option<ResourceAny>,
}

/// A store that is not inhabited yet: instantiation runs the guest's own code, and must be driven
/// like a call.
pub(crate) fn store(engine: &Engine, scope: &Arc<Scope>, limits: &Arc<Limits>) -> (Store<GuestState>, Tail) {
    let output = Tail::default();
    let meter = Arc::new(Meter::new());
    let mut wasi = WasiCtx::builder();
    wasi.stdout(output.clone())
        .stderr(output.clone())
        .allow_tcp(false)
        .allow_udp(false)
        .max_random_size(1 << 20)
        .wall_clock(WallClock(scope.clock.clone()));
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.handles);
    let state = GuestState {
        scope: scope.clone(),
        limits: limits.clone(),
        space: Space::new(limits, meter.clone()),
        meter: meter.clone(),
        table,
        replacements: 0,
        wasi: wasi.build(),
        #[cfg(any(test, feature = "testing"))]
        stop_at_tick: false,
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.space);
    store.set_hostcall_fuel(limits.crossing_bytes);
    store.set_max_component_handles(limits.handles);
    store.set_epoch_deadline(1);
    let budget = limits.cpu;
    store.epoch_deadline_callback(move |context| {
        #[cfg(any(test, feature = "testing"))]
        if context.data().stop_at_tick {
            return Err(wasmtime::format_err!("stopped to be looked at"));
        }
        let _ = &context;
        if meter.cpu() > budget {
            return Err(CpuExceeded(budget).into());
        }
        Ok(UpdateDeadline::Yield(1))
    });
    (store, output)
}

impl Guest {
    /// Moves in.
    pub(crate) async fn new(
        mut store: Store<GuestState>,
        output: Tail,
        code: &Code,
    ) -> wasmtime::Result<Self> {
        let instance = code.pre.instantiate_async(&mut store).await?;
        let metadata = code.metadata.load(&mut store, &instance)?;
        let source = code.source.as_ref().map(|s| s.load(&mut store, &instance)).transpose()?;
        let changes = code.changes.as_ref().map(|c| c.load(&mut store, &instance)).transpose()?;
        let target = code.target.as_ref().map(|t| t.load(&mut store, &instance)).transpose()?;
        let transformation =
            code.transformation.as_ref().map(|t| t.load(&mut store, &instance)).transpose()?;
        Ok(Self { store, output, metadata, source, changes, target, transformation, compiled: None })
    }
}

/// Everything a guest can import: our own interfaces, and of WASI 0.2 what the language runtimes
/// need. Sockets are not in it.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    Everything::add_to_linker::<_, HasSelf<_>>(l, |state: &mut GuestState| state)?;

    wasi::io::error::add_to_linker::<_, HasTable>(l, |state: &mut GuestState| &mut state.table)?;
    wasi::io::poll::add_to_linker::<_, HasTable>(l, |state: &mut GuestState| &mut state.table)?;
    wasi::io::streams::add_to_linker::<_, HasTable>(l, |state: &mut GuestState| &mut state.table)?;

    use wasmtime_wasi::clocks::WasiClocks;
    wasi::clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, GuestState::clocks)?;
    wasi::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, GuestState::clocks)?;

    use wasmtime_wasi::random::WasiRandom;
    wasi::random::random::add_to_linker::<_, WasiRandom>(l, |state| state.wasi.random())?;
    wasi::random::insecure::add_to_linker::<_, WasiRandom>(l, |state| state.wasi.random())?;
    wasi::random::insecure_seed::add_to_linker::<_, WasiRandom>(l, |state| state.wasi.random())?;

    use wasmtime_wasi::filesystem::WasiFilesystem;
    wasi::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, GuestState::filesystem)?;
    wasi::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, GuestState::filesystem)?;

    use wasmtime_wasi::cli::WasiCli;
    wasi::cli::exit::add_to_linker::<_, WasiCli>(l, GuestState::cli)?;
    wasi::cli::environment::add_to_linker::<_, WasiCli>(l, GuestState::cli)?;
    wasi::cli::stdin::add_to_linker::<_, WasiCli>(l, GuestState::cli)?;
    wasi::cli::stdout::add_to_linker::<_, WasiCli>(l, GuestState::cli)?;
    wasi::cli::stderr::add_to_linker::<_, WasiCli>(l, GuestState::cli)?;
    wasi::cli::terminal_input::add_to_linker::<_, WasiCli>(l, GuestState::cli)?;
    wasi::cli::terminal_output::add_to_linker::<_, WasiCli>(l, GuestState::cli)?;
    wasi::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, GuestState::cli)?;
    wasi::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, GuestState::cli)?;
    wasi::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, GuestState::cli)?;
    Ok(linker)
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// The engine's clock, as guests see it.
struct WallClock(Arc<dyn Clock>);

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now_ms())
    }
}
