//! Runs every example of the documentation page, and checks that everything has one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Relations, Vector, check, compiled};
use serde_json::{Value, json};

const PAGE: &str = include_str!("../../../../docs/transformations.md");

fn examples() -> Vec<Value> {
    let blocks = PAGE.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|block| serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}")))
        .collect()
}

#[test]
fn every_example_runs() {
    let examples = examples();
    assert!(examples.len() >= 25);
    for example in examples {
        let mut entity = example["entity"].as_object().cloned().unwrap_or_default();
        entity.insert("mappings".into(), example["mappings"].clone());
        let operation = example["operation"].as_str().unwrap_or("read");
        let vector = json!({
            "name": "example", "entity": "user", "operation": operation, "input": example["input"],
            "direction": if operation == "read" { "read" } else { "write" },
            "transformation": { "user": entity },
            "properties": example["properties"], "resolver": example["resolver"],
            "expected": example["output"], "outcome": example["outcome"].as_str().unwrap_or("ok"),
            "skip_reason": example["reason"], "expected_variables": example["variables"],
            "expected_correlation": example["correlation"],
        });
        if let Err(reason) = check(&Vector { name: "example".into(), json: vector }) {
            panic!("{reason}\n{example:#}");
        }
    }
}

#[test]
fn every_word_has_an_example() {
    let text = examples().iter().map(Value::to_string).collect::<String>();
    let words = "mappings condition ignore skipOperations scimEntityEndpoint sourcePath targetPath sourceVariable targetVariable \
        variablePath constant sourcePaths valueMappings type optional defaultValue preserveArrayWithSingleElement functions scope \
        correlationAttribute hashing concatString convertCountryCode convertCountryRegion convertLocaleCode convertTimezoneCode \
        compositeId copyMapEntry renameMapEntry encode decode toString elementAt getMatchedRegexGroup matchRegex manipulateDate \
        putIfAbsent putIfPresent randomPassword replaceString replaceFirstString replaceLastString replaceAllString \
        resolveEntityIds splitStringToArray substring toUpperCaseString toLowerCaseString remove rename valueMapping createEntity \
        patchEntity deleteEntity";
    for word in words.split_whitespace() {
        assert!(text.contains(&format!("\"{word}\"")), "no example has {word}");
        assert!(PAGE.contains(&format!("`{word}`")), "the page does not describe {word}");
    }
    for call in [
        "isValidEmail",
        "isApplicationSpecificGroup",
        "isRegularGroup",
        "isAttributeWithOptionalPrefix",
        "isAttributeWithMandatoryPrefix",
    ] {
        assert!(text.contains(call), "no example has {call}");
    }
}

#[test]
fn the_table_of_paths_is_right() {
    let start = PAGE.find("| path | on `").unwrap();
    let mut lines = PAGE[start..].lines();
    let input = lines.next().unwrap().split('`').nth(1).unwrap();
    let mut rows = 0;
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let mut cells = line.split('`').skip(1).step_by(2);
        let (path, expected) = (cells.next().unwrap(), cells.next().unwrap());
        let document = json!({"user": {"mappings": [{"sourcePath": path, "targetPath": "$.out", "preserveArrayWithSingleElement": true}]}});
        let compiled =
            compiled(&document.to_string(), "read", &[]).unwrap_or_else(|problems| panic!("{problems:?}"));
        let request = gangway_transformation_language::Request {
            entity_type: "user",
            operation: "read",
            json: input,
            variables: "",
        };
        let answer = common::apply(&compiled, request, &mut Relations::default(), false);
        let output: Value = serde_json::from_str(&answer.json).unwrap();
        assert_eq!(output["out"], serde_json::from_str::<Value>(expected).unwrap(), "{path}");
        rows += 1;
    }
    assert!(rows >= 7);
}

#[test]
fn the_trace_is_right() {
    let (before, rest) = PAGE.split_once("```json trace\n").unwrap();
    let expected: Value = serde_json::from_str(rest.split("```").next().unwrap()).unwrap();
    let example: Value =
        serde_json::from_str(before.rsplit("```json\n").next().unwrap().split("```").next().unwrap())
            .unwrap();
    let document = json!({"user": {"mappings": example["mappings"]}}).to_string();
    let compiled = compiled(&document, "read", &[]).unwrap_or_else(|problems| panic!("{problems:?}"));
    let input = example["input"].to_string();
    let request = gangway_transformation_language::Request {
        entity_type: "user",
        operation: "read",
        json: &input,
        variables: "",
    };
    let answer = common::apply(&compiled, request, &mut Relations::default(), true);
    assert_eq!(serde_json::from_str::<Value>(&answer.trace).unwrap(), expected);
}
