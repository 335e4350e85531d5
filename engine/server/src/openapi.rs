//! The OpenAPI 3.1 document, made of the table of routes.

use crate::routes::{Route, routes};
use serde_json::{Map, Value, json};

/// Schemas of bodies and answers.
const SCHEMAS: &str = include_str!("../openapi/schemas.json");

/// The whole document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for route in routes() {
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(route.method.to_owned(), operation(&route));
        }
    }
    paths.insert("/tenants/{tenant}/scim/v2".to_owned(), scim());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gangway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The control API of the identity-provisioning engine. Every error is a problem (RFC 9457) that says what to do.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": serde_json::from_str::<Value>(SCHEMAS).unwrap_or_default(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let doc = &route.doc;
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(doc.query.iter().map(|(name, description)| {
        json!({ "name": name, "in": "query", "description": description, "schema": { "type": "string" } })
    }));
    let mut responses = Map::new();
    let mut good = json!({ "description": doc.summary });
    if let (Some(answer), Some(good)) = (doc.answer, good.as_object_mut()) {
        good.insert("content".to_owned(), content(answer));
    }
    responses.insert(doc.status.to_string(), good);
    let authentication: &[u16] = if doc.open { &[] } else { &[401] };
    for status in authentication.iter().chain(doc.errors) {
        let problem = json!({ "$ref": "#/components/schemas/Problem" });
        responses.insert(
            status.to_string(),
            json!({ "description": reason(*status), "content": { "application/problem+json": { "schema": problem } } }),
        );
    }
    let mut operation = json!({
        "operationId": doc.id,
        "summary": doc.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(map) = operation.as_object_mut() {
        if let Some(body) = doc.body {
            map.insert("requestBody".to_owned(), json!({ "required": true, "content": content(body) }));
        }
        if doc.open {
            map.insert("security".to_owned(), json!([]));
        }
    }
    operation
}

/// A schema's name or a media type.
fn content(what: &str) -> Value {
    if what.contains('/') {
        return json!({ what: {} });
    }
    json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{what}") } } })
}

fn reason(status: u16) -> &'static str {
    match status {
        401 => "No token, or a wrong one",
        404 => "There is no such thing",
        409 => "Not possible as things stand",
        413 => "Too large",
        429 => "Too many requests; Retry-After says when to come back",
        422 => "Not accepted, nothing was changed",
        503 => "The engine goes down",
        _ => "An error",
    }
}

/// The directory describes itself in SCIM's own way.
fn scim() -> Value {
    json!({
        "summary": "The tenant's directory: SCIM 2.0 (RFC 7643, RFC 7644). See ServiceProviderConfig, ResourceTypes and Schemas below this address",
        "parameters": [{ "name": "tenant", "in": "path", "required": true, "schema": { "type": "string" } }],
    })
}
