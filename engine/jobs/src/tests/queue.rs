use super::mortal::{Life, MortalStore};
use super::world::*;
use crate::{Limits, StartError, StopError};
use gangway_model::{JobEvent, JobStatus, JobType, PluginError, Role, code};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(super) fn staff(count: usize) -> Vec<gangway_model::Entity> {
    (0..count).map(|n| user(&format!("u{n:04}"), json!({}))).collect()
}

/// Makes the target wait at its first operation until the gate opens.
pub(super) fn gate(target: &Arc<FakeTarget>) -> Arc<AtomicBool> {
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    target.fault(move |_| {
        while !gate.load(Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        None
    });
    open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f019_a_second_job_waits_and_a_third_is_refused() {
    let world = World::new(2, &["dir"]);
    world.users(staff(4));
    let open = gate(&world.target("dir"));
    let first = world.start(JobType::Read).await;
    let second = world.start(JobType::Read).await;
    assert_eq!(world.job(&second).status, JobStatus::Queued);
    let third = world.runner.start(&world.tenant, &"hr".into(), JobType::Read, by_hand()).await;
    match third {
        Err(StartError::AlreadyQueued { job, .. }) => assert_eq!(job, second),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.runner.holder(&world.tenant, &"dir".into()), Some(first.clone()));
    open.store(true, Ordering::SeqCst);
    world.runner.idle().await;
    assert_eq!(world.job(&first).status, JobStatus::Success);
    let second = world.job(&second);
    assert_eq!(second.status, JobStatus::Success);
    assert_eq!(write_row(&second, "dir").unchanged, 4);
    assert!(second.start_ms >= world.job(&first).end_ms.unwrap());
    assert_eq!(world.runner.holder(&world.tenant, &"dir".into()), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f018_two_sources_never_write_one_target_at_the_same_time() {
    let world = World::new(2, &["dir", "own"]);
    world.users(staff(4));
    world.put("hr2", Role::Source, &[], &[]);
    world.document("hr2", read_rule());
    world.put("dir", Role::Target, &[], &["hr", "hr2"]);
    world.put("own", Role::Target, &[], &["hr3"]);
    world.put("hr3", Role::Source, &[], &[]);
    world.document("hr3", read_rule());
    let open = gate(&world.target("dir"));
    let first = world.start(JobType::Read).await;
    let second = world.runner.start(&world.tenant, &"hr2".into(), JobType::Read, by_hand()).await.unwrap();
    let other = world.runner.start(&world.tenant, &"hr3".into(), JobType::Read, by_hand()).await.unwrap();
    // The third shares nothing and passes by.
    while !world.job(&other).status.is_final() {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    assert_eq!(world.job(&second).status, JobStatus::Queued);
    assert!(!world.job(&first).status.is_final());
    open.store(true, Ordering::SeqCst);
    world.runner.idle().await;
    assert!(world.job(&second).start_ms >= world.job(&first).end_ms.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_says_why() {
    let world = World::new(2, &["dir"]);
    let start = |source: &str| {
        let source = source.into();
        let (runner, tenant) = (world.runner.clone(), world.tenant.clone());
        async move { runner.start(&tenant, &source, JobType::Read, by_hand()).await.unwrap_err().to_string() }
    };
    assert!(start("nothing").await.contains("no system nothing"));
    assert!(start("dir").await.contains("is no source"));
    let mut hr = world.tenant_store().system(&"hr".into()).unwrap().unwrap();
    hr.enabled = false;
    world.tenant_store().put_system(&hr).unwrap();
    assert!(start("hr").await.contains("is disabled"));
    let unknown = world.runner.start(&"nobody".into(), &"hr".into(), JobType::Read, by_hand()).await;
    assert!(matches!(unknown, Err(StartError::UnknownTenant(_))), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f014_stopping_ends_the_job_without_deletions() {
    let world = World::new(2, &["dir"]);
    world.users(staff(3));
    world.read().await;
    // All new: u0000 … u0002 would be deleted.
    world.users((10..60).map(|n| user(&format!("u{n:04}"), json!({}))).collect());
    let open = gate(&world.target("dir"));
    let job = world.start(JobType::Read).await;
    while world.target("dir").writes.load(Ordering::SeqCst) < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    world.runner.stop(&world.tenant, &job).await.unwrap();
    open.store(true, Ordering::SeqCst);
    world.runner.idle().await;
    let stopped = world.job(&job);
    assert_eq!(stopped.status, JobStatus::ManuallyTerminated);
    assert_eq!(stopped.outcome, ["no deletions: the job was stopped"]);
    let created = write_row(&stopped, "dir").created;
    assert!((2..50).contains(&created), "{created}");
    let names = world.target("dir").names("user");
    assert!(names.contains(&"u0000".to_owned()));
    assert_eq!(names.len() as u64, 3 + created, "what was written is recorded");
    let again = world.runner.stop(&world.tenant, &job).await;
    assert!(matches!(again, Err(StopError::Ended(_))), "{again:?}");
    let unknown = world.runner.stop(&world.tenant, &"nothing".into()).await;
    assert!(matches!(unknown, Err(StopError::UnknownJob { .. })), "{unknown:?}");
    // Stopping a waiting job.
    let open = gate(&world.target("dir"));
    let running = world.start(JobType::Read).await;
    let waiting = world.start(JobType::Read).await;
    world.runner.stop(&world.tenant, &waiting).await.unwrap();
    assert_eq!(world.job(&waiting).status, JobStatus::ManuallyTerminated);
    open.store(true, Ordering::SeqCst);
    world.runner.idle().await;
    assert_eq!(world.job(&running).status, JobStatus::Success);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn watchers_see_each_commit_and_the_end() {
    let world = World::new(2, &["dir"]);
    world.users(staff(10));
    let open = gate(&world.target("dir"));
    let job = world.start(JobType::Read).await;
    let mut events = world.runner.subscribe(&world.tenant, &job).unwrap();
    assert!(world.runner.subscribe(&"other".into(), &job).is_none(), "another tenant sees nothing");
    open.store(true, Ordering::SeqCst);
    let mut steps = Vec::new();
    loop {
        match events.recv().await.unwrap() {
            JobEvent::Progress { job, total } => {
                assert!(total.is_none_or(|total| total == 10 || total == 0));
                steps.push(read_row(&job).read);
            }
            JobEvent::End { job } => {
                assert_eq!(job.status, JobStatus::Success);
                break;
            }
        }
    }
    assert!(steps.is_sorted() && steps.last() == Some(&10), "{steps:?}");
    world.runner.idle().await;
    assert!(world.runner.subscribe(&world.tenant, &job).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shutdown_is_taken_up_by_the_next_life() {
    let mut world = World::new(2, &["dir"]);
    world.users(staff(30));
    let open = gate(&world.target("dir"));
    let job = world.start(JobType::Read).await;
    let waiting = world.start(JobType::Read).await;
    while world.target("dir").writes.load(Ordering::SeqCst) < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let runner = world.runner.clone();
    let down = tokio::spawn(async move { runner.shutdown().await });
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    open.store(true, Ordering::SeqCst);
    down.await.unwrap();
    assert_eq!(world.job(&job).status, JobStatus::PendingRestart);
    assert_eq!(world.job(&job).end_ms, None);
    let refused = world.runner.start(&world.tenant, &"hr".into(), JobType::Read, by_hand()).await;
    assert!(matches!(refused, Err(StartError::ShuttingDown)), "{refused:?}");

    world.restart(world.store.clone());
    let resumed = world.runner.recover().await.unwrap();
    world.runner.idle().await;
    assert_eq!(resumed.len(), 1);
    assert_eq!(world.job(&job).status, JobStatus::Resumed);
    let next = world.job(&resumed[0]);
    assert_eq!((next.status, next.resumes.as_ref()), (JobStatus::Success, Some(&job)));
    assert_eq!(next.trigger.kind, "IMMEDIATE");
    assert_eq!(read_row(&next).read, 30);
    assert_eq!(write_row(&next, "dir").created, 30);
    assert_eq!(world.target("dir").names("user").len(), 30);
    assert_eq!(write_row(&world.job(&waiting), "dir").unchanged, 30, "the waiting job ran as itself");
}

/// The second operation of each page is cut off by the stop, after it took effect.
fn cut_off(target: &Arc<FakeTarget>, open: Arc<AtomicBool>) {
    let count = AtomicU64::new(0);
    target.fault(move |_| {
        while !open.load(Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let cancelled = || Fault::Lost(PluginError::new(code::CANCELLED, "the job is being stopped"));
        (count.fetch_add(1, Ordering::SeqCst) % 2 == 1).then(cancelled)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_cut_off_by_a_shutdown_count_once() {
    let mut world = World::new(2, &["dir"]);
    world.users(staff(10));
    let open = Arc::new(AtomicBool::new(false));
    cut_off(&world.target("dir"), open.clone());
    world.start(JobType::Read).await;
    while world.target("dir").writes.load(Ordering::SeqCst) < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let runner = world.runner.clone();
    let down = tokio::spawn(async move { runner.shutdown().await });
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    open.store(true, Ordering::SeqCst);
    down.await.unwrap();
    world.target("dir").heal();
    world.restart(world.store.clone());
    let resumed = world.runner.recover().await.unwrap();
    world.runner.idle().await;
    let job = world.job(&resumed[0]);
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!((read_row(&job).read, write_row(&job, "dir").created), (10, 10));
    assert_eq!(world.target("dir").names("user").len(), 10);
    assert!(world.relations("dir", "user").iter().all(|r| !r.existed_before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_cut_off_by_a_stop_are_looked_for_by_the_next_job() {
    let world = World::new(2, &["dir"]);
    world.users(staff(10));
    let open = Arc::new(AtomicBool::new(false));
    cut_off(&world.target("dir"), open.clone());
    let id = world.start(JobType::Read).await;
    while world.target("dir").writes.load(Ordering::SeqCst) < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    world.runner.stop(&world.tenant, &id).await.unwrap();
    open.store(true, Ordering::SeqCst);
    world.runner.idle().await;
    let job = world.job(&id);
    assert_eq!(job.status, JobStatus::ManuallyTerminated);
    assert_eq!((write_row(&job, "dir").created, write_row(&job, "dir").failed), (1, 0));
    world.target("dir").heal();
    let next = world.read().await;
    assert_eq!(next.status, JobStatus::Success, "{next:?}");
    let row = write_row(&next, "dir");
    assert_eq!((row.created + row.updated, row.unchanged), (9, 1), "{row:?}");
    assert!(world.relations("dir", "user").iter().all(|r| !r.existed_before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_ends_the_job_clearly_and_the_engine_goes_on() {
    let mut world = World::new(2, &["dir"]);
    world.users(staff(20));
    let life = Life::long();
    world.restart(Arc::new(MortalStore(world.store.clone(), life.clone())));
    let (count, filling) = (AtomicU64::new(0), life.clone());
    world.target("dir").fault(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) == 5 {
            filling.fill(true);
        }
        None
    });
    let id = world.start(JobType::Read).await;
    let mut events = world.runner.subscribe(&world.tenant, &id);
    world.runner.idle().await;
    let mut last = None;
    while let Some(Ok(event)) = events.as_mut().map(|e| e.try_recv()) {
        last = Some(event);
    }
    if let Some(JobEvent::End { job }) = last {
        assert_eq!(job.status, JobStatus::FinishedWithError);
        assert!(job.error.unwrap().contains("no space left on device"));
    }
    assert!(!world.job(&id).status.is_final(), "nothing could be stored");
    life.fill(false);
    let next = world.read().await;
    let ended = world.job(&id);
    assert_eq!(ended.status, JobStatus::FinishedWithError, "recorded as soon as there was room");
    assert!(ended.error.unwrap().contains("make room"));
    assert_eq!(next.status, JobStatus::Success, "{next:?}");
    assert_eq!(world.target("dir").names("user").len(), 20);
    assert!(world.relations("dir", "user").iter().all(|r| !r.existed_before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f020_a_job_without_progress_is_ended_with_a_diagnosis() {
    let mut world = World::new(2, &["dir"]);
    world.users(staff(3));
    world.read().await;
    world.users((10..60).map(|n| user(&format!("u{n:04}"), json!({}))).collect());
    let idle = std::time::Duration::from_millis(30);
    world.restart_within(world.store.clone(), Limits { idle, ..Limits::default() });
    let open = gate(&world.target("dir"));
    let id = world.start(JobType::Read).await;
    tokio::time::sleep(idle * 4).await;
    assert!(
        !world.job(&id).status.is_final(),
        "the call under way is bounded by the plugin host, and waited for"
    );
    open.store(true, Ordering::SeqCst);
    world.runner.idle().await;
    let job = world.job(&id);
    assert_eq!(job.status, JobStatus::FinishedWithError);
    let error = job.error.unwrap();
    assert!(
        error.contains("made no progress") && error.contains("reading user entities of \"HR\""),
        "{error}"
    );
    assert!(world.target("dir").names("user").contains(&"u0000".to_owned()), "nothing is deleted");
    world.target("dir").heal();
    let total = std::time::Duration::ZERO;
    world.restart_within(world.store.clone(), Limits { total, ..Limits::default() });
    let job = world.read().await;
    assert!(job.error.unwrap().contains("took longer than 0 s"), "{:?}", job.status);
}
