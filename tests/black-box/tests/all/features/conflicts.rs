//! Correlation and conflicts: F074 to F086.

use crate::setting::{Setting, edit_document, map, pairs};
use crate::systems::{counters, csv_source, scim_target, write_no_groups};
use gangway_kit::{Api, Method, Request, text};
use gangway_model::{Action, JobStatus};
use serde_json::{Value, json};

const GROUP: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:Group";

/// Makes a user in the target by hand; its identifier.
async fn stands(setting: &Setting, user_name: &str, more: Value) -> String {
    let mut user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
        "name": {"familyName": "By hand"},
    });
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, made) = setting.behind().call(Method::POST, "/Users", Some(user)).await.unwrap();
    assert!(status.is_success(), "{made}");
    text(&made, "/id").to_owned()
}

fn unique(setting: &Setting, names: &'static str) -> impl Future<Output = ()> {
    setting.set("App", "scim.user.unique.attribute", Some(names))
}

fn asked(requests: &[Request]) -> Vec<(String, String)> {
    requests
        .iter()
        .map(|r| (r.method.clone(), r.path.replace("%20", " ").replace('+', " ").replace("%22", "\"")))
        .collect()
}

#[tokio::test]
async fn f074_nothing_is_looked_up_before_a_create_and_a_conflict_starts_the_search() {
    let setting = Setting::new().await;
    stands(&setting, "b", json!({})).await;
    setting.read(&[("A", "x"), ("B", "x")]).await;
    let asked = asked(&setting.relay.requests());
    let methods: Vec<&str> = asked.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(methods, ["POST", "POST", "GET", "PUT"], "{asked:?}");
    assert!(asked[2].1.contains("filter=userName eq \"b\""), "{asked:?}");
}

#[tokio::test]
async fn f075_all_unique_attributes_must_match() {
    let setting = Setting::new().await;
    unique(&setting, "userName,emails[0].value").await;
    stands(&setting, "a", json!({"emails": [{"value": "a@example.com"}]})).await;
    stands(&setting, "b", json!({"emails": [{"value": "other@example.com"}]})).await;
    let job = setting.read(&[("A", "x"), ("B", "x")]).await;
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.updated, row.failed), (1, 1));
    let searches = asked(&setting.relay.requests());
    let and = searches.iter().any(|(_, path)| path.contains("userName eq \"a\" and emails"));
    assert!(and, "{searches:?}");
}

#[tokio::test]
async fn f076_one_match_is_updated_related_and_flagged_as_existing_before() {
    let setting = Setting::new().await;
    let id = stands(&setting, "a", json!({})).await;
    let job = setting.read(&[("A", "x"), ("B", "x")]).await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.updated), (1, 1));
    let relation = setting.relation("user", "A").await.unwrap();
    assert_eq!((text(&relation, "/targetId"), &relation["existedBefore"]), (id.as_str(), &json!(true)));
    assert_eq!(setting.relation("user", "B").await.unwrap()["existedBefore"], false);
    assert_eq!(setting.users().await, pairs(&[("a", "x"), ("b", "x")]));
}

#[tokio::test]
async fn f077_no_match_fails_with_the_refusal_and_the_attributes_of_the_search() {
    let setting = Setting::new().await;
    unique(&setting, "externalId").await;
    stands(&setting, "a", json!({"externalId": "somebody else"})).await;
    let job = setting.read(&[("A", "x")]).await;
    assert_eq!(job.status, JobStatus::FinishedWithError);
    let why = &setting.why(&job, "failed").await[0].1;
    assert!(why.contains("the target refused the create (") && why.contains("409"), "{why}");
    assert!(why.contains("no entity there has the same externalId"), "{why}");
    assert!(setting.relation("user", "A").await.is_none());
}

#[tokio::test]
async fn f078_several_matches_fail_with_their_identifiers() {
    let setting = Setting::new().await;
    unique(&setting, "title").await;
    let one = stands(&setting, "a", json!({"title": "Clerk"})).await;
    let two = stands(&setting, "z", json!({"title": "Clerk"})).await;
    let job = setting.read(&[("A", "x")]).await;
    let why = &setting.why(&job, "failed").await[0].1;
    assert!(why.contains(&one) && why.contains(&two) && why.contains("more than one entity"), "{why}");
    assert_eq!(setting.methods(), ["POST"], "nothing was overwritten");
}

