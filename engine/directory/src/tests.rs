mod bulk;
mod changes;
mod crud;
mod deleted;
mod filters;
mod journal;
mod late;
mod model;
mod paging;
mod patches;
mod plain;
mod robust;

use crate::{Call, Directory, Ids, Reply};
use gangway_model::ports::Clock;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const SAP_USER: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const BASE: &str = "http://127.0.0.1:1/tenants/acme/scim/v2";

struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

struct Numbers(AtomicU64);

impl Ids for Numbers {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

fn clock() -> Arc<Ticks> {
    // 2026-01-01T00:00:00Z
    Arc::new(Ticks(AtomicU64::new(1_767_225_600_000)))
}

fn directory() -> Directory {
    Directory::in_memory(clock(), Arc::new(Numbers(AtomicU64::new(1)))).unwrap()
}

fn call(d: &Directory, method: &str, path: &str, body: Option<Value>) -> Reply {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = body.map(|b| b.to_string()).unwrap_or_default();
    let mut reply =
        d.call(&Call { method, path, query, body: body.as_bytes(), base: BASE, ..Call::default() });
    if let Some(text) = reply.text.take() {
        reply.body = Some(serde_json::from_str(&text).unwrap());
    }
    reply
}

fn get(d: &Directory, path: &str) -> Value {
    let reply = call(d, "GET", path, None);
    assert_eq!(reply.status, 200, "{path}: {:?}", reply.body);
    reply.body.unwrap()
}

/// Creates a user and gives its identifier.
fn user(d: &Directory, name: &str, more: Value) -> String {
    let mut body = json!({ "schemas": [USER], "userName": name });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    created(d, "/Users", body)
}

fn group(d: &Directory, name: &str, members: &[&str]) -> String {
    let members: Vec<_> = members.iter().map(|m| json!({ "value": m })).collect();
    created(d, "/Groups", json!({ "schemas": [GROUP], "displayName": name, "members": members }))
}

fn created(d: &Directory, path: &str, body: Value) -> String {
    let reply = call(d, "POST", path, Some(body));
    assert_eq!(reply.status, 201, "{:?}", reply.body);
    reply.body.unwrap()["id"].as_str().unwrap().to_owned()
}

fn patch(d: &Directory, path: &str, operations: Value) -> Reply {
    call(d, "PATCH", path, Some(json!({ "schemas": [PATCH], "Operations": operations })))
}

/// Asserts an error's status and type and gives its text.
fn refused(reply: &Reply, status: u16, scim_type: Option<&str>) -> String {
    let body = reply.body.as_ref().unwrap();
    assert_eq!(reply.status, status, "{body}");
    assert_eq!(body["status"], status.to_string());
    assert_eq!(body.get("scimType").and_then(Value::as_str), scim_type, "{body}");
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    body["detail"].as_str().unwrap().to_owned()
}

/// User names of a list, in its order.
fn names(list: &Value) -> Vec<String> {
    list["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r.get("userName").or(r.get("displayName")).unwrap().as_str().unwrap().to_owned())
        .collect()
}

/// The query string of a filter.
fn filtered(endpoint: &str, filter: &str) -> String {
    let query: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
    format!("{endpoint}?{query}")
}
