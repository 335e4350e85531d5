//! A company of 10,000 people and 500 groups, one of them of everybody, between a real slapd and a real
//! scim2-server: everything that an administrator does with it.

use crate::ldap::{ldap_source, ldif, person};
use crate::systems::{counters, scim_target};
use gangway_kit::{Api, Engine, Method, Relay, Request, ScimServer, Slapd, SlapdOptions, text};
use gangway_model::{Action, Job, JobStatus, ReadMode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const USERS: usize = 10_000;
const GROUPS: usize = 500;
/// Its number is 0.
const EVERYBODY: usize = USERS;
const SUFFIX: &str = Slapd::SUFFIX;

struct Scale {
    engine: Engine,
    api: Api,
    slapd: Slapd,
    server: ScimServer,
    relay: Relay,
}

impl Scale {
    async fn new() -> Self {
        let groups = (0..GROUPS).map(|n| if n == 0 { 0..EVERYBODY } else { n * 20 - 20..n * 20 });
        let options = SlapdOptions { ldif: ldif(USERS, groups), require_tls: true, change_log: true };
        let slapd = Slapd::start(&options).unwrap();
        let server = ScimServer::start_for_load("scale-token").unwrap();
        let relay = Relay::start(server.url().trim_end_matches("/v2")).await.unwrap();
        let engine = Engine::start().await.unwrap();
        let api = engine.api("scale").unwrap();
        api.make_tenant().await.unwrap();
        api.load(&["ldap", "scim2", "json-transformation"]).await.unwrap();
        let mut source = ldap_source(&slapd);
        source["properties"]["ips.delta.read"] = json!({ "value": "enabled" });
        source["properties"]["ldap.delta.change.log"] = json!({ "value": "cn=accesslog" });
        api.make_system(source).await.unwrap();
        let url = format!("{}/v2", relay.url());
        let mut target = scim_target("App", "LDAP", &url, server.token());
        target["properties"]["scim.patch.group.members.above.threshold"] = json!({ "value": "900" });
        api.make_system(target).await.unwrap();
        Self { engine, api, slapd, server, relay }
    }

    /// Runs a job of this type, and says how long it took.
    async fn job(&self, kind: &str) -> Job {
        let start = Instant::now();
        let job = self.api.start("LDAP", kind).await.unwrap();
        let job = self.ended(job.id.as_str()).await;
        eprintln!("{kind}: {:.1} s, {} requests", start.elapsed().as_secs_f64(), self.relay.requests().len());
        job
    }

    async fn ended(&self, job: &str) -> Job {
        let job = self.api.wait(job, Duration::from_secs(300)).await.unwrap();
        assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", self.engine.log());
        job
    }

    fn writes(&self) -> Vec<Request> {
        self.relay.requests().into_iter().filter(Request::is_write).collect()
    }

    /// What the target holds of the source's people: user name and family name.
    async fn people(&self) -> BTreeMap<String, String> {
        let users = self.server.all("Users").await.unwrap();
        let pair = |u: &Value| (text(u, "/userName").to_owned(), text(u, "/name/familyName").to_owned());
        users.iter().map(pair).collect()
    }

    async fn user(&self, name: &str) -> Option<Value> {
        self.found("Users", "userName", name).await
    }

    async fn found(&self, endpoint: &str, attribute: &str, value: &str) -> Option<Value> {
        let path = format!("{endpoint}?filter={attribute}%20eq%20%22{value}%22");
        let answer = self.server.change(Method::GET, &path, None).await.unwrap();
        answer["Resources"].get(0).cloned()
    }

    fn modify(&self, ldif: &str) {
        self.slapd.modify(ldif).unwrap();
    }
}

fn rename(n: usize, name: &str) -> String {
    format!("dn: uid=user{n},ou=people,{SUFFIX}\nchangetype: modify\nreplace: sn\nsn: {name}\n\n")
}

fn delete(n: usize) -> String {
    format!("dn: uid=user{n},ou=people,{SUFFIX}\nchangetype: delete\n\n")
}

fn writes(job: &Job, entity_type: &str) -> (u64, u64, u64) {
    let row = counters(job, entity_type, Action::Write);
    (row.created, row.updated, row.deleted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_people_through_everything_an_administrator_does() {
    let scale = Scale::new().await;

    // Everything, for the first time.
    let job = scale.job("READ").await;
    assert_eq!(job.read_mode, ReadMode::Full);
    assert_eq!(writes(&job, "user"), (USERS as u64, 0, 0));
    assert_eq!(writes(&job, "group"), (GROUPS as u64, 0, 0));
    assert_eq!(scale.people().await.len(), USERS);
    let everybody = scale.found("Groups", "displayName", "group0").await.unwrap();
    assert_eq!(everybody["members"].as_array().map(Vec::len), Some(EVERYBODY));

    // One person more, also in the group of everybody.
    scale.modify(&person(USERS));
    scale.modify(&format!(
        "dn: cn=group0,ou=groups,{SUFFIX}\nchangetype: modify\nadd: member\nmember: uid=user{USERS},ou=people,{SUFFIX}\n\n"
    ));
    scale.relay.clear();
    let job = scale.job("READ").await;
    assert_eq!(job.read_mode, ReadMode::Delta);
    let sent = scale.writes();
    let methods: Vec<&str> = sent.iter().map(|r| r.method.as_str()).collect();
    assert_eq!(methods, ["POST", "PATCH"], "{sent:?}");
    assert!(sent[1].body.len() < 1000, "{} bytes for one member", sent[1].body.len());
    let everybody = scale.found("Groups", "displayName", "group0").await.unwrap();
    assert_eq!(everybody["members"].as_array().map(Vec::len), Some(EVERYBODY + 1));

    // A delta read: 20 movers, 15 leavers.
    let changes: String = (100..120).map(|n| rename(n, "Byron")).chain((200..215).map(delete)).collect();
    scale.modify(&changes);
    scale.relay.clear();
    let deleting = scale.job("READ").await;
    assert_eq!(deleting.read_mode, ReadMode::Delta);
    assert_eq!(writes(&deleting, "user"), (0, 20, 15));
    assert_eq!(scale.writes().len(), 35, "nobody else is written");
    let people = scale.people().await;
    assert_eq!(people.len(), USERS + 1 - 15);
    assert_eq!(people["user100"], "Byron");
    assert!(!people.contains_key("user200"));

    // Somebody works on the target by hand: a Resync sets it right.
    for n in 300..330 {
        let id = text(&scale.user(&format!("user{n}")).await.unwrap(), "/id").to_owned();
        let change = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "name.familyName", "value": "Drifted" }],
        });
        scale.server.change(Method::PATCH, &format!("Users/{id}"), Some(change)).await.unwrap();
    }
    for n in 330..335 {
        let id = text(&scale.user(&format!("user{n}")).await.unwrap(), "/id").to_owned();
        scale.server.change(Method::DELETE, &format!("Users/{id}"), None).await.unwrap();
    }
    scale.relay.clear();
    let job = scale.job("RESYNC").await;
    let (created, updated, deleted) = writes(&job, "user");
    assert_eq!((created + updated, deleted), ((USERS + 1 - 15) as u64, 0), "{job:?}");
    let people = scale.people().await;
    assert_eq!(people.len(), USERS + 1 - 15);
    assert!((300..335).all(|n| people[&format!("user{n}")] == format!("Lovelace {n}")));

    // A simulation, and exactly that.
    let changes: String = (400..425).map(|n| rename(n, "Hopper")).chain((500..505).map(delete)).collect();
    scale.modify(&changes);
    scale.modify(&person(USERS + 1));
    scale.relay.clear();
    let plan = scale.job("SIMULATE").await;
    assert_eq!(scale.writes().len(), 0);
    let (created, _, deleted) = writes(&plan, "user");
    assert_eq!((created, deleted), (1, 5));
    scale.api.ok(Method::POST, &format!("plans/{}/approve", plan.id), Some(json!({}))).await.unwrap();
    let apply =
        scale.api.ok(Method::POST, &format!("plans/{}/apply", plan.id), Some(json!({}))).await.unwrap();
    let start = Instant::now();
    let apply = scale.ended(text(&apply, "/id")).await;
    eprintln!("APPLY: {:.1} s", start.elapsed().as_secs_f64());
    assert_eq!(writes(&apply, "user"), writes(&plan, "user"));
    let people = scale.people().await;
    assert_eq!(people.len(), USERS + 1 - 15 + 1 - 5);
    assert!((400..425).all(|n| people[&format!("user{n}")] == "Hopper"));

    // Those who were deleted before come back.
    let undo =
        scale.api.ok(Method::POST, &format!("jobs/{}/undo", deleting.id), Some(json!({}))).await.unwrap();
    let undo = scale.ended(text(&undo, "/id")).await;
    assert_eq!(writes(&undo, "user").0, 15);
    let people = scale.people().await;
    assert!((200..215).all(|n| people[&format!("user{n}")] == format!("Lovelace {n}")));
}
