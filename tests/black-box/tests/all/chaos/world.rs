//! A pair of engines, one under test and one whose directory is the target, and what a seed does to them.

use super::faults::{OfTarget, of_source};
use super::oracle::Company;
use super::random::Random;
use crate::systems::scim_target;
use gangway_kit::{Answer, Api, Engine, Method, Relay, text};
use gangway_model::{Job, JobStatus};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const READ: &str = r#"{
  "user": { "mappings": [
    { "sourcePath": "$", "targetPath": "$" },
    { "sourcePath": "$.id", "targetVariable": "entityIdSourceSystem" },
    { "type": "remove", "targetPath": "$.id" } ] },
  "group": { "mappings": [
    { "sourcePath": "$", "targetPath": "$" },
    { "sourcePath": "$.id", "targetVariable": "entityIdSourceSystem" },
    { "type": "remove", "targetPath": "$.id" } ] } }"#;

const WRITE_FILE: &str = r#"{ "user": { "mappings": [
  { "sourcePath": "$.userName", "targetPath": "$.userName" },
  { "sourcePath": "$.title", "targetPath": "$.title" } ] } }"#;

/// Jobs without faults after which everything must be as the oracle says.
const CLEAN_JOBS: usize = 3;
/// Users that stand in the target before the engine comes; the third leaves in most seeds.
const STANDING_BEFORE: [&str; 3] = ["user2", "user30", "outsider"];

/// The pair.
pub(super) struct World {
    engine: Engine,
    target: Engine,
    relay: Relay,
}

/// A seed's tenant.
struct Stage {
    tenant: String,
    api: Api,
    files: tempfile::TempDir,
}

type Checked = Result<(), String>;

impl World {
    pub(super) async fn new() -> Self {
        let (engine, target) = (Engine::start().await.unwrap(), Engine::start().await.unwrap());
        let relay = Relay::start(&target.url()).await.unwrap();
        Self { engine, target, relay }
    }

    /// Everything that a seed says, from an empty tenant to the oracle's last word.
    pub(super) async fn run(&mut self, seed: u64) -> Checked {
        let mut random = Random::new(seed, 0);
        let mut company =
            Company { first: 1, users: 30 + random.below(40), groups: random.below(6), revision: 0 };
        let stage = self.stage(seed, company).await;
        for round in 0..2 + random.below(2) {
            if round > 0 {
                company.first += random.below(4);
                company.users += random.below(4);
                company.revision += random.below(2);
            }
            let of_source = of_source(&mut random);
            let of_target = OfTarget::new(&mut random);
            stage.set_source(company, &of_source).await;
            let job = self.job(&stage, &of_target).await?;
            self.check(&stage, company, &job, lies(&of_source)).await.map_err(|failure| {
                format!(
                    "round {round}: {failure}\n  source {of_source}\n  target {of_target:?}\n  job {job:?}"
                )
            })?;
        }
        stage.set_source(company, &json!([])).await;
        for left in (0..CLEAN_JOBS).rev() {
            let job = self.job(&stage, &OfTarget::none()).await?;
            let checked = self.check(&stage, company, &job, false).await;
            if checked.is_ok() && job.status == JobStatus::Success {
                return self.final_check(&stage, company).await;
            }
            if left == 0 {
                return Err(format!("it does not come right: {checked:?}\n  job {job:?}"));
            }
        }
        Ok(())
    }

