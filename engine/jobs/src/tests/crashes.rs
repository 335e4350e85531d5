//! Kills the engine at every durable step and at every request, and looks at what its next life makes
//! of it.

use super::mortal::{Life, MortalStore};
use super::world::*;
use gangway_model::{Action, JobStatus, JobType, PluginError, code};
use gangway_store::Store;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const USERS: usize = 23;
const GONE: usize = 5;
const OLD: Option<u64> = Some(900 * DAY);

/// 23 users and 3 groups in pages of 4; three of the users are in the target already, five were
/// provisioned by an earlier job and are gone from the source.
async fn before() -> World {
    let world = World::new(4, &["dir"]);
    world.users((100..100 + GONE).map(|n| user(&format!("u{n:04}"), json!({}))).collect());
    world.read().await;
    for n in [3, 9, 17] {
        world.target("dir").stands("user", json!({"userName": format!("u{n:04}")}), OLD);
    }
    world.target("dir").take_done();
    world.users((0..USERS).map(|n| user(&format!("u{n:04}"), json!({}))).collect());
    world.groups((0..3).map(|n| group(&format!("g{n}"), &["u0001", "u0022"])).collect());
    world
}

async fn after(world: &mut World, what: &str) {
    world.target("dir").heal();
    let mut lives = 0;
    loop {
        world.restart(world.store.clone());
        world.runner.recover().await.unwrap();
        world.runner.idle().await;
        if world.tenant_store().unfinished_jobs().unwrap().is_empty() {
            break;
        }
        lives += 1;
        assert!(lives < 5, "{what}: jobs stay unfinished");
    }
    let jobs = world.tenant_store().jobs(None, 100).unwrap();
    let last = jobs.first().unwrap().clone();
    assert_eq!(last.status, JobStatus::Success, "{what}: {last:?} {:?}", world.events(&jobs[0].id));

    let target = world.target("dir");
    let expected: Vec<String> = (0..USERS).map(|n| format!("u{n:04}")).collect();
    assert_eq!(target.names("user"), expected, "{what}");
    assert_eq!(target.names("group"), ["g0", "g1", "g2"], "{what}");
    let done = target.take_done();
    let creates: Vec<&String> = done.iter().filter(|d| d.starts_with("create")).collect();
    assert_eq!(
        creates.iter().collect::<BTreeSet<_>>().len(),
        creates.len(),
        "{what}: created twice: {creates:?}"
    );
    assert_eq!(creates.len(), USERS - 3 + 3, "{what}");
    let existed: Vec<String> = world
        .relations("dir", "user")
        .into_iter()
        .filter(|r| r.existed_before)
        .map(|r| r.source_id)
        .collect();
    assert_eq!(existed, ["u0003", "u0009", "u0017"], "{what}: flags");
    assert_eq!(world.relations("dir", "user").len(), USERS, "{what}");

    assert_eq!(read_row(&last).read, USERS as u64, "{what}: {last:?}");
    let row = write_row(&last, "dir");
    assert_eq!(row.created + row.updated + row.unchanged, USERS as u64, "{what}: {row:?}");
    assert_eq!(row.deleted, GONE as u64, "{what}: {row:?}");
    assert_eq!(row.failed, 0, "{what}");
    assert_eq!(super::world::row(&last, "group", "hr", Action::Read).read, 3, "{what}");
    let mut first = last.id.clone();
    while let Some(earlier) = world.job(&first).resumes {
        first = earlier;
    }
    assert_eq!(world.events(&first).len(), GONE, "{what}: each deletion logged once");

    let writes = target.writes.load(Ordering::SeqCst);
    let again = world.read().await;
    assert_eq!(again.status, JobStatus::Success);
    let row = write_row(&again, "dir");
    assert_eq!(row.created + row.deleted + row.failed, 0, "{what}: {row:?}");
    // What an interrupted life had flagged as existing before is written once more.
    assert!(target.writes.load(Ordering::SeqCst) - writes <= 1, "{what}: {row:?}");
}

/// One life that ends at a durable step. False if the job was over before.
async fn life(world: &mut World, steps: i64) -> bool {
    let life = Life::of(steps);
    world.restart(Arc::new(MortalStore(world.store.clone(), life.clone())));
    if world.tenant_store().unfinished_jobs().unwrap().is_empty() {
        let started = world.runner.start(&world.tenant, &"hr".into(), JobType::Read, by_hand()).await;
        if started.is_err() {
            return true;
        }
    } else if world.runner.recover().await.is_err() {
        return true;
    }
    world.runner.idle().await;
    life.is_over()
}

