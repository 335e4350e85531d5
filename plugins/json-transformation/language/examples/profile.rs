//! What the compiler is told of the language's use (`make profile`): documents that systems come with and larger
//! ones, applied to users, and every vector. Writes `out/profile.profraw` when it is built to count.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Relations, Sequence, Vector, check};
use gangway_transformation_language::{Direction, Outcome, Outer, Request, compile};
use serde_json::{Value, json};

/// Users of a batch, as the engine reads them.
const BATCH: usize = 100;
/// Batches of each document.
const BATCHES: usize = 100;
/// How often each vector runs: enough that no function of the language counts as unused.
const VECTOR_RUNS: usize = 20;

/// What the document makes of each entity.
fn apply(document: &str, direction: Direction, operation: &str, entities: &[String]) -> Vec<String> {
    let compiled = compile(document, direction, &[]).expect("a right document");
    let variables = r#"{"entityIdTargetSystem":"2819c223"}"#;
    let requests: Vec<Request<'_>> =
        entities.iter().map(|json| Request { entity_type: "user", operation, json, variables }).collect();
    let mut outer = Outer {
        now_milliseconds: &|| 0,
        random: &mut Sequence(7),
        resolver: &mut Relations::default(),
        explain: false,
    };
    let mut answers = Vec::new();
    for _ in 0..BATCHES {
        answers = compiled.apply(&requests, &mut outer);
    }
    assert!(answers.iter().all(|answer| answer.outcome == Outcome::Transformed), "{:?}", answers.first());
    answers.into_iter().map(|answer| answer.json).collect()
}

/// A row of a CSV file; every tenth user is not active, and has no mail address.
fn row(number: usize) -> String {
    let usual = !number.is_multiple_of(10);
    let mut row = json!({
        "id": format!("{number:06}"),
        "userName": format!("given.family{number}"),
        "givenName": format!("Given{number}"),
        "familyName": "Müller",
        "department": "Research",
        "title": "Engineer",
        "type": "employee",
        "active": usual.to_string(),
    });
    if usual {
        row["email"] = json!(format!("given.family{number}@example.com"));
    }
    row.to_string()
}

/// A sample without its spaces, as often as a batch holds.
fn batch(sample: &str) -> Vec<String> {
    vec![serde_json::from_str::<Value>(sample).unwrap().to_string(); BATCH]
}

fn main() {
    use Direction::{Read, Write};
    let rows: Vec<String> = (0..BATCH).map(row).collect();
    let users = apply(include_str!("../../../csv/types/csv.read.json"), Read, "read", &rows);
    apply(include_str!("../../../scim2/types/scim.write.json"), Write, "create", &users);

    let entries = batch(include_str!("../samples/ldap-user.json"));
    apply(include_str!("../samples/ldap-user-read.json"), Read, "read", &entries);

    let users = batch(include_str!("../samples/scim-user.json"));
    apply(include_str!("../samples/scim-user-write.json"), Write, "update", &users);
    let users = apply(include_str!("../../../scim2/types/scim.read.json"), Read, "read", &users);
    apply(include_str!("../../../ldap/types/ldap.write.json"), Write, "create", &users);

    for line in include_str!("../tests/vectors/transformation.jsonl").lines().filter(|line| !line.is_empty())
    {
        for _ in 0..VECTOR_RUNS {
            check(&Vector::parse(line)).unwrap();
        }
    }
    #[cfg(gangway_profile)]
    keep();
}

/// Writes the counters out.
#[cfg(gangway_profile)]
#[allow(unsafe_code)]
fn keep() {
    let mut counters = Vec::new();
    // SAFETY: there is one thread, and nothing counts meanwhile.
    unsafe { minicov::capture_coverage(&mut counters) }.unwrap();
    std::fs::write("out/profile.profraw", counters).unwrap();
}
