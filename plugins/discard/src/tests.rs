use super::*;

fn operation(kind: &str, id: Option<&str>, json: &str) -> Operation {
    Operation {
        kind: kind.to_owned(),
        entity_type: "user".to_owned(),
        id: id.map(str::to_owned),
        version: None,
        json: json.to_owned(),
        members: None,
    }
}

fn ids(operations: &[Operation]) -> Vec<Option<String>> {
    let outcomes = Discard::default().write(operations).unwrap();
    assert_eq!(outcomes.len(), operations.len());
    outcomes.into_iter().map(|outcome| outcome.error.is_none().then(|| outcome.id.unwrap())).collect()
}

#[test]
fn a_created_entity_gets_its_identifier_from_its_content() {
    let created = ids(&[
        operation("create", Some("dn=1"), "{}"),
        operation("create", None, r#"{"userName":"ada","id":"7"}"#),
        operation("create", None, r#"{"userName":"ad\u0061"}"#),
        operation("create", None, r#"{"displayName":"Team"}"#),
        operation("create", None, "{}"),
    ]);
    let expected = ["dn=1", "7", "ada", "Team", "4"];
    assert_eq!(created, expected.map(|id| Some(id.to_owned())));
}

#[test]
fn writes_to_an_entity_keep_its_identifier() {
    let written = ids(&[
        operation("replace", Some("a"), "{}"),
        operation("patch", Some("b"), "{}"),
        operation("delete", Some("c"), ""),
    ]);
    assert_eq!(written, ["a", "b", "c"].map(|id| Some(id.to_owned())));
}

#[test]
fn a_write_that_makes_no_sense_fails_alone() {
    let operations = [
        operation("delete", None, ""),
        operation("create", None, "<html>"),
        operation("rename", Some("x"), "{}"),
        operation("replace", Some("a"), "{}"),
    ];
    let outcomes = Discard::default().write(&operations).unwrap();
    let codes: Vec<_> = outcomes.iter().map(|o| o.error.as_ref().map(|error| error.code.as_str())).collect();
    assert_eq!(codes, [Some("invalid"), Some("invalid"), Some("unsupported"), None]);
}

#[test]
fn nothing_is_kept() {
    let mut target = Discard::default();
    target.write(&[operation("create", Some("a"), "{}")]).unwrap();
    assert!(
        target.read_entities("user", &["a".to_owned()])[0].as_ref().is_err_and(|error| error.is("not-found"))
    );
    assert_eq!(target.find("user", &[AttributeValue::new("userName", "ada")], 10).unwrap(), []);
}
