//! Deletion: F110 to F128 and F133, F134. How much goes at once is in `deletion_limits`.

use crate::setting::{Setting, edit_document, map, pairs};
use crate::systems::{counters, csv_source, scim_target, write_users};
use gangway_kit::{Answer, Api, Method, text};
use gangway_model::{Action, Job, JobStatus};
use serde_json::{Value, json};

const GROUP: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:Group";

/// Users of the source of whom the last one cannot be transformed: a mandatory value is missing.
fn write_damaged(setting: &Setting, users: &[(&str, &str)]) {
    write_users(setting.folder.path(), users);
    let file = setting.folder.path().join("users.csv");
    let damaged = std::fs::read_to_string(&file).unwrap()
        + "damaged,damaged,Given,,d@example.com,x,Clerk,employee,true\n";
    std::fs::write(&file, damaged).unwrap();
}

fn deleted(job: &Job) -> u64 {
    counters(job, "user", Action::Write).deleted
}

/// Makes a user in the target by hand.
async fn stands(setting: &Setting, user_name: &str) {
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
        "name": {"familyName": "By hand"},
    });
    let (status, made) = setting.behind().call(Method::POST, "/Users", Some(user)).await.unwrap();
    assert!(status.is_success(), "{made}");
}

#[tokio::test]
async fn f110_what_the_engine_made_goes_with_the_next_clean_full_read() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    let job = setting.read(&[("B", "x")]).await;
    assert_eq!((job.status, deleted(&job)), (JobStatus::Success, 1));
    assert_eq!(setting.users().await, pairs(&[("b", "x")]));
    assert!(setting.relation("user", "A").await.is_none());
}

#[tokio::test]
async fn f111_a_failed_entity_of_the_source_holds_every_deletion_of_the_job() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    write_damaged(&setting, &[("B", "x")]);
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!((job.status, deleted(&job)), (JobStatus::FinishedWithError, 0));
    assert_eq!(setting.users().await.len(), 2);
}

#[tokio::test]
async fn f112_a_source_that_cannot_be_read_to_its_end_holds_every_deletion() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    std::fs::remove_file(setting.folder.path().join("users.csv")).unwrap();
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::FinishedWithError);
    assert!(job.error.is_some(), "{job:?}");
    assert_eq!(setting.users().await.len(), 2);
}

#[tokio::test]
async fn f113_failed_entities_of_a_target_do_not_hold_deletions() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    setting.relay.set_rule(|method, _, _| match method {
        "PUT" => Answer::Instead(400, Vec::new(), r#"{"detail":"not this one"}"#.to_owned()),
        _ => Answer::Pass,
    });
    let job = setting.read(&[("B", "y")]).await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.failed, row.deleted), (1, 1));
    assert_eq!(setting.users().await, pairs(&[("b", "x")]));
}

#[tokio::test]
async fn f114_nothing_is_deleted_if_every_target_broke_off() {
    let setting = Setting::with(
        |_| (),
        |app| {
            app["properties"]["ips.failed.request.retry.attempts"] = json!({"value": "0"});
        },
    )
    .await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    setting.relay.set_rule(|method, _, _| match method {
        "PUT" => Answer::Instead(503, Vec::new(), String::new()),
        _ => Answer::Pass,
    });
    let job = setting.read(&[("B", "y")]).await;
    assert_eq!(job.broken.len(), 1, "{job:?}");
    assert_eq!(deleted(&job), 0);
    assert_eq!(setting.users().await.len(), 2);
}

#[tokio::test]
async fn f115_what_existed_before_goes_only_if_the_property_is_true_in_the_job_that_misses_it() {
    for (property, left) in [(None, 1), (Some("false"), 1), (Some("true"), 0)] {
        let setting = Setting::new().await;
        stands(&setting, "a").await;
        setting.read(&[("A", "x")]).await;
        setting.set("App", "ips.delete.existedbefore.entities", property).await;
        let job = setting.read(&[]).await;
        assert_eq!(job.status, JobStatus::Success);
        assert_eq!(setting.users().await.len(), left, "{property:?}");
    }
}

