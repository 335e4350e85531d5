//! The demo itself: every number as expected, and the output that the README shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use gangway_kit::root;
use std::process::Command;

/// A line without what differs from run to run: addresses, identifiers, times, and how wide they are.
fn comparable(line: &str) -> String {
    let line = line.replace(" (compiled code was cached)", "");
    let words: Vec<&str> = line.split_whitespace().collect();
    let next = words.iter().skip(1).chain([&""]);
    let same = words.iter().zip(next).map(|(word, next)| {
        let bare = word.trim_end_matches(')');
        if word.starts_with("http://127.0.0.1:") {
            "URL"
        } else if bare.len() == 36 && bare.matches('-').count() == 4 {
            "ID"
        } else if ["ms", "s"].contains(next) && word.parse::<f64>().is_ok() {
            "TIME"
        } else {
            word
        }
    });
    same.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_number_is_the_expected_one_and_the_readme_shows_them() {
    let output = Command::new(env!("CARGO_BIN_EXE_gangway-demo")).arg("--warm").output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !said.contains('✗'), "{said}\n{errors}");
    assert!(said.matches('✓').count() >= 16, "{said}");

    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, shown) = readme.split_once("```\nGangway demo:").unwrap();
    let (shown, _) = shown.split_once("\n```").unwrap();
    let shown = format!("Gangway demo:{shown}");
    let (said, shown): (Vec<_>, Vec<_>) =
        (said.lines().map(comparable).collect(), shown.lines().map(comparable).collect());
    let differs = said.iter().zip(&shown).find(|(said, shown)| said != shown);
    assert_eq!(
        (differs, said.len()),
        (None, shown.len()),
        "the README shows another output: run `make demo`"
    );
}
