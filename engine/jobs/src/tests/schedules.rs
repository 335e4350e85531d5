use super::queue::{gate, staff};
use super::world::*;
use crate::Scheduler;
use crate::records::{self, Recurring};
use gangway_model::{Job, JobStatus, JobType};
use gangway_schedule::{Period, Schedule};
use std::sync::atomic::Ordering;

const MINUTE: u64 = 60_000;

fn recurring(world: &World, active: bool) -> Recurring {
    let schedule = Schedule {
        period: Period::Every { seconds: 600 },
        active,
        since_ms: gangway_model::ports::Clock::now_ms(world.clock.as_ref()),
    };
    Recurring { kind: JobType::Read, schedule }
}

/// A scheduler with a job every ten minutes, counted from now.
fn scheduled(world: &World, active: bool) -> (Scheduler, u64) {
    let recurring = recurring(world, active);
    records::set_recurring(world.tenant_store().as_ref(), &"hr".into(), Some(&recurring)).unwrap();
    let scheduler = Scheduler::new(world.runner.clone(), world.store.clone(), world.clock.clone());
    scheduler.reload(&world.tenant).unwrap();
    (scheduler, recurring.schedule.since_ms)
}

fn jobs(world: &World) -> Vec<Job> {
    let mut jobs = world.tenant_store().jobs(None, 100).unwrap();
    jobs.reverse();
    jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn f024_turning_a_schedule_on_starts_nothing_before_its_first_point() {
    let world = World::new(2, &["dir"]);
    world.users(staff(2));
    let (scheduler, on) = scheduled(&world, true);
    assert_eq!(scheduler.tick(on, on).await, Some(on + 10 * MINUTE));
    assert_eq!(scheduler.tick(on, on + 10 * MINUTE - 1).await, Some(on + 10 * MINUTE));
    assert_eq!(jobs(&world), []);
    assert_eq!(scheduler.tick(on + 10 * MINUTE - 1, on + 10 * MINUTE).await, Some(on + 20 * MINUTE));
    world.runner.idle().await;
    let all = jobs(&world);
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].trigger.kind.as_str(), all[0].trigger.by.as_deref()), ("REPEAT", None));
    assert_eq!(all[0].status, JobStatus::Success);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f025_turning_a_schedule_off_lets_the_running_job_finish_and_starts_no_other() {
    let world = World::new(2, &["dir"]);
    world.users(staff(4));
    let (scheduler, on) = scheduled(&world, true);
    let open = gate(&world.target("dir"));
    scheduler.tick(on, on + 10 * MINUTE).await;
    records::set_recurring(world.tenant_store().as_ref(), &"hr".into(), Some(&recurring(&world, false)))
        .unwrap();
    scheduler.reload(&world.tenant).unwrap();
    open.store(true, Ordering::SeqCst);
    world.runner.idle().await;
    assert_eq!(scheduler.tick(on + 10 * MINUTE, on + 20 * MINUTE).await, None);
    let all = jobs(&world);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].status, JobStatus::Success);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f026_a_point_while_a_job_runs_is_skipped_and_not_queued() {
    let world = World::new(2, &["dir"]);
    world.users(staff(4));
    let (scheduler, on) = scheduled(&world, true);
    let open = gate(&world.target("dir"));
    let mut next = on;
    for n in 1..=3 {
        let point = on + n * 10 * MINUTE;
        next = scheduler.tick(next, point).await.unwrap() - 10 * MINUTE;
        assert_eq!(next, point, "the grid does not move");
    }
    open.store(true, Ordering::SeqCst);
    world.runner.idle().await;
    assert_eq!(jobs(&world).len(), 1);
    scheduler.tick(next, on + 40 * MINUTE).await;
    world.runner.idle().await;
    assert_eq!(jobs(&world).len(), 2, "the next available point is used");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f027_a_manual_job_runs_right_after_the_scheduled_one_and_the_grid_stays() {
    let world = World::new(2, &["dir"]);
    world.users(staff(4));
    let (scheduler, on) = scheduled(&world, true);
    let open = gate(&world.target("dir"));
    scheduler.tick(on, on + 10 * MINUTE).await;
    let manual = world.start(JobType::Read).await;
    assert_eq!(world.job(&manual).status, JobStatus::Queued);
    open.store(true, Ordering::SeqCst);
    world.runner.idle().await;
    assert_eq!(world.job(&manual).status, JobStatus::Success);
    assert_eq!(scheduler.tick(on + 10 * MINUTE, on + 12 * MINUTE).await, Some(on + 20 * MINUTE));
    scheduler.tick(on + 12 * MINUTE, on + 20 * MINUTE).await;
    world.runner.idle().await;
    let kinds: Vec<_> = jobs(&world).into_iter().map(|job| job.trigger.kind).collect();
    assert_eq!(kinds, ["REPEAT", "IMMEDIATE", "REPEAT"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f012_the_trigger_type_says_how_a_job_came_about() {
    let mut world = World::new(2, &["dir"]);
    world.users(staff(30));
    let (scheduler, on) = scheduled(&world, true);
    scheduler.tick(on, on + 10 * MINUTE).await;
    world.runner.idle().await;
    let open = gate(&world.target("dir"));
    world.document("dir", write_rule());
    world.start(JobType::Resync).await;
    let runner = world.runner.clone();
    let down = tokio::spawn(async move { runner.shutdown().await });
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    open.store(true, Ordering::SeqCst);
    down.await.unwrap();
    world.target("dir").heal();
    world.restart(world.store.clone());
    world.runner.recover().await.unwrap();
    world.runner.idle().await;
    let triggers: Vec<_> = jobs(&world).into_iter().map(|j| (j.trigger.kind, j.resumes.is_some())).collect();
    let expected = [("REPEAT", false), ("IMMEDIATE", false), ("IMMEDIATE", true)];
    assert_eq!(triggers, expected.map(|(kind, resumed)| (kind.to_owned(), resumed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn f030_a_resync_may_be_scheduled_too() {
    let world = World::new(2, &["dir"]);
    world.users(staff(2));
    world.read().await;
    let resync = Recurring { kind: JobType::Resync, ..recurring(&world, true) };
    records::set_recurring(world.tenant_store().as_ref(), &"hr".into(), Some(&resync)).unwrap();
    let scheduler = Scheduler::new(world.runner.clone(), world.store.clone(), world.clock.clone());
    scheduler.reload(&world.tenant).unwrap();
    let on = resync.schedule.since_ms;
    scheduler.tick(on, on + 10 * MINUTE).await;
    world.runner.idle().await;
    let job = jobs(&world).pop().unwrap();
    assert_eq!((job.kind, job.trigger.kind.as_str()), (JobType::Resync, "REPEAT"));
    assert_eq!(write_row(&job, "dir").updated, 2);
}
