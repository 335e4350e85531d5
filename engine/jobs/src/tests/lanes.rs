//! Targets that go through a job at their own pace.

use super::world::*;
use crate::Limits;
use futures_util::FutureExt;
use gangway_model::{
    Action, Checkpoint, Counters, EntityState, Job, JobId, JobStatus, JobType, Phase, PluginError, code,
};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const USERS: usize = 120;
const GONE: usize = 5;
const PAGE: usize = 2;
/// More than what a target has under way, and what is kept beside that.
const NEAR: usize = 16 + 8;

fn changed(id: usize) -> gangway_model::Entity {
    user(&format!("u{id:04}"), json!({"title": "new"}))
}

/// Two targets that hold all users. Since then five are gone, and all others have changed.
async fn before() -> World {
    let world = World::new(PAGE as u32, &["fast", "slow"]);
    world.users((0..USERS).map(|n| user(&format!("u{n:04}"), json!({}))).collect());
    world.read().await;
    world.users((GONE..USERS).map(changed).collect());
    world.source.pages_read.store(0, Ordering::SeqCst);
    for name in ["fast", "slow"] {
        world.target(name).writes.store(0, Ordering::SeqCst);
        world.target(name).take_done();
    }
    world
}

/// Holds the slow target at its first call.
fn hold(world: &World) -> Arc<AtomicBool> {
    let held = Arc::new(AtomicBool::new(true));
    let waits = held.clone();
    world.target("slow").wait_while(move || waits.load(Ordering::SeqCst));
    held
}

async fn until(what: &str, reached: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if reached() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never: {what}");
}

/// Shuts the engine down, and lets go of what held its targets once it is told to end.
async fn go_down(world: &World, let_go: impl FnOnce()) {
    let mut down = Box::pin(world.runner.shutdown());
    assert!((&mut down).now_or_never().is_none(), "a target is held");
    let_go();
    down.await;
}

fn phase_of(job: &Job, target: &str) -> Phase {
    job.checkpoint.lanes[&target.into()].phase.clone()
}

