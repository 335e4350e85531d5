use crate::{Diagnostic, Direction, Severity, compile};

fn errors(document: &str, direction: Direction) -> Vec<Diagnostic> {
    let problems = compile(document, direction, &[]).err().unwrap_or_else(|| panic!("compiles: {document}"));
    problems.into_iter().filter(|problem| problem.severity == Severity::Error).collect()
}

#[test]
fn every_problem_is_reported_with_its_place() {
    let document = r#"{ // a comment
  "user": {
    "mapings": [],
    "skipOperations": ["created"],
    "mappings": [
      {"sourcePath": "$.a b", "targetPath": "$..x", "optional": "yes"},
      {"sourcePath": "$.a", "constant": 1, "targetPath": "$.x"},
      {"constant": 1, "targetPath": "$.x", "scope": "createEntitiy", "condition": "$.a == b"},
      {"sourcePath": "$.a", "targetPath": "$.x", "functions": [{"function": "toUppercaseString"}, {"function": "substring"}]},
      {"type": "rename", "targetPath": "$.x[0]", "constant": "y"},
      {"sourcePath": "$.a", "targetPath": "$.x", "functions": [{"function": "matchRegex", "regex": "("}]},
    ]
  },
  "group": 7
}"#;
    let found = errors(document, Direction::Write);
    let list: Vec<(&str, u32, u32)> = found.iter().map(|e| (e.pointer.as_str(), e.line, e.column)).collect();
    assert_eq!(
        list,
        [
            ("/user/mapings", 3, 16),
            ("/user/skipOperations", 4, 23),
            ("/user/mappings/0/sourcePath", 6, 22),
            ("/user/mappings/0/targetPath", 6, 45),
            ("/user/mappings/0/optional", 6, 65),
            ("/user/mappings/1", 7, 7),
            ("/user/mappings/2/condition", 8, 83),
            ("/user/mappings/2/scope", 8, 53),
            ("/user/mappings/3/functions/0/function", 9, 77),
            ("/user/mappings/3/functions/1", 9, 99),
            ("/user/mappings/4/targetPath", 10, 40),
            ("/user/mappings/5/functions/0/regex", 11, 100),
            ("/group", 14, 12),
        ]
    );
    for (at, part) in [
        (0, "did you mean `mappings`?"),
        (7, "did you mean `createEntity`?"),
        (8, "did you mean `toUpperCaseString`?"),
        (9, "needs the parameter `beginIndex`"),
    ] {
        assert!(found[at].message.contains(part), "{}", found[at].message);
    }
}

#[test]
fn what_is_no_document_is_refused_once() {
    for (document, part) in [
        ("", "not valid JSON"),
        ("{\"user\": {]", "not valid JSON"),
        ("[]", "a member for each entity type"),
        (r#"{"sourcePath": "$.a", "targetPath": "$.b"}"#, "only a part"),
        (r#"{"condition": "$.a", "mappings": []}"#, "only a part"),
        (r#"{"user": {}}"#, "no `mappings`"),
    ] {
        let found = errors(document, Direction::Read);
        assert_eq!(found.len(), 1, "{document}: {found:?}");
        assert!(found[0].message.contains(part), "{}", found[0].message);
    }
}

#[test]
fn needs_are_those_of_the_type() {
    let document = r#"{"user":{"mappings":[{"sourcePath":"$.a","targetPath":"$.a","condition":"'${currentDate}' > $.a"}]},
        "group":{"mappings":[{"sourcePath":"$.m","targetPath":"$.m","functions":[{"function":"resolveEntityIds"}]}]},
        "role":{"ignore":"true","mappings":[{"sourceVariable":"currentDate","targetPath":"$.d"}]}}"#;
    let compiled = compile(document, Direction::Write, &[]).unwrap_or_else(|problems| panic!("{problems:?}"));
    let needs: Vec<(bool, bool, bool, bool)> =
        compiled.needs().into_iter().map(|n| (n.time, n.random, n.relations, n.ignored)).collect();
    assert_eq!(
        needs,
        [(true, false, false, false), (false, false, true, false), (false, false, false, true)]
    );
}