#[tokio::test]
async fn f116_the_property_set_after_the_job_that_missed_it_deletes_nothing() {
    let setting = Setting::new().await;
    stands(&setting, "a").await;
    setting.read(&[("A", "x")]).await;
    setting.read(&[]).await;
    setting.set("App", "ips.delete.existedbefore.entities", Some("true")).await;
    for _ in 0..2 {
        assert_eq!(deleted(&setting.read(&[]).await), 0);
    }
    assert_eq!(setting.users().await.len(), 1);
    assert_eq!(setting.relation("user", "A").await.unwrap()["state"], "released");
}

#[tokio::test]
async fn f117_the_scenarios_of_what_existed_before_give_the_documented_results() {
    // 1 and 1b, in both before the first job: f115.
    // 2: made by hand after jobs had run, then updated by one.
    let setting = Setting::new().await;
    setting.read(&[("B", "x")]).await;
    stands(&setting, "a").await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    assert_eq!(deleted(&setting.read(&[("B", "x")]).await), 0);
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x")]));
    // 3: made by the engine, then the systems were reset and a job ran.
    let forget = json!({"source": "HR", "entityType": "user", "all": true});
    setting.api.ok(Method::POST, "systems/App/relations/forget", Some(forget)).await.unwrap();
    setting.read(&[("B", "x")]).await;
    assert_eq!(setting.relation("user", "B").await.unwrap()["existedBefore"], true);
    assert_eq!(deleted(&setting.read(&[]).await), 0);
    assert_eq!(setting.users().await.len(), 2);
}

#[tokio::test]
async fn f117_the_scenarios_of_a_doubtful_read_give_the_documented_results() {
    // 4: existed before, and the deleting job has a failed entity: stays until the read is clean.
    // 5: made by the engine: the same, and the next clean job deletes.
    let setting = Setting::new().await;
    stands(&setting, "a").await;
    setting.set("App", "ips.delete.existedbefore.entities", Some("true")).await;
    setting.read(&[("A", "x"), ("B", "x"), ("C", "x")]).await;
    write_damaged(&setting, &[("C", "x")]);
    assert_eq!(deleted(&setting.api.run("HR").await.unwrap()), 0);
    assert_eq!(setting.users().await.len(), 3);
    assert_eq!(deleted(&setting.read(&[("C", "x")]).await), 2);
    assert_eq!(setting.users().await, pairs(&[("c", "x")]));
}

#[tokio::test]
async fn f120_a_skipped_deletion_is_held_and_made_up_for_when_the_expression_goes() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    setting.write("user", |user| user["skipOperations"] = json!(["delete"])).await;
    let job = setting.read(&[("B", "x")]).await;
    assert_eq!((counters(&job, "user", Action::Write).skipped, setting.users().await.len()), (1, 2));
    setting.write("user", |user| user["skipOperations"] = json!([])).await;
    assert_eq!(deleted(&setting.read(&[("B", "x")]).await), 1);
    assert_eq!(setting.users().await, pairs(&[("b", "x")]));
}

/// Mappings of scope `deleteEntity` that switch an account off.
fn switches_off(user: &mut Value) {
    let scoped = |mut mapping: Value| {
        mapping["scope"] = "deleteEntity".into();
        mapping
    };
    map(user, scoped(json!({"constant": false, "targetPath": "$.active"})));
    map(user, scoped(json!({"sourceVariable": "entityIdTargetSystem", "targetPath": "$.userName"})));
}