/// A target in the engine's own directory, which creates nothing and so has to find everything.
async fn directory(setting: &Setting, write: impl FnOnce(&mut Value)) -> Api {
    let url = format!("{}/tenants/setting/scim/v2", setting.engine.url());
    let mut app = scim_target("Directory", "Teams", &url, setting.engine.token());
    edit_document(&mut app, "write", "group", |group| {
        group["skipOperations"] = json!(["create"]);
        write(group);
    });
    setting.api.make_system(csv_source("Teams", setting.folder.path())).await.unwrap();
    setting.api.make_system(app).await.unwrap();
    crate::systems::write_users(setting.folder.path(), &[]);
    std::fs::write(setting.folder.path().join("groups.csv"), "id,displayName,members[]\ng1,Team One,\n")
        .unwrap();
    Api::new(&url, setting.engine.token(), "").unwrap()
}

async fn group(directory: &Api, display_name: &str, extension: Value) -> String {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", GROUP],
        "displayName": display_name,
        GROUP: extension,
    });
    let (status, made) = directory.call(Method::POST, "/Groups", Some(body)).await.unwrap();
    assert!(status.is_success(), "{made}");
    text(&made, "/id").to_owned()
}

#[tokio::test]
async fn f079_without_configuration_users_are_found_by_user_name_and_groups_by_display_name() {
    let setting = Setting::new().await;
    stands(&setting, "a", json!({})).await;
    setting.read(&[("A", "x")]).await;
    assert!(asked(&setting.relay.requests())[1].1.contains("filter=userName eq"));

    // In a directory by its technical name, whatever it shows.
    let technical = json!({"sourcePath": "$.externalId", "targetPath": format!("$['{GROUP}']['name']")});
    let directory = directory(&setting, |group| map(group, technical)).await;
    let by_name = group(&directory, "Shown otherwise", json!({"name": "g1"})).await;
    let job = setting.api.run("Teams").await.unwrap();
    assert_eq!(counters(&job, "group", Action::Write).updated, 1, "{job:?}");
    let (_, found) = directory.call(Method::GET, &format!("/Groups/{by_name}"), None).await.unwrap();
    assert_eq!(text(&found, "/displayName"), "Team One");
}

#[tokio::test]
async fn f080_resolution_can_be_switched_off_and_then_nothing_is_overwritten() {
    let setting = Setting::new().await;
    setting.set("App", "scim.user.automatic.conflict.resolution", Some("false")).await;
    stands(&setting, "a", json!({})).await;
    let job = setting.read(&[("A", "x")]).await;
    let events = setting.api.events(job.id.as_str(), "failed").await.unwrap();
    assert_eq!(text(&events[0], "/error/code"), "conflict", "{events:?}");
    let why = events[0]["error"].to_string();
    assert!(why.contains("409") && why.contains("uniqueness"), "{why}");
    assert_eq!(setting.methods(), ["POST"]);
    assert_eq!(text(&setting.user("a").await.unwrap(), "/name/familyName"), "By hand");
}

#[tokio::test]
async fn f081_with_creates_skipped_those_who_are_there_are_updated_and_nobody_is_made() {
    let setting = Setting::new().await;
    setting.write("user", |user| user["skipOperations"] = json!(["create"])).await;
    stands(&setting, "a", json!({})).await;
    let job = setting.read(&[("A", "x"), ("B", "x")]).await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.created, row.updated, row.skipped), (0, 1, 1));
    assert_eq!(setting.users().await, pairs(&[("a", "x")]));
    assert_eq!(setting.methods(), ["PUT"]);
}

#[tokio::test]
async fn f082_a_group_of_an_application_is_found_by_name_application_and_type() {
    let setting = Setting::new().await;
    let of =
        |name: &str, value: &str| json!({"constant": value, "targetPath": format!("$['{GROUP}']['{name}']")});
    let directory = directory(&setting, |group| {
        map(group, of("applicationId", "one"));
        map(group, of("type", "authorization"));
    })
    .await;
    let id = group(&directory, "Team One", json!({"applicationId": "two", "type": "authorization"})).await;
    let path = format!("/Groups/{id}");
    let job = setting.api.run("Teams").await.unwrap();
    let row = counters(&job, "group", Action::Write);
    assert_eq!(
        (row.updated, row.skipped),
        (0, 1),
        "the same name in another application is somebody else: {job:?}"
    );
    directory.call(Method::DELETE, &path, None).await.unwrap();
    let id = group(&directory, "Team One", json!({"applicationId": "one", "type": "authorization"})).await;
    let job = setting.api.run("Teams").await.unwrap();
    assert_eq!(counters(&job, "group", Action::Write).updated, 1, "{job:?}");
    let (_, found) = directory.call(Method::GET, &format!("/Groups/{id}"), None).await.unwrap();
    assert_eq!(text(&found, "/externalId"), "g1");
}

