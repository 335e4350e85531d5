//! Users written as they are stored say the same as users put together.

use super::*;
use crate::{Kind, Query};

const SAP_USER: &str = "urn:ietf:params:scim:schemas:extension:sap:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn a_page_as_text_says_what_the_list_says() {
    let d = directory();
    let mut ids = Vec::new();
    for n in 0..30 {
        let more = match n % 4 {
            0 => json!({ "displayName": format!("quo\"te \\ {n} é \u{1f600}"), "active": true }),
            1 => json!({ ENTERPRISE: { "department": "a \"urn:x\": b" }, "nickName": ENTERPRISE }),
            2 => {
                json!({ SAP_USER: { "userId": format!("P{n}") }, "emails": [{ "value": format!("u{n}@x.org"), "primary": true }] })
            }
            _ => json!({}),
        };
        ids.push(user(&d, &format!("user{n}"), more));
    }
    group(&d, "crew \"a\"", &[&ids[0], &ids[3]]);
    group(&d, "team", &[&ids[0]]);
    let patched =
        patch(&d, &format!("/Users/{}", ids[5]), json!([{ "op": "add", "path": "title", "value": "x" }]));
    assert_eq!(patched.status, 200);
    let text = |text: &str| Some(text.to_owned());
    let queries = [
        Query::default(),
        Query { start_index: Some(7), count: Some(5), ..Query::default() },
        Query { start_index: Some(99), ..Query::default() },
        Query { count: Some(0), ..Query::default() },
        Query { cursor: text(""), count: Some(12), ..Query::default() },
        Query { filter: text("userName eq \"USER7\""), ..Query::default() },
        Query { filter: text("userName eq \"nobody\""), ..Query::default() },
        Query {
            filter: text("userName sw \"user1\""),
            start_index: Some(3),
            count: Some(4),
            ..Query::default()
        },
        Query { filter: text("active eq true"), ..Query::default() },
        Query {
            filter: text("userName eq \"user3\""),
            attributes: vec!["groups".to_owned()],
            ..Query::default()
        },
        Query { sort_by: text("userName"), descending: true, ..Query::default() },
    ];
    for (number, query) in queries.into_iter().enumerate() {
        let list = d.list(Kind::User, &query, BASE).unwrap();
        let text = d.list_text(Kind::User, &query, None, BASE).unwrap();
        assert_eq!(text, list.to_string(), "{query:?}");
        let state = d.committer.state();
        let plain =
            crate::plain::page(d.read().unwrap().as_ref(), state.catalog.of(Kind::User), BASE, &query, None);
        assert_eq!(plain.unwrap().is_some(), number < 8, "{query:?}");
    }
    // Cursors lead on in the same way.
    let first =
        d.list(Kind::User, &Query { cursor: text(""), count: Some(12), ..Query::default() }, BASE).unwrap();
    let next = Query { cursor: first["nextCursor"].as_str().map(str::to_owned), ..Query::default() };
    assert_eq!(
        d.list_text(Kind::User, &next, None, BASE).unwrap(),
        d.list(Kind::User, &next, BASE).unwrap().to_string()
    );
}

#[test]
fn who_reads_after_a_write_sees_it() {
    let d = directory();
    for n in 0..50 {
        user(&d, &format!("user{n}"), json!({}));
        assert_eq!(get(&d, "/Users?count=0")["totalResults"], n + 1);
    }
}

#[test]
fn a_change_is_answered_as_the_user_is_shown() {
    let d = directory();
    let same = |reply: Reply, path: &str| {
        let (answer, shown) = (reply.body.unwrap().to_string(), get(&d, path).to_string());
        assert_eq!(answer, shown, "{path}");
    };
    let more = json!({ "schemas": [USER], "userName": "quo\"te \\ é", "nickName": ENTERPRISE,
        ENTERPRISE: { "department": "a \"urn:x\": b" } });
    let made = call(&d, "POST", "/Users", Some(more.clone()));
    let id = made.body.as_ref().unwrap()["id"].as_str().unwrap().to_owned();
    let path = format!("/Users/{id}");
    assert_eq!((made.status, made.location), (201, Some(format!("{BASE}{path}"))));
    same(Reply { location: None, ..made }, &path);
    group(&d, "crew \"a\"", &[&id]);
    same(patch(&d, &path, json!([{ "op": "add", "path": "title", "value": "x" }])), &path);
    same(call(&d, "PUT", &path, Some(more.clone())), &path);
    let some = call(&d, "PUT", &format!("{path}?attributes=userName"), Some(more)).body.unwrap();
    assert_eq!(some, get(&d, &format!("{path}?attributes=userName")));
}