#[tokio::test]
async fn f121_delete_entity_mappings_update_with_nothing_else_and_end_the_management() {
    let setting = Setting::new().await;
    setting.write("user", switches_off).await;
    setting.read(&[("A", "x")]).await;
    let id = text(&setting.user("a").await.unwrap(), "/id").to_owned();
    setting.relay.clear();
    let job = setting.read(&[]).await;
    assert_eq!(deleted(&job), 1);
    let writes = setting.writes();
    assert_eq!(writes.len(), 1);
    let body: Value = serde_json::from_slice(&writes[0].body).unwrap();
    let wanted = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": id, "active": false, "userName": id,
    });
    assert_eq!((writes[0].method.as_str(), body), ("PUT", wanted));
    assert!(setting.relation("user", "A").await.is_none());
    assert_eq!(deleted(&setting.read(&[]).await), 0, "no longer managed");
}

#[tokio::test]
async fn f122_a_patch_request_stands_in_for_a_deletion() {
    let setting = Setting::new().await;
    setting.set("App", "idds.user.update.instead.delete", Some("true")).await;
    setting
        .write("user", |user| {
            let patch = [
                (json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]), "$.schemas"),
                (json!([{"op": "replace", "path": "active", "value": false}]), "$.Operations"),
            ];
            for (constant, path) in patch {
                map(user, json!({"constant": constant, "targetPath": path, "scope": "deleteEntity"}));
            }
        })
        .await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    setting.relay.clear();
    assert_eq!(deleted(&setting.read(&[("B", "x")]).await), 1);
    assert_eq!(setting.methods(), ["PATCH"]);
    let user = setting.user("a").await.unwrap();
    assert_eq!((&user["active"], text(&user, "/name/familyName")), (&json!(false), "Family A"));
    assert!(setting.relation("user", "A").await.is_none());
    setting.set("App", "idds.user.update.instead.delete", Some("false")).await;
    assert_eq!(deleted(&setting.read(&[]).await), 1);
    assert_eq!(setting.methods(), ["DELETE", "PATCH"], "switched off, it deletes");
}

#[tokio::test]
async fn f123_a_failed_deletion_is_tried_again_by_the_next_job() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    setting.relay.set_rule(|method, _, _| match method {
        "DELETE" => Answer::Instead(403, Vec::new(), r#"{"detail":"protected"}"#.to_owned()),
        _ => Answer::Pass,
    });
    let job = setting.read(&[("B", "x")]).await;
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.deleted, row.failed, job.status), (0, 1, JobStatus::FinishedWithError));
    assert_eq!(setting.relation("user", "A").await.unwrap()["state"], "pending_delete");
    setting.relay.set_rule(|_, _, _| Answer::Pass);
    let job = setting.read(&[("B", "x")]).await;
    assert_eq!((deleted(&job), job.status), (1, JobStatus::Success));
    assert_eq!(setting.users().await.len(), 1);
}

#[tokio::test]
async fn f124_to_delete_what_is_gone_already_is_a_success() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    let id = text(&setting.user("a").await.unwrap(), "/id").to_owned();
    setting.behind().call(Method::DELETE, &format!("/Users/{id}"), None).await.unwrap();
    let job = setting.read(&[("B", "x")]).await;
    assert_eq!((deleted(&job), job.status), (1, JobStatus::Success));
    let why = &setting.why(&job, "deleted").await[0].1;
    assert!(why.contains("gone from the target already"), "{why}");
}

#[tokio::test]
async fn f125_the_outcome_of_a_job_says_why_deletions_did_not_happen() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    write_damaged(&setting, &[("B", "x")]);
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(
        job.outcome,
        [
            "no deletions: 1 entity failed at the source",
            "no user deletions in \"App\": 1 managed entity not read, and waiting because 1 entity failed at the source",
        ]
    );
    let shown = setting.engine.cli("setting", &["job", "show", job.id.as_str()]).unwrap();
    assert!(String::from_utf8(shown.stdout).unwrap().contains("note: no deletions: 1 entity failed"));
}

