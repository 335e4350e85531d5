use super::*;

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn bulk(d: &Directory, more: Value, operations: Value) -> Vec<Value> {
    let mut body = json!({ "schemas": [REQUEST], "Operations": operations });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    let reply = call(d, "POST", "/Bulk", Some(body));
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    reply.body.unwrap()["Operations"].as_array().unwrap().clone()
}

fn create(bulk_id: &str, name: &str) -> Value {
    json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": { "schemas": [USER], "userName": name } })
}

#[test]
fn operations_are_answered_in_order_with_their_own_status() {
    let d = directory();
    let old = user(&d, "old", json!({}));
    let answers = bulk(
        &d,
        json!({}),
        json!([
            create("1", "ann"),
            create("2", "ANN"),
            { "method": "PUT", "path": format!("/Users/{old}"), "data": { "schemas": [USER], "userName": "older" } },
            { "method": "PATCH", "path": format!("/Users/{old}"), "version": "W/\"2\"",
              "data": { "schemas": [PATCH], "Operations": [{ "op": "add", "path": "title", "value": "T" }] } },
            { "method": "PATCH", "path": format!("/Users/{old}"), "version": "W/\"2\"",
              "data": { "schemas": [PATCH], "Operations": [{ "op": "add", "path": "title", "value": "U" }] } },
            { "method": "DELETE", "path": format!("/Users/{old}") },
            { "method": "DELETE", "path": format!("/Users/{old}") },
            { "method": "GET", "path": "/Users" },
        ]),
    );
    let status: Vec<_> = answers.iter().map(|a| a["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["201", "409", "200", "200", "412", "204", "404", "400"]);
    assert_eq!(answers[0]["bulkId"], "1");
    assert!(answers[0]["location"].as_str().unwrap().starts_with(&format!("{BASE}/Users/")));
    assert_eq!(answers[0]["version"], "W/\"1\"");
    assert_eq!(answers[1]["response"]["scimType"], "uniqueness");
    assert_eq!(names(&get(&d, "/Users")), ["ann"]);
}

#[test]
fn references_work_in_both_directions() {
    let d = directory();
    let answers = bulk(
        &d,
        json!({}),
        json!([
            { "method": "POST", "path": "/Groups", "bulkId": "g",
              "data": { "schemas": [GROUP], "displayName": "team", "members": [{ "value": "bulkId:u" }] } },
            create("u", "ann"),
            { "method": "PATCH", "path": "/Users/bulkId:u",
              "data": { "schemas": [PATCH], "Operations": [{ "op": "add", "path": "title", "value": "T" }] } },
        ]),
    );
    let status: Vec<_> = answers.iter().map(|a| a["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["201", "201", "200"]);
    assert_eq!(answers[0]["bulkId"], "g");
    let ann = &get(&d, "/Users")["Resources"][0];
    assert_eq!(ann["title"], "T");
    assert_eq!(ann["groups"][0]["display"], "team");
    let lost = bulk(
        &d,
        json!({}),
        json!([{ "method": "POST", "path": "/Groups",
                 "data": { "schemas": [GROUP], "displayName": "x", "members": [{ "value": "bulkId:ghost" }] } }]),
    );
    assert_eq!(lost[0]["status"], "409");
    assert!(lost[0]["response"]["detail"].as_str().unwrap().contains("ghost"));
}

#[test]
fn fail_on_errors_leaves_the_rest_alone() {
    let d = directory();
    let operations = json!([create("1", "a"), create("2", "a"), create("3", "A"), create("4", "b")]);
    let answers = bulk(&d, json!({ "failOnErrors": 2 }), operations);
    assert_eq!(answers.len(), 3);
    assert_eq!(names(&get(&d, "/Users")), ["a"]);
}

#[test]
fn a_bulk_request_is_bounded_and_checked() {
    let d = directory();
    let many: Vec<_> = (0..1001).map(|n| create("x", &n.to_string())).collect();
    let reply = call(&d, "POST", "/Bulk", Some(json!({ "schemas": [REQUEST], "Operations": many })));
    refused(&reply, 413, Some("tooMany"));
    refused(&call(&d, "POST", "/Bulk", Some(json!({ "Operations": [] }))), 400, Some("invalidValue"));
    refused(&call(&d, "POST", "/Bulk", Some(json!({ "schemas": [REQUEST] }))), 400, Some("invalidSyntax"));
    refused(&call(&d, "GET", "/Bulk", None), 405, None);
}
