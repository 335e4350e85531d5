//! The reference example of the operations specification, section 2: A, B, C, D; then C changed, D
//! gone, E new. Writes are counted at the target, a real scim2-server behind a relay.

use crate::systems::{counters, csv_source, scim_target, write_users};
use gangway_kit::{Api, Engine, Relay, Request, ScimServer, text};
use gangway_model::{Action, JobStatus};
use std::time::Duration;

struct Setting {
    engine: Engine,
    api: Api,
    relay: Relay,
    server: ScimServer,
    folder: tempfile::TempDir,
}

impl Setting {
    async fn new() -> Self {
        let engine = Engine::start().await.unwrap();
        let server = ScimServer::start("reference-token").unwrap();
        let relay = Relay::start(server.url().trim_end_matches("/v2")).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let api = engine.api("reference").unwrap();
        api.make_tenant().await.unwrap();
        api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
        api.make_system(csv_source("HR", folder.path())).await.unwrap();
        let url = format!("{}/v2", relay.url());
        api.make_system(scim_target("App", "HR", &url, server.token())).await.unwrap();
        Self { engine, api, relay, server, folder }
    }

    fn writes(&self) -> Vec<Request> {
        self.relay.requests().into_iter().filter(Request::is_write).collect()
    }

    async fn users(&self) -> Vec<(String, String)> {
        let mut users: Vec<(String, String)> = self
            .server
            .all("Users")
            .await
            .unwrap()
            .iter()
            .map(|u| {
                let department = "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department";
                (text(u, "/userName").to_owned(), text(u, department).to_owned())
            })
            .collect();
        users.sort();
        users
    }
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[tokio::test]
async fn a_full_read_creates_updates_and_deletes_exactly_what_changed() {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "x"), ("D", "x")]);
    let first = setting.api.run("HR").await.unwrap();
    assert_eq!(first.status, JobStatus::Success, "{first:?}\n{}", setting.engine.log());
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")]));
    assert_eq!(setting.writes().len(), 4);

    setting.relay.clear();
    let again = setting.api.run("HR").await.unwrap();
    assert_eq!(again.status, JobStatus::Success);
    assert_eq!(setting.writes().len(), 0, "a second Read without changes writes nothing");

    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "y"), ("E", "x")]);
    let second = setting.api.run("HR").await.unwrap();
    assert_eq!(second.status, JobStatus::Success, "{second:?}");
    let row = counters(&second, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted, row.failed), (1, 1, 1, 0));
    assert_eq!(counters(&second, "user", Action::Read).read, 4);
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x"), ("c", "y"), ("e", "x")]));
    let mut methods: Vec<String> = setting.writes().into_iter().map(|r| r.method).collect();
    methods.sort();
    assert_eq!(methods, ["DELETE", "POST", "PUT"]);
}

#[tokio::test]
async fn a_resync_writes_every_entity_and_repairs_the_target() {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "x"), ("D", "x")]);
    setting.api.run("HR").await.unwrap();
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "y"), ("E", "x")]);
    setting.relay.clear();
    let job = setting.api.start("HR", "RESYNC").await.unwrap();
    let job = setting.api.wait(job.id.as_str(), Duration::from_secs(60)).await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.deleted), (1, 3, 1));
    let mut methods: Vec<String> = setting.writes().into_iter().map(|r| r.method).collect();
    methods.sort();
    assert_eq!(methods, ["DELETE", "POST", "PUT", "PUT", "PUT"]);
}
