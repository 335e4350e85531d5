//! Runs the vectors of the language. All must pass; failing names are listed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use common::{Vector, check};

#[test]
fn all_vectors_pass() {
    let text = include_str!("vectors/transformation.jsonl");
    let (mut passed, mut failures) = (0, Vec::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let vector = Vector::parse(line);
        match check(&vector) {
            Ok(()) => passed += 1,
            Err(reason) => failures.push(format!("{}: {reason}", vector.name)),
        }
    }
    assert!(failures.is_empty(), "{passed} passed, {} failed\n{}", failures.len(), failures.join("\n"));
    assert_eq!(passed, 398);
}
