//! The setting of most tests: an engine with a CSV source "HR" and a target "App", a real scim2-server
//! behind a relay that counts what it is asked.

use crate::systems::{csv_source, scim_target, write_users};
use gangway_kit::{Api, Engine, Method, Relay, Request, ScimServer, text};
use gangway_model::Job;
use serde_json::{Value, json};
use std::time::Duration;

/// The setting. Everything ends with it.
pub(crate) struct Setting {
    pub(crate) engine: Engine,
    pub(crate) api: Api,
    pub(crate) relay: Relay,
    pub(crate) server: ScimServer,
    pub(crate) folder: tempfile::TempDir,
}

impl Setting {
    /// The setting with the documents that ship with the connectors.
    pub(crate) async fn new() -> Self {
        Self::with(|_| (), |_| ()).await
    }

    /// The setting with another source and another target.
    pub(crate) async fn with(source: impl FnOnce(&mut Value), target: impl FnOnce(&mut Value)) -> Self {
        let engine = Engine::start().await.unwrap();
        let server = ScimServer::start("setting-token").unwrap();
        let relay = Relay::start(server.url().trim_end_matches("/v2")).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let api = engine.api("setting").unwrap();
        api.make_tenant().await.unwrap();
        api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
        let mut hr = csv_source("HR", folder.path());
        source(&mut hr);
        api.make_system(hr).await.unwrap();
        let url = format!("{}/v2", relay.url());
        let mut app = scim_target("App", "HR", &url, server.token());
        target(&mut app);
        api.make_system(app).await.unwrap();
        Self { engine, api, relay, server, folder }
    }

    /// Changes a system.
    pub(crate) async fn change(&self, system: &str, edit: impl FnOnce(&mut Value)) {
        let path = format!("systems/{system}");
        let mut body = self.api.ok(Method::GET, &path, None).await.unwrap();
        edit(&mut body);
        self.api.ok(Method::PUT, &path, Some(body)).await.unwrap();
    }

    /// Sets or removes a property of a system.
    pub(crate) async fn set(&self, system: &str, key: &str, value: Option<&str>) {
        self.change(system, |system| {
            let properties = system["properties"].as_object_mut().unwrap();
            match value {
                Some(value) => properties.insert(key.to_owned(), json!({ "value": value })),
                None => properties.remove(key),
            };
        })
        .await;
    }

    /// Changes what the write transformation of the target says of an entity type.
    pub(crate) async fn write(&self, entity_type: &str, edit: impl FnOnce(&mut Value)) {
        self.change("App", |system| edit_document(system, "write", entity_type, edit)).await;
    }

    /// Runs a Read job over these users.
    pub(crate) async fn read(&self, users: &[(&str, &str)]) -> Job {
        write_users(self.folder.path(), users);
        self.api.run("HR").await.unwrap()
    }

    /// Runs a Resync.
    pub(crate) async fn resync(&self) -> Job {
        let job = self.api.start("HR", "RESYNC").await.unwrap();
        self.api.wait(job.id.as_str(), Duration::from_secs(60)).await.unwrap()
    }

    /// The target's own interface, behind the engine's back.
    pub(crate) fn behind(&self) -> Api {
        Api::new(&self.server.url(), self.server.token(), "").unwrap()
    }

    /// A user of the target by its user name.
    pub(crate) async fn user(&self, name: &str) -> Option<Value> {
        self.server.all("Users").await.unwrap().into_iter().find(|user| text(user, "/userName") == name)
    }

    /// The engine's relation of a source entity.
    pub(crate) async fn relation(&self, entity_type: &str, source_id: &str) -> Option<Value> {
        let path = format!("systems/App/relations?source=HR&entityType={entity_type}&limit=10000");
        let answer = self.api.ok(Method::GET, &path, None).await.unwrap();
        answer["relations"].as_array().unwrap().iter().find(|r| r["sourceId"] == source_id).cloned()
    }

    /// Lines of a job's log in this state: the source identifiers, and why.
    pub(crate) async fn why(&self, job: &Job, state: &str) -> Vec<(String, String)> {
        let events = self.api.events(job.id.as_str(), state).await.unwrap();
        let why = |event: &Value| match event.get("error") {
            Some(error) => format!("{} {}", text(error, "/message"), error["details"]),
            None => text(event, "/reason").to_owned(),
        };
        events.iter().map(|event| (text(event, "/sourceId").to_owned(), why(event))).collect()
    }

    /// Sets properties of a system.
    pub(crate) fn set_all(&self, system: &str, properties: &[&str]) {
        let arguments = [&["system", "set", system], properties].concat();
        let done = self.engine.cli("setting", &arguments).unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// The writes that reached the target since the relay was cleared.
    pub(crate) fn writes(&self) -> Vec<Request> {
        self.relay.requests().into_iter().filter(Request::is_write).collect()
    }

    /// The methods of those writes, sorted.
    pub(crate) fn methods(&self) -> Vec<String> {
        let mut methods: Vec<String> = self.writes().into_iter().map(|r| r.method).collect();
        methods.sort();
        methods
    }

    /// User name and department of everybody in the target, sorted.
    pub(crate) async fn users(&self) -> Vec<(String, String)> {
        let department = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department";
        let users = self.server.all("Users").await.unwrap();
        let mut users: Vec<(String, String)> =
            users.iter().map(|u| (text(u, "/userName").to_owned(), text(u, department).to_owned())).collect();
        users.sort();
        users
    }
}

/// Changes what a document of a system says of an entity type.
pub(crate) fn edit_document(
    system: &mut Value,
    direction: &str,
    entity_type: &str,
    edit: impl FnOnce(&mut Value),
) {
    let mut document: Value = serde_json::from_str(text(&system[direction], "/document")).unwrap();
    edit(&mut document[entity_type]);
    system[direction]["document"] = document.to_string().into();
}

/// Adds a mapping to what a document says of an entity type.
pub(crate) fn map(entity: &mut Value, mapping: Value) {
    entity["mappings"].as_array_mut().unwrap().push(mapping);
}

/// Pairs as [`Setting::users`] gives them.
pub(crate) fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}
