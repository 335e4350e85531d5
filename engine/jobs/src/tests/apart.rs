//! Kills the engine at every durable step while its targets stand at different places.

use super::mortal::{Life, MortalStore};
use super::world::*;
use gangway_model::{Action, Counters, EntityState, Job, JobStatus, JobType};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const USERS: usize = 23;
const GROUPS: usize = 3;
const GONE: usize = 5;
const TARGETS: [&str; 2] = ["fast", "slow"];

/// 23 users and 3 groups in pages of 4, and one user whom the source's condition excludes; one of the users is in
/// the targets already, five were provisioned by an earlier job and are gone from the source.
async fn before() -> World {
    let world = World::new(4, &TARGETS);
    world.users((100..100 + GONE).map(|n| user(&format!("u{n:04}"), json!({}))).collect());
    world.read().await;
    let mut users: Vec<_> = (0..USERS).map(|n| user(&format!("u{n:04}"), json!({}))).collect();
    users.insert(9, user("hidden", json!({"hide": 1})));
    world.users(users);
    world.groups((0..GROUPS).map(|n| group(&format!("g{n}"), &["u0001", "u0022"])).collect());
    for name in TARGETS {
        let target = world.target(name);
        target.stands("user", json!({"userName": "u0009"}), Some(900 * DAY));
        target.operations.store(0, Ordering::SeqCst);
        target.take_done();
    }
    world
}

/// One life that ends at a durable step, in which the slow target answers when the fast one is that far ahead. False if
/// the job was over before.
async fn life(world: &mut World, steps: i64, ahead: u64) -> bool {
    let life = Life::of(steps);
    world.restart(Arc::new(MortalStore(world.store.clone(), life.clone())));
    let (fast, over) = (world.target("fast"), life.clone());
    let last = fast.operations.load(Ordering::SeqCst) + ahead;
    let slow = world.target("slow");
    slow.wait_while(move || !over.is_over() && fast.operations.load(Ordering::SeqCst) < last);
    let unfinished = world.tenant_store().unfinished_jobs().unwrap();
    let begun = if unfinished.is_empty() {
        let started = world.runner.start(&world.tenant, &"hr".into(), JobType::Read, by_hand()).await;
        started.is_ok()
    } else {
        // Later lives are not that far apart.
        slow.heal();
        world.runner.recover().await.is_ok()
    };
    if !begun {
        return true;
    }
    world.runner.idle().await;
    life.is_over()
}

fn lines(world: &World, job: &Job, system: &str, state: EntityState) -> u64 {
    let mut first = job.id.clone();
    while let Some(earlier) = world.job(&first).resumes {
        first = earlier;
    }
    let log = world.log(&first);
    let of = log.iter().filter(|line| line.system.as_str() == system && line.state == state);
    let of: Vec<_> = of.map(|line| (line.entity_type.as_str(), line.source_id.as_deref())).collect();
    let once: BTreeSet<_> = of.iter().collect();
    assert_eq!(once.len(), of.len(), "{system}: {state:?} logged twice: {of:?}");
    of.len() as u64
}

async fn after(world: &mut World, what: &str) {
    for name in TARGETS {
        world.target(name).heal();
    }
    for lives in 0.. {
        world.restart(world.store.clone());
        world.runner.recover().await.unwrap();
        world.runner.idle().await;
        if world.tenant_store().unfinished_jobs().unwrap().is_empty() {
            break;
        }
        assert!(lives < 5, "{what}: jobs stay unfinished");
    }
    let last = world.tenant_store().jobs(None, 1).unwrap().remove(0);
    assert_eq!(last.status, JobStatus::Success, "{what}: {last:?}");
    let of_source = Counters { read: USERS as u64, skipped: 1, ..Counters::default() };
    assert_eq!(read_row(&last), of_source, "{what}");
    assert_eq!(lines(world, &last, "hr", EntityState::Skipped), 1, "{what}");
    assert_eq!(row(&last, "group", "hr", Action::Read).read, GROUPS as u64, "{what}");
    let expected: Vec<String> = (0..USERS).map(|n| format!("u{n:04}")).collect();
    for name in TARGETS {
        let (target, what) = (world.target(name), format!("{what}, {name}"));
        assert_eq!(target.names("user"), expected, "{what}");
        assert_eq!(target.names("group"), ["g0", "g1", "g2"], "{what}");
        let done = target.take_done();
        let creates: Vec<&String> = done.iter().filter(|done| done.starts_with("create")).collect();
        assert_eq!(creates.len(), USERS - 1 + GROUPS, "{what}: {creates:?}");
        let existed = world.relations(name, "user").into_iter().filter(|r| r.existed_before);
        assert_eq!(existed.map(|r| r.source_id).collect::<Vec<_>>(), ["u0009"], "{what}");
        let (users, groups) = (write_row(&last, name), row(&last, "group", name, Action::Write));
        let written = users.created + users.updated + users.unchanged;
        assert_eq!((written, users.deleted), (USERS as u64, GONE as u64), "{what}: {users:?}");
        assert_eq!(groups.created + groups.updated + groups.unchanged, GROUPS as u64, "{what}: {groups:?}");
        assert_eq!(users.failed + groups.failed, 0, "{what}");
        for (state, counted) in [
            (EntityState::Created, users.created + groups.created),
            (EntityState::Updated, users.updated + groups.updated),
            (EntityState::Deleted, GONE as u64),
            (EntityState::Failed, 0),
        ] {
            assert_eq!(lines(world, &last, name, state), counted, "{what}: {state:?}");
        }
    }
    let again = world.read().await;
    assert_eq!(again.status, JobStatus::Success, "{what}");
    for name in TARGETS {
        let row = write_row(&again, name);
        assert_eq!(row.created + row.deleted + row.failed, 0, "{what}, {name}: {row:?}");
    }
}

/// Operations of the fast target in a job that nothing interrupts.
async fn operations() -> u64 {
    let mut world = before().await;
    assert!(!life(&mut world, i64::MAX, 0).await);
    let operations = world.target("fast").operations.load(Ordering::SeqCst);
    after(&mut world, "not killed").await;
    operations
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_durable_step_while_the_targets_are_apart() {
    let all = operations().await;
    for ahead in [all / 3, all] {
        let mut points = 0;
        for step in 1.. {
            let mut world = before().await;
            let killed = life(&mut world, step, ahead).await;
            after(&mut world, &format!("{ahead} operations ahead, killed at step {step}")).await;
            if !killed {
                break;
            }
            points = step;
        }
        assert!(points > 25, "only {points} points");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_twice_while_the_targets_are_apart() {
    let all = operations().await;
    for first in (2..40).step_by(6) {
        for second in (1..16).step_by(4) {
            let mut world = before().await;
            life(&mut world, first, all).await;
            // A job that was over when it was killed has no second life.
            if !world.tenant_store().unfinished_jobs().unwrap().is_empty() {
                life(&mut world, second, 0).await;
            }
            after(&mut world, &format!("killed at step {first}, then at {second}")).await;
        }
    }
}
