//! The SCIM protocol over the directory, without a socket: what an HTTP server, a bulk client or an
//! in-process connector asks, and what it is answered.

use crate::change::Order;
use crate::parameters::{Parameters, search};
use crate::query::{DEFAULT_COUNT, MAX_COUNT, Query};
use crate::schema::Kind;
use crate::way::Finished;
use crate::{Directory, Resource, ScimError, View, bulk, deleted};
use serde_json::{Value, json};

const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const CONFIG_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// Largest body a directory reads.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Call<'c> {
    /// `GET`, `POST`, …
    pub method: &'c str,
    /// Below the directory's address: `/Users/2819c223`.
    pub path: &'c str,
    /// Without the question mark.
    pub query: &'c str,
    /// `If-Match`.
    pub if_match: Option<&'c str>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'c str>,
    /// The body.
    pub body: &'c [u8],
    /// The directory's own address, for the links in its answers, without a slash at the end.
    pub base: &'c str,
}

/// An answer. The media type of a body is `application/scim+json`.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// None where there is nothing to say, or `text` says it.
    pub body: Option<Value>,
    /// A body that is written already.
    pub text: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// `Link` (RFC 8288).
    pub link: Option<String>,
}

impl Reply {
    fn json(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), ..Self::default() }
    }

    pub(crate) fn text(status: u16, text: String) -> Self {
        Self { status, text: Some(text), ..Self::default() }
    }

    /// The body as it is sent.
    pub fn take_text(&mut self) -> Option<String> {
        self.text.take().or_else(|| self.body.take().map(|body| body.to_string()))
    }

    /// Of a change. A group with many members is not shown, and what is gone neither.
    pub(crate) fn changed(status: u16, resource: Option<Resource>) -> Self {
        match resource {
            None => Self { status, ..Self::default() },
            Some(silent) if silent.body.is_null() => Self { body: None, ..Self::resource(204, silent) },
            Some(resource) => Self::resource(status, resource),
        }
    }

    fn resource(status: u16, resource: Resource) -> Self {
        Self {
            status,
            body: Some(resource.body),
            etag: Some(resource.version),
            location: Some(resource.location),
            ..Self::default()
        }
    }
}

impl From<ScimError> for Reply {
    fn from(error: ScimError) -> Self {
        Self::json(error.status, error.body())
    }
}

impl Directory {
    /// Carries out a request. Errors are answers, too.
    pub fn call(&self, call: &Call<'_>) -> Reply {
        self.dispatch(call).unwrap_or_else(Reply::from)
    }

    fn dispatch(&self, call: &Call<'_>) -> Result<Reply, ScimError> {
        let mut parts = call.path.trim_matches('/').split('/').filter(|p| !p.is_empty());
        let endpoint = parts.next().unwrap_or_default();
        let id = parts.next();
        if parts.next().is_some() {
            return Err(ScimError::new(404, None, format!("there is no {:?}", call.path)));
        }
        let parameters = Parameters::read(call.query)?;
        match (endpoint, id) {
            ("Users", Some(".search")) | ("Groups", Some(".search")) => {
                let kind = Kind::from_endpoint(endpoint).unwrap_or(Kind::User);
                only(call, "POST")?;
                self.list_text(kind, &search(&body(call)?)?, None, call.base)
                    .map(|list| Reply::text(200, list))
            }
            ("Users" | "Groups", Some(".deleted")) => {
                only(call, "GET")?;
                let kind = Kind::from_endpoint(endpoint).unwrap_or(Kind::User);
                self.deleted(kind, &parameters.deleted()).map(|list| Reply::json(200, list))
            }
            ("", None) => {
                only(call, "GET")?;
                self.list_all(&parameters.query, call.base).map(|list| Reply::json(200, list))
            }
            (".search", None) => {
                only(call, "POST")?;
                self.list_all(&search(&body(call)?)?, call.base).map(|list| Reply::json(200, list))
            }
            ("Users", id) => self.resources(Kind::User, id, call, parameters),
            ("Groups", id) => self.resources(Kind::Group, id, call, parameters),
            ("Bulk", None) => {
                only(call, "POST")?;
                self.bulk(body(call)?, call.base).map(|answer| Reply::json(200, answer))
            }
            ("ServiceProviderConfig", None) => {
                only(call, "GET")?;
                Ok(deleted::offered(call, Reply::json(200, config(call.base))))
            }
            ("Schemas", None) if call.method == "POST" && !call.body.is_empty() => {
                self.create_schema(&body(call)?, call.base).map(|schema| Reply::json(201, schema))
            }
            ("Schemas", Some(id)) if call.method == "DELETE" => {
                documents(call, &parameters, self.schemas(call.base)?, "Schema", Some(id))?;
                self.delete_schema(id)?;
                Ok(Reply { status: 204, ..Reply::default() })
            }
            ("Schemas", id) => documents(call, &parameters, self.schemas(call.base)?, "Schema", id),
            ("ResourceTypes", id) => {
                documents(call, &parameters, self.resource_types(call.base), "ResourceType", id)
            }
            ("Me", None) => {
                Err(ScimError::new(501, None, "/Me is not offered: the API's token is no person"))
            }
            _ => Err(nothing_there(call)),
        }
    }