#[tokio::test]
async fn f126_only_jobs_of_the_pair_that_made_an_account_delete_it() {
    let setting = Setting::new().await;
    let other = tempfile::tempdir().unwrap();
    write_users(other.path(), &[("Z", "z")]);
    setting.api.make_system(csv_source("Other", other.path())).await.unwrap();
    setting.change("App", |app| app["sources"] = json!(["HR", "Other"])).await;
    setting.read(&[("A", "x")]).await;
    setting.api.run("Other").await.unwrap();
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("z", "z")]));
    write_users(other.path(), &[]);
    setting.read(&[("A", "x")]).await;
    assert_eq!(setting.users().await.len(), 2, "not in HR, and not of HR");
    assert_eq!(deleted(&setting.api.run("Other").await.unwrap()), 1);
    assert_eq!(setting.users().await, pairs(&[("a", "x")]));
}

#[tokio::test]
async fn f127_another_mapping_of_the_identifier_is_refused_while_it_would_orphan_relations() {
    let setting = Setting::new().await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    let path = setting.api.path("systems/HR");
    let (_, mut system) = setting.api.call(Method::GET, &path, None).await.unwrap();
    edit_document(&mut system, "read", "user", |user| {
        user["mappings"][0]["sourcePath"] = "$.userName".into()
    });
    let (status, problem) = setting.api.call(Method::PUT, &path, Some(system.clone())).await.unwrap();
    assert_eq!(status.as_u16(), 409, "{problem}");
    assert!(text(&problem, "/detail").contains("2 relations were made by the one in use"), "{problem}");
    let document: Value = system["read"].clone();
    let put = format!("{path}/transformations/read");
    assert_eq!(setting.api.call(Method::PUT, &put, Some(document)).await.unwrap().0.as_u16(), 409);

    // Accepted, it does what is documented: everybody is found again, and the old ones go.
    let accepting = format!("{path}?idMapping=accept");
    assert_eq!(
        setting.api.call(Method::PUT, &accepting, Some(system.clone())).await.unwrap().0.as_u16(),
        200
    );
    edit_document(&mut system, "read", "user", |user| user["mappings"][0]["sourcePath"] = "$.id".into());
    assert_eq!(
        setting.api.call(Method::PUT, &accepting, Some(system.clone())).await.unwrap().0.as_u16(),
        200
    );

    // After a reset there is nothing to orphan.
    let forget = json!({"source": "HR", "entityType": "user", "all": true});
    setting.api.ok(Method::POST, "systems/App/relations/forget", Some(forget)).await.unwrap();
    edit_document(&mut system, "read", "user", |user| {
        user["mappings"][0]["sourcePath"] = "$.userName".into()
    });
    assert_eq!(setting.api.call(Method::PUT, &path, Some(system)).await.unwrap().0.as_u16(), 200);
    let job = setting.read(&[("A", "x"), ("B", "x")]).await;
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.updated, row.created, row.deleted), (2, 0, 0), "{job:?}");
}

#[tokio::test]
async fn f128_groups_of_an_application_go_as_their_supported_operations_allow() {
    let setting = Setting::new().await;
    let url = format!("{}/tenants/setting/scim/v2", setting.engine.url());
    setting.api.make_system(csv_source("Teams", setting.folder.path())).await.unwrap();
    let app = scim_target("Directory", "Teams", &url, setting.engine.token());
    setting.api.make_system(app).await.unwrap();
    write_users(setting.folder.path(), &[("A", "x")]);
    let groups = "id,displayName,members[]\nfree,Free,A\nfixed,Fixed,A\nmembers,Members,A\n";
    std::fs::write(setting.folder.path().join("groups.csv"), groups).unwrap();
    let job = setting.api.run("Teams").await.unwrap();
    assert_eq!(counters(&job, "group", Action::Write).created, 3, "{job:?} {}", setting.engine.log());
    let directory = Api::new(&url, setting.engine.token(), "").unwrap();
    let list = async || {
        let (_, found) = directory.call(Method::GET, "/Groups", None).await.unwrap();
        found["Resources"].as_array().unwrap().clone()
    };
    for mut group in list().await {
        let operations = match text(&group, "/displayName") {
            "Fixed" => "readOnly",
            "Members" => "userOnlyMembership",
            _ => continue,
        };
        group[GROUP] = json!({"applicationId": "one", "supportedOperations": operations});
        group["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:Group", GROUP]);
        let path = format!("/Groups/{}", text(&group, "/id"));
        let (status, answer) = directory.call(Method::PUT, &path, Some(group)).await.unwrap();
        assert!(status.is_success(), "{answer}");
    }
    crate::systems::write_no_groups(setting.folder.path());
    let job = setting.api.run("Teams").await.unwrap();
    let row = counters(&job, "group", Action::Write);
    assert_eq!((row.deleted, row.skipped, row.failed), (2, 1, 0), "{job:?}");
    let mut left: Vec<(String, usize)> = list()
        .await
        .iter()
        .map(|g| (text(g, "/displayName").to_owned(), g["members"].as_array().map_or(0, Vec::len)))
        .collect();
    left.sort();
    assert_eq!(left, [("Fixed".to_owned(), 1), ("Members".to_owned(), 0)]);
}

