//! Taking back what a job did.

use super::world::*;
use gangway_model::{Counters, JobStatus, OperationKind, PluginError, RelationState, Trigger, code};
use serde_json::json;
use std::sync::atomic::Ordering;

fn staff(names: &[&str], n: u64) -> Vec<gangway_model::Entity> {
    names.iter().map(|name| user(name, json!({"n": n}))).collect()
}

async fn undo(world: &World, job: &gangway_model::JobId, remove_created: bool) -> gangway_model::Job {
    let trigger = Trigger { kind: "IMMEDIATE".to_owned(), by: None };
    let id = world.runner.undo(&world.tenant, job, remove_created, trigger).await.unwrap();
    world.runner.idle().await;
    world.job(&id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_is_made_again_under_a_new_identifier() {
    let world = World::new(10, &["dir"]);
    let target = world.target("dir");
    world.users(staff(&["anna", "bert"], 1));
    world.groups(vec![group("g1", &["anna"])]);
    world.read().await;
    let (_, before) = target.account("anna").unwrap();
    world.users(staff(&["bert"], 1));
    world.groups(Vec::new());
    let deleting = world.read().await;
    assert_eq!(target.names("user"), ["bert"]);
    let preview = world.runner.undoable(&world.tenant, &deleting.id).await.unwrap();
    assert_eq!(preview.iter().map(|row| row.deleted).collect::<Vec<_>>(), [1, 1]);
    target.take_done();
    let job = undo(&world, &deleting.id, false).await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(write_row(&job, "dir"), Counters { created: 1, ..Counters::default() });
    let (new, account) = target.account("anna").unwrap();
    assert_eq!(account.content, before.content);
    assert_eq!(target.names("group"), ["g1"]);
    let relation = world.relation("dir", "anna").unwrap();
    assert_eq!((relation.target_id, relation.state), (new, RelationState::Active));
    // Twice is once.
    let again = undo(&world, &deleting.id, false).await;
    assert_eq!(write_row(&again, "dir"), Counters { skipped: 1, ..Counters::default() });
    // What is in the source again is written; what is not goes again.
    world.users(staff(&["anna", "bert"], 1));
    world.groups(vec![group("g1", &["anna"])]);
    let next = world.read().await;
    assert_eq!((next.status, write_row(&next, "dir").created), (JobStatus::Success, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_and_creates_are_taken_back_if_they_were_remembered() {
    let world = World::new(10, &["dir"]);
    let target = world.target("dir");
    world.set("dir", "ips.undo", Some("all"));
    world.users(staff(&["anna"], 1));
    world.read().await;
    let (id, before) = target.account("anna").unwrap();
    world.users([staff(&["anna"], 2), staff(&["bert"], 2)].concat());
    let changing = world.read().await;
    assert_eq!(target.account("anna").unwrap().1.content["n"], 2);
    let job = undo(&world, &changing.id, true).await;
    assert_eq!(write_row(&job, "dir"), Counters { updated: 1, deleted: 1, ..Counters::default() });
    let (same, after) = target.account("anna").unwrap();
    assert_eq!((same, after.content), (id, before.content));
    assert_eq!(target.names("user"), ["anna"]);
    assert!(world.relation("dir", "bert").is_none());
    let next = world.read().await;
    assert_eq!(write_row(&next, "dir"), Counters { created: 1, updated: 1, ..Counters::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_remembered_if_that_is_switched_off_or_its_time_is_up() {
    let world = World::new(10, &["dir"]);
    let trigger = || Trigger { kind: "IMMEDIATE".to_owned(), by: None };
    world.set("dir", "ips.undo", Some("off"));
    world.users(staff(&["anna", "bert"], 1));
    world.read().await;
    world.users(staff(&["bert"], 1));
    let deleting = world.read().await;
    assert!(world.runner.undo(&world.tenant, &deleting.id, false, trigger()).await.is_err());
    world.set("dir", "ips.undo", None);
    world.set("dir", "ips.undo.retention.days", Some("2"));
    world.users(Vec::new());
    let deleting = world.read().await;
    assert_eq!(world.runner.undoable(&world.tenant, &deleting.id).await.unwrap().len(), 1);
    world.tenant_store().purge_images(world.clock.0.fetch_add(2 * DAY, Ordering::SeqCst) + 2 * DAY).unwrap();
    assert!(world.runner.undo(&world.tenant, &deleting.id, false, trigger()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_lost_an_answer_looks_before_it_makes_an_account_twice() {
    let world = World::new(10, &["dir"]);
    let target = world.target("dir");
    world.users(staff(&["anna", "bert"], 1));
    world.read().await;
    world.users(staff(&["bert"], 1));
    let deleting = world.read().await;
    target.fault(|operation| {
        (operation.kind == OperationKind::Create)
            .then(|| Fault::Lost(PluginError::new(code::PROTOCOL, "no answer")))
    });
    let job = undo(&world, &deleting.id, false).await;
    assert_eq!(write_row(&job, "dir"), Counters { failed: 1, ..Counters::default() });
    target.heal();
    let job = undo(&world, &deleting.id, false).await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(target.names("user"), ["anna", "bert"]);
    assert!(!world.relation("dir", "anna").unwrap().existed_before);
}