    pub(crate) fn resources(
        &self,
        kind: Kind,
        id: Option<&str>,
        call: &Call<'_>,
        parameters: Parameters,
    ) -> Result<Reply, ScimError> {
        if let Some((status, Order { operation, view, .. })) = self.change(kind, id, call, &parameters)? {
            let made = self.committer.write(operation);
            return Ok(self.answer(Finished { made, status, view }));
        }
        let kind = kind_of(kind, &parameters);
        match (call.method, id) {
            ("GET" | "HEAD", None) => {
                self.list_text(kind, &parameters.query, None, call.base).map(|list| Reply::text(200, list))
            }
            ("GET" | "HEAD", Some(id)) => {
                let view = view(call, &parameters);
                let resource = self.get(kind, id, &view)?;
                let unchanged = call.if_none_match.is_some_and(|tags| resource.is_one_of(tags));
                Ok(if unchanged {
                    Reply { status: 304, etag: Some(resource.version), ..Reply::default() }
                } else {
                    Reply { location: None, ..Reply::resource(200, resource) }
                })
            }
            _ => Err(not_allowed(call)),
        }
    }

    /// The change that a request asks for, and the status if it is made; none if it asks for no change.
    pub(crate) fn change(
        &self,
        kind: Kind,
        id: Option<&str>,
        call: &Call<'_>,
        parameters: &Parameters,
    ) -> Result<Option<(u16, Order)>, ScimError> {
        let kind = kind_of(kind, parameters);
        if kind == Kind::Blocked && !matches!(call.method, "GET" | "HEAD" | "DELETE") {
            return Err(ScimError::value(
                "a blocked user can be read and deleted: POST its \"userUuid\" to /Users to restore it",
            ));
        }
        let (view, if_match) = (view(call, parameters), call.if_match);
        Ok(Some(match (call.method, id) {
            ("POST", None) => (201, self.creation(kind, body(call)?, &view)?),
            ("PUT", Some(id)) => (200, self.replacement(kind, id, body(call)?, if_match, &view)?),
            ("PATCH", Some(id)) => (200, self.patching(kind, id, body(call)?, if_match, &view)?),
            ("DELETE", Some(id)) => (204, self.deletion(kind, id, if_match)),
            _ => return Ok(None),
        }))
    }
}

pub(crate) fn kind_of(kind: Kind, parameters: &Parameters) -> Kind {
    if kind == Kind::User && parameters.blocked { Kind::Blocked } else { kind }
}

fn view(call: &Call<'_>, parameters: &Parameters) -> View {
    View {
        base: call.base.to_owned(),
        attributes: parameters.query.attributes.clone(),
        excluded_attributes: parameters.query.excluded_attributes.clone(),
        // A group may have very many members.
        brief: call.method == "PATCH",
    }
}

pub(crate) fn nothing_there(call: &Call<'_>) -> ScimError {
    let detail = format!("there is no {:?}; see /ResourceTypes, /Schemas, /ServiceProviderConfig", call.path);
    ScimError::new(404, None, detail)
}