/// Starts a job, and waits until the fast target is through.
async fn until_fast_is_through(world: &World) -> JobId {
    let id = world.start(JobType::Read).await;
    let through = || {
        let job = world.job(&id);
        job.checkpoint.lanes.contains_key(&"fast".into()) && phase_of(&job, "fast") == Phase::Done
    };
    until("the fast target is through", through).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_target_holds_up_nobody() {
    let world = before().await;
    let held = hold(&world);
    let id = until_fast_is_through(&world).await;
    let (fast, slow) = (world.target("fast"), world.target("slow"));
    let expected: Vec<String> = (GONE..USERS).map(|n| format!("u{n:04}")).collect();
    assert_eq!(fast.names("user"), expected, "what is gone from the source is gone there");
    assert_eq!(slow.writes.load(Ordering::SeqCst), 1, "the slow target has not answered its first page");
    assert_eq!(slow.names("user").len(), USERS);
    let job = world.job(&id);
    assert_eq!(read_row(&job).read, (USERS - GONE) as u64);
    let row = Counters { updated: (USERS - GONE) as u64, deleted: GONE as u64, ..Counters::default() };
    assert_eq!(write_row(&job, "fast"), row);
    assert_eq!(write_row(&job, "slow"), Counters::default());
    // Who asks is told of the slow one, and of each.
    assert_eq!(job.checkpoint.phase, Phase::Reading { index: 0, cursor: None });
    assert_eq!(phase_of(&job, "slow"), Phase::Reading { index: 0, cursor: None });
    let read = world.source.pages_read.load(Ordering::SeqCst) as usize;
    let pages = (USERS - GONE).div_ceil(PAGE) + 1;
    assert_eq!(read, pages, "the source was read once so far");

    held.store(false, Ordering::SeqCst);
    world.runner.idle().await;
    let job = world.job(&id);
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(slow.names("user"), expected);
    assert_eq!(read_row(&job), Counters { read: (USERS - GONE) as u64, ..Counters::default() });
    assert_eq!((write_row(&job, "fast"), write_row(&job, "slow")), (row, row));
    assert_eq!(world.events(&id).len(), 2 * GONE, "each deletion logged once for each target");
    // No page was kept for it beyond the last few: it read them for itself.
    let again = world.source.pages_read.load(Ordering::SeqCst) as usize - read;
    assert!((pages - NEAR..=pages).contains(&again), "{again} of {pages} pages were read again");
    assert_eq!(world.read().await.status, JobStatus::Success);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_a_hanging_job_names_the_target_that_hangs() {
    let mut world = before().await;
    let held = hold(&world);
    let idle = Duration::from_millis(300);
    world.restart_within(world.store.clone(), Limits { idle, ..Limits::default() });
    let id = until_fast_is_through(&world).await;
    tokio::time::sleep(idle * 2).await;
    held.store(false, Ordering::SeqCst);
    world.runner.idle().await;
    let error = world.job(&id).error.unwrap();
    assert!(error.contains("made no progress"), "{error}");
    let names = "targets not at their end: \"SLOW\": it was reading user entities";
    assert!(error.contains(names) && !error.contains("FAST"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_in_step_share_one_reading_of_the_source() {
    let world = World::new(4, &["one", "two", "three"]);
    world.users((0..20).map(|n| user(&format!("u{n:04}"), json!({}))).collect());
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(world.source.pages_read.load(Ordering::SeqCst), 5 + 1);
    assert_eq!(world.calls("hr"), 20, "each entity was transformed once on the side of the source");
    assert_eq!(read_row(&job), Counters { read: 20, ..Counters::default() });
    for name in ["one", "two", "three"] {
        assert_eq!(write_row(&job, name).created, 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_source_holds_the_deletions_of_who_lags_alone() {
    let world = before().await;
    let held = hold(&world);
    let id = until_fast_is_through(&world).await;
    let error = PluginError::new(code::UNAVAILABLE, "connection reset");
    *world.source.fails_at.lock().unwrap() = Some((40, error));
    held.store(false, Ordering::SeqCst);
    world.runner.idle().await;
    let job = world.job(&id);
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert!(job.error.as_deref().unwrap().contains("connection reset"), "{job:?}");
    assert_eq!(job.outcome, ["no deletions in \"SLOW\": the source was not read to its end"]);
    assert_eq!(world.target("fast").names("user").len(), USERS - GONE);
    assert_eq!(world.target("slow").names("user").len(), USERS);
    assert_eq!(write_row(&job, "slow").updated, 40, "what it had read is written");
    *world.source.fails_at.lock().unwrap() = None;
    assert_eq!(world.read().await.status, JobStatus::Success);
    assert_eq!(world.target("slow").names("user").len(), USERS - GONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_failed_is_not_asked_again_by_who_comes_later() {
    let world = before().await;
    let held = hold(&world);
    // So far ahead that no page is kept which the slow one needs next.
    let error = PluginError::new(code::INTERNAL, "trap: unreachable");
    *world.source.fails_at.lock().unwrap() = Some((80, error));
    let id = world.start(JobType::Read).await;
    until("the fast target has written what there is", || {
        world.job(&id).checkpoint.lanes.get(&"fast".into()).is_some_and(|lane| lane.page == 40)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let read = world.source.pages_read.load(Ordering::SeqCst);
    *world.source.fails_at.lock().unwrap() = None;
    held.store(false, Ordering::SeqCst);
    world.runner.idle().await;
    assert_eq!(world.source.pages_read.load(Ordering::SeqCst), read, "its plugin may be what is broken");
    let job = world.job(&id);
    assert!(job.error.as_deref().unwrap().contains("trap"), "{job:?}");
    assert_eq!(job.outcome, ["no deletions: the source was not read to its end"]);
    assert_eq!(write_row(&job, "fast").updated, 80);
    for name in ["fast", "slow"] {
        assert_eq!(world.target(name).names("user").len(), USERS, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_only_when_it_is_read_once_more_holds_deletions() {
    let world = before().await;
    let held = hold(&world);
    let id = until_fast_is_through(&world).await;
    let mut users: Vec<_> = (GONE..USERS).map(changed).collect();
    users[30] = user("u0035", json!({"fail": 1}));
    world.users(users);
    held.store(false, Ordering::SeqCst);
    world.runner.idle().await;
    let job = world.job(&id);
    assert_eq!(job.status, JobStatus::FinishedWithError, "a delta read must not go on from here: {job:?}");
    assert_eq!(read_row(&job), Counters { read: (USERS - GONE) as u64, ..Counters::default() });
    let row = Counters { updated: (USERS - GONE - 1) as u64, failed: 1, ..Counters::default() };
    assert_eq!(write_row(&job, "slow"), row);
    assert_eq!(write_row(&job, "fast").deleted, GONE as u64);
    assert_eq!(world.target("slow").names("user").len(), USERS, "{:?}", job.outcome);
    let failed: Vec<_> =
        world.events(&id).into_iter().filter(|event| event.state == EntityState::Failed).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].error.as_ref().unwrap().message.contains("read once more"), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_a_target_does_not_take_holds_its_deletions_all_the_same() {
    for fails in [true, false] {
        let world = before().await;
        *world.target("fast").types.lock().unwrap() = Some(vec!["user".into()]);
        let wrong = user("g1", json!({"fail": 1}));
        world.groups(if fails { vec![wrong] } else { vec![group("g1", &["u0100"])] });
        let held = hold(&world);
        let id = until_fast_is_through(&world).await;
        assert_eq!(world.target("slow").writes.load(Ordering::SeqCst), 1);
        let left = if fails { USERS } else { USERS - GONE };
        assert_eq!(world.target("fast").names("user").len(), left);
        held.store(false, Ordering::SeqCst);
        world.runner.idle().await;
        let job = world.job(&id);
        let groups = row(&job, "group", "hr", Action::Read);
        assert_eq!((groups.read, groups.failed), if fails { (0, 1) } else { (1, 0) });
        assert_eq!(world.target("slow").names("user").len(), left);
        let line = "no deletions: 1 entity failed at the source".to_owned();
        assert_eq!(job.outcome.contains(&line), fails, "{:?}", job.outcome);
        let failed = world.events(&id).into_iter().filter(|e| e.state == EntityState::Failed).count();
        assert_eq!(failed, usize::from(fails), "logged once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_no_target_takes_is_in_the_numbers() {
    let world = World::new(2, &["one", "two"]);
    for name in ["one", "two"] {
        *world.target(name).types.lock().unwrap() = Some(vec!["user".into()]);
    }
    world.users(vec![user("a", json!({}))]);
    world.groups((0..5).map(|n| group(&format!("g{n}"), &[])).collect());
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(row(&job, "group", "hr", Action::Read).read, 5);
    assert_eq!(world.source.pages_read.load(Ordering::SeqCst), 1 + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_from_before_targets_had_places_goes_on() {
    let mut world = before().await;
    let held = hold(&world);
    let (fast, stop) = (world.target("fast"), held.clone());
    // Both are held half-way.
    fast.wait_while(move || stop.load(Ordering::SeqCst));
    let id = world.start(JobType::Read).await;
    let slow = world.target("slow");
    let both = || [&fast, &slow].iter().all(|target| target.writes.load(Ordering::SeqCst) == 1);
    until("both wait", both).await;
    go_down(&world, || held.store(false, Ordering::SeqCst)).await;
    let mut job = world.job(&id);
    assert_eq!(job.status, JobStatus::PendingRestart);
    let lanes = &job.checkpoint.lanes;
    assert_eq!(lanes[&"fast".into()], lanes[&"slow".into()], "each has one page behind it");
    let (phase, pages) = (job.checkpoint.phase.clone(), job.checkpoint.pages);
    assert_eq!(phase, Phase::Reading { index: 0, cursor: Some(PAGE.to_string()) });
    job.checkpoint = Checkpoint { pages, ..Checkpoint::at(phase) };
    world.tenant_store().put_job(&job).unwrap();
    world.restart(world.store.clone());
    let resumed = world.runner.recover().await.unwrap().remove(0);
    world.runner.idle().await;
    let job = world.job(&resumed);
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(read_row(&job), Counters { read: (USERS - GONE) as u64, ..Counters::default() });
    for name in ["fast", "slow"] {
        let row = Counters { updated: (USERS - GONE) as u64, deleted: GONE as u64, ..Counters::default() };
        assert_eq!(write_row(&job, name), row, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_joins_a_job_which_resumes_begins_at_the_beginning() {
    let mut world = before().await;
    // It holds what it got before it was disabled.
    let mut late = world.tenant_store().system(&"slow".into()).unwrap().unwrap();
    late.enabled = false;
    world.tenant_store().put_system(&late).unwrap();
    let held = Arc::new(AtomicBool::new(false));
    let (fast, waits) = (world.target("fast"), held.clone());
    let count = world.target("fast");
    fast.wait_while(move || count.writes.load(Ordering::SeqCst) > 20 && !waits.load(Ordering::SeqCst));
    world.start(JobType::Read).await;
    until("it is half-way", || fast.writes.load(Ordering::SeqCst) > 20).await;
    go_down(&world, || held.store(true, Ordering::SeqCst)).await;
    late.enabled = true;
    world.tenant_store().put_system(&late).unwrap();
    world.restart(world.store.clone());
    let resumed = world.runner.recover().await.unwrap().remove(0);
    world.runner.idle().await;
    let job = world.job(&resumed);
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let row = Counters { updated: (USERS - GONE) as u64, deleted: GONE as u64, ..Counters::default() };
    assert_eq!(write_row(&job, "slow"), row, "none is taken for gone because the job was past it");
    assert_eq!(read_row(&job).read, (USERS - GONE) as u64);
}
