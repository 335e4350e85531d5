//! Target decisions: F060 to F073, and what a Read and a Resync do to changes of the target (F006, F008).

use crate::setting::{Setting, map, pairs};
use crate::systems::{counters, scim_target};
use gangway_kit::{Answer, Method, free_port, text};
use gangway_model::{Action, JobStatus};
use serde_json::{Value, json};
use std::time::Duration;

const DEPARTMENT: &str = "$['urn:ietf:params:scim:schemas:extension:enterprise:2.0:User']['department']";

#[tokio::test]
async fn f006_a_read_leaves_a_change_in_the_target_alone() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    let mut user = setting.user("a").await.unwrap();
    user["title"] = "Changed by hand".into();
    let path = format!("/Users/{}", text(&user, "/id"));
    let (status, answer) = setting.behind().call(Method::PUT, &path, Some(user)).await.unwrap();
    assert!(status.is_success(), "{answer}");
    setting.relay.clear();
    let job = setting.read(&[("A", "x"), ("B", "y")]).await;
    assert_eq!(job.status, JobStatus::Success);
    assert_eq!(setting.methods(), ["PUT"], "B alone");
    assert_eq!(text(&setting.user("a").await.unwrap(), "/title"), "Changed by hand");
}

#[tokio::test]
async fn f008_a_resync_makes_again_what_was_deleted_by_hand_and_keeps_the_new_id() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    let old = text(&setting.user("a").await.unwrap(), "/id").to_owned();
    let (status, _) = setting.behind().call(Method::DELETE, &format!("/Users/{old}"), None).await.unwrap();
    assert!(status.is_success());
    let job = setting.resync().await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.updated), (1, 1));
    let new = text(&setting.user("a").await.unwrap(), "/id").to_owned();
    assert_ne!(new, old);
    assert_eq!(setting.relation("user", "A").await.unwrap()["targetId"], new);
}

#[tokio::test]
async fn f060_the_condition_is_asked_before_the_skipped_operations() {
    let setting = Setting::new().await;
    setting
        .write("user", |user| {
            user["condition"] = "$.userName != 'a'".into();
            user["skipOperations"] = json!(["create"]);
        })
        .await;
    let job = setting.read(&[("A", "x"), ("B", "x")]).await;
    let why = setting.why(&job, "skipped").await;
    assert_eq!(why[0], ("A".to_owned(), "Entity condition [$.userName != 'a'] is not fulfilled".to_owned()));
    assert_eq!(why[1].0, "B");
    assert!(why[1].1.starts_with("Operation [create] is skipped in target transformation"), "{why:?}");
}

#[tokio::test]
async fn f061_a_false_write_condition_skips_the_unknown_and_gives_up_the_known() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    setting.write("user", |user| user["condition"] = format!("{DEPARTMENT} == 'y'").into()).await;
    let job = setting.read(&[("A", "y"), ("B", "x"), ("C", "x")]).await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.skipped, row.deleted), (0, 1, 2, 1));
    assert_eq!(setting.users().await, pairs(&[("a", "y")]));
}

#[tokio::test]
async fn f062_skipped_operations_suppress_exactly_what_they_name() {
    for (operation, methods, skipped) in [
        ("create", ["DELETE", "PUT"], "D"),
        ("update", ["DELETE", "POST"], "A"),
        ("delete", ["POST", "PUT"], "B"),
    ] {
        let setting = Setting::new().await;
        let there = [("A", "x"), ("B", "x"), ("C", "x")];
        if operation == "create" {
            setting.read(&there).await;
        }
        setting.write("user", |user| user["skipOperations"] = json!([operation])).await;
        setting.read(&there).await;
        setting.relay.clear();
        let job = setting.read(&[("A", "y"), ("C", "x"), ("D", "x")]).await;
        assert_eq!(job.status, JobStatus::Success, "{job:?}");
        assert_eq!(setting.methods(), methods, "{operation}");
        assert_eq!(counters(&job, "user", Action::Write).skipped, 1, "{operation}");
        let why = setting.why(&job, "skipped").await;
        assert_eq!(why[0].0, skipped, "{operation}");
        let reason = format!("Operation [{operation}] is skipped in target transformation");
        assert!(why[0].1.contains(&reason), "{why:?}");
    }
}

#[tokio::test]
async fn f063_what_is_kept_between_runs_holds_no_attribute_value() {
    let mut setting = Setting::new().await;
    setting.read(&[("A", "Wuxbridge"), ("B", "Wuxbridge"), ("C", "Wuxbridge")]).await;
    setting.relay.clear();
    setting.read(&[("A", "Wuxbridge"), ("B", "Plinthorpe")]).await;
    assert_eq!(setting.methods(), ["DELETE", "PUT"], "the unchanged one is known by its hash");
    setting.engine.stop();
    let file = setting.engine.data().join("tenants/setting/state.redb");
    let bytes = std::fs::read(file).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for value in ["Wuxbridge", "Plinthorpe", "Family A", "Given C", "c@example.com"] {
        assert!(!holds(value), "{value}");
    }
    assert!(holds("entityIdSourceSystem"), "the file is read as it is: its documents are there");
}

