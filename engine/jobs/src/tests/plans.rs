//! Simulations and plans: killed anywhere, kept for a while, carried out once.

use super::mortal::{Life, MortalStore};
use super::world::*;
use crate::{Order, StartError};
use gangway_model::{Job, JobId, JobStatus, JobType, PlannedVerb};
use gangway_store::PlanFilter;
use serde_json::json;
use std::sync::Arc;

/// Provisioned: u0 to u9; then u0 and u1 are gone, u2 changed, u10 to u14 are new.
async fn before() -> World {
    before_with(&["dir"]).await
}

async fn before_with(targets: &[&str]) -> World {
    let world = World::new(4, targets);
    world.users((0..10).map(|n| user(&format!("u{n:02}"), json!({}))).collect());
    world.read().await;
    let title = |n| if n == 2 { json!({"title": "Boss"}) } else { json!({}) };
    world.users((2..15).map(|n| user(&format!("u{n:02}"), title(n))).collect());
    targets.iter().for_each(|target| drop(world.target(target).take_done()));
    world
}

/// Kills the engine at a durable step of what it is asked, and lets its next lives end it. None if the work was over before.
async fn survive(world: &mut World, step: i64, order: Order) -> Option<Job> {
    let life = Life::of(step);
    world.restart(Arc::new(MortalStore(world.store.clone(), life.clone())));
    let started = world.runner.start(&world.tenant, &"hr".into(), order, by_hand()).await;
    world.runner.idle().await;
    if !life.is_over() {
        return None;
    }
    world.restart(world.store.clone());
    world.target("dir").heal();
    world.runner.recover().await.unwrap();
    world.runner.idle().await;
    // A life that ended before it recorded the job left nothing.
    started.ok().map(|_| world.tenant_store().jobs(None, 1).unwrap().remove(0))
}

fn plan_of(world: &World) -> Option<JobId> {
    world.tenant_store().plans().list().unwrap().first().map(|plan| plan.id.clone())
}

fn verbs(world: &World, plan: &JobId) -> Vec<(PlannedVerb, String)> {
    verbs_in(world, plan, "dir")
}

