//! Requests to the SCIM service, and what its answers mean.

use crate::settings::{Resource, Settings};
use gangway_sdk::http::{Request, Response, escape};
use gangway_sdk::{Entity, Error, Result};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt::Display;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Makes the requests of one system.
#[derive(Clone, Debug)]
pub struct Client {
    settings: Settings,
    /// The token against request forgery that the service gave out last.
    csrf: Option<String>,
}

/// The header that such a token travels in.
const CSRF: &str = "X-CSRF-Token";

impl Client {
    /// For these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings, csrf: None }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A GET of something below the base URL.
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// A request with a SCIM body.
    pub fn send_body(&self, method: &str, path: &str, body: String) -> Request {
        self.request(method, path).body(&self.settings.content_type, body)
    }

    /// A request that changes one existing entity.
    pub fn change(&self, method: &str, path: &str, body: Option<String>) -> Request {
        let request = match body {
            Some(body) => self.send_body(method, path, body),
            None => self.request(method, path),
        };
        if self.settings.if_match { request.header("If-Match", "*") } else { request }
    }

    /// Asks for a token against request forgery, if the settings say that changes need one. A service may
    /// take a token for a while only, so that each batch of changes gets its own.
    pub fn renew_token(&mut self) -> Result<()> {
        let Some(path) = &self.settings.csrf_path else { return Ok(()) };
        let response = self.get(path).header(CSRF, "Fetch").send()?;
        self.csrf = response.header("x-csrf-token").map(str::to_owned);
        if self.csrf.is_none() {
            return Err(accept(response).err().unwrap_or_else(|| {
                Error::configuration(format!(
                    "The system gave no token at {path:?}. Correct the property `scim.csrf.token.path`, or set \
                     `scim.api.csrf.protection` to disabled."
                ))
            }));
        }
        Ok(())
    }

    fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, format!("{}/{path}", self.settings.base))
            .header("Accept", "application/scim+json, application/json");
        match &self.csrf {
            Some(token) if method != "GET" => request.header(CSRF, token),
            _ => request,
        }
    }
}

/// The path of an entity below the base URL.
pub fn path_of(resource: Resource, id: &str) -> String {
    format!("{}/{}", resource.endpoint, escape(id))
}

/// The answer to a request for one entity.
pub fn one_entity(resource: Resource, id: &str, answer: Result<Response>) -> Result<Entity> {
    let response = answer?;
    if response.status == 404 {
        return Err(Error::no_entity(resource.entity_type, id).with_detail("url", &response.url));
    }
    entity_of(&accept(response)?)
}

/// The entity in an answer that holds one.
pub fn entity_of(response: &Response) -> Result<Entity> {
    let raw: &RawValue = borrowed(response)?;
    let entity = entity(raw.get()).map_err(|error| error.with_detail("url", &response.url))?;
    let etag = response.header("etag").map(str::to_owned);
    let version = entity.version.clone().or(etag);
    Ok(entity.with_version(version))
}

/// A body as JSON that borrows from it.
pub fn borrowed<'a, T: Deserialize<'a>>(response: &'a Response) -> Result<T> {
    // A list would pass for an object whose members stand in the order of ours.
    let object = response.body.trim_ascii_start().starts_with(b"{");
    let parsed = match serde_json::from_slice(&response.body) {
        Ok(_) if !object => Err(serde::de::Error::custom("it is no object")),
        parsed => parsed,
    };
    match parsed {
        Ok(value) => Ok(value),
        // The SDK's message for a body of another kind is made from an owned value.
        Err(error) => Err(match response.json::<Value>() {
            Err(no_json) => no_json,
            Ok(_) => Error::protocol(format!(
                "The system answered {} {} with JSON that is not SCIM: {error}. Check that the property `URL` leads \
                 to the SCIM 2.0 service.",
                response.method, response.url
            ))
            .with_detail("status", response.status)
            .with_detail("url", &response.url)
            .with_detail("body", response.excerpt()),
        }),
    }
}

#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    meta: Value,
}

/// One entity from its JSON text, which is kept as it is.
pub fn entity(json: &str) -> Result<Entity> {
    let unreadable = |why: &dyn Display| {
        Error::protocol(format!("An entity cannot be read: {why}. Correct it in the system."))
    };
    if !json.trim_ascii_start().starts_with('{') {
        return Err(unreadable(&"it is no JSON object"));
    }
    let head: Head = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
    let id = match head.id {
        Value::String(id) if !id.is_empty() => id,
        Value::Number(id) => id.to_string(),
        _ => {
            let name = ["userName", "displayName", "externalId"];
            let known: Value = serde_json::from_str(json).unwrap_or_default();
            let named = name.iter().find_map(|n| Some((n, known.get(n)?.as_str()?)));
            let which = named.map(|(n, value)| format!(" ({n} {value:?})")).unwrap_or_default();
            return Err(Error::protocol(format!(
                "An entity{which} has no `id`, without which it cannot be provisioned. Correct it in the system."
            ))
            .with_detail("attribute", "id"));
        }
    };
    let text = |name: &str| head.meta.get(name).and_then(Value::as_str);
    Ok(Entity::new(id, json)
        .with_version(text("version").filter(|v| !v.is_empty()).map(str::to_owned))
        .with_created_ms(text("created").and_then(milliseconds)))
}

/// A time of RFC 3339 as milliseconds since 1970.
pub fn milliseconds(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text.trim(), &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

/// The response, or what its status means in SCIM.
pub fn accept(response: Response) -> Result<Response> {
    if response.is_success() { Ok(response) } else { Err(failure(&response)) }
}

/// What a refusal means: the status, and SCIM's own word for it (RFC 7644 section 3.12).
pub fn failure(response: &Response) -> Error {
    let mut error = response.error();
    if response.status == 405 {
        error.code = gangway_sdk::error::code::UNSUPPORTED.to_owned();
    }
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if let Some(kind) = body.get("scimType").and_then(Value::as_str) {
        // Some servers say so with the status 400.
        if kind == "uniqueness" {
            error.code = gangway_sdk::error::code::CONFLICT.to_owned();
        }
        error = error.with_detail("scimType", kind);
    }
    error
}