#[tokio::test]
async fn f083_the_relation_and_not_the_unique_attribute_selects_a_known_account() {
    let setting = Setting::new().await;
    unique(&setting, "emails[0].value").await;
    setting.read(&[("A", "x")]).await;
    let id = text(&setting.user("a").await.unwrap(), "/id").to_owned();
    stands(&setting, "z", json!({"emails": [{"value": "new@example.com"}]})).await;
    setting.relay.clear();
    let file = setting.folder.path().join("users.csv");
    let moved = std::fs::read_to_string(&file).unwrap().replace("a@example.com", "new@example.com");
    std::fs::write(&file, moved).unwrap();
    let job = setting.api.run("HR").await.unwrap();
    assert_eq!(counters(&job, "user", Action::Write).updated, 1);
    assert_eq!(asked(&setting.relay.requests()), [("PUT".to_owned(), format!("/v2/Users/{id}"))]);
    assert_eq!(text(&setting.user("a").await.unwrap(), "/emails/0/value"), "new@example.com");
}

/// A file of users who share a user name.
fn twins(setting: &Setting, ids: &[&str]) {
    let mut file = String::from("id,userName,givenName,familyName,email,department,title,type,active\n");
    for id in ids {
        file.push_str(&format!("{id},twin,Given,{id},{id}@example.com,x,Clerk,employee,true\n"));
    }
    std::fs::write(setting.folder.path().join("users.csv"), file).unwrap();
    write_no_groups(setting.folder.path());
}

#[tokio::test]
async fn f084_a_second_entity_that_matches_a_related_account_fails_and_both_are_named() {
    let setting = Setting::new().await;
    twins(&setting, &["first"]);
    setting.api.run("HR").await.unwrap();
    twins(&setting, &["first", "second"]);
    let job = setting.api.run("HR").await.unwrap();
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.unchanged, row.failed), (1, 1));
    let why = &setting.why(&job, "failed").await[0];
    assert_eq!(why.0, "second");
    assert!(why.1.contains("\"second\"") && why.1.contains("\"first\""), "{why:?}");
    assert_eq!(text(&setting.user("twin").await.unwrap(), "/name/familyName"), "first", "not overwritten");
}

#[tokio::test]
async fn f085_a_conflict_names_the_account_in_the_way_and_whose_it_is() {
    let setting = Setting::new().await;
    unique(&setting, "externalId").await;
    twins(&setting, &["first"]);
    setting.api.run("HR").await.unwrap();
    let id = text(&setting.user("twin").await.unwrap(), "/id").to_owned();
    twins(&setting, &["first", "second"]);
    let job = setting.api.run("HR").await.unwrap();
    let why = &setting.why(&job, "failed").await[0].1;
    assert!(why.contains(&format!("[\"blockedBy\",\"{id}\"]")), "{why}");
    assert!(why.contains("[\"sharedAttribute\",\"userName\"]"), "{why}");
    assert!(why.contains("[\"relatedTo\",\"source entity \\\"first\\\"\"]"), "{why}");
    assert!(!why.contains("twin"), "no value of the person: {why}");
}

#[tokio::test]
async fn f086_a_look_before_each_create_spares_a_first_load_the_refused_ones() {
    let setting = Setting::new().await;
    setting.set("App", "ips.lookup.before.create", Some("true")).await;
    stands(&setting, "a", json!({})).await;
    let job = setting.read(&[("A", "x"), ("B", "x")]).await;
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    assert_eq!(setting.methods(), ["POST", "PUT"]);
    assert!(setting.relay.requests().iter().all(|r| r.status < 400), "no request was refused");
    assert_eq!(setting.relation("user", "A").await.unwrap()["existedBefore"], true);
    assert_eq!(setting.relation("user", "B").await.unwrap()["existedBefore"], false);
}
