//! The setting of most tests: an engine with a CSV source "HR" and a target "App", a real scim2-server
//! behind a relay that counts what it is asked.

use crate::systems::{csv_source, scim_target};
use gangway_kit::{Api, Engine, Relay, Request, ScimServer, text};
use serde_json::Value;

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

/// Pairs as [`Setting::users`] gives them.
pub(crate) fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}