#[tokio::test]
async fn f064_a_changed_condition_counts_in_the_next_read_for_what_did_not_change() {
    let setting = Setting::new().await;
    let users = [("A", "x"), ("B", "y")];
    setting.read(&users).await;
    setting.write("user", |user| user["condition"] = format!("{DEPARTMENT} == 'y'").into()).await;
    let job = setting.read(&users).await;
    assert_eq!(counters(&job, "user", Action::Write).deleted, 1);
    assert_eq!(setting.users().await, pairs(&[("b", "y")]));
    setting.write("user", |user| drop(user.as_object_mut().unwrap().remove("condition"))).await;
    setting.read(&users).await;
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "y")]));
}

#[tokio::test]
async fn f065_a_changed_mapping_of_the_target_reaches_everybody_with_the_next_read() {
    let setting = Setting::new().await;
    let users = [("A", "x"), ("B", "y")];
    setting.read(&users).await;
    setting.write("user", |user| map(user, json!({"constant": "de", "targetPath": "$.locale"}))).await;
    let job = setting.read(&users).await;
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.updated, row.updated_by_configuration), (2, 2));
    assert_eq!(text(&setting.user("b").await.unwrap(), "/locale"), "de");
}

#[tokio::test]
async fn f066_mappings_of_scope_create_entity_are_sent_with_a_create_only() {
    let setting = Setting::new().await;
    let mapping = json!({"constant": "first", "targetPath": "$.nickName", "scope": "createEntity"});
    setting.write("user", |user| map(user, mapping)).await;
    setting.read(&[("A", "x")]).await;
    setting.read(&[("A", "y")]).await;
    let writes = setting.writes();
    let bodies: Vec<Value> = writes.iter().map(|w| serde_json::from_slice(&w.body).unwrap()).collect();
    assert_eq!((writes[0].method.as_str(), text(&bodies[0], "/nickName")), ("POST", "first"));
    assert_eq!((writes[1].method.as_str(), bodies[1].get("nickName")), ("PUT", None));
}

#[tokio::test]
async fn f067_a_target_that_fails_does_not_keep_another_from_being_written() {
    let setting = Setting::new().await;
    let nobody = format!("http://127.0.0.1:{}/v2", free_port().unwrap());
    let mut broken = scim_target("Broken", "HR", &nobody, "token");
    broken["properties"]["ips.failed.request.retry.attempts"] = json!({"value": "0"});
    setting.api.make_system(broken).await.unwrap();
    let job = setting.read(&[("A", "x"), ("B", "y")]).await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert_eq!(job.broken.len(), 1, "{job:?}");
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "y")]));
}

#[tokio::test]
async fn f068_one_entity_that_fails_does_not_stop_the_job() {
    let setting = Setting::new().await;
    setting.relay.set_rule(|method, _, number| match (method, number) {
        ("POST", 1) => Answer::Instead(400, Vec::new(), r#"{"detail":"not this one"}"#.to_owned()),
        _ => Answer::Pass,
    });
    let job = setting.read(&[("A", "x"), ("B", "x"), ("C", "x"), ("D", "x")]).await;
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.failed), (3, 1));
    assert_eq!(setting.users().await.len(), 3);
}

#[tokio::test]
async fn f069_skipped_entities_alone_leave_a_job_successful() {
    let setting = Setting::new().await;
    setting.write("user", |user| user["condition"] = "$.userName == 'nobody'".into()).await;
    let job = setting.read(&[("A", "x"), ("B", "x")]).await;
    assert_eq!(counters(&job, "user", Action::Write).skipped, 2);
    assert_eq!(job.status, JobStatus::Success);
}

#[tokio::test]
async fn f070_a_failed_entity_shows_while_the_job_runs_and_when_it_has_ended() {
    let page = |source: &mut Value| source["properties"] = json!({"csv.page.size": {"value": "1"}});
    let setting = Setting::with(page, |_| ()).await;
    setting.relay.set_rule(|_, _, number| match number {
        0 => Answer::Instead(400, Vec::new(), r#"{"detail":"not this one"}"#.to_owned()),
        _ => Answer::Late(Duration::from_millis(300)),
    });
    crate::systems::write_users(setting.folder.path(), &[("A", "x"), ("B", "x"), ("C", "x")]);
    let job = setting.api.start("HR", "READ").await.unwrap();
    let mut running = Vec::new();
    let ended = loop {
        let job = setting.api.job(job.id.as_str()).await.unwrap();
        if job.status.is_final() {
            break job;
        }
        running.push(job.status);
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(running.contains(&JobStatus::RunningWithError), "{running:?}");
    assert_eq!(ended.status, JobStatus::FinishedWithError);
}

#[tokio::test]
async fn f071_the_identifier_in_the_answer_to_a_create_is_used_from_then_on() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    let id = text(&setting.user("a").await.unwrap(), "/id").to_owned();
    assert_eq!(setting.relation("user", "A").await.unwrap()["targetId"], id);
    setting.relay.clear();
    setting.read(&[("A", "y"), ("B", "x")]).await;
    setting.read(&[("B", "x")]).await;
    let asked: Vec<_> = setting.writes().into_iter().map(|w| (w.method, w.path)).collect();
    let path = format!("/v2/Users/{id}");
    assert_eq!(asked, [("PUT".to_owned(), path.clone()), ("DELETE".to_owned(), path)]);
}
