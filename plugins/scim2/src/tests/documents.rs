//! The default transformations.

use gangway_json_transformation::JsonTransformation;
use gangway_sdk::testing::FakeHost;
use gangway_sdk::transformation::{Answer, AnswerOutcome, Request};
use gangway_sdk::{Direction, Transformation};
use serde_json::{Value, json};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn apply(direction: Direction, entity_type: &str, json: &Value, target_id: Option<&str>) -> Answer {
    let (document, operation) = match direction {
        Direction::Read => (include_str!("../../types/scim.read.json"), "read"),
        Direction::Write if target_id.is_some() => (include_str!("../../types/scim.write.json"), "update"),
        Direction::Write => (include_str!("../../types/scim.write.json"), "create"),
    };
    let compiled =
        JsonTransformation::compile(document, direction, [("", ""); 0].into_iter().collect()).unwrap();
    assert_eq!(compiled.warnings(), []);
    let variables = target_id.map(|id| json!({"entityIdTargetSystem": id}).to_string()).unwrap_or_default();
    let request = Request { entity_type, operation, json: &json.to_string(), variables: &variables };
    let answer = compiled.apply(&[request], false).remove(0);
    assert_eq!(answer.outcome, AnswerOutcome::Transformed, "{}", answer.reason);
    answer
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
