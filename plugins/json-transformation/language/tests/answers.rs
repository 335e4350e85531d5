//! What a batch is answered.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use std::borrow::Cow;

use common::{Relations, Sequence, apply};
use gangway_transformation_language::{Answer, Answers, Direction, Outer, Request, compile};
use serde_json::{Value, json};

fn variables(operation: &str, user: Value) -> String {
    let document = json!({ "user": { "mappings": [
        { "constant": "x", "targetVariable": "mine" },
        { "constant": "x", "targetPath": "$.title" },
        { "constant": [{ "id": "a" }], "targetVariable": "assignGroup", "condition": "$.name == 'ann'" },
        { "constant": [{ "id": "b" }, { "id": "c" }], "targetVariable": "assignGroup" },
        { "constant": [{ "id": "d" }], "targetVariable": "unassignGroup", "scope": "deleteEntity" },
    ] } });
    let compiled = compile(&document.to_string(), Direction::Write, &[]).unwrap();
    let request = Request { entity_type: "user", operation, json: &user.to_string(), variables: "" };
    apply(&compiled, request, &mut Relations::default(), false).variables
}

#[test]
fn the_last_assignment_that_matches_is_told_and_no_other_variable() {
    assert_eq!(variables("create", json!({ "name": "ann" })), r#"{"assignGroup":[{"id":"b"},{"id":"c"}]}"#);
    assert_eq!(variables("delete", json!({})), r#"{"unassignGroup":[{"id":"d"}]}"#);
}

/// Notes answers in short.
#[derive(Default)]
struct Notes(Vec<String>);

impl Answers for Notes {
    fn transformed(&mut self, json: &[u8], id: &str, correlation: &[Cow<'_, str>]) {
        self.0.push(format!("{} {id} {correlation:?}", str::from_utf8(json).unwrap()));
    }

    fn put(&mut self, answer: Answer) {
        let (outcome, words) = (answer.outcome.as_str(), answer.depends.join(" "));
        self.0.push(format!("{outcome} {} {} {} {words}", answer.json, answer.id, answer.unresolved));
    }
}

#[test]
fn answers_come_in_order_and_are_all_that_is_to_be_said() {
    let document = json!({ "user": { "mappings": [
        { "sourcePath": "$.id", "targetVariable": "entityIdSourceSystem" },
        { "sourcePath": "$.name", "targetPath": "$.userName", "correlationAttribute": true },
        { "sourcePath": "$.boss", "optional": true, "targetPath": "$.manager",
          "functions": [{ "function": "resolveEntityIds" }] },
    ] } });
    let compiled = compile(&document.to_string(), Direction::Read, &[]).unwrap();
    let entities = [
        r#"{"id":"1","name":"ann"}"#,
        r#"{"id":"2","name":"bob","boss":"1"}"#,
        r#"{"id":"3","name":"\u00e4\""}"#,
        r#"{"id":"4"}"#,
        r#"{"id":"5","name":"eve","boss":"9"}"#,
        "[]",
        r#"{"id":"6","name":["fay","fred"]}"#,
    ];
    let requests =
        entities.map(|json| Request { entity_type: "user", operation: "read", json, variables: "" });
    let mut relations = Relations::of(&json!({ "user": { "1": "T1" } }));
    let mut notes = Notes::default();
    let mut outer =
        Outer { now_milliseconds: &|| 0, random: &mut Sequence(7), resolver: &mut relations, explain: false };
    compiled.answer(requests.iter().cloned(), &mut outer, &mut notes);
    let expected = [
        r#"{"userName":"ann"} 1 ["ann"]"#,
        r#"transformed {"userName":"bob","manager":"T1"} 2 0 relations"#,
        // Held back behind the one before, so an answer was made of it.
        r#"transformed {"userName":"ä\""} 3 0 "#,
        "failed  4 0 ",
        r#"transformed {"userName":"eve"} 5 1 relations"#,
        "failed   0 ",
        r#"transformed {"userName":["fay","fred"]} 6 0 "#,
    ];
    assert_eq!(notes.0, expected);
    let answers = compiled.apply(&requests, &mut outer);
    assert_eq!(answers[6].correlation, ["fay", "fred"]);
    assert_eq!(
        answers.iter().map(|answer| answer.id.as_str()).collect::<Vec<_>>(),
        ["1", "2", "3", "4", "5", "", "6"]
    );
}

#[test]
fn a_constant_can_be_correlated() {
    let mapping = json!({ "constant": "staff", "targetPath": "$.kind", "correlationAttribute": true });
    let document = json!({ "user": { "mappings": [mapping] } });
    let compiled = compile(&document.to_string(), Direction::Read, &[]).unwrap();
    let request = Request { entity_type: "user", operation: "read", json: "{}", variables: "" };
    assert_eq!(apply(&compiled, request, &mut Relations::default(), false).correlation, ["staff"]);
}

#[test]
fn a_place_that_is_not_the_next_is_written_once() {
    let written = |mappings: Value| {
        let document = json!({ "user": { "mappings": mappings } });
        let compiled = compile(&document.to_string(), Direction::Write, &[]).unwrap();
        let request = Request { entity_type: "user", operation: "create", json: "{}", variables: "" };
        apply(&compiled, request, &mut Relations::default(), false).json
    };
    let constant = |path: &str| json!({ "constant": 1, "targetPath": path });
    assert_eq!(written(json!([constant("$.list[2].x")])), r#"{"list":[{"x":1}]}"#);
    assert_eq!(
        written(json!([constant("$.list[1].x"), constant("$.list[0].x"), constant("$.list[1].y")])),
        r#"{"list":[{"x":1},{"x":1,"y":1}]}"#
    );
    assert_eq!(
        written(json!([constant("$.a.b[3].c.d"), constant("$.a.b[3].c.e")])),
        r#"{"a":{"b":[{"c":{"d":1,"e":1}}]}}"#
    );
}
