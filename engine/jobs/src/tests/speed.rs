//! How many entities a second the engine itself moves: systems and transformations cost nothing here,
//! the store is on disk. Run with `cargo test --release -p gangway-jobs -- --ignored --nocapture speed`.

use super::world::*;
use async_trait::async_trait;
use gangway_model::ports::{Source, Target};
use gangway_model::{Answer, Entity, JobStatus, Operation, Outcome, Page, PluginError};
use gangway_store::RedbStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

struct Many(usize);

#[async_trait]
impl Source for Many {
    async fn read_page(
        &self,
        entity_type: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page, PluginError> {
        let all = if entity_type == "user" { self.0 } else { 0 };
        let start = cursor.map_or(0, |cursor| cursor.parse::<usize>().unwrap());
        let end = (start + limit as usize).min(all);
        let entities = (start..end)
            .map(|n| Entity {
                id: format!("user{n:07}"),
                version: None,
                created_ms: None,
                json: format!(
                    "{{\"id\":\"user{n:07}\",\"userName\":\"user{n:07}\",\"emails\":[{{\"value\":\"user{n:07}@example.com\"}}],\"name\":{{\"givenName\":\"Given\",\"familyName\":\"Family {n}\"}},\"active\":true,\"title\":\"Engineer\"}}"
                ),
            })
            .collect();
        Ok(Page { entities, next_cursor: (end < all).then(|| end.to_string()), ..Page::default() })
    }

    async fn read_entities(&self, _: &str, _: Vec<String>) -> Vec<Result<Entity, PluginError>> {
        Vec::new()
    }

    fn entity_types(&self) -> Vec<String> {
        vec!["user".into(), "group".into()]
    }
}

#[derive(Default)]
struct Nowhere(AtomicU64);

#[async_trait]
impl Target for Nowhere {
    async fn write(&self, operations: Vec<Operation>) -> Result<Vec<Outcome>, PluginError> {
        Ok(operations
            .iter()
            .map(|_| Outcome {
                id: Some(format!("discarded{:08}", self.0.fetch_add(1, Ordering::Relaxed))),
                version: None,
                error: None,
            })
            .collect())
    }

    async fn read_entities(&self, _: &str, _: Vec<String>) -> Vec<Result<Entity, PluginError>> {
        Vec::new()
    }

    async fn find(&self, _: &str, _: Vec<(String, String)>, _: u32) -> Result<Vec<Entity>, PluginError> {
        Ok(Vec::new())
    }

    fn entity_types(&self) -> Vec<String> {
        vec!["user".into(), "group".into()]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn speed_of_the_engine_itself() {
    let users: usize = std::env::var("USERS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let page = std::env::var("PAGE").ok().and_then(|n| n.parse().ok()).unwrap_or(500);
    let folder = tempfile::tempdir().unwrap();
    let store = RedbStore::open(folder.path(), gangway_store::MasterKey::from_bytes([1; 32])).unwrap();
    let world = World::on(Arc::new(store), page, &["dir"]);
    *world.systems.other_source.lock().unwrap() = Some(Arc::new(Many(users)));
    *world.systems.other_target.lock().unwrap() = Some(Arc::new(Nowhere::default()));
    world.document(
        "hr",
        Arc::new(|request| {
            let id = &request.json[7..18];
            Answer { id: Some(id.to_owned()), ..transformed(request.json) }
        }),
    );
    world.document("dir", Arc::new(|request| transformed(request.json)));
    let changed = || -> Rule { Arc::new(|request| transformed(&request.json.replace("Engineer", "Chief"))) };
    for (what, document) in [
        ("new", None),
        ("unchanged", None),
        ("unchanged again", None),
        ("all changed", Some(changed())),
        ("configuration changed, content did not", Some(changed())),
    ] {
        if let Some(document) = document {
            world.document("dir", document);
        }
        let (start, busy) = (Instant::now(), cpu_seconds());
        let job = world.read().await;
        let (took, busy) = (start.elapsed().as_secs_f64(), cpu_seconds() - busy);
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        println!(
            "{what}: {users} users in {took:.2} s, {:.0} users/s; {busy:.2} s of processor, {:.1} µs a user; {}",
            users as f64 / took,
            busy * 1e6 / users as f64,
            peak()
        );
        let row = write_row(&job, "dir");
        assert_eq!(row.created + row.updated + row.unchanged, users as u64);
    }
}

/// What this process has used; other processes do not disturb it.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks: f64 = stat.split(' ').skip(13).take(2).map(|n| n.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
