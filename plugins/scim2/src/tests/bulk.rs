use super::writing::operation;
use super::{body, system};
use gangway_sdk::http::Request;
use gangway_sdk::testing::{Answer, FakeHost};
use gangway_sdk::{Operation, Target};
use serde_json::{Value, json};

const BULK: (&str, &str) = ("scim.support.bulk.operation", "true");

fn creates(count: usize) -> Vec<Operation> {
    (0..count).map(|n| operation("create", "user", None, &format!(r#"{{"userName":"u{n}"}}"#))).collect()
}

/// A server that carries out every operation, with this configuration.
fn serve(host: &FakeHost, config: Value) {
    host.serve(move |request: &Request| {
        if request.url.ends_with("ServiceProviderConfig") {
            return Answer::json(200, &config);
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let answers: Vec<Value> = body["Operations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|op| {
                let location = match op["method"].as_str() {
                    Some("POST") => format!("https://scim.example.com/v2/Users/id-{}", op["data"]["userName"].as_str().unwrap()),
                    _ => format!("https://scim.example.com/v2{}", op["path"].as_str().unwrap()),
                };
                json!({"method": op["method"], "bulkId": op["bulkId"], "location": location, "status": "201", "version": "v"})
            })
            .rev()
            .collect();
        Answer::json(200, json!({"Operations": answers}))
    });
}

fn bulks(host: &FakeHost) -> Vec<usize> {
    (0..host.requests().len())
        .filter(|n| host.requests()[*n].url.ends_with("/Bulk"))
        .map(|n| body(host, n)["Operations"].as_array().unwrap().len())
        .collect()
}

#[test]
fn operations_travel_together_and_are_told_apart_by_their_bulk_id() {
    let (host, mut scim) = system(&[BULK]);
    serve(&host, json!({}));
    let mut operations = creates(42);
    operations.push(operation("replace", "group", Some("g 1"), r#"{"n":1.50}"#));
    operations.push(operation("delete", "user", Some("d"), ""));
    let outcomes = scim.write(&operations).unwrap();
    assert_eq!(bulks(&host), [20, 20, 4]);
    for (number, outcome) in outcomes.iter().take(42).enumerate() {
        assert_eq!(outcome.id, Some(format!("id-u{number}")), "{outcome:?}");
        assert_eq!(outcome.version.as_deref(), Some("v"));
    }
    assert_eq!(outcomes[42].id.as_deref(), Some("g 1"));
    assert!(outcomes.iter().all(|outcome| outcome.error.is_none()));
    let sent = String::from_utf8(host.requests().last().unwrap().body.clone()).unwrap();
    assert!(sent.contains(r#""path":"/Groups/g%201""#) && sent.contains(r#""n":1.50"#), "{sent}");
    assert!(sent.contains(r#""method":"DELETE","bulkId":"op43","path":"/Users/d"}"#), "{sent}");
}

#[test]
fn f091_a_bulk_request_has_as_many_operations_as_the_property_and_the_service_allow() {
    for (property, config, expected) in [
        ("7", json!({}), vec![7, 7, 6]),
        ("0", json!({}), vec![20]),
        ("101", json!({}), vec![20]),
        ("15", json!({"bulk": {"supported": true, "maxOperations": 10}}), vec![10, 10]),
        ("20", json!({"bulk": {"maxPayloadSize": 700}}), vec![3, 3, 3, 3, 3, 3, 2]),
    ] {
        let (host, mut scim) = system(&[BULK, ("scim.bulk.operations.max.count", property)]);
        serve(&host, config);
        scim.write(&creates(20)).unwrap();
        assert_eq!(bulks(&host), expected, "{property}");
    }
}

#[test]
fn f092_each_operation_of_a_bulk_request_has_its_own_result() {
    let (host, mut scim) = system(&[BULK]);
    host.answer(Answer::status(404)); // ServiceProviderConfig
    host.answer(Answer::json(
        200,
        json!({"Operations": [
            {"bulkId": "op0", "status": {"code": "409"}, "response": {"scimType": "uniqueness", "detail": "taken", "status": "409"}},
            {"bulkId": "op1", "status": 201, "response": {"id": "one"}, "location": "x/two"},
            {"bulkId": "op3", "status": "404", "response": null},
            {"bulkId": "op4", "status": "perhaps"},
        ]}),
    ));
    let mut operations = creates(3);
    operations.push(operation("delete", "user", Some("gone"), ""));
    operations.push(operation("delete", "user", Some("odd"), ""));
    operations.push(operation("replace", "user", None, ""));
    let outcomes = scim.write(&operations).unwrap();
    let codes: Vec<&str> =
        outcomes.iter().map(|o| o.error.as_ref().map_or("", |e| e.code.as_str())).collect();
    assert_eq!(codes, ["conflict", "", "unavailable", "not-found", "protocol", "invalid"]);
    assert!(outcomes[0].error.as_ref().unwrap().message.contains("taken"));
    assert_eq!(outcomes[1].id.as_deref(), Some("one"));
}

#[test]
fn answers_without_bulk_ids_are_taken_in_order() {
    let (host, mut scim) = system(&[BULK]);
    host.answer(Answer::status(404));
    host.answer(Answer::json(
        200,
        json!({"Operations": [
            {"status": "201", "location": "/Users/a"}, {"status": "201", "location": "/Users/b"}
        ]}),
    ));
    let outcomes = scim.write(&creates(2)).unwrap();
    assert_eq!(outcomes.iter().map(|o| o.id.as_deref().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn f093_a_bulk_request_that_is_too_large_says_which_property_to_lower() {
    for (answer, code, word) in [
        (Answer::status(413), "too-large", "scim.bulk.operations.max.count"),
        (Answer::status(501), "configuration", "scim.support.bulk.operation"),
        (Answer::body(200, "text/html", "<html>"), "protocol", "not JSON"),
        (Answer::json(200, "{}"), "protocol", "shape"),
        (Answer::status(503), "unavailable", "503"),
    ] {
        let (host, mut scim) = system(&[BULK]);
        host.answer(Answer::status(404));
        host.answer(answer);
        for outcome in scim.write(&creates(2)).unwrap() {
            let error = outcome.error.unwrap();
            assert_eq!(error.code, code);
            assert!(error.message.contains(word), "{error}");
        }
    }
}

#[test]
fn a_service_without_bulk_gets_single_requests() {
    let (host, mut scim) = system(&[BULK]);
    host.answer(Answer::json(200, json!({"bulk": {"supported": false}})));
    host.answer(Answer::json(201, r#"{"id":"1"}"#)).answer(Answer::json(201, r#"{"id":"2"}"#));
    let outcomes = scim.write(&creates(2)).unwrap();
    assert_eq!(outcomes[1].id.as_deref(), Some("2"));
    assert!(host.log()[0].text.contains("scim.support.bulk.operation"));
}
