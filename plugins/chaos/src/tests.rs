use super::*;
use gangway_sdk::testing::{Answer, FakeHost};
use serde_json::{Value, json};

fn host(faults: Value) -> FakeHost {
    let host = FakeHost::install();
    host.property("chaos.users", "25")
        .property("chaos.groups", "3")
        .property("chaos.faults", &faults.to_string());
    host
}

fn open() -> Chaos {
    Chaos::open().unwrap()
}

fn operation(kind: &str, id: Option<&str>, json: Value) -> Operation {
    Operation {
        kind: kind.to_owned(),
        entity_type: "user".to_owned(),
        id: id.map(str::to_owned),
        version: None,
        json: json.to_string(),
        members: None,
    }
}

fn read(chaos: &mut Chaos, entity_type: &str, limit: u32) -> Vec<Entity> {
    let (mut entities, mut cursor) = (Vec::new(), None);
    loop {
        let page = chaos.read_page(entity_type, cursor.as_deref(), limit).unwrap();
        assert!(page.entities.len() <= limit as usize);
        entities.extend(page.entities);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return entities;
        }
    }
}

fn codes(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.error.as_ref().map_or("", |error| error.code.as_str())).collect()
}

#[test]
fn the_same_seed_makes_the_same_people_whatever_the_page_size() {
    let host = host(json!([]));
    let users = read(&mut open(), "user", 1000);
    assert_eq!((users.len(), users[0].id.as_str(), users[24].id.as_str()), (25, "u0000001", "u0000025"));
    assert_eq!(read(&mut open(), "user", 7), users);
    assert_eq!(read(&mut open(), "group", 2).len(), 3);
    assert_eq!(read(&mut open(), "device", 2), []);
    host.property("chaos.revision", "1");
    let changed = read(&mut open(), "user", 7);
    assert!(changed.iter().zip(&users).all(|(a, b)| a.id == b.id && a.json != b.json));
    host.property("chaos.revision", "0").property("chaos.first", "6");
    assert_eq!(read(&mut open(), "user", 7), users[5..]);
    let group: Value = serde_json::from_str(&read(&mut open(), "group", 9)[0].json).unwrap();
    assert_eq!(group["members"][0]["value"], "u0000006");
}

#[test]
fn writes_are_kept_and_read_back() {
    for store in ["memory", "state"] {
        let host = host(json!([]));
        host.property("chaos.store", store);
        let mut chaos = open();
        let outcomes = chaos
            .write(&[
                operation("create", None, json!({"userName": "zoe"})),
                operation("create", None, json!({"userName": "zoe"})),
                operation("create", None, json!({"userName": "user3"})),
                operation("create", None, json!({})),
                operation("delete", Some("u0000002"), json!("")),
                operation("delete", Some("u0000002"), json!("")),
                operation("patch", Some("u0000001"), json!({"title": null, "name": {"givenName": "New"}})),
                operation("replace", Some("nobody"), json!({})),
                operation("rename", Some("u0000001"), json!({})),
            ])
            .unwrap();
        let expected =
            ["", "conflict", "conflict", "invalid", "", "not-found", "", "not-found", "unsupported"];
        assert_eq!(codes(&outcomes), expected, "{store}");
        assert_eq!(outcomes[0].id.as_deref(), Some("id-zoe"));
        let users = read(&mut chaos, "user", 4);
        assert_eq!((users.len(), users[24].id.as_str()), (25, "id-zoe"));
        let first: Value = serde_json::from_str(&users[0].json).unwrap();
        assert_eq!((first.get("title"), &first["name"]["givenName"]), (None, &json!("New")));
        let found =
            chaos.find("user", &[AttributeValue::new("emails[0].value", "user3@example.com")], 9).unwrap();
        assert_eq!(found.iter().map(|entity| entity.id.as_str()).collect::<Vec<_>>(), ["u0000003"]);
        // Another instance sees what was kept in the state.
        assert_eq!(read(&mut open(), "user", 4).last().unwrap().id == "id-zoe", store == "state");
    }
}

#[test]
fn faults_happen_on_the_calls_that_the_schedule_names() {
    let _host = host(json!([
        {"on": "read-page", "entityType": "user", "nth": 2, "do": "error", "code": "rate-limited", "retryAfterMs": 5},
        {"on": "operation", "every": 2, "do": "error", "code": "unavailable", "after": true},
        {"on": "find", "from": 2, "do": "error", "code": "odd", "message": "why"},
    ]));
    let mut chaos = open();
    assert!(chaos.read_page("user", None, 1).is_ok());
    assert!(chaos.read_page("group", None, 1).is_ok());
    let error = chaos.read_page("user", None, 1).unwrap_err();
    assert_eq!((error.code.as_str(), error.retry_after_ms), ("rate-limited", Some(5)));
    assert!(chaos.read_page("user", None, 1).is_ok());
    let creates: Vec<_> =
        ["a", "b", "c", "d"].map(|name| operation("create", None, json!({"userName": name}))).into();
    assert_eq!(codes(&chaos.write(&creates).unwrap()), ["", "unavailable", "", "unavailable"]);
    // The answer was lost, the work was done.
    assert!(Source::read_entities(&mut chaos, "user", &["id-b".to_owned()])[0].is_ok());
    assert!(chaos.find("user", &[], 1).is_ok());
    assert!(
        (0..2).all(|_| chaos
            .find("user", &[], 1)
            .is_err_and(|error| error.is("odd") && error.message == "why"))
    );
}

