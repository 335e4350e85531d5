//! What changed, by the time that the service gives in `meta.lastModified`, and what is gone, where the service
//! tells.

use crate::client::{self, Client};
use crate::settings::{Resource, Settings};
use gangway_sdk::http::Response;
use gangway_sdk::{ChangePage, Error, Result, error::code, paging};
use serde::{Deserialize, Serialize};
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

/// The relation under which a service says in `Link` headers of its configuration where it tells what was deleted.
const RELATION: &str = "rel=\"urn:gangway:scim:rel:deleted\"";

/// A place in the list of what was deleted: it comes after all that changed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    /// What the service gave as `nextCursor`; empty for the first page.
    deleted: String,
}

#[derive(Deserialize)]
struct Gone {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    #[serde(rename = "Resources")]
    resources: Vec<Gone>,
    next_cursor: Option<String>,
}

/// Whether the answer to a question for the configuration offers a list of what was deleted. Its address is the
/// connector's own to make: what a service says must not lead elsewhere.
pub fn tells_deleted(config: &Response, resource: Resource) -> bool {
    let address = format!("/{}/.deleted>", resource.endpoint);
    let links = config.header("link").unwrap_or_default();
    links.split(',').any(|link| link.contains(&address) && link.contains(RELATION))
}

/// Where the list of what was deleted begins.
pub fn first_deleted() -> Result<String> {
    paging::encode(&Place { deleted: String::new() })
}

/// One page of what was deleted, if the cursor is a place in that list.
pub fn deleted(
    client: &Client,
    resource: Resource,
    mark: &str,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Option<ChangePage>> {
    let Some(place) = cursor.and_then(|cursor| serde_json::from_str::<Place>(cursor).ok()) else {
        return Ok(None);
    };
    let response = client
        .get(&format!("{}/.deleted", resource.endpoint))
        .query("since", mark)
        .query("cursor", &place.deleted)
        .query("count", limit.max(1))
        .send()?;
    if response.status == 410 {
        return Err(Error::configuration(format!(
            "What was deleted since {mark} is not known any more, because the last read is too long ago. Start a \
             Resync, which reads everything. {}",
            client::failure(&response).message
        )));
    }
    let response = client::accept(response)?;
    let page: Deleted = client::borrowed(&response)?;
    let next = page.next_cursor.map(|deleted| paging::encode(&Place { deleted })).transpose()?;
    Ok(Some(ChangePage {
        entities: Vec::new(),
        removed: page.resources.into_iter().map(|gone| gone.id).collect(),
        problems: Vec::new(),
        next_cursor: next,
    }))
}
