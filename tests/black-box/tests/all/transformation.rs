//! Transformations at the desk: vectors, single runs, traces and diagnostics, through the component.

use crate::systems::{counters, csv_source, write_users};
use gangway_kit::{Engine, component_file, examples, gangway, root};
use gangway_model::{Action, JobStatus};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

fn transformation(arguments: &[&str]) -> Output {
    Command::new(gangway().unwrap())
        .arg("transformation")
        .args(arguments)
        .current_dir(examples().join("transformation"))
        .env("GANGWAY_TRANSFORMATION", component_file("json-transformation"))
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn last_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn all_vectors_pass_through_the_component() {
    let vectors = root().join("plugins/json-transformation/language/tests/vectors/transformation.jsonl");
    let output = transformation(&["test", &vectors.display().to_string()]);
    assert_eq!(last_line(&output), "398 passed, 0 failed", "{}", told(&output));
    assert!(output.status.success());
}

/// Documents printed elsewhere: they are run where they stand and never copied.
#[test]
fn whole_documents_pass_through_the_component() {
    let vectors = root().join("../shared/vectors/whole-documents.jsonl");
    if !vectors.exists() {
        println!("not here: {}", vectors.display());
        return;
    }
    let output = transformation(&["test", &vectors.display().to_string()]);
    assert_eq!(last_line(&output), "8 passed, 0 failed", "{}", told(&output));
}

#[test]
fn the_example_for_people_passes_and_a_wrong_one_says_what_differs() {
    let output = transformation(&["test", "hr.tests.yaml"]);
    assert_eq!(last_line(&output), "4 passed, 0 failed", "{}", told(&output));
    assert!(output.status.success());

    let folder = tempfile::tempdir().unwrap();
    let example = std::fs::read_to_string(examples().join("transformation/hr.tests.yaml")).unwrap();
    let document = examples().join("transformation/hr.read.json").display().to_string();
    let wrong = example
        .replace("transformation: hr.read.json", &format!("transformation: {document}"))
        .replace("userName: ada", "userName: ADA")
        .replace("outcome: failed", "outcome: ok");
    let file = folder.path().join("wrong.yaml");
    std::fs::write(&file, wrong).unwrap();
    let output = transformation(&["test", &file.display().to_string()]);
    let text = told(&output);
    assert_eq!(last_line(&output), "2 passed, 2 failed", "{text}");
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains(r#"/userName: expected "ADA", found "ada""#), "{text}");
    assert!(text.contains("expected Ok, came out Failed: mapping $.family"), "{text}");
}

#[test]
fn an_entity_is_transformed_and_explained() {
    let output = transformation(&["run", "hr.read.json", "ada.json"]);
    let entity: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(entity, json!({ "userName": "ada", "name": { "familyName": "Lovelace" }, "active": true }));
    let output = transformation(&["explain", "hr.read.json", "ada.json"]);
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(explained["outcome"], "transformed");
    assert_eq!(explained["variables"], json!({ "entityIdSourceSystem": "1" }));
    assert!(explained["trace"].as_array().is_some_and(|steps| steps.len() == 7), "{explained}");
}

/// Large and odd entities, in the component with its limits: a right result or a clear error.
#[test]
fn large_and_odd_entities_come_out_right_or_say_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let copy = file(
        "copy.json",
        r#"{"user":{"mappings":[{"sourcePath":"$","targetPath":"$"},{"constant":"1","targetVariable":"entityIdSourceSystem"}]}}"#,
    );
    let big = format!("{{\"a\":\"{}\"}}", "x".repeat(10_000_000));
    let items: Vec<String> = (0..100_000).map(|n| format!("{{\"v\":{n}}}")).collect();
    let long = format!("{{\"a\":[{}]}}", items.join(","));
    for entity in [big, long] {
        let output = transformation(&["run", &copy, &file("entity.json", &entity)]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(found == serde_json::from_str::<Value>(&entity).unwrap(), "{} bytes", output.stdout.len());
    }
    let numbers = r#"{"a":2,"n":1e999999,"m":12345678901234567890123.50,"z":"\u0000"}"#;
    let twice = numbers.replacen('{', "{\"a\":1,", 1);
    let output = transformation(&["run", &copy, &file("entity.json", &twice)]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), numbers);
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for (entity, reason) in [
        (deep.as_str(), "nested more than 128 levels deep"),
        ("{\"a\":\"\\ud800\"}", "half of a surrogate pair"),
        ("{\"a\":", "the entity is not valid JSON at byte"),
        ("[]", "the entity is not a JSON object but an array"),
    ] {
        let output = transformation(&["run", &copy, &file("entity.json", entity)]);
        assert_eq!(output.status.code(), Some(1), "{reason}");
        assert!(told(&output).contains(reason), "{}", told(&output));
    }
}

#[test]
fn a_document_is_linted() {
    let output = transformation(&["lint", "hr.read.json"]);
    assert!(output.status.success(), "{}", told(&output));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.json");
    std::fs::write(&file, "{\"user\":{\"mappings\":[\n {\"constant\":1,\"targetpath\":\"$.a\"}]}}").unwrap();
    let output = transformation(&["lint", &file.display().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let text = told(&output);
    assert!(text.contains("did you mean `targetPath`") && text.contains("2:"), "{text}");
    let output = transformation(&["lint", "nowhere.json"]);
    assert!(!output.status.success());
    assert!(told(&output).contains("cannot read nowhere.json"), "{}", told(&output));
    assert!(Path::new(&component_file("json-transformation")).exists());
}

/// A partner's own transformation stands wherever the JSON one may.
#[tokio::test]
async fn a_transformation_of_ones_own_takes_the_place_of_the_json_one() {
    let engine = Engine::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_users(folder.path(), &[("A", "x"), ("B", "x")]);
    let api = engine.api("own").unwrap();
    api.make_tenant().await.unwrap();
    api.load(&["csv", "discard", "lines"]).await.unwrap();
    let mut source = csv_source("HR", folder.path());
    source["read"] = json!({ "plugin": "lines", "document": "# people\n* = id\nuserName = userName\n" });
    api.make_system(source).await.unwrap();
    api.make_system(json!({
        "name": "Nowhere", "role": "target", "plugin": "discard", "enabled": true, "sources": ["HR"],
        "write": { "plugin": "lines", "document": "login = userName\n" },
    }))
    .await
    .unwrap();
    let first = api.run("HR").await.unwrap();
    assert_eq!(first.status, JobStatus::Success, "{first:?}\n{}", engine.log());
    assert_eq!(counters(&first, "user", Action::Write).created, 2, "{first:?}");
    let second = api.run("HR").await.unwrap();
    assert_eq!(counters(&second, "user", Action::Write).unchanged, 2, "{second:?}");
    write_users(folder.path(), &[("A", "y")]);
    let third = api.run("HR").await.unwrap();
    let row = counters(&third, "user", Action::Write);
    assert_eq!(
        (row.unchanged, row.deleted),
        (1, 1),
        "the department is no business of the target: {third:?}"
    );
}

#[test]
fn a_wrong_document_of_a_transformation_of_ones_own_is_linted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.lines");
    std::fs::write(&file, "* = id\nuserName\n").unwrap();
    let lines = component_file("lines").display().to_string();
    let output = transformation(&["lint", &file.display().to_string(), "--plugin", &lines]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("`userName` is no line"), "{}", told(&output));
}
