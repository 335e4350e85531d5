use super::{body, system};
use gangway_sdk::testing::Answer;
use gangway_sdk::{Operation, Target};
use serde_json::json;

pub(super) fn operation(kind: &str, entity_type: &str, id: Option<&str>, json: &str) -> Operation {
    Operation {
        kind: kind.into(),
        entity_type: entity_type.into(),
        id: id.map(Into::into),
        version: None,
        json: json.into(),
        members: None,
    }
}

#[test]
fn creates_without_identifier_and_keeps_every_digit() {
    let (host, mut scim) = system(&[]);
    host.answer(Answer::json(201, r#"{"id": "new", "meta": {"version": "v1"}}"#));
    let json =
        r#"{"id":"old","userName":"ada","cost":1.10,"n":12345678901234567890123,"urn:x:2.0:User":{"a":1}}"#;
    let outcomes = scim.write(&[operation("create", "user", None, json)]).unwrap();
    assert_eq!((outcomes[0].id.as_deref(), outcomes[0].version.as_deref()), (Some("new"), Some("v1")));
    assert_eq!(outcomes[0].error, None);
    let request = &host.requests()[0];
    assert_eq!(
        (request.method.as_str(), request.url.as_str()),
        ("POST", "https://scim.example.com/v2/Users")
    );
    assert!(!request.idempotent, "a create that is sent twice makes two");
    assert!(request.headers.contains(&("Content-Type".into(), "application/scim+json".into())));
    assert_eq!(
        String::from_utf8(request.body.clone()).unwrap(),
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:x:2.0:User"],"userName":"ada","cost":1.10,"n":12345678901234567890123,"urn:x:2.0:User":{"a":1}}"#
    );
}

#[test]
fn replaces_with_put_and_the_identifier_in_the_body() {
    let (host, mut scim) = system(&[("scim.content.type", "application/json")]);
    host.answer(Answer::status(204).header("ETag", "v2"));
    let json = r#"{"schemas":["s"],"displayName":"G"}"#;
    let outcomes = scim.write(&[operation("replace", "group", Some("a/b"), json)]).unwrap();
    assert_eq!((outcomes[0].id.as_deref(), outcomes[0].version.as_deref()), (Some("a/b"), Some("v2")));
    let request = &host.requests()[0];
    assert_eq!(
        (request.method.as_str(), request.url.as_str()),
        ("PUT", "https://scim.example.com/v2/Groups/a%2Fb")
    );
    assert_eq!(body(&host, 0), json!({"id": "a/b", "schemas": ["s"], "displayName": "G"}));
    assert!(request.headers.contains(&("Content-Type".into(), "application/json".into())));
    assert!(!request.headers.iter().any(|(name, _)| name == "If-Match"));
}

#[test]
fn replaces_with_patch_where_the_property_says_so() {
    let (host, mut scim) = system(&[
        ("scim.support.patch.operation", "true"),
        ("scim.include.if.match.wildcard.header", "TRUE"),
    ]);
    host.answer(Answer::status(204));
    let json = r#"{"schemas":["s"],"id":"x","meta":{},"userName":"ada","title":null,"emails":[ ],"members":[{"value":"1"}]}"#;
    scim.write(&[operation("replace", "user", Some("x"), json)]).unwrap();
    assert_eq!(host.requests()[0].method, "PATCH");
    assert!(host.requests()[0].idempotent);
    assert!(host.requests()[0].headers.contains(&("If-Match".into(), "*".into())));
    assert_eq!(
        body(&host, 0),
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [
                {"op": "replace", "value": {"userName": "ada", "members": [{"value": "1"}]}},
                {"op": "remove", "path": "title"},
                {"op": "remove", "path": "emails"},
            ]
        })
    );
}

#[test]
fn a_patch_goes_out_as_it_is_and_a_delete_has_no_body() {
    let (host, mut scim) = system(&[]);
    host.answer(Answer::status(204)).answer(Answer::status(204));
    let patch = r#"{"schemas":["p"],"Operations":[{"op":"add","value":{"x":1.0}}]}"#;
    let outcomes = scim
        .write(&[operation("patch", "user", Some("1"), patch), operation("delete", "user", Some("2"), "")])
        .unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.error.is_none()));
    let requests = host.requests();
    assert_eq!(requests[0].body, patch.as_bytes());
    assert!(!requests[0].idempotent);
    assert_eq!((requests[1].method.as_str(), requests[1].body.len()), ("DELETE", 0));
}

