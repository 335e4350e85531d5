//! The one configuration of wasmtime.

use crate::LoadError;
use crate::limits::TICK;
use wasmtime::{Config, Engine, ProfilingStrategy, WasmBacktraceDetails};

/// Makes the engine and starts its ticker, which ends with it.
///
/// * Instances are allocated on demand. A pool saves 10 µs an instance, but has a fixed number of
///   places that one tenant could take from all others; warm instances make the 10 µs rare.
/// * The memory reservation stays at wasmtime's 4 GiB of address space: less costs a bounds check on
///   every access (37 % measured). [`Limits::memory_bytes`](crate::Limits::memory_bytes) is the real limit.
/// * Interface 0.1 has no asynchronous functions; without their support a call is four times as cheap and
///   a guest has fewer ways to hold host memory.
pub(crate) fn engine(core_dumps: bool, perf_map: bool) -> Result<Engine, LoadError> {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .parallel_compilation(true)
        .generate_address_map(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .coredump_on_trap(core_dumps)
        .wasm_memory64(false)
        .profiler(if perf_map { ProfilingStrategy::PerfMap } else { ProfilingStrategy::None });
    let engine = Engine::new(&config).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("gangway-epoch".into())
        .spawn(move || {
            loop {
                std::thread::sleep(TICK);
                match weak.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })
        .map_err(|error| LoadError::Engine(format!("the epoch ticker does not start: {error}")))?;
    Ok(engine)
}
