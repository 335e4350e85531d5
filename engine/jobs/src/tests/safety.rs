//! How much is deleted, when, and on whose word.

use super::world::*;
use gangway_model::{
    Action, Counters, EntityState, JobStatus, RelationKey, RelationState, TransformOperation,
};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const HOUR: u64 = 3_600_000;

fn staff(count: usize) -> Vec<gangway_model::Entity> {
    (0..count).map(|n| user(&format!("u{n:04}"), json!({}))).collect()
}

async fn after(world: &World, count: usize) -> (u64, Vec<String>) {
    world.users(staff(count));
    let job = world.read().await;
    (write_row(&job, "dir").deleted, job.outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn f129_without_configuration_a_job_deletes_at_most_ten_or_ten_percent() {
    for (there, left, goes) in [(30, 20, 10), (30, 19, 0), (200, 180, 20), (200, 179, 0)] {
        let world = World::new(50, &["dir"]);
        world.users(staff(there));
        world.read().await;
        let (deleted, outcome) = after(&world, left).await;
        assert_eq!(deleted, goes, "{there} to {left}: {outcome:?}");
        if goes == 0 {
            assert!(outcome[0].contains("the default threshold of"), "{outcome:?}");
            assert!(outcome[0].contains("ips.delete.threshold.users"), "{outcome:?}");
            world.set("dir", "ips.delete.threshold.users", Some("unlimited"));
            assert_eq!(after(&world, left).await.0, (there - left) as u64);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_percentage_is_of_what_is_managed() {
    let world = World::new(50, &["dir"]);
    world.set("dir", "ips.delete.threshold", Some("25%"));
    world.users(staff(40));
    world.read().await;
    let (deleted, outcome) = after(&world, 29).await;
    assert_eq!(deleted, 0);
    assert!(outcome[0].contains("ips.delete.threshold = 25% (10 of the 40 managed)"), "{outcome:?}");
    assert_eq!(after(&world, 30).await.0, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn f059_a_read_that_delivers_far_less_than_the_one_before_deletes_nothing() {
    let world = World::new(50, &["dir"]);
    world.set("hr", "ips.read.drop.limit", Some("20%"));
    world.set("dir", "ips.delete.threshold.users", Some("unlimited"));
    world.users(staff(30));
    world.read().await;
    assert_eq!(after(&world, 24).await.0, 6, "20 % less is believed");
    let (deleted, outcome) = after(&world, 19).await;
    assert_eq!(deleted, 0);
    assert!(
        outcome[0].contains("\"HR\" delivered 19 user entities, and 24 in the full read before"),
        "{outcome:?}"
    );
    let (deleted, _) = after(&world, 19).await;
    assert_eq!(deleted, 0, "what was not believed is not what the next read is compared with");
    world.set("hr", "ips.read.drop.limit", Some("unlimited"));
    assert_eq!(after(&world, 19).await.0, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_stops_deletions_by_default_where_nobody_set_a_threshold() {
    let world = World::new(50, &["dir"]);
    world.set("dir", "ips.delete.grace.reads", Some("2"));
    world.users(staff(40));
    world.read().await;
    let (deleted, outcome) = after(&world, 10).await;
    assert_eq!(deleted, 0);
    assert!(outcome[0].contains("30 managed entities not read, and waiting"), "{outcome:?}");
    let key = RelationKey { source: "hr".into(), target: "dir".into(), entity_type: "user".into() };
    assert_eq!(
        world.tenant_store().absences(&key, &["u0039"]).unwrap(),
        [None],
        "nor does it count as missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f130_an_entity_is_deleted_only_after_so_many_full_reads_without_it() {
    let world = World::new(50, &["dir"]);
    world.set("dir", "ips.delete.grace.reads", Some("3"));
    world.users(staff(3));
    world.read().await;
    world.users(staff(2));
    for reads in [1, 2] {
        let job = world.read().await;
        assert_eq!(write_row(&job, "dir"), Counters { skipped: 1, unchanged: 2, ..Counters::default() });
        assert_eq!(job.status, JobStatus::Success);
        let reason = world.events(&job.id)[0].reason.clone().unwrap();
        assert!(reason.contains(&format!("missing in {reads} full reads in a row")), "{reason}");
    }
    // It comes back in between: counted anew. A doubtful read does not count.
    assert_eq!(after(&world, 3).await.0, 0);
    world.users(staff(2));
    world.read().await;
    world.users([staff(2), vec![user("x", json!({"fail": 1}))]].concat());
    world.read().await;
    world.users(staff(2));
    assert_eq!(write_row(&world.read().await, "dir").skipped, 1);
    assert_eq!(write_row(&world.read().await, "dir").deleted, 1);
    assert_eq!(world.target("dir").names("user"), ["u0000", "u0001"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grace_period_in_hours_and_what_is_held_does_not_count_against_the_threshold() {
    let world = World::new(50, &["dir"]);
    world.set("dir", "ips.delete.grace.hours", Some("24"));
    world.set("dir", "ips.delete.threshold.users", Some("1"));
    world.users(staff(4));
    world.read().await;
    assert_eq!(after(&world, 3).await.0, 0);
    world.clock.0.fetch_add(23 * HOUR, Ordering::SeqCst);
    assert_eq!(after(&world, 1).await, (0, Vec::new()), "three are held");
    world.clock.0.fetch_add(HOUR, Ordering::SeqCst);
    assert_eq!(after(&world, 1).await.0, 1, "one has been missing for a day");
    assert_eq!(world.target("dir").names("user"), ["u0000", "u0001", "u0002"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f132_failed_users_hold_the_deletions_of_users_only_if_the_target_says_so() {
    for (property, groups) in [(None, 0), (Some("true"), 1)] {
        let world = World::new(10, &["dir"]);
        world.set("dir", "ips.delete.gate.per.entity.type", property);
        world.users(staff(2));
        world.groups(vec![group("g1", &[]), group("g2", &[])]);
        world.read().await;
        world.users(vec![user("u0000", json!({"fail": 1}))]);
        world.groups(vec![group("g1", &[])]);
        let job = world.read().await;
        assert_eq!(row(&job, "group", "dir", Action::Write).deleted, groups);
        assert_eq!(write_row(&job, "dir").deleted, 0);
        let waiting =
            job.outcome.iter().filter(|line| line.contains("no user deletions in \"DIR\": 2 managed"));
        assert_eq!(waiting.count(), 1, "{:?}", job.outcome);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_candidate_gets_its_reason() {
    let world = World::new(10, &["dir"]);
    world.users(staff(3));
    world.read().await;
    world.users(vec![user("u0000", json!({"fail": 1}))]);
    let job = world.read().await;
    let skipped: Vec<_> =
        world.events(&job.id).into_iter().filter(|e| e.state == EntityState::Skipped).collect();
    assert_eq!(skipped.len(), 3);
    assert!(
        skipped
            .iter()
            .all(|e| e.reason.as_deref().is_some_and(|r| r.contains("1 entity failed at the source")))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_disabled_in_place_of_a_deletion_is_managed_on_if_the_target_says_so() {
    let world = World::new(10, &["dir"]);
    world.set("dir", "ips.delete.keep.disabled", Some("true"));
    world.users(staff(1));
    world.read().await;
    let inner = write_rule();
    world.document(
        "dir",
        Arc::new(move |request| match request.operation {
            TransformOperation::Delete => answer(
                gangway_model::AnswerOutcome::Transformed,
                json!({"userName": "u0000", "active": false}).to_string(),
                "",
            ),
            _ => inner(request),
        }),
    );
    world.users(Vec::new());
    let target = world.target("dir");
    target.take_done();
    assert_eq!(write_row(&world.read().await, "dir").deleted, 1);
    let (id, account) = target.account("u0000").unwrap();
    assert_eq!(account.content["active"], false);
    assert_eq!(world.relation("dir", "u0000").unwrap().state, RelationState::Disabled);
    assert_eq!(write_row(&world.read().await, "dir"), Counters::default(), "not disabled again");
    world.users(staff(1));
    assert_eq!(write_row(&world.read().await, "dir"), Counters { updated: 1, ..Counters::default() });
    let (same, account) = target.account("u0000").unwrap();
    assert_eq!((same, account.content.get("active")), (id, None));
    assert_eq!(world.relation("dir", "u0000").unwrap().state, RelationState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn f073_updates_because_of_the_configuration_are_counted_apart() {
    let world = World::new(10, &["dir"]);
    world.users(staff(3));
    world.read().await;
    let inner = write_rule();
    world.document(
        "dir",
        Arc::new(move |request| {
            let mut answer = inner(request);
            answer.json = answer.json.replacen('{', "{\"more\":1,", 1);
            answer
        }),
    );
    let mut changed = staff(3);
    changed[0] = user("u0000", json!({"n": 1}));
    world.users(changed);
    let row = write_row(&world.read().await, "dir");
    assert_eq!((row.updated, row.updated_by_configuration), (3, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_before_the_create_saves_the_conflict() {
    let world = World::new(10, &["dir"]);
    world.set("dir", "ips.lookup.before.create", Some("true"));
    let target = world.target("dir");
    target.stands("user", json!({"userName": "u0000", "old": true}), Some(900 * DAY));
    world.users(staff(2));
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(write_row(&job, "dir"), Counters { created: 1, updated: 1, ..Counters::default() });
    assert_eq!(target.take_done(), ["create u0001", "replace u0000"]);
    assert!(world.relation("dir", "u0000").unwrap().existed_before);
    assert!(!world.relation("dir", "u0001").unwrap().existed_before);
    assert_eq!(write_row(&world.read().await, "dir").unchanged, 2);
}