#[tokio::test(flavor = "multi_thread")]
async fn f017_killed_at_every_durable_step() {
    let mut points = 0;
    for step in 1.. {
        let mut world = before().await;
        let killed = life(&mut world, step).await;
        if !killed {
            break;
        }
        after(&mut world, &format!("killed at step {step}")).await;
        points = step;
    }
    assert!(points > 15, "only {points} points");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_twice() {
    for first in (2..20).step_by(3) {
        for second in (1..12).step_by(2) {
            let mut world = before().await;
            life(&mut world, first).await;
            life(&mut world, second).await;
            after(&mut world, &format!("killed at step {first}, then at {second}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_operation() {
    // With the effect of the operation, and without.
    for effect in [true, false] {
        for at in 0.. {
            let mut world = before().await;
            let mortal = Life::long();
            let store: Arc<dyn Store> = Arc::new(MortalStore(world.store.clone(), mortal.clone()));
            world.restart(store);
            let left = AtomicI64::new(at);
            let end = mortal.clone();
            world.target("dir").fault(move |_| {
                if end.is_over() {
                    return Some(Fault::Refused(PluginError::new(code::INTERNAL, "killed")));
                }
                if left.fetch_sub(1, Ordering::SeqCst) > 0 {
                    return None;
                }
                end.end();
                let error = PluginError::new(code::INTERNAL, "killed");
                Some(if effect { Fault::Lost(error) } else { Fault::Refused(error) })
            });
            world.runner.start(&world.tenant, &"hr".into(), JobType::Read, by_hand()).await.unwrap();
            world.runner.idle().await;
            if !mortal.is_over() {
                assert!(at as usize > USERS + GONE, "only {at} operations");
                break;
            }
            after(&mut world, &format!("killed at operation {at}, effect {effect}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_threshold_stays_blocked_over_a_crash() {
    for step in 1.. {
        let mut world = World::new(400, &["dir"]);
        world.set("dir", "ips.delete.threshold.users", Some("700"));
        world.users((0..1201).map(|n| user(&format!("u{n:04}"), json!({}))).collect());
        world.read().await;
        world.users(vec![user("u0000", json!({}))]);
        let killed = life(&mut world, step).await;
        world.restart(world.store.clone());
        world.runner.recover().await.unwrap();
        world.runner.idle().await;
        let last = world.tenant_store().jobs(None, 1).unwrap().remove(0);
        assert_eq!(world.target("dir").names("user").len(), 1201, "step {step}");
        assert_eq!(write_row(&last, "dir").failed, 1200, "step {step}");
        let first = last.resumes.clone().unwrap_or(last.id.clone());
        assert_eq!(world.events(&first).len(), 1200, "step {step}: each logged once");
        if !killed {
            assert!(step > 5);
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f016_a_broken_target_is_not_continued_after_a_crash() {
    let mut world = World::new(2, &["good", "bad"]);
    world.users((0..20).map(|n| user(&format!("u{n:04}"), json!({}))).collect());
    world.target("bad").fault(|_| Some(Fault::Call(PluginError::new(code::UNAUTHORIZED, "401"))));
    // The crash comes as soon as the store knows that it broke off.
    let mortal = Life::long();
    let (store, end) = (world.tenant_store(), mortal.clone());
    world.target("good").wait_while(move || {
        let known = store.jobs(None, 1).unwrap().first().is_some_and(|job| !job.broken.is_empty());
        if known {
            end.end();
        }
        !known
    });
    world.restart(Arc::new(MortalStore(world.store.clone(), mortal)));
    world.start(JobType::Read).await;
    world.runner.idle().await;
    world.target("bad").heal();
    world.target("good").heal();
    world.restart(world.store.clone());
    let resumed = world.runner.recover().await.unwrap();
    world.runner.idle().await;
    let job = world.job(&resumed[0]);
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert!(job.broken.contains_key(&"bad".into()));
    assert_eq!(world.target("good").names("user").len(), 20);
    assert_eq!(world.target("bad").names("user").len(), 0);
}