    async fn stage(&self, seed: u64, company: Company) -> Stage {
        let tenant = format!("chaos-{seed}");
        let target = self.target.api(&tenant).unwrap();
        target.make_tenant().await.unwrap();
        for name in STANDING_BEFORE {
            let user = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "title": "Before",
            });
            let path = format!("/tenants/{tenant}/scim/v2/Users");
            let (status, answer) = target.call(Method::POST, &path, Some(user)).await.unwrap();
            assert_eq!(status, 201, "{answer}");
        }
        let api = self.engine.api(&tenant).unwrap();
        let stage = Stage { tenant, api, files: tempfile::tempdir().unwrap() };
        let api = &stage.api;
        api.make_tenant().await.unwrap();
        api.load(&["chaos", "scim2", "csv", "json-transformation"]).await.unwrap();
        api.make_system(stage.source(company, &json!([]))).await.unwrap();
        let url = format!("{}/tenants/{}/scim/v2", self.relay.url(), stage.tenant);
        let mut app = scim_target("App", "People", &url, self.target.token());
        app["properties"]["ips.delete.threshold.users"] = json!({ "value": "1000" });
        api.make_system(app).await.unwrap();
        api.make_system(stage.files()).await.unwrap();
        // An account counts as older than an attempt if it is older by more than two clocks may differ.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        stage
    }

    /// Runs a job to its end, through what goes wrong at the target and with the engine.
    async fn job(&mut self, stage: &Stage, faults: &OfTarget) -> Result<Job, String> {
        let numbers = Arc::new(AtomicU64::new(0));
        let (count, rule) = (numbers.clone(), faults.clone());
        self.relay.set_rule(move |_, _, _| rule.answer(count.fetch_add(1, Ordering::SeqCst)));
        let job = stage.api.start("People", "READ").await.map_err(|error| error.to_string())?;
        let (mut restart, mut kill) = (faults.restart_at, faults.kill_at);
        let mut ended = false;
        while !ended && (restart.is_some() || kill.is_some()) {
            let sent = numbers.load(Ordering::SeqCst);
            if restart.is_some_and(|at| sent > at) {
                restart = None;
                self.target.kill();
                self.target.restart().await.unwrap();
            }
            if kill.is_some_and(|at| sent > at) {
                kill = None;
                self.engine.kill();
                self.engine.restart().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
            ended = self.ended(stage, job.id.as_str()).await?.is_some();
        }
        let start = std::time::Instant::now();
        loop {
            if let Some(job) = self.ended(stage, job.id.as_str()).await? {
                self.relay.set_rule(|_, _, _| Answer::Pass);
                return Ok(job);
            }
            if start.elapsed() > Duration::from_secs(120) {
                return Err(format!("job {} does not end", job.id));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The last job of a chain of resumed ones, if it has ended.
    async fn ended(&self, stage: &Stage, first: &str) -> Result<Option<Job>, String> {
        let job = stage.api.job(first).await.map_err(|error| error.to_string())?;
        if job.status != JobStatus::Resumed {
            return Ok(job.status.is_final().then_some(job));
        }
        let jobs =
            stage.api.ok(Method::GET, "jobs?limit=50", None).await.map_err(|error| error.to_string())?;
        let next =
            jobs["jobs"].as_array().and_then(|jobs| jobs.iter().find(|job| text(job, "/resumes") == first));
        match next {
            Some(next) => Box::pin(self.ended(stage, text(next, "/id"))).await,
            None => Err(format!("the resumed job {first} has no successor")),
        }
    }

    /// What must hold after every job, whatever went wrong in it.
    async fn check(&self, stage: &Stage, company: Company, job: &Job, lied: bool) -> Checked {
        let users = self.resources(stage, "Users").await?;
        let names: BTreeSet<&str> = users.iter().map(|user| text(user, "/userName")).collect();
        for name in STANDING_BEFORE {
            require(names.contains(name), || format!("{name}, who was there before the engine, is gone"))?;
        }
        require(names.len() == users.len(), || "a user name is there twice".to_owned())?;
        // Who is in the source and was ever written stays, so does nobody disappear who should not.
        for relation in self.relations(stage, "App", "user").await? {
            let gone = text(&relation, "/state") == "active"
                && !users.iter().any(|user| text(user, "/id") == text(&relation, "/targetId"));
            require(!gone, || format!("a relation points at nothing: {relation}"))?;
        }
        let open = self.matches(stage, company).await;
        match (&open, job.status) {
            (Err(open), JobStatus::Success) if !lied => {
                Err(format!("the job says that all is well, but {open}"))
            }
            (_, JobStatus::Success) => Ok(()),
            (_, JobStatus::FinishedWithError) => {
                let failed = job.statistics.iter().any(|row| row.counters.failed > 0);
                require(failed || job.error.is_some() || !job.outcome.is_empty(), || {
                    "the job ended with an error and does not say which".to_owned()
                })
            }
            (_, status) => Err(format!("the job ended as {status:?}")),
        }
    }

    /// Whether the targets hold exactly what the source says.
    async fn matches(&self, stage: &Stage, company: Company) -> Checked {
        let users = self.resources(stage, "Users").await?;
        let mut titles: BTreeMap<String, String> = users
            .iter()
            .map(|user| (text(user, "/userName").to_owned(), text(user, "/title").to_owned()))
            .collect();
        for name in STANDING_BEFORE {
            if !company.has(name) {
                titles.remove(name);
            }
        }
        same("users of the directory", &company.titles(), &titles)?;
        let names: BTreeMap<&str, &str> =
            users.iter().map(|user| (text(user, "/id"), text(user, "/userName"))).collect();
        let groups = self.resources(stage, "Groups").await?;
        let members = groups.iter().map(|group| {
            let members = group["members"].as_array().map(Vec::as_slice).unwrap_or_default();
            let members = members.iter().filter_map(|member| names.get(text(member, "/value")));
            (text(group, "/displayName").to_owned(), members.map(|name| (*name).to_owned()).collect())
        });
        same("groups of the directory", &company.members(), &members.collect())?;
        same("users of the file", &company.titles(), &stage.file())
    }

    /// What must hold at the end: the books are right too.
    async fn final_check(&self, stage: &Stage, company: Company) -> Checked {
        self.matches(stage, company).await?;
        let relations = self.relations(stage, "App", "user").await?;
        let active: Vec<&Value> =
            relations.iter().filter(|relation| text(relation, "/state") == "active").collect();
        let wanted = (company.users + 1 - company.first) as usize;
        require(active.len() == wanted, || format!("{} relations for {wanted} users", active.len()))?;
        let before: BTreeSet<String> = active
            .iter()
            .filter(|relation| relation["existedBefore"] == json!(true))
            .map(|relation| format!("user{}", text(relation, "/sourceId").trim_start_matches(['u', '0'])))
            .collect();
        let expected: BTreeSet<String> =
            STANDING_BEFORE.into_iter().filter(|name| company.has(name)).map(str::to_owned).collect();
        require(before == expected, || format!("flagged as existed before: {before:?}, not {expected:?}"))
    }

    async fn resources(&self, stage: &Stage, endpoint: &str) -> Result<Vec<Value>, String> {
        let base = format!("/tenants/{}/scim/v2", stage.tenant);
        let found = self.relay.scim_resources(&base, self.target.token(), endpoint).await;
        found.map_err(|error| error.to_string())
    }

    async fn relations(&self, stage: &Stage, target: &str, entity_type: &str) -> Result<Vec<Value>, String> {
        let path = format!("systems/{target}/relations?source=People&entityType={entity_type}&limit=5000");
        let answer = stage.api.ok(Method::GET, &path, None).await.map_err(|error| error.to_string())?;
        Ok(answer["relations"].as_array().cloned().unwrap_or_default())
    }
}

impl Stage {
    fn source(&self, company: Company, faults: &Value) -> Value {
        json!({
            "name": "People", "role": "source", "plugin": "chaos", "enabled": true,
            "properties": {
                "chaos.users": { "value": company.users.to_string() },
                "chaos.first": { "value": company.first.to_string() },
                "chaos.groups": { "value": company.groups.to_string() },
                "chaos.revision": { "value": company.revision.to_string() },
                "chaos.page.size": { "value": "10" },
                "chaos.faults": { "value": faults.to_string() },
            },
            "read": { "plugin": "json-transformation", "document": READ },
        })
    }

    /// The second target: a file of users.
    fn files(&self) -> Value {
        std::fs::write(self.files.path().join("users.csv"), "id,userName,title\n").unwrap();
        json!({
            "name": "Files", "role": "target", "plugin": "csv", "enabled": true, "sources": ["People"],
            "properties": { "ips.delete.threshold.users": { "value": "1000" } },
            "grants": { "files": [{ "name": "users", "path": self.files.path().join("users.csv"), "write": true }] },
            "write": { "plugin": "json-transformation", "document": WRITE_FILE },
        })
    }

    async fn set_source(&self, company: Company, faults: &Value) {
        self.api.ok(Method::PUT, "systems/People", Some(self.source(company, faults))).await.unwrap();
    }

    /// User name and title of every row.
    fn file(&self) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.files.path().join("users.csv")).unwrap();
        let rows = text.lines().skip(1).filter_map(|line| line.split_once(',')?.1.split_once(','));
        rows.map(|(name, title)| (name.to_owned(), title.to_owned())).collect()
    }
}

/// Whether the source withholds entities in a way that nobody can see: an empty page among others. The job is taken in;
/// the next one sets it right.
fn lies(source: &Value) -> bool {
    source.as_array().is_some_and(|faults| faults.iter().any(|fault| text(fault, "/do") == "empty-page"))
}

fn require(holds: bool, failure: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(failure()) }
}

fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    wanted: &BTreeMap<String, T>,
    found: &BTreeMap<String, T>,
) -> Checked {
    let missing: Vec<_> =
        wanted.iter().filter(|(name, _)| !found.contains_key(*name)).map(|(name, _)| name).collect();
    let surplus: Vec<_> = found.keys().filter(|name| !wanted.contains_key(*name)).collect();
    let other: Vec<_> = wanted
        .iter()
        .filter_map(|(name, value)| {
            found.get(name).filter(|found| *found != value).map(|found| (name, found, value))
        })
        .collect();
    require(missing.is_empty() && surplus.is_empty() && other.is_empty(), || {
        format!(
            "the {what} are not right: missing {missing:?}, surplus {surplus:?}, other (found, wanted) {other:?}"
        )
    })
}
