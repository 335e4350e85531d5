use super::*;

/// Applies operations to a user and gives what became of it.
fn patched(d: &Directory, id: &str, operations: Value) -> Value {
    let reply = patch(d, &format!("/Users/{id}"), operations);
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    reply.body.unwrap()
}

fn ann(d: &Directory) -> String {
    user(
        d,
        "ann",
        json!({
            "title": "Captain", "active": true, "name": { "familyName": "A", "givenName": "B" },
            "emails": [{ "value": "w@x", "type": "work", "primary": true }, { "value": "h@x", "type": "home" }],
        }),
    )
}

#[test]
fn add() {
    let d = directory();
    let id = ann(&d);
    let now = patched(
        &d,
        &id,
        json!([
            { "op": "add", "path": "nickName", "value": "N" },
            { "op": "Add", "path": "name.middleName", "value": "M" },
            { "op": "add", "path": "name", "value": { "givenName": "G" } },
            { "op": "add", "path": "emails", "value": [{ "value": "o@x", "type": "other" }] },
            { "op": "add", "path": "emails", "value": { "value": "o@x", "type": "other" } },
            { "op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "D" },
        ]),
    );
    assert_eq!(now["nickName"], "N");
    assert_eq!(now["name"], json!({ "familyName": "A", "middleName": "M", "givenName": "G" }));
    assert_eq!(now["emails"].as_array().unwrap().len(), 3);
    assert_eq!(now[ENTERPRISE], json!({ "department": "D" }));
    assert_eq!(now["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(now["meta"]["version"], "W/\"2\"");
}

#[test]
fn add_of_what_is_there_changes_nothing() {
    let d = directory();
    let id = ann(&d);
    let now = patched(&d, &id, json!([{ "op": "add", "path": "title", "value": "Captain" }]));
    assert_eq!(now["meta"]["version"], "W/\"1\"");
    assert_eq!(now["meta"]["lastModified"], now["meta"]["created"]);
}

#[test]
fn replace() {
    let d = directory();
    let id = ann(&d);
    let now = patched(
        &d,
        &id,
        json!([
            { "op": "replace", "path": "title", "value": "Pilot" },
            { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@x" },
            { "op": "replace", "path": "emails[type eq \"home\"]", "value": { "value": "other@x", "type": "other" } },
        ]),
    );
    assert_eq!(now["title"], "Pilot");
    assert_eq!(
        now["emails"],
        json!([{ "value": "new@x", "type": "work", "primary": true }, { "value": "other@x", "type": "other" }])
    );
    let now =
        patched(&d, &id, json!([{ "op": "replace", "path": "emails", "value": [{ "value": "one@x" }] }]));
    assert_eq!(now["emails"], json!([{ "value": "one@x" }]));
    let now = patched(&d, &id, json!([{ "op": "replace", "path": "title", "value": null }]));
    assert_eq!(now.get("title"), None);
}

#[test]
fn remove() {
    let d = directory();
    let id = ann(&d);
    let now = patched(
        &d,
        &id,
        json!([
            { "op": "remove", "path": "title" },
            { "op": "remove", "path": "name.givenName" },
            { "op": "remove", "path": "emails[type eq \"work\"]" },
        ]),
    );
    assert_eq!(now.get("title"), None);
    assert_eq!(now["name"], json!({ "familyName": "A" }));
    assert_eq!(now["emails"], json!([{ "value": "h@x", "type": "home" }]));
    // Entra removes with a value.
    let now = patched(&d, &id, json!([{ "op": "Remove", "path": "emails", "value": [{ "value": "h@x" }] }]));
    assert_eq!(now.get("emails"), None);
}

#[test]
fn without_a_path_keys_are_paths() {
    let d = directory();
    let id = ann(&d);
    let now = patched(
        &d,
        &id,
        json!([{ "op": "replace", "value": {
            "id": id, "schemas": [USER], "meta": {}, "unheard": 1,
            "active": "False",
            "name.familyName": "Z",
            "emails[type eq \"work\"].value": "via-key@x",
            ENTERPRISE: { "division": "V" },
            format!("{ENTERPRISE}:department"): "D",
            format!("{ENTERPRISE}:manager"): "m1",
        }}]),
    );
    assert_eq!(now["active"], false);
    assert_eq!(now["name"], json!({ "familyName": "Z", "givenName": "B" }));
    assert_eq!(now["emails"][0]["value"], "via-key@x");
    assert_eq!(now[ENTERPRISE], json!({ "division": "V", "department": "D", "manager": { "value": "m1" } }));
}

#[test]
fn a_filtered_add_makes_the_missing_value_and_a_replace_does_not() {
    let d = directory();
    let id = user(&d, "bob", json!({}));
    let now =
        patched(&d, &id, json!([{ "op": "Add", "path": "emails[type eq \"work\"].value", "value": "b@x" }]));
    assert_eq!(now["emails"], json!([{ "type": "work", "value": "b@x" }]));
    let no = patch(
        &d,
        &format!("/Users/{id}"),
        json!([{ "op": "replace", "path": "emails[type eq \"home\"].value", "value": "x" }]),
    );
    assert!(refused(&no, 400, Some("noTarget")).contains("emails"));
}

#[test]
fn a_new_primary_takes_over() {
    let d = directory();
    let id = ann(&d);
    let now = patched(
        &d,
        &id,
        json!([{ "op": "replace", "path": "emails[type eq \"home\"].primary", "value": true }]),
    );
    assert_eq!(now["emails"][0]["primary"], false);
    assert_eq!(now["emails"][1]["primary"], true);
}

#[test]
fn a_failed_operation_leaves_nothing_behind() {
    let d = directory();
    let id = ann(&d);
    let before = get(&d, &format!("/Users/{id}"));
    for (operations, scim_type, part) in [
        (
            json!([{ "op": "replace", "path": "title", "value": "X" }, { "op": "remove" }]),
            "noTarget",
            "operation 2",
        ),
        (json!([{ "op": "move", "path": "title" }]), "invalidSyntax", "op"),
        (json!([{ "op": "add", "path": "nothing", "value": 1 }]), "invalidPath", "nothing"),
        (json!([{ "op": "add", "path": "emails[type eq", "value": 1 }]), "invalidPath", "emails"),
        (
            json!([{ "op": "add", "path": "emails[type ~ 1].value", "value": 1 }]),
            "invalidPath",
            "expected eq",
        ),
        (json!([{ "op": "add", "path": "title" }]), "invalidValue", "title"),
        (json!([{ "op": "replace", "path": "id", "value": "x" }]), "mutability", "id"),
        (json!([{ "op": "remove", "path": "groups" }]), "mutability", "groups"),
        (json!([{ "op": "remove", "path": "userName" }]), "invalidValue", "userName"),
        (json!([{ "op": "replace", "path": "active", "value": "maybe" }]), "invalidValue", "active"),
        (json!([{ "op": "remove", "path": "emails[type eq \"fax\"]" }]), "noTarget", "emails"),
        (json!([{ "op": "add", "value": "text" }]), "invalidValue", "object"),
        (json!([]), "invalidSyntax", "Operations"),
    ] {
        let reply = patch(&d, &format!("/Users/{id}"), operations.clone());
        let detail = refused(&reply, 400, Some(scim_type));
        assert!(detail.contains(part), "{operations}: {detail}");
    }
    user(&d, "bob", json!({}));
    let taken =
        patch(&d, &format!("/Users/{id}"), json!([{ "op": "replace", "path": "userName", "value": "BOB" }]));
    refused(&taken, 409, Some("uniqueness"));
    assert_eq!(get(&d, &format!("/Users/{id}")), before);
    refused(&patch(&d, "/Users/none", json!([])), 404, None);
}

#[test]
fn members_in_every_dialect() {
    let d = directory();
    let (a, b, c) = (user(&d, "a", json!({})), user(&d, "b", json!({})), user(&d, "c", json!({})));
    let team = group(&d, "team", &[&a]);
    let path = format!("/Groups/{team}");
    let change = |operations: Value| -> Vec<String> {
        let reply = patch(&d, &path, operations);
        assert_eq!((reply.status, reply.body), (204, None));
        let members = get(&d, &path);
        members.get("members").map_or_else(Vec::new, |m| {
            m.as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap().to_owned()).collect()
        })
    };
    assert_eq!(
        change(json!([{ "op": "add", "path": "members", "value": [{ "value": b }] }])),
        [a.clone(), b.clone()]
    );
    // Who is a member already stays one.
    assert_eq!(
        change(json!([{ "op": "Add", "path": "members", "value": { "value": b } }])),
        [a.clone(), b.clone()]
    );
    assert_eq!(
        change(json!([{ "op": "remove", "path": format!("members[value eq \"{a}\"]") }])),
        [b.as_str()]
    );
    assert_eq!(
        change(json!([{ "op": "add", "value": { "members": [{ "value": a }] } }])),
        [a.clone(), b.clone()]
    );
    assert_eq!(
        change(json!([{ "op": "Remove", "path": "members", "value": [{ "value": a }] }])),
        [b.as_str()]
    );
    // Who is no member is gone already.
    assert_eq!(
        change(json!([{ "op": "remove", "path": format!("members[value eq \"{c}\"]") }])),
        [b.as_str()]
    );
    assert_eq!(
        change(json!([{ "op": "replace", "path": "members", "value": [{ "value": c }, { "value": a }] }])),
        [a.clone(), c.clone()]
    );
    assert_eq!(
        change(json!([{ "op": "remove", "path": format!("members[value eq \"{a}\" or value eq \"{b}\"]") }])),
        [c.as_str()]
    );
    // Okta renames without a path and repeats the id.
    assert_eq!(
        change(json!([{ "op": "replace", "value": { "id": team, "displayName": "crew" } }])),
        [c.as_str()]
    );
    assert_eq!(get(&d, &path)["displayName"], "crew");
    assert_eq!(change(json!([{ "op": "remove", "path": "members" }])), [""; 0]);
    // One request, in its order.
    assert_eq!(
        change(json!([
            { "op": "add", "path": "members", "value": [{ "value": a }, { "value": b }] },
            { "op": "remove", "path": format!("members[value eq \"{a}\"]") },
            { "op": "add", "path": "members", "value": [{ "value": c }] },
        ])),
        [b.clone(), c.clone()]
    );
    let reply =
        patch(&d, &path, json!([{ "op": "add", "path": "members", "value": [{ "value": "ghost" }] }]));
    assert!(refused(&reply, 400, Some("invalidValue")).contains("ghost"));
    let reply = patch(
        &d,
        &path,
        json!([{ "op": "replace", "path": format!("members[value eq \"{b}\"].value"), "value": a }]),
    );
    refused(&reply, 400, Some("mutability"));
    // Asked for, the group is answered.
    let reply = call(
        &d,
        "PATCH",
        &format!("{path}?attributes=displayName"),
        Some(
            json!({ "schemas": [PATCH], "Operations": [{ "op": "add", "path": "displayName", "value": "x" }] }),
        ),
    );
    assert_eq!((reply.status, reply.body.unwrap()["displayName"].clone()), (200, json!("x")));
}

#[test]
fn a_password_is_taken_and_never_kept() {
    let d = directory();
    let id = user(&d, "ann", json!({ "password": "canary" }));
    let now = patched(&d, &id, json!([{ "op": "replace", "path": "password", "value": "canary" }]));
    assert!(!now.to_string().contains("canary"));
    assert_eq!(now["meta"]["version"], "W/\"1\"");
}
