//! Cursors. A cursor is a text that means something to its own plugin only; the engine stores it as
//! the checkpoint of a read.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Writes a position as an opaque cursor.
pub fn encode<T: Serialize>(position: &T) -> Result<String> {
    Ok(serde_json::to_string(position)?)
}

/// Reads a cursor that [`encode`] wrote; `None` on the first page.
pub fn decode<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>> {
    cursor
        .map(|text| {
            serde_json::from_str(text).map_err(|error| {
                Error::invalid(format!(
                    "The cursor {text:?} was not written by this version of the plugin ({error}). Start the read from the beginning."
                ))
            })
        })
        .transpose()
}

/// The position of protocols that count their entities: start index and count (SCIM), offset and limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// How many entities of the type have been read already. A one-based start index is `offset + 1`.
    pub offset: u64,
}

impl Index {
    /// The position that a cursor stands for; the beginning if there is none.
    pub fn from_cursor(cursor: Option<&str>) -> Result<Self> {
        Ok(decode(cursor)?.unwrap_or(Index { offset: 0 }))
    }

    /// The cursor after a page of `returned` entities, where the system holds `total` in all or does not
    /// say how many. There is none after the last page, and none after an empty page, because it would
    /// not move on.
    pub fn next(self, returned: u64, total: Option<u64>) -> Result<Option<String>> {
        let offset = self.offset.saturating_add(returned);
        if returned == 0 || total.is_some_and(|total| offset >= total) {
            return Ok(None);
        }
        encode(&Index { offset }).map(Some)
    }
}
