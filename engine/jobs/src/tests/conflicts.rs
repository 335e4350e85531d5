use super::world::*;
use gangway_model::{
    Counters, EntityState, JobStatus, JobType, OperationKind, PluginError, TransformOperation, code,
};
use serde_json::json;
use std::sync::atomic::Ordering;

fn one_user() -> World {
    let world = World::new(10, &["dir"]);
    world.users(vec![user("anna", json!({"mail": "a@example.com"}))]);
    world
}

const OLD: Option<u64> = Some(900 * DAY);

#[tokio::test(flavor = "multi_thread")]
async fn one_match_is_updated_and_flagged_as_existing_before() {
    let world = one_user();
    let target = world.target("dir");
    let id = target.stands("user", json!({"userName": "anna", "old": true}), OLD);
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(write_row(&job, "dir"), Counters { updated: 1, ..Counters::default() });
    let relation = world.relation("dir", "anna").unwrap();
    assert_eq!((relation.target_id.as_str(), relation.existed_before), (id.as_str(), true));
    let (_, account) = target.account("anna").unwrap();
    assert_eq!(
        account.content,
        json!({"userName": "anna", "mail": "a@example.com"}),
        "the content of an update"
    );
    target.take_done();
    let second = world.read().await;
    assert_eq!(write_row(&second, "dir").unchanged, 1);
    assert_eq!(target.take_done(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_match_fails_with_the_refusal_and_the_attributes() {
    let world = one_user();
    world.set("dir", "scim.user.unique.attribute", Some("userName,mail"));
    world.target("dir").stands("user", json!({"userName": "anna", "mail": "other@example.com"}), OLD);
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    let error = world.events(&job.id)[0].error.clone().unwrap();
    assert_eq!(error.code, code::CONFLICT);
    assert!(error.message.contains("exists already"), "{error}");
    assert!(error.message.contains("userName and mail"), "{error}");
    assert!(!error.message.contains("a@example.com"), "no attribute value of a person: {error}");
    assert!(world.relation("dir", "anna").is_none());
    // The refusal was an answer: the next job does not take the account for its own.
    let second = world.read().await;
    assert_eq!(write_row(&second, "dir").failed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_matches_fail_with_their_identifiers() {
    let world = one_user();
    world.set("dir", "scim.user.unique.attribute", Some("mail"));
    let target = world.target("dir");
    let one = target.stands("user", json!({"userName": "anna", "mail": "a@example.com"}), OLD);
    let two = target.stands("user", json!({"userName": "anna2", "mail": "a@example.com"}), OLD);
    let job = world.read().await;
    let error = world.events(&job.id)[0].error.clone().unwrap();
    assert!(error.message.contains(&one) && error.message.contains(&two), "{error}");
    assert_eq!(write_row(&job, "dir"), Counters { failed: 1, ..Counters::default() });
}

#[tokio::test(flavor = "multi_thread")]
async fn resolution_can_be_switched_off() {
    let world = one_user();
    world.set("dir", "scim.user.automatic.conflict.resolution", Some("false"));
    let target = world.target("dir");
    target.stands("user", json!({"userName": "anna", "old": true}), OLD);
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir").failed, 1);
    assert_eq!(target.account("anna").unwrap().1.content["old"], true);
    let error = world.events(&job.id)[0].error.clone().unwrap();
    let blocker = target.account("anna").unwrap().0;
    assert!(error.details.contains(&("blockedBy".to_owned(), blocker)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_entities_never_share_an_account() {
    // In one page, over pages, and over jobs.
    for page_size in [10, 1] {
        let world = World::new(page_size, &["dir"]);
        world.users(vec![user("1", json!({"userName": "anna"})), user("2", json!({"userName": "anna"}))]);
        let job = world.read().await;
        assert_eq!(write_row(&job, "dir"), Counters { created: 1, failed: 1, ..Counters::default() });
        let error = world.events(&job.id)[0].error.clone().unwrap();
        assert!(error.message.contains("\"1\"") && error.message.contains("\"2\""), "{error}");
        let again = world.read().await;
        assert_eq!(write_row(&again, "dir"), Counters { unchanged: 1, failed: 1, ..Counters::default() });
        assert_eq!(world.relations("dir", "user").len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relation_selects_the_account_once_it_is_known() {
    let world = one_user();
    world.read().await;
    let target = world.target("dir");
    let (id, _) = target.account("anna").unwrap();
    world.users(vec![user("anna", json!({"userName": "anna.ek"}))]);
    world.read().await;
    assert_eq!(target.account("anna.ek").unwrap().0, id);
    assert_eq!(target.finds.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_create_is_looked_for_by_the_next_job() {
    for (what, effect) in [("done", true), ("not done", false)] {
        let world = one_user();
        let target = world.target("dir");
        target.fault(move |_| {
            let error = PluginError::new(code::PROTOCOL, "the connection broke in the answer");
            Some(if effect { Fault::Lost(error) } else { Fault::Refused(error) })
        });
        let job = world.read().await;
        assert_eq!(job.status, JobStatus::FinishedWithError, "{what}");
        assert_eq!(write_row(&job, "dir"), Counters { failed: 1, ..Counters::default() });
        target.heal();
        let second = world.read().await;
        assert_eq!(second.status, JobStatus::Success, "{what}: {second:?}");
        let found =
            Counters { created: u64::from(!effect), updated: u64::from(effect), ..Counters::default() };
        assert_eq!(write_row(&second, "dir"), found, "{what}");
        assert_eq!(target.finds.load(Ordering::SeqCst), 1);
        assert_eq!(target.names("user"), ["anna"]);
        let relation = world.relation("dir", "anna").unwrap();
        assert!(!relation.existed_before, "{what}");
        let done = target.take_done();
        assert_eq!(done.iter().filter(|d| d.starts_with("create")).count(), 1, "{done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_older_than_the_unanswered_request_existed_before() {
    let world = one_user();
    let target = world.target("dir");
    target.stands("user", json!({"userName": "anna"}), OLD);
    target.fault(|operation| {
        (operation.kind == OperationKind::Create)
            .then(|| Fault::Refused(PluginError::new(code::PROTOCOL, "no answer")))
    });
    world.read().await;
    target.heal();
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir"), Counters { updated: 1, ..Counters::default() });
    assert!(world.relation("dir", "anna").unwrap().existed_before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_create_leaves_no_intent() {
    let world = one_user();
    let target = world.target("dir");
    target.fault(|_| Some(Fault::Refused(PluginError::new(code::INVALID, "userName is too long"))));
    let job = world.read().await;
    assert_eq!(world.events(&job.id)[0].error.as_ref().unwrap().message, "userName is too long");
    target.heal();
    world.read().await;
    assert_eq!(target.finds.load(Ordering::SeqCst), 0, "nothing to look for");
    assert_eq!(target.names("user"), ["anna"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_update_is_tried_again_although_the_source_did_not_change() {
    let world = one_user();
    world.read().await;
    world.users(vec![user("anna", json!({"n": 1}))]);
    let target = world.target("dir");
    target.fault(|_| Some(Fault::Refused(PluginError::new(code::INVALID, "no"))));
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir"), Counters { failed: 1, ..Counters::default() });
    target.heal();
    let again = world.read().await;
    assert_eq!(write_row(&again, "dir"), Counters { updated: 1, ..Counters::default() });
    assert_eq!(world.read().await.status, JobStatus::Success);
    assert_eq!(target.account("anna").unwrap().1.content["n"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_create_adopts_what_is_there_and_makes_nothing() {
    let world = World::new(10, &["dir"]);
    world.users(vec![user("anna", json!({})), user("bert", json!({}))]);
    world.document("dir", skips(TransformOperation::Create, write_rule()));
    let target = world.target("dir");
    target.stands("user", json!({"userName": "anna", "old": true}), OLD);
    let job = world.read().await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(write_row(&job, "dir"), Counters { updated: 1, skipped: 1, ..Counters::default() });
    assert_eq!(target.take_done(), ["replace anna"]);
    assert!(world.relation("dir", "anna").unwrap().existed_before);
    let reason = world.events(&job.id)[0].reason.clone().unwrap();
    assert!(reason.starts_with("Operation [create] is skipped in target transformation"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_update_keeps_the_account() {
    let world = one_user();
    world.read().await;
    world.document("dir", skips(TransformOperation::Update, write_rule()));
    world.users(vec![user("anna", json!({"n": 1}))]);
    let target = world.target("dir");
    target.take_done();
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir"), Counters { skipped: 1, ..Counters::default() });
    assert_eq!(target.take_done(), [""; 0], "neither updated nor deleted");
    let event = &world.events(&job.id)[0];
    assert_eq!((event.state, event.target_id.is_some()), (EntityState::Skipped, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_fails_keeps_the_intent() {
    let world = one_user();
    let target = world.target("dir");
    target.fault(|_| Some(Fault::Lost(PluginError::new(code::PROTOCOL, "no answer"))));
    world.read().await;
    target.heal();
    *target.find_fails.lock().unwrap() = Some(PluginError::new(code::INVALID, "filters are not supported"));
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir"), Counters { failed: 1, ..Counters::default() });
    target.heal();
    let last = world.run(JobType::Resync).await;
    assert_eq!(write_row(&last, "dir"), Counters { updated: 1, ..Counters::default() });
    assert!(!world.relation("dir", "anna").unwrap().existed_before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_whose_create_was_never_answered_does_not_stay_inside() {
    for (what, effect) in [("done", true), ("not done", false)] {
        let world = World::new(2, &["dir"]);
        let staff = ["anna", "bert", "cleo"].map(|name| user(name, json!({})));
        world.users(staff.to_vec());
        let target = world.target("dir");
        target.fault(move |operation| {
            let error = PluginError::new(code::PROTOCOL, "the connection broke in the answer");
            let lost = if effect { Fault::Lost(error) } else { Fault::Refused(error) };
            operation.json.contains("anna").then_some(lost)
        });
        assert_eq!(write_row(&world.read().await, "dir").failed, 1, "{what}");
        target.heal();
        world.users(staff[1..].to_vec());
        let job = world.read().await;
        assert_eq!(job.status, JobStatus::Success, "{what}: {job:?}");
        assert_eq!(write_row(&job, "dir").deleted, u64::from(effect), "{what}");
        assert_eq!(target.names("user").len(), 2, "{what}");
        assert_eq!(world.relations("dir", "user").len(), 2, "{what}");
        let asked = target.finds.load(Ordering::SeqCst);
        world.read().await;
        assert_eq!(target.finds.load(Ordering::SeqCst), asked, "{what}: it is looked for once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_who_was_released_once_and_made_anew_does_not_stay_inside() {
    let world = one_user();
    let target = world.target("dir");
    target.stands("user", json!({"userName": "anna"}), OLD);
    world.read().await;
    world.users(Vec::new());
    world.read().await;
    assert_eq!(target.names("user"), ["anna"], "released");
    target.accounts.lock().unwrap().clear();
    world.users(vec![user("anna", json!({}))]);
    target.fault(|_| Some(Fault::Lost(PluginError::new(code::PROTOCOL, "no answer"))));
    world.read().await;
    assert_eq!(target.names("user"), ["anna"], "made anew");
    target.heal();
    world.users(Vec::new());
    world.read().await;
    assert_eq!(target.names("user"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_with_an_older_account_keeps_it_although_a_create_was_never_answered() {
    let world = one_user();
    let target = world.target("dir");
    target.stands("user", json!({"userName": "anna"}), OLD);
    target.fault(|_| Some(Fault::Refused(PluginError::new(code::PROTOCOL, "no answer"))));
    world.read().await;
    target.heal();
    world.users(Vec::new());
    world.read().await;
    assert_eq!(target.names("user"), ["anna"]);
    assert_eq!(world.relations("dir", "user"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_create_never_becomes_the_engines_own() {
    // Even if the target does not say when the account was made.
    let world = one_user();
    let target = world.target("dir");
    *target.hides_created.lock().unwrap() = true;
    target.stands("user", json!({"userName": "anna"}), OLD);
    world.set("dir", "scim.user.unique.attribute", Some("mail"));
    assert_eq!(write_row(&world.read().await, "dir").failed, 1, "no match by mail");
    world.set("dir", "scim.user.unique.attribute", None);
    *target.find_fails.lock().unwrap() = Some(PluginError::new(code::INVALID, "not now"));
    assert_eq!(write_row(&world.read().await, "dir").failed, 1, "the search failed");
    target.heal();
    assert_eq!(write_row(&world.read().await, "dir").updated, 1);
    assert!(world.relation("dir", "anna").unwrap().existed_before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_account_is_related_even_if_its_update_fails() {
    let world = one_user();
    let target = world.target("dir");
    target.fault(|_| Some(Fault::Lost(PluginError::new(code::PROTOCOL, "no answer"))));
    world.read().await;
    target.fault(|o| {
        (o.kind == OperationKind::Replace).then(|| Fault::Refused(PluginError::new(code::INVALID, "no")))
    });
    let job = world.read().await;
    assert_eq!(write_row(&job, "dir"), Counters { failed: 1, ..Counters::default() });
    assert!(!world.relation("dir", "anna").unwrap().existed_before);
    target.heal();
    assert_eq!(write_row(&world.read().await, "dir").updated, 1);
}
