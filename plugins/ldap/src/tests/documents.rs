//! The default transformations.

use super::settings;
use crate::mapping::Content;
use gangway_json_transformation::JsonTransformation;
use gangway_sdk::testing::FakeHost;
use gangway_sdk::transformation::{Answer, AnswerOutcome, Request};
use gangway_sdk::{Direction, Transformation};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn apply(direction: Direction, entity_type: &str, operation: &str, json: &Value) -> Answer {
    let document = match direction {
        Direction::Read => include_str!("../../types/ldap.read.json"),
        Direction::Write => include_str!("../../types/ldap.write.json"),
    };
    applied(document, direction, entity_type, operation, json)
}

fn applied(document: &str, direction: Direction, entity_type: &str, operation: &str, json: &Value) -> Answer {
    let compiled =
        JsonTransformation::compile(document, direction, [("", ""); 0].into_iter().collect()).unwrap();
    assert_eq!(compiled.warnings(), []);
    let request = Request { entity_type, operation, json: &json.to_string(), variables: "" };
    let mut answers: Vec<Answer> = Vec::new();
    compiled.apply(&[request], false, &mut answers);
    let answer = answers.remove(0);
    assert_eq!(answer.outcome, AnswerOutcome::Transformed, "{}", answer.reason);
    answer
}

fn made(answer: &Answer) -> Value {
    serde_json::from_str(&answer.json).unwrap()
}

#[test]
fn an_entry_becomes_a_user() {
    let _host = FakeHost::install();
    let entry = json!({
        "dn": ["uid=ada,dc=x"], "entryUUID": ["u-1"], "uid": ["ada"], "cn": ["Ada L", "Ada"], "sn": ["Lovelace"],
        "givenName": ["Ada"], "mail": ["a@x", "b@x"], "mobile": ["+44 1"], "departmentNumber": ["7"],
        "manager": ["uid=boss,dc=x"]
    });
    let answer = apply(Direction::Read, "user", "read", &entry);
    assert_eq!(answer.id, "uid=ada,dc=x");
    assert_eq!(
        made(&answer),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "externalId": "u-1", "userName": "ada", "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "displayName": "Ada L",
            "emails": [{"value": "a@x", "type": "work", "primary": true}, {"value": "b@x"}],
            "phoneNumbers": [{"value": "+44 1", "type": "mobile"}],
            "active": true,
            ENTERPRISE: {"department": "7", "manager": {"value": "uid=boss,dc=x"}},
        })
    );
    let bare = json!({"dn": ["uid=b,dc=x"], "uid": ["b"], "sn": ["B"]});
    assert_eq!(made(&apply(Direction::Read, "user", "read", &bare)).get("emails"), None);
}

#[test]
fn an_entry_becomes_a_group() {
    let _host = FakeHost::install();
    for (members, expected) in [
        (json!(["uid=a", "uid=b"]), json!([{"value": "uid=a"}, {"value": "uid=b"}])),
        (json!(["uid=a"]), json!([{"value": "uid=a"}])),
        (json!([]), json!([])),
    ] {
        let entry = json!({"dn": ["cn=g,dc=x"], "cn": ["G"], "member": members});
        let group = made(&apply(Direction::Read, "group", "read", &entry));
        assert_eq!((&group["displayName"], &group["members"]), (&json!("G"), &expected));
    }
}

#[test]
fn a_user_becomes_attributes_and_what_is_gone_is_removed() {
    let host = FakeHost::install();
    host.relations(|query| Ok(query.ids.iter().map(|id| vec![format!("uid={id},dc=y")]).collect()));
    let user = json!({
        "userName": "ada", "name": {"familyName": "Lovelace"}, "emails": [{"value": "a@x"}],
        "phoneNumbers": [{"value": "1", "type": "work"}, {"value": "2", "type": "mobile"}],
        ENTERPRISE: {"manager": {"value": "boss"}}
    });
    let answer = apply(Direction::Write, "user", "create", &user);
    let made = made(&answer);
    assert_eq!(made["uid"], json!(["ada"]));
    assert_eq!((&made["cn"], &made["sn"]), (&json!(["ada"]), &json!(["Lovelace"])));
    assert_eq!(
        (&made["mail"], &made["title"], &made["givenName"]),
        (&json!(["a@x"]), &json!([]), &json!([]))
    );
    assert_eq!((&made["telephoneNumber"], &made["mobile"]), (&json!(["1"]), &json!(["2"])));
    assert_eq!(made["manager"], json!(["uid=boss,dc=y"]));
    Content::parse(&answer.json, &settings(&[])).unwrap();
}

