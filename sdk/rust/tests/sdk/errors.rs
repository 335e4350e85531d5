use gangway_sdk::testing::check_manifest;
use gangway_sdk::{Error, Kind, Operation, Outcome};
use std::io;

#[test]
fn an_error_carries_code_facts_and_pause() {
    let error = Error::rate_limited("Slow down.").with_detail("status", 429).with_retry_after_ms(1500);
    assert_eq!(error.to_string(), "rate-limited: Slow down.");
    assert_eq!(
        (error.detail("status"), error.detail("x"), error.retry_after_ms),
        (Some("429"), None, Some(1500))
    );
}

#[test]
fn an_error_survives_the_way_through_io() {
    let error = Error::denied("No grant.").with_detail("host", "x");
    assert_eq!(Error::from(io::Error::from(error.clone())), error);
    let of = |kind| Error::from(io::Error::from(kind)).code;
    assert_eq!(of(io::ErrorKind::UnexpectedEof), "protocol");
    assert_eq!(of(io::ErrorKind::TimedOut), "timeout");
    assert_eq!(of(io::ErrorKind::BrokenPipe), "unavailable");
}

#[test]
fn an_operation_says_what_it_lacks() {
    let mut operation = Operation {
        kind: "patch".to_owned(),
        entity_type: "user".to_owned(),
        id: None,
        version: None,
        json: "{".to_owned(),
        members: None,
    };
    assert_eq!(operation.kind(), Kind::Patch);
    assert!(operation.require_id().is_err_and(|error| error.is("invalid")));
    let error = operation.content::<serde_json::Value>().unwrap_err();
    assert!(error.is("invalid") && error.detail("entityType") == Some("user"));
    operation.kind = "merge".to_owned();
    assert_eq!(operation.kind(), Kind::Unknown);
    let outcome = Outcome::from(Err(operation.unsupported()));
    assert!(outcome.error.is_some_and(|error| error.is("unsupported") && error.message.contains("`merge`")));
}

#[test]
fn a_manifest_is_checked_before_an_engine_sees_it() {
    let good = r#"{"interface":"0.1","name":"x","version":"1.0.0","title":"X","description":"y",
        "capabilities":[{"name":"http","reason":"calls"}],"entityTypes":["user"],
        "properties":[{"name":"a","description":"b"}]}"#;
    assert_eq!(check_manifest(good), Vec::<String>::new());
    for (from, to, said) in [
        ("\"0.1\"", "\"9\"", "`interface`"),
        ("\"x\"", "\"\"", "`name`"),
        ("\"http\"", "\"sockets\"", "sockets"),
        ("\"calls\"", "\"\"", "reason"),
        ("[\"user\"]", "[1]", "entityTypes"),
        ("\"b\"", "\"\"", "property"),
        ("{\"interface", "interface", "not JSON"),
    ] {
        let wrong = check_manifest(&good.replacen(from, to, 1));
        assert!(wrong.len() == 1 && wrong[0].contains(said), "{from} as {to}: {wrong:?}");
    }
}
