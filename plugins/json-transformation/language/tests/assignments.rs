//! Groups that a write transformation assigns to a user.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Relations, apply};
use gangway_transformation_language::{Direction, Request, compile};
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
