use super::world::*;
use gangway_model::{Counters, JobStatus, JobType, OperationKind, PluginError, Role, code};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn staff(count: usize) -> Vec<gangway_model::Entity> {
    (0..count).map(|n| user(&format!("u{n:04}"), json!({}))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_breaks_off_does_not_stop_the_others() {
    for outer in [true, false] {
        let world = World::new(2, &["good", "bad"]);
        world.users(staff(10));
        let calls = Arc::new(AtomicU64::new(0));
        world.target("bad").fault(move |_| {
            // The first page goes through.
            if calls.fetch_add(1, Ordering::SeqCst) < 2 {
                return None;
            }
            let error = PluginError::new(code::UNAUTHORIZED, "401: the token expired");
            Some(if outer { Fault::Call(error) } else { Fault::Refused(error) })
        });
        let job = world.read().await;
        assert_eq!(job.status, JobStatus::FinishedWithError);
        assert_eq!(world.target("good").names("user").len(), 10);
        assert_eq!(write_row(&job, "good").created, 10);
        assert_eq!(write_row(&job, "bad"), Counters { created: 2, failed: 2, ..Counters::default() });
        assert!(job.broken[&"bad".into()].contains("the token expired"));
        assert_eq!(world.target("bad").writes.load(Ordering::SeqCst), 2, "no request after it broke off");
        assert_eq!(job.outcome, ["no deletions in \"BAD\": it broke off"]);
        // The next job makes up for it.
        world.target("bad").heal();
        let next = world.read().await;
        assert_eq!(next.status, JobStatus::Success, "{next:?}");
        assert_eq!(write_row(&next, "bad"), Counters { created: 8, unchanged: 2, ..Counters::default() });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn if_every_target_breaks_off_reading_ends_and_nothing_is_deleted() {
    let world = World::new(2, &["dir"]);
    world.users(staff(20));
    world.read().await;
    let read = world.source.pages_read.swap(0, Ordering::SeqCst);
    world.users((5..20).map(|n| user(&format!("u{n:04}"), json!({"n": 1}))).collect());
    world.target("dir").fault(|_| Some(Fault::Call(PluginError::new(code::UNAVAILABLE, "503"))));
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert!(world.source.pages_read.load(Ordering::SeqCst) < read);
    assert!(job.outcome.iter().any(|l| l == "no deletions: every target broke off"), "{:?}", job.outcome);
    assert_eq!(world.target("dir").names("user").len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_cannot_be_opened_is_broken_from_the_start() {
    let world = World::new(2, &["good", "bad"]);
    world.users(staff(3));
    *world.systems.unopenable.lock().unwrap() = Some("bad".into());
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert_eq!(write_row(&job, "good").created, 3);
    assert!(job.broken[&"bad".into()].contains("URL is missing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_and_unlinked_targets_receive_nothing() {
    let world = World::new(2, &["on", "off", "other"]);
    world.users(staff(1));
    let mut off = world.tenant_store().system(&"off".into()).unwrap().unwrap();
    off.enabled = false;
    world.tenant_store().put_system(&off).unwrap();
    world.put("other", Role::Target, &[], &["elsewhere"]);
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::Success);
    assert_eq!(world.target("on").names("user").len(), 1);
    assert_eq!(world.target("off").writes.load(Ordering::SeqCst), 0);
    assert_eq!(world.target("other").writes.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_a_target_says_so_and_reads_nothing() {
    let world = World::new(2, &[]);
    world.users(staff(1));
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::Success);
    assert!(job.outcome[0].contains("no enabled target"), "{:?}", job.outcome);
    assert_eq!(world.source.pages_read.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_entity_that_traps_the_target_plugin_fails_alone() {
    let world = World::new(20, &["dir"]);
    world.users(staff(20));
    let target = world.target("dir");
    // The operations before it take effect, and their answers are lost with the trap.
    target.fault(|operation| {
        operation
            .json
            .contains("u0011")
            .then(|| Fault::Call(PluginError::new(code::INTERNAL, "trap: unreachable")))
    });
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir"), Counters { created: 19, failed: 1, ..Counters::default() });
    assert!(job.broken.is_empty());
    assert_eq!(target.finds.load(Ordering::SeqCst), 20, "each is looked for before it is written again");
    assert_eq!(target.names("user").len(), 19);
    assert!(world.relations("dir", "user").iter().all(|r| !r.existed_before));
    target.heal();
    let next = world.read().await;
    assert_eq!(write_row(&next, "dir"), Counters { created: 1, unchanged: 19, ..Counters::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_plugin_that_always_traps_breaks_off() {
    let world = World::new(20, &["dir"]);
    world.users(staff(100));
    let target = world.target("dir");
    target.fault(|_| Some(Fault::Call(PluginError::new(code::INTERNAL, "trap: unreachable"))));
    let job = world.read().await;
    assert!(job.broken[&"dir".into()].contains("trap"));
    assert_eq!(write_row(&job, "dir"), Counters { failed: 20, ..Counters::default() });
    assert!(target.writes.load(Ordering::SeqCst) < 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_timeout_among_many_is_one_failed_entity() {
    let world = World::new(10, &["dir"]);
    world.users(staff(10));
    let target = world.target("dir");
    target.fault(|operation| {
        (operation.kind == OperationKind::Create && operation.json.contains("u0003"))
            .then(|| Fault::Lost(PluginError::new(code::TIMEOUT, "no answer in 30 s")))
    });
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir"), Counters { created: 9, failed: 1, ..Counters::default() });
    assert!(job.broken.is_empty());
    target.heal();
    let next = world.run(JobType::Read).await;
    assert_eq!(write_row(&next, "dir"), Counters { updated: 1, unchanged: 9, ..Counters::default() });
    assert_eq!(target.names("user").len(), 10);
}
