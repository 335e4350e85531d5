//! For tests: the linear memory of guests, as it is after each call.

use crate::guest::Guest;
use std::sync::Arc;
use wasmtime::{AsContext as _, AsContextMut as _, WasmCoreDump};

/// Is called with the plugin's name and the content of each of its memories.
pub type MemoryObserver = Arc<dyn Fn(&str, &[u8]) + Send + Sync>;

/// Shows the memories of an instance, which ends with that: wasmtime gives them out only with the
/// core dump of a trap, so the instance is made to trap.
pub(crate) async fn observe(mut guest: Guest, plugin: &str, observer: &MemoryObserver) {
    guest.store.data_mut().stop_at_tick = true;
    guest.store.engine().increment_epoch();
    let stopped = guest.metadata.call_describe(guest.store.as_context_mut()).await;
    let Err(error) = stopped else { return };
    let Some(dump) = error.downcast_ref::<WasmCoreDump>() else { return };
    for memory in dump.memories() {
        observer(plugin, memory.data(guest.store.as_context()));
    }
}
