//! A few small values that outlive the instance: delta markers, detected features. Keys up to 256 bytes,
//! values up to 64 KiB, 1,000 keys a system. Capability: `state`.

use crate::error::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};

#[cfg(target_family = "wasm")]
use crate::bindings::host::gangway::plugin::state as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::hosted::state as host;

/// The bytes kept under a key.
pub fn get(key: &str) -> Result<Option<Vec<u8>>> {
    host::get(key)
}

/// Keeps bytes under a key.
pub fn set(key: &str, value: &[u8]) -> Result<()> {
    host::set(key, value)
}

/// Forgets a key.
pub fn delete(key: &str) -> Result<()> {
    host::delete(key)
}

/// The value kept under a key as JSON.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
    get(key)?
        .map(|bytes| {
            serde_json::from_slice(&bytes).map_err(|error| {
                Error::internal(format!(
                    "The value kept under the key `{key}` was not written by this version of the plugin ({error}). Delete it."
                ))
            })
        })
        .transpose()
}

/// Keeps a value under a key as JSON.
pub fn set_json<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<()> {
    set(key, &serde_json::to_vec(value)?)
}
