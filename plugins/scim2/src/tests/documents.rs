//! The default transformations.

use gangway_json_transformation::JsonTransformation;
use gangway_sdk::testing::FakeHost;
use gangway_sdk::transformation::{Answer, AnswerOutcome, Request};
use gangway_sdk::{Direction, Transformation};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn apply(direction: Direction, entity_type: &str, json: &Value, target_id: Option<&str>) -> Answer {
    let document = match direction {
        Direction::Read => include_str!("../../types/scim.read.json"),
        Direction::Write => include_str!("../../types/scim.write.json"),
    };
    let answer = applied(document, direction, entity_type, json, target_id);
    assert_eq!(answer.outcome, AnswerOutcome::Transformed, "{}", answer.reason);
    answer
}

fn applied(
    document: &str,
    direction: Direction,
    entity_type: &str,
    json: &Value,
    target_id: Option<&str>,
) -> Answer {
    let operation = match direction {
        Direction::Read => "read",
        Direction::Write if target_id.is_some() => "update",
        Direction::Write => "create",
    };
    let compiled =
        JsonTransformation::compile(document, direction, [("", ""); 0].into_iter().collect()).unwrap();
    assert_eq!(compiled.warnings(), []);
    let variables = target_id.map(|id| json!({"entityIdTargetSystem": id}).to_string()).unwrap_or_default();
    let request = Request { entity_type, operation, json: &json.to_string(), variables: &variables };
    let mut answers: Vec<Answer> = Vec::new();
    compiled.apply(&[request], false, &mut answers);
    answers.remove(0)
}

fn made(answer: &Answer) -> Value {
    serde_json::from_str(&answer.json).unwrap()
}

#[test]
fn what_belongs_to_the_service_stays_there() {
    let _host = FakeHost::install();
    let user = json!({"id": "7", "meta": {"version": "1"}, "userName": "ada", "groups": [{"value": "g"}], "x:y": {"a": 1}});
    let answer = apply(Direction::Read, "user", &user, None);
    assert_eq!(made(&answer), json!({"userName": "ada", "x:y": {"a": 1}}));
    assert_eq!(answer.id, "7");
    assert_eq!(answer.correlation, ["ada"]);
    let group =
        json!({"id": "8", "displayName": "G", "members": [{"value": "7", "type": "User"}], "meta": {}});
    let answer = apply(Direction::Read, "group", &group, None);
    assert_eq!(made(&answer), json!({"displayName": "G", "members": [{"value": "7", "type": "User"}]}));
}

#[test]
fn references_become_those_of_the_target() {
    let host = FakeHost::install();
    host.relations(|query| {
        let known = |id: &String| match (query.entity_type.as_str(), id.as_str()) {
            ("user", "u1" | "boss" | "x") | ("group", "g1" | "x") => {
                vec![format!("{}-{id}", query.entity_type)]
            }
            _ => vec![],
        };
        Ok(query.ids.iter().map(known).collect())
    });
    let user = json!({"userName": "ada", ENTERPRISE: {"department": "d", "manager": {"value": "boss", "$ref": "../Users/boss"}}});
    assert_eq!(
        made(&apply(Direction::Write, "user", &user, Some("t1"))),
        json!({"id": "t1", "userName": "ada", ENTERPRISE: {"department": "d", "manager": {"value": "user-boss"}}})
    );
    let user = json!({"userName": "ada", ENTERPRISE: {"department": "d", "manager": {"value": "unknown"}}});
    assert_eq!(
        made(&apply(Direction::Write, "user", &user, None)),
        json!({"userName": "ada", ENTERPRISE: {"department": "d"}})
    );
    assert_eq!(
        made(&apply(Direction::Write, "user", &json!({"userName": "a"}), None)),
        json!({"userName": "a"})
    );
    let group = json!({"displayName": "G", "members": [
        {"value": "u1"}, {"value": "g1", "display": "old"}, {"value": "x", "type": "User"}, {"value": "gone"}
    ]});
    let content = made(&apply(Direction::Write, "group", &group, None));
    let members: Vec<&str> =
        content["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect();
    assert_eq!(members, ["user-u1", "user-x", "group-g1"]);
    assert_eq!(
        made(&apply(Direction::Write, "group", &json!({"displayName": "G"}), None))["members"],
        json!([])
    );
}

const SAP: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:User";

#[test]
fn an_identity_directory_keeps_its_numbers_and_takes_who_can_be_reached() {
    let _host = FakeHost::install();
    let read = include_str!("../../types/directory.read.json");
    let write = include_str!("../../types/directory.write.json");
    let user = json!({"id": "7", "meta": {}, "userName": "ada", "groups": [{"value": "g"}], SAP: {"userUuid": "u-1", "userId": "P000001"}});
    let answer = applied(read, Direction::Read, "user", &user, None);
    assert_eq!(made(&answer), json!({"userName": "ada", SAP: {"userUuid": "u-1"}}));
    assert_eq!((answer.id.as_str(), answer.correlation.len()), ("7", 2));

    let ada = json!({"userName": "ada", "emails": [{"value": "ada@example.com"}]});
    let created = made(&applied(write, Direction::Write, "user", &ada, None));
    assert_eq!(
        created,
        json!({"userName": "ada", "emails": [{"value": "ada@example.com"}], "active": true, "userType": "employee",
               SAP: {"sendMail": false, "mailVerified": true}})
    );
    let given = json!({"userName": "ada", "emails": [{"value": "ada@example.com"}], "active": false, "userType": "partner"});
    let updated = made(&applied(write, Direction::Write, "user", &given, Some("t1")));
    let mut expected = given.clone();
    expected["id"] = json!("t1");
    assert_eq!(updated, expected);
    for nobody in [json!({"userName": "ada"}), json!({"userName": "ada", "emails": [{"value": "ada"}]})] {
        let answer = applied(write, Direction::Write, "user", &nobody, None);
        assert_ne!(answer.outcome, AnswerOutcome::Transformed, "{nobody}");
    }
}
