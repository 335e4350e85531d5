use super::world::*;
use gangway_model::{
    Action, AnswerOutcome, Counters, EntityState, JobStatus, JobType, OperationKind, PluginError,
    RelationState, TransformOperation, code,
};
use serde_json::json;
use std::sync::Arc;

const OLD: Option<u64> = Some(900 * DAY);

fn staff(count: usize) -> Vec<gangway_model::Entity> {
    (0..count).map(|n| user(&format!("u{n:04}"), json!({}))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_1_existed_before_stays_and_the_knowledge_is_consumed() {
    let world = World::new(10, &["dir"]);
    let target = world.target("dir");
    target.stands("user", json!({"userName": "anna"}), OLD);
    world.users(vec![user("anna", json!({}))]);
    world.read().await;
    world.users(Vec::new());
    let job = world.read().await;
    assert_eq!(target.names("user"), ["anna"]);
    assert_eq!(write_row(&job, "dir"), Counters { skipped: 1, ..Counters::default() });
    assert_eq!(job.status, JobStatus::Success);
    assert_eq!(world.relation("dir", "anna").unwrap().state, RelationState::Released);
    world.set("dir", "ips.delete.existedbefore.entities", Some("true"));
    let late = world.read().await;
    assert_eq!(target.names("user"), ["anna"], "setting the property afterwards does not help");
    assert_eq!(write_row(&late, "dir"), Counters::default());
    // It comes back: found again, existed before again.
    world.users(vec![user("anna", json!({"n": 2}))]);
    let back = world.read().await;
    assert_eq!(write_row(&back, "dir"), Counters { updated: 1, ..Counters::default() });
    let relation = world.relation("dir", "anna").unwrap();
    assert_eq!((relation.existed_before, relation.state), (true, RelationState::Active));
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_1b_existed_before_goes_if_the_property_is_true() {
    let world = World::new(10, &["dir"]);
    let target = world.target("dir");
    target.stands("user", json!({"userName": "anna"}), OLD);
    world.users(vec![user("anna", json!({}))]);
    world.read().await;
    world.users(Vec::new());
    world.set("dir", "ips.delete.existedbefore.entities", Some("true"));
    let job = world.read().await;
    assert_eq!(target.names("user"), [""; 0]);
    assert_eq!(write_row(&job, "dir"), Counters { deleted: 1, ..Counters::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_2_made_by_hand_after_jobs_had_run_stays() {
    let world = World::new(10, &["dir"]);
    let target = world.target("dir");
    world.read().await;
    target.stands("user", json!({"userName": "anna"}), OLD);
    world.users(vec![user("anna", json!({}))]);
    world.read().await;
    world.users(Vec::new());
    world.read().await;
    assert_eq!(target.names("user"), ["anna"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_5_failed_entities_at_the_source_hold_deletions_until_a_clean_job() {
    let world = World::new(10, &["dir"]);
    let target = world.target("dir");
    world.users(vec![user("anna", json!({})), user("bert", json!({}))]);
    world.read().await;
    world.users(vec![user("bert", json!({"fail": 1}))]);
    let job = world.read().await;
    assert_eq!(target.names("user"), ["anna", "bert"]);
    assert_eq!(
        job.outcome,
        [
            "no deletions: 1 entity failed at the source",
            "no user deletions in \"DIR\": 2 managed entities not read, and waiting because 1 entity failed at the source",
        ]
    );
    assert_eq!(write_row(&job, "dir"), Counters::default());
    world.users(vec![user("bert", json!({}))]);
    let clean = world.read().await;
    assert_eq!(target.names("user"), ["bert"]);
    assert_eq!(clean.status, JobStatus::Success);
    assert!(clean.outcome.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_4_existed_before_waits_for_a_clean_read_with_the_property() {
    let world = World::new(10, &["dir"]);
    let target = world.target("dir");
    target.stands("user", json!({"userName": "anna"}), OLD);
    world.users(vec![user("anna", json!({})), user("bert", json!({}))]);
    world.read().await;
    world.users(vec![user("bert", json!({"fail": 1}))]);
    world.read().await;
    assert_eq!(target.names("user"), ["anna", "bert"]);
    world.users(vec![user("bert", json!({}))]);
    world.set("dir", "ips.delete.existedbefore.entities", Some("true"));
    world.read().await;
    assert_eq!(target.names("user"), ["bert"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_entities_of_the_target_do_not_hold_deletions() {
    let world = World::new(10, &["dir"]);
    world.users(vec![user("anna", json!({})), user("bert", json!({}))]);
    world.read().await;
    world.users(vec![user("bert", json!({"broken": 1}))]);
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert_eq!(write_row(&job, "dir"), Counters { failed: 1, deleted: 1, ..Counters::default() });
    assert_eq!(world.target("dir").names("user"), ["bert"], "a failed entity is still in the source");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_condition_on_either_side_makes_a_candidate() {
    let world = World::new(10, &["dir"]);
    world.users(vec![user("anna", json!({})), user("bert", json!({})), user("carl", json!({}))]);
    world.read().await;
    world.users(vec![
        user("anna", json!({"hide": 1})),
        user("bert", json!({"exclude": 1})),
        user("carl", json!({})),
    ]);
    let job = world.read().await;
    assert_eq!(world.target("dir").names("user"), ["carl"]);
    assert_eq!(read_row(&job), Counters { read: 2, skipped: 1, ..Counters::default() });
    assert_eq!(
        write_row(&job, "dir"),
        Counters { skipped: 1, deleted: 2, unchanged: 1, ..Counters::default() }
    );
    assert_eq!(job.status, JobStatus::Success);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_threshold_deletes_all_or_none() {
    for (gone, deleted, failed) in [(400, 400, 0), (500, 500, 0), (501, 0, 501)] {
        let world = World::new(200, &["dir"]);
        world.set("dir", "ips.delete.threshold.users", Some("500"));
        world.users(staff(600));
        world.read().await;
        world.users(staff(600 - gone));
        let job = world.read().await;
        let expected = Counters { deleted, failed, unchanged: 600 - gone as u64, ..Counters::default() };
        assert_eq!(write_row(&job, "dir"), expected);
        assert_eq!(world.target("dir").names("user").len() as u64, 600 - deleted);
        if failed > 0 {
            assert_eq!(job.status, JobStatus::FinishedWithError);
            assert!(job.outcome[0].contains("501 candidates are more than ips.delete.threshold.users = 500"));
            let events = world.events(&job.id);
            assert_eq!(events.iter().filter(|e| e.state == EntityState::Failed).count(), 501);
            assert!(world.relations("dir", "user").iter().all(|r| r.state == RelationState::Active));
            world.set("dir", "ips.delete.threshold.users", Some("501"));
            let next = world.read().await;
            assert_eq!(write_row(&next, "dir").deleted, 501);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_that_is_no_number_blocks_and_groups_have_their_own() {
    let world = World::new(10, &["dir"]);
    world.users(staff(2));
    world.groups(vec![group("g1", &[]), group("g2", &[])]);
    world.read().await;
    world.users(Vec::new());
    world.groups(Vec::new());
    world.set("dir", "ips.delete.threshold.users", Some("1.000"));
    world.set("dir", "ips.delete.threshold.groups", Some("2"));
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir").failed, 2);
    assert_eq!(row(&job, "group", "dir", Action::Write).deleted, 2);
    assert!(job.outcome.iter().any(|line| line.contains("whole number")), "{:?}", job.outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn existed_before_does_not_count_against_the_threshold() {
    let world = World::new(10, &["dir"]);
    for entity in staff(3) {
        world.target("dir").stands("user", json!({"userName": entity.id}), OLD);
    }
    world.users(staff(4));
    world.read().await;
    world.users(Vec::new());
    world.set("dir", "ips.delete.threshold.users", Some("1"));
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir"), Counters { deleted: 1, skipped: 3, ..Counters::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_operations_hold_a_deletion_until_the_expression_goes() {
    let world = World::new(10, &["dir"]);
    world.users(staff(2));
    world.read().await;
    world.users(Vec::new());
    world.document("dir", skips(TransformOperation::Delete, write_rule()));
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::Success);
    assert_eq!(write_row(&job, "dir"), Counters { skipped: 2, ..Counters::default() });
    let reason = world.events(&job.id)[0].reason.clone().unwrap();
    assert!(reason.contains("Operation [delete] is skipped in target transformation"), "{reason}");
    world.document("dir", write_rule());
    assert_eq!(write_row(&world.read().await, "dir").deleted, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_mappings_update_instead_and_end_the_management() {
    let world = World::new(10, &["dir"]);
    world.users(staff(1));
    world.read().await;
    world.users(Vec::new());
    let inner = write_rule();
    world.document(
        "dir",
        Arc::new(move |request| match request.operation {
            TransformOperation::Delete => {
                answer(AnswerOutcome::Transformed, json!({"active": false}).to_string(), "")
            }
            _ => inner(request),
        }),
    );
    let target = world.target("dir");
    target.take_done();
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir"), Counters { deleted: 1, ..Counters::default() });
    let accounts = target.accounts.lock().unwrap().clone();
    assert_eq!(accounts.values().map(|a| a.content.clone()).collect::<Vec<_>>(), [json!({"active": false})]);
    assert!(world.relations("dir", "user").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_deletion_stays_pending_and_an_account_already_gone_is_a_success() {
    let world = World::new(10, &["dir"]);
    world.users(staff(3));
    world.read().await;
    let target = world.target("dir");
    let (gone, _) = target.account("u0001").unwrap();
    target.accounts.lock().unwrap().remove(&gone);
    let (refused, _) = target.account("u0000").unwrap();
    world.users(Vec::new());
    target.fault(move |operation| {
        (operation.id.as_deref() == Some(&*refused))
            .then(|| Fault::Refused(PluginError::new(code::FORBIDDEN, "administrators are protected")))
    });
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert_eq!(write_row(&job, "dir"), Counters { deleted: 2, failed: 1, ..Counters::default() });
    assert_eq!(world.relation("dir", "u0000").unwrap().state, RelationState::PendingDelete);
    target.heal();
    let next = world.read().await;
    assert_eq!(write_row(&next, "dir"), Counters { deleted: 1, ..Counters::default() });
    assert_eq!(world.events(&next.id)[0].reason.as_deref(), Some("an earlier job could not delete it"));
    assert!(world.relations("dir", "user").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_deletion_is_called_off_when_the_entity_is_back() {
    let world = World::new(10, &["dir"]);
    world.users(staff(1));
    world.read().await;
    world.users(Vec::new());
    let target = world.target("dir");
    target.fault(|o| {
        (o.kind == OperationKind::Delete).then(|| Fault::Refused(PluginError::new(code::INVALID, "not now")))
    });
    world.read().await;
    target.heal();
    world.users(staff(1));
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir"), Counters { updated: 1, ..Counters::default() });
    assert_eq!(world.relation("dir", "u0000").unwrap().state, RelationState::Active);
    assert_eq!(target.names("user"), ["u0000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_go_before_users_and_other_pairs_are_left_alone() {
    let world = World::new(10, &["dir"]);
    world.users(staff(1));
    world.groups(vec![group("g1", &["u0000"])]);
    world.read().await;
    world.users(Vec::new());
    world.groups(Vec::new());
    let target = world.target("dir");
    let stranger = target.stands("user", json!({"userName": "stranger"}), OLD);
    target.done.lock().unwrap().clear();
    world.run(JobType::Resync).await;
    let done: Vec<_> = target.done.lock().unwrap().iter().map(|(_, name)| name.clone()).collect();
    assert_eq!(done, ["g1", "u0000"]);
    assert!(target.accounts.lock().unwrap().contains_key(&stranger));
}
