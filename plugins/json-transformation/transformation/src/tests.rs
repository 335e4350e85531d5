use super::*;
use gangway_sdk::testing::FakeHost;

fn asked<'a>(operation: &'a str, json: &'a str) -> Request<'a> {
    Request { entity_type: "user", operation, json, variables: "" }
}

fn applied(compiled: &JsonTransformation, requests: &[Request<'_>], explain: bool) -> Vec<Answer> {
    let mut answers = Vec::new();
    compiled.apply(requests, explain, &mut answers);
    answers
}

#[test]
fn transforms_with_the_relations_of_the_engine() {
    let host = FakeHost::install();
    host.relations(|query| {
        assert_eq!((query.entity_type.as_str(), query.source_system.as_deref()), ("user", None));
        Ok(query.ids.iter().map(|id| if id == "m1" { vec!["T1".to_owned()] } else { vec![] }).collect())
    });
    let document = r#"{"user":{"mappings":[
        {"sourcePath":"$.name","targetPath":"$.userName","functions":[{"function":"toLowerCaseString"}]},
        {"sourcePath":"$.boss","targetPath":"$.manager","optional":true,"functions":[{"function":"resolveEntityIds"}]},
        {"targetPath":"$.password","functions":[{"function":"randomPassword","passwordLength":12,"minimumNumberOfLowercaseLetters":1,
          "minimumNumberOfUppercaseLetters":1,"minimumNumberOfDigits":1,"minimumNumberOfSpecialSymbols":1}],"scope":"createEntity"},
        {"sourceVariable":"currentDate","targetPath":"$.seen","functions":[{"function":"substring","beginIndex":0,"endIndex":2}]}]}}"#;
    let compiled =
        JsonTransformation::compile(document, Direction::Write, Properties::default()).ok().unwrap();
    let needs = compiled.needs();
    assert_eq!(needs.len(), 1);
    assert_eq!(needs[0].needs, ["time", "random", "relations"]);
    let requests = vec![
        asked("update", r#"{"name":"ADA","boss":"m1"}"#),
        asked("update", r#"{"name":"BOB","boss":"m2"}"#),
        asked("create", r#"{"name":"EVE"}"#),
        asked("update", r#"{}"#),
    ];
    let answers = applied(&compiled, &requests, false);
    assert_eq!(answers[0].json, r#"{"userName":"ada","manager":"T1","seen":"20"}"#);
    assert_eq!((answers[1].json.as_str(), answers[1].unresolved), (r#"{"userName":"bob","seen":"20"}"#, 1));
    assert!(answers[2].json.contains(r#""password":""#));
    assert_eq!(
        (answers[3].outcome, answers[3].mapping.as_str()),
        (AnswerOutcome::Failed, "/user/mappings/0")
    );
    assert!(answers.iter().all(|answer| answer.trace.is_empty()));
    assert!(!applied(&compiled, &[asked("update", r#"{"name":"A"}"#)], true)[0].trace.is_empty());
}

#[test]
fn reports_every_problem_with_its_place() {
    let document = "{\"user\":{\"mappings\":[\n {\"sourcePath\":\"$date\",\"targetPath\":\"$.a\"},\n {\"constant\":1,\"targetpath\":\"$.a\"}]}}";
    let problems =
        JsonTransformation::compile(document, Direction::Read, Properties::default()).err().unwrap();
    let errors: Vec<_> = problems
        .iter()
        .filter(|p| p.severity == "error")
        .map(|p| (p.pointer.as_str(), p.line, p.column))
        .collect();
    assert_eq!(errors[0], ("/user/mappings/0/sourcePath", 2, 16));
    assert_eq!(errors[1], ("/user/mappings/1/targetpath", 3, 29));
    assert!(problems.iter().any(|p| p.message.contains("did you mean `targetPath`")));
}

#[test]
fn a_result_says_what_it_depended_on() {
    let host = FakeHost::install();
    host.relations(|query| Ok(query.ids.iter().map(|_| vec!["T1".to_owned()]).collect()));
    let document = r#"{"user":{"mappings":[
        {"sourcePath":"$.name","targetPath":"$.userName"},
        {"sourceVariable":"entityIdTargetSystem","targetPath":"$.id"},
        {"sourcePath":"$.boss","targetPath":"$.manager","optional":true,"functions":[{"function":"resolveEntityIds"}]},
        {"condition":"$.odd EMPTY false","constant":"${entityIdTargetSystem}","targetPath":"$.odd"},
        {"targetPath":"$.password","condition":"$.new EMPTY false","functions":[{"function":"randomPassword","passwordLength":12,
          "minimumNumberOfLowercaseLetters":1,"minimumNumberOfUppercaseLetters":1,"minimumNumberOfDigits":1,
          "minimumNumberOfSpecialSymbols":1}],"scope":"createEntity"}]}}"#;
    let compiled =
        JsonTransformation::compile(document, Direction::Write, Properties::default()).ok().unwrap();
    let depends = |operation, json, variables| {
        let request = Request { variables, ..asked(operation, json) };
        applied(&compiled, &[request], false).remove(0).depends
    };
    let id = r#"{"entityIdTargetSystem":"7"}"#;
    assert_eq!(depends("create", r#"{"name":"a"}"#, ""), [""; 0]);
    assert_eq!(depends("update", r#"{"name":"a","boss":"m"}"#, id), ["relations"]);
    assert_eq!(depends("create", r#"{"name":"a","odd":1}"#, ""), ["id"]);
    assert_eq!(depends("update", r#"{"name":"a","odd":1}"#, id), [""; 0]);
    assert_eq!(depends("create", r#"{"name":"a","new":1}"#, ""), ["random"]);
    assert_eq!(depends("update", r#"{"name":"a","new":1}"#, id), [""; 0]);
    let clock = r#"{"user":{"mappings":[{"sourceVariable":"currentDate","targetPath":"$.seen"}]}}"#;
    let clock = JsonTransformation::compile(clock, Direction::Write, Properties::default()).ok().unwrap();
    assert_eq!(applied(&clock, &[asked("update", "{}")], false)[0].depends, ["time"]);
}
