//! References between users, and identifiers that go back to the source: F107, F108.

use crate::setting::Setting;
use crate::systems::{counters, document, scim_source, scim_target};
use gangway_kit::{Answer, Engine, Method, Relay, ScimServer, text};
use gangway_model::{Action, JobStatus};
use serde_json::{Value, json};

#[tokio::test]
async fn f108_a_manager_who_is_written_later_is_referred_to_by_the_end_of_the_same_job() {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    for page in ["1", "500"] {
        let mut read: Value = serde_json::from_str(&document("csv/types/csv.read.json")).unwrap();
        let manager = json!({ "sourcePath": "$.manager", "optional": true,
            "targetPath": format!("$['{enterprise}']['manager']['value']") });
        read["user"]["mappings"].as_array_mut().unwrap().push(manager);
        let source = |source: &mut Value| {
            source["read"]["document"] = json!(read.to_string());
            source["properties"] = json!({ "csv.page.size": page });
        };
        let setting = Setting::with(source, |_| ()).await;
        let header = "id,userName,givenName,familyName,email,department,title,type,active,manager";
        let rows = "A,a,A,A,a@x.org,x,,employee,true,C\nB,b,B,B,b@x.org,x,,employee,true,A\nC,c,C,C,c@x.org,x,,employee,true,\n";
        std::fs::write(setting.folder.path().join("users.csv"), format!("{header}\n{rows}")).unwrap();
        crate::systems::write_no_groups(setting.folder.path());
        let job = setting.api.run("HR").await.unwrap();
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        let row = counters(&job, "user", Action::Write);
        assert_eq!((row.created, row.updated, row.failed), (3, 0, 0), "each is counted once");
        let (a, b, c) = (setting.user("a").await, setting.user("b").await, setting.user("c").await);
        let manager = format!("/{enterprise}/manager/value");
        let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
        assert_eq!((text(&a, &manager), text(&b, &manager)), (text(&c, "/id"), text(&a, "/id")));
        assert_eq!(text(&c, &manager), "");
    }
}

/// A real SCIM server as source, behind a relay, and the engine's own directory as target.
struct Hire {
    engine: Engine,
    relay: Relay,
    people: ScimServer,
}

impl Hire {
    async fn new(property: &str) -> Self {
        let engine = Engine::start().await.unwrap();
        let people = ScimServer::start("people-token").unwrap();
        let relay = Relay::start(people.url().trim_end_matches("/v2")).await.unwrap();
        let api = engine.api("hire").unwrap();
        api.make_tenant().await.unwrap();
        api.load(&["scim2", "json-transformation"]).await.unwrap();
        let mut source = scim_source("People", &format!("{}/v2", relay.url()), people.token());
        source["properties"]["ips.user.uuid.write.back"] = json!(property);
        source["properties"]["ips.failed.request.retry.attempts"] = json!("0");
        api.make_system(source).await.unwrap();
        let url = format!("{}/tenants/hire/scim/v2", engine.url());
        api.make_system(scim_target("Directory", "People", &url, engine.token())).await.unwrap();
        let hire = Self { engine, relay, people };
        for name in ["ann", "bob"] {
            let body = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name,
                "name": { "familyName": name }, "nickName": "unknown yet" });
            hire.people.change(Method::POST, "Users", Some(body)).await.unwrap();
        }
        hire
    }

    async fn run(&self) -> gangway_model::Job {
        self.engine.api("hire").unwrap().run("People").await.unwrap()
    }

    /// The `userUuid` of everybody in the directory, by user name.
    async fn given(&self) -> Vec<(String, String)> {
        let path = "/tenants/hire/scim/v2/Users";
        let api = self.engine.api("hire").unwrap();
        let (_, list) = api.call(Method::GET, path, None).await.unwrap();
        let uuid = "/urn:ietf:params:scim:schemas:extension:sap:2.0:User/userUuid";
        named(list["Resources"].as_array().unwrap(), uuid)
    }

    /// What the source knows them by.
    async fn known(&self) -> Vec<(String, String)> {
        named(&self.people.all("Users").await.unwrap(), "/nickName")
    }
}

fn named(users: &[Value], pointer: &str) -> Vec<(String, String)> {
    let pair = |user: &Value| (text(user, "/userName").to_owned(), text(user, pointer).to_owned());
    let mut pairs: Vec<_> = users.iter().map(pair).collect();
    pairs.sort();
    pairs
}

#[tokio::test]
async fn f107_the_user_uuid_is_written_back_in_the_same_job_and_a_failure_is_432() {
    let hire = Hire::new("nickName").await;
    hire.relay.set_rule(|method, _, _| match method {
        "PATCH" => Answer::Instead(400, Vec::new(), r#"{"detail":"no"}"#.to_owned()),
        _ => Answer::Pass,
    });
    let job = hire.run().await;
    assert_eq!(job.status, JobStatus::FinishedWithError, "{job:?}");
    let given = hire.given().await;
    assert!(given.len() == 2 && given.iter().all(|(_, uuid)| uuid.len() == 36), "{given:?}");
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.failed), (2, 2), "they are there, and counted as failed, too");
    let lines = hire.engine.api("hire").unwrap().events(job.id.as_str(), "failed").await.unwrap();
    assert!(lines.iter().all(|line| line["error"]["details"].to_string().contains("432")), "{lines:?}");
    // The next job makes up for it.
    hire.relay.set_rule(|_, _, _| Answer::Pass);
    let job = hire.run().await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(hire.known().await, given);
    // Once is enough.
    hire.run().await;
    hire.relay.clear();
    hire.run().await;
    assert_eq!(hire.relay.writes(), 0);
}