#[test]
fn a_group_becomes_members_of_both_kinds() {
    let host = FakeHost::install();
    host.relations(|query| {
        let known = |id: &String| match (query.entity_type.as_str(), id.as_str()) {
            ("user", "u1" | "u2" | "x") => vec![format!("uid={id},dc=y")],
            ("group", "g1" | "x") => vec![format!("cn={id},dc=y")],
            _ => vec![],
        };
        Ok(query.ids.iter().map(known).collect())
    });
    let group = json!({"displayName": "G", "members": [
        {"value": "u1"}, {"value": "g1"}, {"value": "u2", "type": "User"}, {"value": "x", "type": "Group"}, {"value": "gone"}
    ]});
    let content = made(&apply(Direction::Write, "group", "create", &group));
    let mut members: Vec<&str> =
        content["member"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    members.sort_unstable();
    assert_eq!(members, ["cn=g1,dc=y", "cn=x,dc=y", "uid=u1,dc=y", "uid=u2,dc=y"]);
    assert_eq!(content["cn"], json!(["G"]));
    for empty in [
        json!({"displayName": "G"}),
        json!({"displayName": "G", "members": []}),
        json!({"displayName": "G", "members": [{"value": "gone"}]}),
    ] {
        assert_eq!(made(&apply(Direction::Write, "group", "update", &empty))["member"], json!([]), "{empty}");
    }
}

#[test]
fn an_account_of_active_directory_becomes_a_user_and_back() {
    let host = FakeHost::install();
    host.relations(|query| Ok(query.ids.iter().map(|id| vec![format!("cn={id},dc=y")]).collect()));
    let read = include_str!("../../types/ad.read.json");
    let write = include_str!("../../types/ad.write.json");
    let entry = json!({
        "dn": ["cn=ada,dc=x"], "objectGUID": ["Z3VpZA=="], "sAMAccountName": ["ada"], "cn": ["ada"], "sn": ["Lovelace"],
        "mail": ["a@x"], "department": ["7"], "userAccountControl": ["514"], "manager": ["cn=boss,dc=x"]
    });
    let answer = applied(read, Direction::Read, "user", "read", &entry);
    assert_eq!(answer.id, "cn=ada,dc=x");
    assert_eq!(
        made(&answer),
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "externalId": "Z3VpZA==", "userName": "ada", "name": {"familyName": "Lovelace"}, "displayName": "ada",
            "emails": [{"value": "a@x", "type": "work", "primary": true}], "active": false,
            ENTERPRISE: {"department": "7", "manager": {"value": "cn=boss,dc=x"}},
        })
    );
    let enabled = json!({"dn": ["cn=b,dc=x"], "sAMAccountName": ["b"], "userAccountControl": ["66048"]});
    let enabled = made(&applied(read, Direction::Read, "user", "read", &enabled));
    assert_eq!((&enabled["active"], &enabled["name"]["familyName"]), (&json!(true), &json!("b")));

    let user = json!({"userName": "ada", "name": {"familyName": "Lovelace"}, "emails": [{"value": "a@x"}],
                      ENTERPRISE: {"department": "7", "manager": {"value": "boss"}}});
    let created = made(&applied(write, Direction::Write, "user", "create", &user));
    assert_eq!((&created["sAMAccountName"], &created["cn"]), (&json!(["ada"]), &json!(["ada"])));
    assert_eq!((&created["mail"], &created["manager"]), (&json!(["a@x"]), &json!(["cn=boss,dc=y"])));
    // Without a password an account cannot be enabled, and afterwards it is not this document's to decide.
    assert_eq!(created["userAccountControl"], json!(["514"]));
    let updated = made(&applied(write, Direction::Write, "user", "update", &user));
    assert_eq!(updated.get("userAccountControl"), None);

    let group = json!({"displayName": "G", "members": [{"value": "u", "type": "User"}]});
    let group = made(&applied(write, Direction::Write, "group", "create", &group));
    assert_eq!((&group["objectClass"], &group["member"]), (&json!(["top", "group"]), &json!(["cn=u,dc=y"])));
    let entry = json!({"dn": ["cn=g,dc=x"], "cn": ["G"], "member": ["cn=u,dc=x"]});
    let read = made(&applied(read, Direction::Read, "group", "read", &entry));
    assert_eq!(read["members"], json!([{"value": "cn=u,dc=x"}]));
}