#[tokio::test]
async fn f133_why_somebody_was_or_was_not_deleted_is_answered() {
    let setting = Setting::new().await;
    stands(&setting, "kept").await;
    setting.read(&[("Kept", "x"), ("Held", "x"), ("Gone", "x"), ("Here", "x")]).await;
    let why = |id: &str| {
        let said = setting.engine.cli("setting", &["why", id]).unwrap();
        String::from_utf8(said.stdout).unwrap()
    };
    write_damaged(&setting, &[("Here", "x"), ("Held", "x"), ("Kept", "x")]);
    setting.api.run("HR").await.unwrap();
    assert!(why("Gone").contains("is not deleted: 1 entity failed at the source"), "{}", why("Gone"));
    setting.read(&[("Held", "x"), ("Here", "x")]).await;
    assert!(why("Gone").contains("last deleted from \"App\""), "{}", why("Gone"));
    assert!(why("Kept").contains("existed before the engine came, and was left alone"), "{}", why("Kept"));
    setting.set("App", "ips.delete.grace.reads", Some("2")).await;
    setting.read(&[("Here", "x")]).await;
    assert!(why("Held").contains("missing in 1 full reads in a row"), "{}", why("Held"));
    setting.set("App", "ips.delete.threshold.users", Some("0")).await;
    setting.read(&[("Here", "x")]).await;
    assert!(why("Held").contains("more than ips.delete.threshold.users = 0"), "{}", why("Held"));
    assert!(why("Here").contains("it is managed"), "{}", why("Here"));
}

#[tokio::test]
async fn f134_what_existed_before_is_adopted_released_or_forgotten_on_request() {
    let setting = Setting::new().await;
    for name in ["a", "b", "c"] {
        stands(&setting, name).await;
    }
    setting.read(&[("A", "x"), ("B", "x"), ("C", "x"), ("D", "x")]).await;
    let cli = |arguments: &[&str]| {
        let said = setting.engine.cli("setting", arguments).unwrap();
        assert!(said.status.success(), "{said:?}");
        String::from_utf8(said.stdout).unwrap()
    };
    assert_eq!(cli(&["relation", "adopt", "App", "--source", "HR", "A"]), "adopt: 1 relations\n");
    cli(&["relation", "release", "App", "--source", "HR", "D"]);
    cli(&["relation", "forget", "App", "--source", "HR", "C"]);
    let list = cli(&["relation", "list", "App", "--source", "HR"]);
    let known: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(["A", "B", "D"].iter().all(|id| known.contains(id)) && !known.contains(&"C"), "{list}");
    let job = setting.read(&[]).await;
    assert_eq!(deleted(&job), 1, "A, adopted");
    assert_eq!(setting.users().await, pairs(&[("b", "x"), ("c", "x"), ("d", "x")]));
    // Left alone by that job, and adopted after it.
    cli(&["relation", "adopt", "App", "--source", "HR", "B"]);
    assert_eq!(deleted(&setting.read(&[]).await), 1);
    assert_eq!(setting.users().await, pairs(&[("c", "x"), ("d", "x")]));
}