impl Directory {
    /// A page over all resource types, one type after the other. A filter concerns the types that
    /// know its attributes.
    fn list_all(&self, query: &Query, base: &str) -> Result<Value, ScimError> {
        if query.cursor.is_some() {
            return Err(ScimError::value("\"cursor\" pages one resource type: ask /Users or /Groups"));
        }
        let start = query.start_index.unwrap_or(1).max(1);
        let count = query.count.unwrap_or_else(|| i64::try_from(DEFAULT_COUNT).unwrap_or(0)).max(0);
        let (mut total, mut resources, mut refusal, mut answered) = (0, Vec::new(), None, false);
        for kind in [Kind::User, Kind::Group] {
            let found = i64::try_from(resources.len()).unwrap_or(0);
            let part = Query {
                start_index: Some((start - total).max(1)),
                count: Some(count - found),
                ..query.clone()
            };
            match self.list(kind, &part, base) {
                Ok(mut list) => {
                    answered = true;
                    total += list.get("totalResults").and_then(Value::as_i64).unwrap_or(0);
                    if let Some(Value::Array(page)) = list.get_mut("Resources") {
                        resources.append(page);
                    }
                }
                Err(error) if error.scim_type == Some("invalidFilter") => refusal = Some(error),
                Err(error) => return Err(error),
            }
        }
        match refusal {
            Some(error) if !answered => Err(error),
            _ => Ok(json!({
                "schemas": [LIST_URN],
                "totalResults": total,
                "itemsPerPage": resources.len(),
                "startIndex": start,
                "Resources": resources,
            })),
        }
    }
}

fn only(call: &Call<'_>, method: &str) -> Result<(), ScimError> {
    if call.method == method || (method == "GET" && call.method == "HEAD") {
        Ok(())
    } else {
        Err(not_allowed(call))
    }
}

pub(crate) fn not_allowed(call: &Call<'_>) -> ScimError {
    ScimError::new(405, None, format!("{} is not possible on {:?}", call.method, call.path))
}

fn body(call: &Call<'_>) -> Result<Value, ScimError> {
    if call.body.len() > MAX_BODY {
        return Err(ScimError::new(
            413,
            None,
            format!("the body has {} bytes; at most {MAX_BODY} are taken", call.body.len()),
        ));
    }
    serde_json::from_slice(call.body).map_err(|e| ScimError::syntax(format!("the body is no JSON: {e}")))
}

/// A list of documents or one of them.
fn documents(
    call: &Call<'_>,
    parameters: &Parameters,
    documents: Vec<Value>,
    what: &str,
    id: Option<&str>,
) -> Result<Reply, ScimError> {
    if call.method != "DELETE" || id.is_none() {
        only(call, "GET")?;
    }
    if parameters.query.filter.is_some() {
        // RFC 7644 section 4: the discovery endpoints take no filter.
        return Err(ScimError::new(403, None, format!("{:?} takes no filter", call.path)));
    }
    match id {
        None => Ok(Reply::json(
            200,
            json!({
                "schemas": [LIST_URN],
                "totalResults": documents.len(),
                "itemsPerPage": documents.len(),
                "startIndex": 1,
                "Resources": documents,
            }),
        )),
        Some(id) => documents
            .into_iter()
            .find(|d| d.get("id").and_then(Value::as_str) == Some(id))
            .map(|d| Reply::json(200, d))
            .ok_or_else(|| ScimError::not_found(what, id)),
    }
}

/// `/ServiceProviderConfig`.
fn config(base: &str) -> Value {
    json!({
        "schemas": [CONFIG_URN],
        "patch": { "supported": true },
        "bulk": { "supported": true, "maxOperations": bulk::MAX_OPERATIONS, "maxPayloadSize": MAX_BODY },
        "filter": { "supported": true, "maxResults": MAX_COUNT },
        "changePassword": { "supported": true },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": DEFAULT_COUNT,
            "maxPageSize": MAX_COUNT,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "The engine's API token in the Authorization header",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig") },
    })
}
