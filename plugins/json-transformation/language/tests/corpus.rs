//! Every document of a folder of documents printed in public documentation compiles, or is refused for a
//! reason that is right; each that compiles runs on generated input. The folder stands beside the clone
//! (`../shared/corpus/transformations`) and is not part of it; without it there is nothing to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::Relations;
use gangway_transformation_language::{Direction, Outcome, Request, compile};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Printed as examples of a mapping, a function or a condition: parts of documents.
const PARTS: [&str; 24] = [
    "google-g-suite-18940ca-source-2",
    "google-g-suite-3162f60-target-2",
    "handling-specific-attributes-e957782-doc-5",
    "identity-authentication-e4e25f1-source-1",
    "job-and-transformation-issues-dbe3c08-doc-13",
    "job-and-transformation-issues-dbe3c08-doc-22",
    "job-and-transformation-issues-dbe3c08-doc-23",
    "list-of-properties-d6f3577-doc-1",
    "local-identity-directory-8c7d05e-source-1",
    "microsoft-active-directory-352ed37-proxy-1",
    "sap-application-server-abap-5235087-source-3",
    "transformation-expressions-bb8537b-doc-2",
    "transformation-expressions-bb8537b-doc-3",
    "transformation-expressions-bb8537b-doc-37",
    "transformation-expressions-bb8537b-doc-38",
    "transformation-expressions-bb8537b-doc-39",
    "transformation-functions-0cdac7c-doc-1",
    "transformation-functions-0cdac7c-doc-10",
    "transformation-functions-0cdac7c-doc-24",
    "transformation-variables-8376adb-doc-2",
    "transformation-variables-8376adb-doc-6",
    "transformation-variables-8376adb-doc-7",
    "update-sap-integrated-business-planning-18d1280-doc-1",
    "update-sap-s-4hana-cloud-public-edition-6339b86-doc-1",
];

fn documents() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpus/transformations");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    files
}

/// Sets an example value at each path that a document reads, so that mappings have something to do.
fn example(document: &Value) -> Value {
    let mut entity = serde_json::json!({ "id": "1", "userName": "ada", "emails": [{ "value": "a@x.org", "type": "work" }] });
    let mut paths = Vec::new();
    collect(document, &mut paths);
    for path in paths {
        let names: Vec<&str> = path.trim_start_matches("$.").split(['.', '[', ']', '\'']).collect();
        let plain = names.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric()));
        if plain && let Some((first, rest)) = names.split_first() {
            let value = rest.iter().rev().fold(Value::from("example"), |inner, name| {
                Value::Object([((*name).to_owned(), inner)].into_iter().collect())
            });
            entity.as_object_mut().unwrap().entry(*first).or_insert(value);
        }
    }
    entity
}

fn collect(value: &Value, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(path)) = members.get("sourcePath") {
                paths.push(path.clone());
            }
            members.values().for_each(|value| collect(value, paths));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, paths)),
        _ => {}
    }
}

#[test]
fn every_document_compiles_or_is_refused_for_a_reason_that_is_right() {
    let (mut refused, mut compiled_documents, mut transformed) = (Vec::new(), 0, 0);
    for file in documents() {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let direction = if name.contains("-source-") { Direction::Read } else { Direction::Write };
        let compiled = match compile(&text, direction, &[]) {
            Ok(compiled) => compiled,
            Err(problems) => {
                assert!(problems[0].message.ends_with("this is only a part of one"), "{name}: {problems:?}");
                refused.push(name);
                continue;
            }
        };
        compiled_documents += 1;
        let document: Value = serde_json::from_str(&text).unwrap_or_default();
        let full = example(&document).to_string();
        for needs in compiled.needs() {
            for operation in ["read", "create", "update", "patch", "delete"] {
                if (operation == "read") != (direction == Direction::Read) {
                    continue;
                }
                for json in ["{}", full.as_str()] {
                    let request = Request { entity_type: &needs.entity_type, operation, json, variables: "" };
                    let answer = common::apply(&compiled, request, &mut Relations::default(), true);
                    transformed += usize::from(answer.outcome == Outcome::Transformed);
                    if answer.outcome == Outcome::Failed {
                        assert!(!answer.reason.is_empty(), "{name} {operation}");
                    }
                    serde_json::from_str::<Value>(&answer.trace).unwrap_or_default();
                }
            }
        }
    }
    if compiled_documents + refused.len() == 0 {
        println!("the folder of documents is not here");
        return;
    }
    println!("{compiled_documents} compiled, {transformed} transformed");
    assert_eq!(refused, PARTS);
    assert!(compiled_documents == 136 && transformed > 500, "{compiled_documents}, {transformed}");
}
