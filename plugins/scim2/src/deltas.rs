//! What changed, by the time that the service gives in `meta.lastModified`.

use crate::settings::{Resource, Settings};
use gangway_sdk::{Error, Result, error::code};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The time from which changes are asked for; none if entities of the type are not read by changes.
pub fn mark(settings: &Settings, resource: Resource, since_ms: u64) -> Result<Option<String>> {
    if !settings.delta_types.iter().any(|known| known == resource.entity_type) {
        return Ok(None);
    }
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(since_ms) * 1_000_000);
    let text = time.ok().and_then(|time| time.format(&Rfc3339).ok());
    text.map(Some).ok_or_else(|| Error::internal(format!("{since_ms} is no time in milliseconds.")))
}

/// The filter for what was changed after a time, together with the administrator's own.
pub fn filter(own: Option<&str>, mark: &str) -> String {
    let changed = format!("meta.lastModified gt \"{mark}\"");
    match own {
        Some(own) => format!("({own}) and {changed}"),
        None => changed,
    }
}

/// A service that refuses the filter cannot be read by its changes.
pub fn explained(error: Error) -> Error {
    if !error.is(code::INVALID) {
        return error;
    }
    let message = format!(
        "{} The service may not know the filter `meta.lastModified gt`; set `ips.delta.read` to disabled to read \
         everything.",
        error.message
    );
    Error { message, ..error }
}
