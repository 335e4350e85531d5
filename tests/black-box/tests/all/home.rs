//! An engine with a tenant "home", whose own directory is spoken to as a SCIM client does.

use gangway_kit::{Api, Engine, Method, text};
use serde_json::{Value, json};

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const SAP_USER: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:User";
pub(crate) const SAP_GROUP: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The engine, and the tenant's API.
pub(crate) struct Home {
    pub(crate) engine: Engine,
    pub(crate) api: Api,
}

impl Home {
    pub(crate) async fn new() -> Self {
        let engine = Engine::start().await.unwrap();
        let api = engine.api("home").unwrap();
        api.make_tenant().await.unwrap();
        Self { engine, api }
    }

    /// The directory's address.
    pub(crate) fn url(&self) -> String {
        format!("{}/tenants/home/scim/v2", self.engine.url())
    }

    pub(crate) async fn scim(&self, method: Method, below: &str, body: Option<Value>) -> (u16, Value) {
        let path = format!("/tenants/home/scim/v2{below}");
        let (status, body) = self.api.call(method, &path, body).await.unwrap();
        (status.as_u16(), body)
    }

    pub(crate) async fn get(&self, below: &str) -> Value {
        let (status, body) = self.scim(Method::GET, below, None).await;
        assert_eq!(status, 200, "{below}: {body}");
        body
    }

    /// What satisfies a filter.
    pub(crate) async fn found(&self, endpoint: &str, filter: &str) -> Vec<Value> {
        let filter = filter.replace('%', "%25").replace(' ', "%20").replace('"', "%22").replace('#', "%23");
        let list = self.get(&format!("/{endpoint}?filter={filter}")).await;
        let found = list["Resources"].as_array().unwrap().clone();
        assert_eq!(list["totalResults"], found.len(), "{list}");
        found
    }

    pub(crate) async fn post(&self, endpoint: &str, body: Value) -> (u16, Value) {
        self.scim(Method::POST, &format!("/{endpoint}"), Some(body)).await
    }

    /// Creates a user and gives its id.
    pub(crate) async fn user(&self, name: &str, more: Value) -> String {
        let mut body = json!({ "schemas": [USER], "userName": name });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = self.post("Users", body).await;
        assert_eq!(status, 201, "{answer}");
        text(&answer, "/id").to_owned()
    }

    /// Creates a group and gives its id.
    pub(crate) async fn group(&self, name: &str, members: &[&str], more: Value) -> String {
        let members: Vec<_> = members.iter().map(|m| json!({ "value": m })).collect();
        let mut body = json!({ "schemas": [GROUP], "displayName": name, "members": members });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = self.post("Groups", body).await;
        assert_eq!(status, 201, "{answer}");
        text(&answer, "/id").to_owned()
    }

    pub(crate) async fn patch(&self, below: &str, operations: Value) -> (u16, Value) {
        let body = json!({ "schemas": [PATCH], "Operations": operations });
        self.scim(Method::PATCH, below, Some(body)).await
    }

    pub(crate) async fn delete(&self, below: &str) -> u16 {
        self.scim(Method::DELETE, below, None).await.0
    }

    /// The ids of a group's members, sorted.
    pub(crate) async fn members(&self, group: &str) -> Vec<String> {
        let group = self.get(&format!("/Groups/{group}")).await;
        let members = group["members"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<String> = members.iter().map(|m| text(m, "/value").to_owned()).collect();
        ids.sort();
        ids
    }

    /// What the tenant decides about the directory.
    pub(crate) async fn decide(&self, settings: Value) {
        self.api.ok(Method::PUT, "directory/settings", Some(settings)).await.unwrap();
    }

    /// Whether records, indexes and memberships agree, as the command says.
    pub(crate) fn assert_sound(&self) {
        let output = self.engine.cli("home", &["directory", "check"]).unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("all agree"), "{said}");
    }
}

/// Asserts an error with its `scimType`, and gives its text.
pub(crate) fn refused(answer: &(u16, Value), status: u16, scim_type: &str) -> String {
    assert_eq!(answer.0, status, "{}", answer.1);
    assert_eq!(answer.1["status"], status.to_string());
    assert_eq!(
        answer.1.get("scimType").and_then(Value::as_str).unwrap_or_default(),
        scim_type,
        "{}",
        answer.1
    );
    text(&answer.1, "/detail").to_owned()
}

/// Sorted copies, to compare with.
pub(crate) fn sorted(ids: &[&str]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    ids.sort();
    ids
}
