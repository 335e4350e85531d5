use super::world::*;
use gangway_model::{
    Action, Counters, EntityState, JobStatus, JobType, Needs, PluginError, Problem, RelationState, code,
};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn reference_example() -> World {
    let world = World::new(2, &["dir"]);
    world.users(["A", "B", "C", "D"].map(|id| user(id, json!({}))).to_vec());
    world
}

/// C changed, D gone, E new.
fn change(world: &World) {
    world.users(vec![
        user("A", json!({})),
        user("B", json!({})),
        user("C", json!({"title": "Head"})),
        user("E", json!({})),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_example_full_read() {
    let world = reference_example();
    let first = world.read().await;
    assert_eq!(first.status, JobStatus::Success, "{first:?}");
    assert_eq!(world.target("dir").take_done(), ["create A", "create B", "create C", "create D"]);
    assert_eq!(read_row(&first), Counters { read: 4, ..Counters::default() });
    assert_eq!(write_row(&first, "dir"), Counters { created: 4, ..Counters::default() });
    assert_eq!(world.target("dir").finds.load(Ordering::SeqCst), 0, "no look-up precedes the first create");

    change(&world);
    let second = world.read().await;
    assert_eq!(second.status, JobStatus::Success, "{second:?}");
    assert_eq!(world.target("dir").take_done(), ["create E", "delete D", "replace C"]);
    assert_eq!(
        write_row(&second, "dir"),
        Counters { created: 1, updated: 1, deleted: 1, unchanged: 2, ..Counters::default() }
    );
    assert_eq!(world.target("dir").names("user"), ["A", "B", "C", "E"]);
    let deleted: Vec<_> = world.events(&second.id);
    assert_eq!(deleted.len(), 1);
    assert_eq!((deleted[0].state, deleted[0].source_id.as_deref()), (EntityState::Deleted, Some("D")));
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_example_resync() {
    let world = reference_example();
    world.read().await;
    world.target("dir").take_done();
    change(&world);
    let second = world.run(JobType::Resync).await;
    assert_eq!(
        world.target("dir").take_done(),
        ["create E", "delete D", "replace A", "replace B", "replace C"]
    );
    assert_eq!(
        write_row(&second, "dir"),
        Counters { created: 1, updated: 3, deleted: 1, ..Counters::default() }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_read_sends_no_request_and_transforms_nothing() {
    let world = reference_example();
    world.read().await;
    let target = world.target("dir");
    let (writes, _, _) = (target.writes.load(Ordering::SeqCst), world.calls("hr"), world.calls("dir"));
    let second = world.read().await;
    assert_eq!(target.writes.load(Ordering::SeqCst), writes, "no call at all");
    assert_eq!(target.finds.load(Ordering::SeqCst), 0);
    assert_eq!((world.calls("hr"), world.calls("dir")), (0, 0));
    assert_eq!(read_row(&second), Counters { read: 4, ..Counters::default() });
    assert_eq!(write_row(&second, "dir"), Counters { unchanged: 4, ..Counters::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_entity_is_written_once_and_then_compared_by_what_was_written() {
    let world = reference_example();
    world.read().await;
    change(&world);
    world.read().await;
    let target = world.target("dir");
    target.take_done();
    // Another document with the same result: everything is transformed (what was only ever created,
    // once more as a create), and nothing is written.
    world.calls("dir");
    world.document("dir", write_rule());
    let third = world.read().await;
    assert_eq!(target.take_done(), [""; 0]);
    assert_eq!(world.calls("dir"), 7, "A, B, C and E as updates, A, B and E as creates");
    assert_eq!(write_row(&third, "dir").unchanged, 4);
    // And the new fingerprints were stored: the next read transforms nothing.
    world.calls("dir");
    world.read().await;
    assert_eq!(world.calls("dir"), 0);
    // Another result is written, created or updated before.
    let rule = write_rule();
    world.document(
        "dir",
        Arc::new(move |request| {
            let mut answer = rule(request);
            answer.json = answer.json.replace('{', r#"{"more":1,"#);
            answer
        }),
    );
    world.read().await;
    assert_eq!(target.take_done(), ["replace A", "replace B", "replace C", "replace E"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_depends_on_time_is_transformed_each_time_and_written_only_if_it_differs() {
    let world = reference_example();
    let needs = Needs { time: true, ..Needs::default() };
    world.systems.documents.lock().unwrap().get_mut(&"dir".into()).unwrap().needs = needs;
    world.read().await;
    let target = world.target("dir");
    target.take_done();
    world.calls("dir");
    let second = world.read().await;
    assert_eq!(world.calls("dir"), 4);
    assert_eq!(target.take_done(), [""; 0], "the second read writes nothing");
    assert_eq!(write_row(&second, "dir").unchanged, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_come_after_users_and_hold_their_target_identifiers() {
    let world = World::new(2, &["dir"]);
    world.users((0..7).map(|n| user(&format!("u{n}"), json!({}))).collect());
    world.groups(vec![group("g1", &["u0", "u6", "nobody"]), group("g2", &[])]);
    let first = world.read().await;
    assert_eq!(first.status, JobStatus::Success, "{first:?}");
    let target = world.target("dir");
    let (_, account) = target.account("g1").unwrap();
    let (u0, u6) = (target.account("u0").unwrap().0, target.account("u6").unwrap().0);
    assert_eq!(account.content["members"], json!([u0, u6]));
    assert_eq!(row(&first, "group", "dir", Action::Write).created, 2);
    target.take_done();
    let second = world.read().await;
    assert_eq!(target.take_done(), [""; 0]);
    assert_eq!(row(&second, "group", "dir", Action::Write).unchanged, 2);
    assert!(
        first.statistics.iter().all(|r| r.key.entity_type.as_str() != "role"),
        "an ignored type has no row"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_and_conditions_on_either_side() {
    let world = World::new(10, &["dir"]);
    world.users(vec![
        user("fine", json!({})),
        user("failing", json!({"fail": true})),
        user("hidden", json!({"hide": true})),
        user("excluded", json!({"exclude": true})),
        user("broken", json!({"broken": true})),
    ]);
    *world.source.problems.lock().unwrap() =
        vec![Problem { id: None, error: PluginError::new(code::INVALID, "row 7: 3 columns instead of 5") }];
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert_eq!(read_row(&job), Counters { read: 3, skipped: 1, failed: 2, ..Counters::default() });
    assert_eq!(write_row(&job, "dir"), Counters { created: 1, skipped: 1, failed: 1, ..Counters::default() });
    assert_eq!(job.outcome, ["no deletions: 2 entities failed at the source"]);
    let events = world.events(&job.id);
    let find = |id: Option<&str>| events.iter().find(|e| e.source_id.as_deref() == id).unwrap();
    assert!(find(None).error.as_ref().unwrap().message.contains("row 7"));
    assert_eq!(find(Some("failing")).error.as_ref().unwrap().message, "no value for $.userName");
    assert_eq!((find(Some("failing")).system.as_str(), find(Some("broken")).system.as_str()), ("hr", "dir"));
    assert!(find(Some("hidden")).reason.as_ref().unwrap().contains("is not fulfilled"));
    assert_eq!(find(Some("excluded")).state, EntityState::Skipped);
    assert_eq!(events.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_without_a_relation_key_fails_with_what_to_do() {
    let world = World::new(10, &["dir"]);
    world.document("hr", Arc::new(|request| transformed(request.json)));
    world.users(vec![user("a", json!({}))]);
    let job = world.read().await;
    assert_eq!(read_row(&job), Counters { failed: 1, ..Counters::default() });
    let error = world.events(&job.id)[0].error.clone().unwrap();
    assert!(error.message.contains("entityIdSourceSystem"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relation_key_other_than_the_identifier_of_the_source() {
    let world = World::new(2, &["dir"]);
    world.document(
        "hr",
        Arc::new(|request| {
            let content: serde_json::Value = serde_json::from_str(request.json).unwrap();
            let key = format!("key-{}", content["id"].as_str().unwrap());
            gangway_model::Answer { id: Some(key), ..transformed(request.json) }
        }),
    );
    world.users(["A", "B", "C"].map(|id| user(id, json!({}))).to_vec());
    world.read().await;
    assert!(world.relation("dir", "key-A").is_some());
    world.target("dir").take_done();
    let second = world.read().await;
    assert_eq!(world.target("dir").take_done(), [""; 0]);
    assert_eq!(write_row(&second, "dir").unchanged, 3);
    world.users(vec![user("A", json!({}))]);
    world.read().await;
    assert_eq!(world.target("dir").take_done(), ["delete B", "delete C"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_delivered_twice_writes_nothing_twice() {
    for repeated in [0, 2, 4, 6] {
        let world = World::new(2, &["dir"]);
        world.users(["A", "B", "C", "D", "E", "F", "G"].map(|id| user(id, json!({}))).to_vec());
        *world.source.repeats.lock().unwrap() = Some(repeated);
        let job = world.read().await;
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        assert_eq!(write_row(&job, "dir").created, 7, "page at {repeated}");
        assert_eq!(world.target("dir").names("user").len(), 7);
        assert!(world.relations("dir", "user").iter().all(|r| !r.existed_before));
        assert_eq!(world.target("dir").finds.load(Ordering::SeqCst), 0, "page at {repeated}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_identifier_twice_in_a_page() {
    let world = World::new(10, &["dir"]);
    world.users(vec![
        user("A", json!({})),
        user("A", json!({})),
        user("B", json!({})),
        user("B", json!({"x": 1})),
    ]);
    let job = world.read().await;
    assert_eq!(read_row(&job), Counters { read: 2, failed: 1, ..Counters::default() });
    let error = world.events(&job.id)[0].error.clone().unwrap();
    assert!(error.message.contains("\"B\""), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_source_ends_the_job_and_deletes_nothing() {
    let world = reference_example();
    world.read().await;
    world.target("dir").take_done();
    world.users(vec![
        user("A", json!({"n": 1})),
        user("B", json!({})),
        user("C", json!({})),
        user("D", json!({})),
    ]);
    let error = PluginError::new(code::UNAVAILABLE, "connection reset");
    *world.source.fails_at.lock().unwrap() = Some((2, error));
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert!(job.error.as_deref().unwrap().contains("connection reset"), "{job:?}");
    assert_eq!(job.outcome, ["no deletions: the source was not read to its end"]);
    assert_eq!(world.target("dir").take_done(), ["replace A"], "pages before the error are kept");
    assert_eq!(world.target("dir").names("user").len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_does_not_move_on_is_an_error() {
    let world = World::new(2, &["dir"]);
    struct Stuck;
    #[async_trait::async_trait]
    impl gangway_model::ports::Source for Stuck {
        async fn read_page(
            &self,
            _: &str,
            _: Option<&str>,
            _: u32,
        ) -> Result<gangway_model::Page, PluginError> {
            Ok(gangway_model::Page { next_cursor: Some("2".into()), ..gangway_model::Page::default() })
        }
        async fn read_entities(
            &self,
            _: &str,
            _: Vec<String>,
        ) -> Vec<Result<gangway_model::Entity, PluginError>> {
            Vec::new()
        }
        fn entity_types(&self) -> Vec<String> {
            vec!["user".into()]
        }
    }
    *world.systems.other_source.lock().unwrap() = Some(Arc::new(Stuck));
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert!(job.error.as_deref().unwrap().contains("does not move on"), "{job:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_entity_that_traps_the_transformation_fails_alone() {
    let world = World::new(50, &["dir"]);
    let mut users: Vec<_> = (0..50).map(|n| user(&format!("u{n}"), json!({}))).collect();
    users[17] = user("u17", json!({"note": "poison"}));
    world.users(users);
    let job = world.read().await;
    assert_eq!(read_row(&job), Counters { read: 49, failed: 1, ..Counters::default() });
    assert_eq!(write_row(&job, "dir").created, 49);
    assert_eq!(world.events(&job.id)[0].source_id.as_deref(), Some("u17"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resync_makes_again_what_is_gone_from_the_target() {
    let world = reference_example();
    world.read().await;
    let target = world.target("dir");
    let (old, _) = target.account("B").unwrap();
    target.accounts.lock().unwrap().remove(&old);
    target.take_done();
    world.read().await;
    assert_eq!(target.take_done(), [""; 0], "a Read does not look at the target");
    let job = world.run(JobType::Resync).await;
    assert_eq!(target.take_done(), ["create B", "replace A", "replace C", "replace D"]);
    assert_eq!(write_row(&job, "dir"), Counters { created: 1, updated: 3, ..Counters::default() });
    let relation = world.relation("dir", "B").unwrap();
    assert_ne!(relation.target_id, old);
    assert_eq!(relation.target_id, target.account("B").unwrap().0);
    assert_eq!((relation.existed_before, relation.state), (false, RelationState::Active));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_writes_create_only_mappings_and_an_update_does_not() {
    let world = World::new(2, &["dir"]);
    world.users(vec![user("A", json!({}))]);
    world.read().await;
    assert_eq!(world.target("dir").account("A").unwrap().1.content["password"], "initial");
    world.users(vec![user("A", json!({"n": 1}))]);
    world.read().await;
    assert!(world.target("dir").account("A").unwrap().1.content.get("password").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_sees_those_on_the_pages_before_it() {
    let world = World::new(1, &["dir"]);
    let names: Vec<String> = (0..12).map(|n| format!("g{n:02}")).collect();
    let nested = |n: usize| if n == 0 { group(&names[0], &[]) } else { group(&names[n], &[&names[n - 1]]) };
    world.groups((0..12).map(nested).collect());
    world.read().await;
    let target = world.target("dir");
    for n in 1..12 {
        let inner = target.account(&names[n - 1]).unwrap().0;
        assert_eq!(target.account(&names[n]).unwrap().1.content["members"], json!([inner]), "{n}");
    }
}
