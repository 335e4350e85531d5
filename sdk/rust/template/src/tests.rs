//! The connector against a fake host: `cargo test` needs neither an engine nor the application.

use super::*;
use gangway_sdk::testing::{Answer, FakeHost};
use serde_json::json;

fn host() -> FakeHost {
    let host = FakeHost::install();
    host.property("URL", "https://example.com/api/");
    host
}

fn open() -> Application {
    Application::open().unwrap()
}

fn operation(kind: &str, id: Option<&str>, json: &str) -> Operation {
    Operation {
        kind: kind.to_owned(),
        entity_type: "user".to_owned(),
        id: id.map(str::to_owned),
        version: None,
        json: json.to_owned(), members: None, }
}

#[test]
fn a_missing_url_is_named() {
    let _host = FakeHost::install();
    let error = Application::open().map(|_| ()).unwrap_err();
    assert!(error.is("configuration") && error.detail("property") == Some("URL"));
}

#[test]
fn pages_follow_each_other_until_the_total_is_reached() {
    let host = host();
    host.answer(Answer::json(
        200,
        json!({"total": 3, "items": [{"id": "1", "name": "Ada"}, {"id": "2"}]}),
    ));
    host.answer(Answer::json(
        200,
        json!({"total": 3, "items": [{"name": "no id"}]}),
    ));
    let mut application = open();
    let first = application.read_page("user", None, 2).unwrap();
    assert_eq!(
        first.entities,
        [
            Entity::new("1", r#"{"id":"1","name":"Ada"}"#),
            Entity::new("2", r#"{"id":"2"}"#)
        ]
    );
    // Another instance may be asked for the next page.
    let last = open()
        .read_page("user", first.next_cursor.as_deref(), 2)
        .unwrap();
    assert_eq!(
        (last.entities.len(), last.problems.len(), last.next_cursor),
        (0, 1, None)
    );
    let urls: Vec<String> = host
        .requests()
        .into_iter()
        .map(|request| request.url)
        .collect();
    assert_eq!(
        urls,
        [
            "https://example.com/api/users?offset=0&limit=2",
            "https://example.com/api/users?offset=2&limit=2"
        ]
    );
}

#[test]
fn a_login_page_instead_of_json_is_explained() {
    let host = host();
    host.answer(Answer::body(200, "text/html", "<html>Please log in</html>"));
    let error = open().read_page("user", None, 10).unwrap_err();
    assert!(
        error.is("protocol") && error.message.contains("<html>Please log in"),
        "{error}"
    );
}

#[test]
fn single_users_are_read_and_missing_ones_are_not_found() {
    let host = host();
    host.answer(Answer::json(200, json!({"id": "a b"})))
        .answer(Answer::status(404))
        .answer(Answer::status(500));
    let ids = ["a b", "2", "3"].map(str::to_owned);
    let answers = Source::read_entities(&mut open(), "user", &ids);
    assert_eq!(answers[0], Ok(Entity::new("a b", r#"{"id":"a b"}"#)));
    assert!(
        answers[1]
            .as_ref()
            .is_err_and(|error| error.is("not-found"))
    );
    assert!(
        answers[2]
            .as_ref()
            .is_err_and(|error| error.is("unavailable"))
    );
    assert_eq!(
        host.requests()[0].url,
        "https://example.com/api/users/a%20b"
    );
}

#[test]
fn each_write_has_its_own_outcome() {
    let host = host();
    host.serve(|request| match request.method.as_str() {
        "POST" if request.body == br#"{"name":"taken"}"# => {
            Answer::json(409, json!({"message": "name is taken"}))
        }
        "POST" => Answer::json(201, json!({"id": "9"})),
        "PUT" => Answer::status(204),
        _ => Answer::status(429).header("Retry-After", "3"),
    });
    let outcomes = open()
        .write(&[
            operation("create", None, r#"{"name":"new"}"#),
            operation("rename", Some("1"), "{}"),
            operation("create", None, r#"{"name":"taken"}"#),
            operation("replace", Some("7"), "{}"),
            operation("delete", Some("8"), ""),
        ])
        .unwrap();
    let codes: Vec<_> = outcomes
        .iter()
        .map(|o| o.error.as_ref().map(|error| error.code.as_str()))
        .collect();
    assert_eq!(
        codes,
        [
            None,
            Some("unsupported"),
            Some("conflict"),
            None,
            Some("rate-limited")
        ]
    );
    assert_eq!(
        (outcomes[0].id.as_deref(), outcomes[3].id.as_deref()),
        (Some("9"), Some("7"))
    );
    assert_eq!(
        outcomes[4].error.as_ref().unwrap().retry_after_ms,
        Some(3000)
    );
    assert_eq!(host.requests().len(), 4);
}

#[test]
fn users_are_found_by_value() {
    let host = host();
    host.answer(Answer::json(
        200,
        json!({"items": [{"id": "1"}, {"id": "2"}]}),
    ));
    let found = open()
        .find(
            "user",
            &[AttributeValue::new("email", "a+b@example.com")],
            1,
        )
        .unwrap();
    assert_eq!(found, [Entity::new("1", r#"{"id":"1"}"#)]);
    assert_eq!(
        host.requests()[0].url,
        "https://example.com/api/users?email=a%2Bb%40example.com&limit=1"
    );
}