/// Operations of one target, in their order.
fn verbs_in(world: &World, plan: &JobId, target: &str) -> Vec<(PlannedVerb, String)> {
    let all = PlanFilter::default();
    let operations = world.tenant_store().plans().operations(plan, &all, None, 1000, false).unwrap();
    let of_target = operations.into_iter().filter(|(_, operation)| operation.target.as_str() == target);
    of_target.map(|(_, o)| (o.verb, o.source_id)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_killed_anywhere_makes_the_same_plan() {
    for targets in [&["dir"][..], &["dir", "two"]] {
        killed_simulations(targets).await;
    }
}

async fn killed_simulations(targets: &[&str]) {
    let world = before_with(targets).await;
    let whole = world.run(JobType::Simulate).await;
    let expected = verbs(&world, &whole.id);
    let pages = |world: &World, plan: &JobId| -> Vec<Vec<String>> {
        let pages = world.tenant_store().plans().pages(plan, None, 99).unwrap();
        pages.into_iter().map(|(_, page)| page.entities.into_iter().map(|(id, _)| id).collect()).collect()
    };
    let delivered = pages(&world, &whole.id);
    assert_eq!(delivered.len(), 4 + 1, "each page of the source once");
    assert_eq!(expected.len(), 13 + 2);
    assert_eq!(expected.iter().filter(|(verb, _)| *verb == PlannedVerb::Create).count(), 5);
    let mut points = 0;
    for step in 1.. {
        let mut world = before_with(targets).await;
        let Some(job) = survive(&mut world, step, JobType::Simulate.into()).await else {
            if world.tenant_store().jobs(None, 9).unwrap().len() > 1 {
                break;
            }
            continue; // the job was not recorded
        };
        points += 1;
        assert_eq!(job.status, JobStatus::Success, "step {step}: {job:?}");
        assert_eq!(job.statistics, whole.statistics, "step {step}");
        let plan = plan_of(&world).unwrap();
        for target in targets {
            assert_eq!(verbs_in(&world, &plan, target), expected, "step {step}: {target}");
        }
        assert_eq!(pages(&world, &plan), delivered, "step {step}");
        assert!(world.tenant_store().plans().get(&plan).unwrap().unwrap().complete, "step {step}");
        assert!(world.target("dir").take_done().is_empty(), "step {step}");
        assert_eq!(world.relations("dir", "user").len(), 10, "step {step}");
    }
    assert!(points > 4, "only {points} points");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_whose_job_is_killed_anywhere_is_carried_out_once() {
    let mut points = 0;
    for step in 1.. {
        let mut world = before().await;
        let simulation = world.run(JobType::Simulate).await;
        let plan = simulation.id.clone();
        world.runner.approve_plan(&world.tenant, &plan, "me".into()).await.unwrap();
        let order = Order { plan: Some(plan), ..Order::from(JobType::Apply) };
        let Some(job) = survive(&mut world, step, order).await else {
            if world.target("dir").names("user").len() == 13 {
                break;
            }
            continue;
        };
        points += 1;
        assert_eq!(job.status, JobStatus::Success, "step {step}: {job:?}");
        let row = write_row(&job, "dir");
        assert_eq!((row.created, row.updated, row.deleted, row.failed), (5, 8, 2, 0), "step {step}");
        let expected: Vec<String> = (2..15).map(|n| format!("u{n:02}")).collect();
        assert_eq!(world.target("dir").names("user"), expected, "step {step}");
        let mut creates = world.target("dir").take_done();
        creates.retain(|done| done.starts_with("create"));
        assert_eq!(creates.len(), 5, "step {step}: {creates:?}");
        let again = world.read().await;
        let row = write_row(&again, "dir");
        assert_eq!((row.created, row.deleted, row.failed), (0, 0, 0), "step {step}: {row:?}");
    }
    assert!(points >= 3, "only {points} points");
}

#[tokio::test]
async fn a_plan_is_kept_for_a_while() {
    let world = before().await;
    world.set("hr", "ips.plan.retention.days", Some("2"));
    let plan = world.run(JobType::Simulate).await.id;
    world.runner.approve_plan(&world.tenant, &plan, "me".into()).await.unwrap();
    world.clock.0.fetch_add(2 * DAY, std::sync::atomic::Ordering::SeqCst);
    let refused = world.runner.apply_plan(&world.tenant, &plan, by_hand()).await.unwrap_err();
    assert!(matches!(&refused, StartError::Plan { why, .. } if why.contains("too old")), "{refused}");
    let next = world.run(JobType::Simulate).await.id;
    assert_eq!(plan_of(&world), Some(next));
    assert!(verbs(&world, &plan).is_empty(), "the operations went with it");
    for _ in 0..12 {
        world.run(JobType::Simulate).await;
    }
    assert_eq!(world.tenant_store().plans().list().unwrap().len(), 10);
}

#[tokio::test]
async fn a_plan_does_what_it_says_and_nothing_else() {
    let world = before().await;
    let plan = world.run(JobType::Simulate).await.id;
    world.runner.approve_plan(&world.tenant, &plan, "me".into()).await.unwrap();
    // Not seen by a simulation that does not look: one account is there, another is gone.
    world.target("dir").stands("user", json!({"userName": "u12"}), None);
    let gone = world.relation("dir", "u05").unwrap().target_id;
    world.target("dir").accounts.lock().unwrap().remove(&gone);
    let job = world.runner.apply_plan(&world.tenant, &plan, by_hand()).await.unwrap();
    world.runner.idle().await;
    let (job, events) = (world.job(&job), world.events(&job));
    let row = write_row(&job, "dir");
    assert_eq!((row.created, row.updated, row.deleted, row.failed), (4, 7, 2, 2), "{events:?}");
    let failed: Vec<String> =
        events.iter().filter(|e| e.error.is_some()).filter_map(|e| e.source_id.clone()).collect();
    assert_eq!(failed, ["u05", "u12"]);
}