#[test]
fn a_create_without_a_body_in_the_answer_is_looked_up() {
    let (host, mut scim) = system(&[]);
    host.answer(Answer::status(201).header("Location", "https://elsewhere.example.com/v2/Users/a%20b"));
    host.answer(Answer::status(201));
    host.answer(Answer::json(200, r#"{"id": "a b"}"#).header("ETag", "v1"));
    let create = operation("create", "user", None, r#"{"userName":"ada"}"#);
    let outcomes = scim.write(&[create.clone(), create]).unwrap();
    assert_eq!((outcomes[0].id.as_deref(), outcomes[0].version.as_deref()), (Some("a b"), Some("v1")));
    // The address is made of the system's own: a location elsewhere is never followed.
    assert_eq!(host.requests()[2].url, "https://scim.example.com/v2/Users/a%20b");
    let unknown = outcomes[1].error.as_ref().unwrap();
    assert_eq!(unknown.code, "unavailable", "the effect is known to nobody, so the engine has to look");
}

#[test]
fn refusals_keep_their_meaning_and_stay_with_their_operation() {
    let uniqueness = json!({"status": "400", "scimType": "uniqueness", "detail": "userName is taken"});
    for (kind, answer, code, word) in [
        ("create", Answer::json(409, &uniqueness), "conflict", "userName is taken"),
        ("create", Answer::json(400, &uniqueness), "conflict", "userName is taken"),
        (
            "create",
            Answer::json(400, json!({"scimType": "invalidValue", "detail": "no such locale"})),
            "invalid",
            "no such locale",
        ),
        ("create", Answer::body(201, "text/html", "<html>Sign in"), "protocol", "not JSON"),
        ("replace", Answer::body(200, "text/html", "<html>Sign in"), "protocol", "not JSON"),
        ("replace", Answer::status(404), "not-found", "x1"),
        ("delete", Answer::status(404), "not-found", "x1"),
        ("replace", Answer::status(405), "unsupported", "405"),
        ("replace", Answer::status(412), "invalid", "412"),
        ("replace", Answer::status(413), "too-large", "413"),
        ("create", Answer::status(503).header("Retry-After", "2"), "unavailable", "503"),
        ("create", Answer::error(gangway_sdk::Error::timeout("no answer")), "timeout", "no answer"),
    ] {
        let (host, mut scim) = system(&[]);
        host.answer(answer.clone());
        host.answer(Answer::json(200, r#"{"id": "x2"}"#));
        let id = (kind != "create").then_some("x1");
        let outcomes = scim
            .write(&[operation(kind, "user", id, "{}"), operation("replace", "user", Some("x2"), "{}")])
            .unwrap();
        let error = outcomes[0].error.as_ref().unwrap();
        assert_eq!(error.code, code, "{kind} {answer:?}");
        assert!(error.message.contains(word), "{error}");
        assert_eq!(error.detail("entityType"), Some("user"));
        assert_eq!(outcomes[1].id.as_deref(), Some("x2"));
    }
}

#[test]
fn operations_that_cannot_be_sent_are_answered_in_their_place() {
    let (host, mut scim) = system(&[]);
    host.answer(Answer::json(201, r#"{"id": "1"}"#));
    let outcomes = scim
        .write(&[
            operation("replace", "user", None, "{}"),
            operation("create", "role", None, "{}"),
            operation("create", "user", None, "{}"),
            operation("create", "user", None, "[1]"),
            operation("merge", "user", Some("1"), "{}"),
        ])
        .unwrap();
    let codes: Vec<&str> =
        outcomes.iter().map(|o| o.error.as_ref().map_or("", |e| e.code.as_str())).collect();
    assert_eq!(codes, ["invalid", "unsupported", "", "invalid", "unsupported"]);
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn f097_changes_carry_the_headers_that_the_properties_ask_for() {
    let (host, mut scim) = system(&[
        ("sac.include.if.match.wildcard.header", "true"),
        ("sac.content.type", "application/json"),
        ("scim.content.type", "text/plain"),
        ("sac.api.csrf.protection", "enabled"),
        ("sac.csrf.token.path", "/csrf"),
    ]);
    host.serve(|request| match request.method.as_str() {
        "GET" => Answer::status(200).header("X-CSRF-Token", "token-7"),
        _ => Answer::json(200, json!({ "id": "x" })),
    });
    let create = operation("create", "user", None, r#"{"userName":"a"}"#);
    let replace = operation("replace", "user", Some("x"), r#"{"userName":"a"}"#);
    let outcomes = scim.write(&[create, replace]).unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.error.is_none()), "{outcomes:?}");
    let requests = host.requests();
    let has = |at: usize, name: &str, value: &str| {
        requests[at].headers.contains(&(name.to_owned(), value.to_owned()))
    };
    assert!(requests[0].url.ends_with("/v2/csrf") && has(0, "X-CSRF-Token", "Fetch"));
    for at in [1, 2] {
        assert!(has(at, "X-CSRF-Token", "token-7") && has(at, "Content-Type", "application/json"));
    }
    assert!(
        has(2, "If-Match", "*") && !has(1, "If-Match", "*"),
        "there is nothing to match before it is there"
    );
}

#[test]
fn a_service_that_gives_no_token_is_told_of() {
    let (host, mut scim) = system(&[("scim.api.csrf.protection", "enabled")]);
    host.serve(|_| Answer::json(200, json!({})));
    let error = scim.write(&[operation("delete", "user", Some("x"), "")]).unwrap_err();
    assert!(error.is("configuration") && error.message.contains("scim.csrf.token.path"), "{error}");
}
