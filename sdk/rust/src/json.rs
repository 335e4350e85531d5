//! JSON as it comes from the engine.

use crate::error::{Error, Result};
use serde::de::DeserializeOwned;

/// Reads a document that the engine hands over. What cannot be read is the error `invalid`.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::invalid(format!(
            "The entity's JSON cannot be read: {error}. Check the transformation that made it."
        ))
    })
}

/// Writes a value as JSON text.
pub fn to_string<T: serde::Serialize + ?Sized>(value: &T) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}
