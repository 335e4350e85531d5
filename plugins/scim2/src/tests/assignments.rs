use super::{body, system, writing::operation};
use gangway_sdk::testing::{Answer, FakeHost};
use gangway_sdk::{Operation, Target};
use serde_json::json;

/// A service that has all groups but `missing`, takes every user, and has nobody in the group `empty`.
fn service(host: &FakeHost) {
    host.serve(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        if request.url.contains("Groups/missing") {
            return Answer::json(404, json!({ "status": "404" }));
        }
        match request.method.as_str() {
            "PATCH" if request.url.ends_with("Groups/empty") && body.contains("remove") => {
                Answer::json(400, json!({ "scimType": "noTarget" }))
            }
            "PATCH" if request.url.ends_with("Groups/broken") => Answer::json(500, json!({})),
            "PATCH" | "DELETE" => Answer::status(204),
            "POST" => Answer::json(201, json!({ "id": "new" })),
            _ => Answer::json(200, json!({ "id": "g" })),
        }
    });
}

fn user(kind: &str, id: Option<&str>, json: &str) -> Operation {
    operation(kind, "user", id, json)
}

/// Method and the end of the address of each request.
fn sent(host: &FakeHost) -> Vec<String> {
    let end = |url: &str| url.trim_start_matches("https://scim.example.com/v2/").to_owned();
    host.requests().iter().map(|request| format!("{} {}", request.method, end(&request.url))).collect()
}

#[test]
fn groups_are_looked_at_before_and_changed_after_the_user() {
    let (host, mut scim) = system(&[]);
    service(&host);
    let json = r#"{"userName":"ada","n":1.10,"urn:gangway:assignments":{"add":["a"],"remove":["b"]}}"#;
    let outcomes = scim.write(&[user("create", None, json), user("replace", Some("1"), "{}")]).unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.error.is_none()), "{outcomes:?}");
    assert_eq!(
        sent(&host),
        [
            "GET Groups/a?attributes=displayName",
            "GET Groups/b?attributes=displayName",
            "POST Users",
            "PUT Users/1",
            "PATCH Groups/a",
            "PATCH Groups/b",
        ]
    );
    let posted = String::from_utf8(host.requests()[2].body.clone()).unwrap();
    assert!(posted.contains("1.10") && !posted.contains("assignments"), "{posted}");
    assert_eq!(body(&host, 4)["Operations"][0]["value"], json!([{ "value": "new" }]));
    assert_eq!(body(&host, 5)["Operations"][0]["path"], "members[value eq \"new\"]");
}

#[test]
fn a_missing_group_keeps_the_user_from_being_written() {
    let (host, mut scim) = system(&[]);
    service(&host);
    let json = r#"{"userName":"ada","urn:gangway:assignments":{"add":["missing"]}}"#;
    let outcomes =
        scim.write(&[user("create", None, json), user("create", None, r#"{"userName":"bob"}"#)]).unwrap();
    let error = outcomes[0].error.as_ref().unwrap();
    assert_eq!((error.code.as_str(), error.detail("group")), ("invalid", Some("missing")));
    assert_eq!(outcomes[1].error, None);
    assert_eq!(sent(&host), ["GET Groups/missing?attributes=displayName", "POST Users"]);
}

#[test]
fn a_new_user_that_cannot_be_added_is_one_whose_create_was_not_answered() {
    let (host, mut scim) = system(&[]);
    service(&host);
    let json = r#"{"userName":"ada","urn:gangway:assignments":{"add":["broken"]}}"#;
    let outcomes = scim.write(&[user("create", None, json), user("replace", Some("1"), json)]).unwrap();
    let codes: Vec<&str> = outcomes.iter().map(|o| o.error.as_ref().unwrap().code.as_str()).collect();
    assert_eq!(codes, ["protocol", "unavailable"]);
}

#[test]
fn who_goes_leaves_the_groups_first_and_nothing_there_is_in_the_way() {
    let (host, mut scim) = system(&[]);
    service(&host);
    let json = r#"{"urn:gangway:assignments":{"remove":["a","empty","missing"]}}"#;
    let outcomes = scim.write(&[user("delete", Some("1"), json)]).unwrap();
    assert_eq!(outcomes[0].error, None);
    assert_eq!(
        sent(&host),
        [
            "PATCH Groups/a",
            "PATCH Groups/empty",
            "PATCH Groups/empty",
            "PATCH Groups/missing",
            "DELETE Users/1"
        ]
    );
}

#[test]
fn a_patch_with_nothing_else_leaves_the_user_alone() {
    let (host, mut scim) = system(&[]);
    service(&host);
    let json = r#"{"urn:gangway:assignments":{"remove":["a"]}}"#;
    let outcomes = scim.write(&[user("patch", Some("1"), json)]).unwrap();
    assert_eq!((outcomes[0].id.as_deref(), &outcomes[0].error), (Some("1"), &None));
    assert_eq!(sent(&host), ["GET Groups/a?attributes=displayName", "PATCH Groups/a"]);
}