#[test]
fn counters_can_outlive_the_instance() {
    let host = host(json!([{"on": "open", "nth": 2, "do": "error", "code": "internal"}]));
    assert!((0..5).all(|_| Chaos::open().is_ok()));
    host.property("chaos.count", "system");
    assert_eq!((0..5).map(|_| Chaos::open().is_ok()).collect::<Vec<_>>(), [true, false, true, true, true]);
}

#[test]
fn results_are_spoiled_as_told() {
    let spoiled = |act: Value| {
        let mut fault = json!({"on": "read-page"});
        fault.as_object_mut().unwrap().extend(act.as_object().unwrap().clone());
        let _host = host(json!([fault]));
        open().read_page("user", Some(r#"{"place":2,"after":null}"#), 3).unwrap()
    };
    assert_eq!(spoiled(json!({"do": "short-page"})).entities.len(), 1);
    assert_eq!(spoiled(json!({"do": "empty-page"})).entities, []);
    let twice = spoiled(json!({"do": "duplicate-entity"})).entities;
    assert_eq!((twice.len(), &twice[3]), (4, &twice[0]));
    assert_eq!(spoiled(json!({"do": "stuck-cursor"})).next_cursor.unwrap(), r#"{"place":2,"after":null}"#);
    assert!(spoiled(json!({"do": "malformed-json"})).entities[0].json.starts_with("<html>"));
    assert_eq!(spoiled(json!({"do": "empty-id"})).entities[0].id, "");
    assert!(spoiled(json!({"do": "oversized", "mebibytes": 2})).entities[0].json.len() > 2 << 20);

    let _host = host(json!([
        {"on": "write", "nth": 1, "do": "missing-outcome"},
        {"on": "write", "nth": 2, "do": "extra-outcome"},
        {"on": "read-entities", "do": "missing-outcome"},
    ]));
    let mut chaos = open();
    let delete = [operation("delete", Some("x"), json!(""))];
    assert_eq!(chaos.write(&delete).unwrap().len(), 0);
    assert_eq!(chaos.write(&delete).unwrap().len(), 2);
    assert_eq!(Source::read_entities(&mut chaos, "user", &["x".to_owned()]).len(), 0);
}

#[test]
fn attempts_at_the_host_end_as_the_host_says() {
    let host = host(json!([
        {"on": "read-page", "nth": 1, "do": "http", "url": "https://elsewhere/x", "header": ["X-A", "b"]},
        {"on": "read-page", "nth": 2, "do": "http", "url": "https://elsewhere/y"},
        {"on": "read-page", "nth": 3, "do": "connect", "host": "elsewhere", "port": 1},
        {"on": "read-page", "nth": 4, "do": "read-file", "name": "passwd"},
        {"on": "read-page", "nth": 5, "do": "write-file", "name": "open"},
        {"on": "read-page", "nth": 6, "do": "log-flood", "messages": 100},
    ]));
    host.answer(Answer::error(Error::denied("no grant"))).answer(Answer::status(204));
    let mut chaos = open();
    let mut call = || chaos.read_page("user", None, 1).map(|_| ()).map_err(|error| error.code);
    let expected = [Err("denied".to_owned()), Ok(()), Err("denied".to_owned()), Err("not-found".to_owned())];
    assert_eq!([call(), call(), call(), call()], expected);
    assert_eq!([call(), call()], [Ok(()), Ok(())]);
    assert_eq!(host.requests()[0].headers, [("X-A".to_owned(), "b".to_owned())]);
    assert_eq!(host.content("open").unwrap(), "chaos");
    assert_eq!(host.log().iter().filter(|message| message.text.len() == 1024).count(), 100);
}

#[test]
#[should_panic(expected = "the schedule says so")]
fn a_trap_is_a_panic() {
    let _host = host(json!([{"on": "open", "do": "trap"}]));
    let _ = Chaos::open();
}

#[test]
fn a_schedule_that_makes_no_sense_is_refused() {
    for faults in ["{", "[{}]", r#"[{"on":"lunch","do":"trap"}]"#, r#"[{"on":"find","do":"dance"}]"#] {
        let host = FakeHost::install();
        host.property("chaos.faults", faults);
        assert!(Chaos::open().is_err_and(|error| error.is("configuration")), "{faults}");
    }
}

/// Every deed can be written in a schedule; those that end the instance are shown by the tests of the host.
#[test]
fn every_deed_has_a_name() {
    let deeds = json!([
        {"on": "write", "do": "loop"}, {"on": "write", "do": "memory"}, {"on": "write", "do": "recursion"},
        {"on": "write", "do": "hang", "host": "127.0.0.1", "port": 1}, {"on": "write", "do": "hang-http", "url": "http://x"},
    ]);
    let _host = host(deeds);
    assert!(Chaos::open().is_ok());
}
