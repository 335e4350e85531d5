//! `gangway:plugin/state`: a few values of a system, kept by the engine's store.

use crate::bindings::v0_1::gangway::plugin::state::Host;
use crate::bindings::v0_1::gangway::plugin::types::PluginError as Refusal;
use crate::guest::GuestState;
use gangway_model::ports::StateSpace;
use gangway_model::{PluginError, System, code};
use std::sync::Arc;

/// Bytes of a key.
const KEY: usize = 256;
/// Bytes of a value.
const VALUE: usize = 64 << 10;
/// How the engine's own keys begin, such as [`gangway_model::DeltaState::KEY`].
const RESERVED: &str = "gangway:";

impl Host for GuestState {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, Refusal> {
        checked_key(&key)?;
        self.stored(move |state, system| state.get(system, &key)).await
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), Refusal> {
        checked_key(&key)?;
        if value.len() > VALUE {
            return Err(PluginError::new(
                code::TOO_LARGE,
                format!(
                    "the value of the state key {key:?} has {} bytes; at most {VALUE} are kept",
                    value.len()
                ),
            )
            .into());
        }
        self.stored(move |state, system| state.set(system, &key, Some(&value))).await
    }

    async fn delete(&mut self, key: String) -> Result<(), Refusal> {
        checked_key(&key)?;
        self.stored(move |state, system| state.set(system, &key, None)).await
    }
}

impl GuestState {
    async fn stored<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&dyn StateSpace, &System) -> Result<T, PluginError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let open = self.scope.state()?;
        let (state, system) = (Arc::clone(&open.state), Arc::clone(&open.system));
        let _wait = self.meter.wait();
        match tokio::task::spawn_blocking(move || work(state.as_ref(), &system)).await {
            Ok(done) => Ok(done?),
            Err(error) => Err(PluginError::new(code::INTERNAL, format!("the store failed: {error}")).into()),
        }
    }
}

fn checked_key(key: &str) -> Result<(), PluginError> {
    if key.is_empty() || key.len() > KEY {
        return Err(PluginError::new(
            code::INVALID,
            format!("a state key has 1 to {KEY} bytes; this one has {}", key.len()),
        ));
    }
    if key.starts_with(RESERVED) {
        return Err(PluginError::new(
            code::DENIED,
            format!(
                "state keys that begin with {RESERVED:?} are the engine's own; choose another than {key:?}"
            ),
        ));
    }
    Ok(())
}
