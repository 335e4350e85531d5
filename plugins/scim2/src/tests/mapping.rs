use crate::client::{entity, milliseconds};
use crate::mapping::{Path, filter};
use gangway_sdk::AttributeValue;
use serde_json::json;

fn in_filter(path: &str) -> String {
    Path::parse(path).unwrap().in_filter()
}

#[test]
fn paths_become_scim_paths() {
    for (path, expected) in [
        ("userName", "userName"),
        ("$.userName", "userName"),
        ("name.familyName", "name.familyName"),
        ("emails[0].value", "emails.value"),
        ("$.emails[*].value", "emails.value"),
        ("members[0].$ref", "members.$ref"),
        (
            "['urn:sap:cloud:scim:schemas:extension:custom:2.0:Group']['name']",
            "urn:sap:cloud:scim:schemas:extension:custom:2.0:Group:name",
        ),
        (
            "$[\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"].manager.value",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        ),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        ),
        ("['userName']", "userName"),
    ] {
        assert_eq!(in_filter(path), expected, "{path}");
    }
}

#[test]
fn paths_that_would_change_the_filter_are_refused() {
    for path in [
        "",
        "$",
        "userName or id pr",
        "a..b",
        "['a",
        "emails[0",
        "userName)",
        "9lives",
        "['urn:x:y']",
        "a eq \"x\"",
    ] {
        let error = Path::parse(path).unwrap_err();
        assert_eq!(error.code, "configuration", "{path}");
        assert_eq!(error.detail("attribute"), Some(path));
    }
}

#[test]
fn values_are_escaped_like_json() {
    let wanted = [
        AttributeValue::new("userName", r#"o"ne\x" or id pr or "a"#),
        AttributeValue::new("emails[0].value", "ü@x\n"),
    ];
    let wanted: Vec<_> = wanted.iter().map(|w| (Path::parse(&w.attribute).unwrap(), w)).collect();
    assert_eq!(filter(&wanted), r#"userName eq "o\"ne\\x\" or id pr or \"a" and emails.value eq "ü@x\n""#);
}

#[test]
fn an_entity_holds_a_value_wherever_it_stands() {
    let user = json!({
        "UserName": "Ada", "active": true, "emails": [{"value": "a@x"}, {"value": "b@x"}], "nothing": null,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": 7}
    });
    for (path, value, expected) in [
        ("userName", "ADA", true),
        ("userName", "ad", false),
        ("emails[0].value", "b@x", true),
        ("emails", "a@x", true),
        ("emails[0].value", "c@x", false),
        ("active", "true", true),
        ("nothing", "null", false),
        ("externalId", "", false),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", "7", true),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName", "ada", true),
        ("urn:other:2.0:User:userName", "ada", false),
    ] {
        assert_eq!(Path::parse(path).unwrap().holds(&user, value), expected, "{path} {value}");
    }
}

#[test]
fn entities_keep_their_text() {
    let json = r#"{ "id":"7", "salary": 1.10, "big": 12345678901234567890123, "meta":{"created":"2011-08-01T21:32:44.882Z","version":"W/\"1\""} }"#;
    let entity = entity(json).unwrap();
    assert_eq!((entity.id.as_str(), entity.version.as_deref()), ("7", Some("W/\"1\"")));
    assert_eq!(entity.created_ms, Some(1_312_234_364_882));
    assert_eq!(entity.json, json);
    assert_eq!(milliseconds("2011-08-01T23:32:44.882+02:00"), Some(1_312_234_364_882));
    assert_eq!(milliseconds("yesterday"), None);
    assert_eq!(milliseconds("1969-12-31T23:59:59Z"), None);
}
