use super::*;
use crate::schema::Kind;
use crate::storage::Read;

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
    assert_eq!(now["schemas"], json!([USER, ENTERPRISE, SAP_USER]));
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
        assert_eq!(reply.status, 200);
        let members = get(&d, &path);
        assert_eq!(reply.body.unwrap(), members);
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
    let ghost = Uuid::from_u128(77);
    let reply = patch(&d, &path, json!([{ "op": "add", "path": "members", "value": [{ "value": ghost }] }]));
    assert!(refused(&reply, 400, Some("invalidValue")).contains(&ghost.to_string()));
    let reply = patch(
        &d,
        &path,
        json!([{ "op": "replace", "path": format!("members[value eq \"{b}\"].value"), "value": a }]),
    );
    refused(&reply, 400, Some("mutability"));
}

#[test]
fn members_that_are_elsewhere_are_kept_by_their_value() {
    let d = directory();
    let ann = user(&d, "ann", json!({}));
    let team = group(&d, "team", &["cn=crew,o=elsewhere", &ann]);
    let path = format!("/Groups/{team}");
    let members = || {
        let mut all: Vec<String> = get(&d, &path)["members"]
            .as_array()
            .map(|m| m.iter().map(|m| m["value"].as_str().unwrap().to_owned()).collect())
            .unwrap_or_default();
        all.sort();
        all
    };
    assert_eq!(members(), [ann.as_str(), "cn=crew,o=elsewhere"]);
    assert_eq!(names(&get(&d, &filtered("/Groups", "members.value eq \"cn=crew,o=elsewhere\""))), ["team"]);
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": "far" }, { "value": "far" }] }]);
    assert_eq!(patch(&d, &path, add).status, 200);
    assert_eq!(members(), [ann.as_str(), "cn=crew,o=elsewhere", "far"]);
    let remove = json!([{ "op": "remove", "path": "members[value eq \"far\"]" }]);
    assert_eq!(patch(&d, &path, remove).status, 200);
    assert_eq!(members(), [ann.as_str(), "cn=crew,o=elsewhere"]);
    assert_eq!(patch(&d, &path, json!([{ "op": "remove", "path": "members" }])).status, 200);
    assert_eq!(members(), [""; 0]);
    refused(
        &patch(&d, &path, json!([{ "op": "add", "path": "members", "value": [{ "value": " " }] }])),
        400,
        Some("invalidValue"),
    );
}

#[test]
fn a_patched_group_is_answered_unless_it_is_large() {
    let d = directory();
    let ids: Vec<_> = (0..101).map(|n| user(&d, &format!("u{n}"), json!({}))).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let path = format!("/Groups/{}", group(&d, "team", &ids[..100]));
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "crew" }]);
    let reply = patch(&d, &path, rename.clone());
    assert_eq!((reply.status, reply.body.unwrap()["members"].as_array().unwrap().len()), (200, 100));
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ids[100] }] }]);
    let reply = patch(&d, &path, add);
    assert_eq!((reply.status, reply.body), (204, None));
    assert_eq!(reply.etag.as_deref(), Some("W/\"3\""));
    // Asked for, it is answered.
    let reply = patch(&d, &format!("{path}?attributes=displayName"), rename);
    assert_eq!((reply.status, reply.body.unwrap()["displayName"].clone()), (200, json!("crew")));
}

#[test]
fn what_is_known_of_an_address_goes_with_the_address() {
    let d = directory();
    let known = json!([{ "value": "A@x", "verified": true }]);
    let id = user(&d, "ann", json!({ "emails": [{ "value": "a@x" }], SAP_USER: { "emails": known } }));
    let add =
        |path: &str, value: Value| patched(&d, &id, json!([{ "op": "add", "path": path, "value": value }]));
    let now = add(&format!("{SAP_USER}:emails"), json!([{ "value": "b@x", "verified": false }]));
    assert_eq!(now[SAP_USER]["emails"].as_array().unwrap().len(), 2, "a@x is an address of hers: {now}");
    let now = add("emails", json!([{ "value": "c@x" }]));
    assert_eq!(now[SAP_USER]["emails"], json!([{ "value": "A@x", "verified": true }]));
    // Other changes leave it alone.
    let now = add("title", json!("Captain"));
    assert_eq!(now[SAP_USER]["emails"].as_array().unwrap().len(), 1);
}

/// What is stored of a user's password.
fn stored(d: &Directory, id: &str) -> Option<String> {
    let tables = d.read().unwrap();
    let sequence = tables.locate(Kind::User, id).unwrap().unwrap();
    let record = tables.record(Kind::User, sequence).unwrap().unwrap();
    assert!(!serde_json::to_string(&record).unwrap().contains("canary"));
    record.password
}

#[test]
fn a_password_is_stored_as_an_argon2id_hash_and_never_shown() {
    let d = directory();
    let id = user(&d, "ann", json!({ "Password": "canary-1" }));
    let first = stored(&d, &id).unwrap();
    assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
    for operation in [
        json!([{ "op": "replace", "path": "password", "value": "canary-2" }]),
        json!([{ "op": "Replace", "value": { "PASSWORD": "canary-3" } }]),
        json!([{ "op": "add", "path": format!("{USER}:password"), "value": "canary-4" }]),
    ] {
        let before = stored(&d, &id).unwrap();
        let now = patched(&d, &id, operation);
        assert!(!now.to_string().contains("canary") && !now.to_string().contains("argon2"));
        assert_ne!(stored(&d, &id).unwrap(), before);
    }
    // A change that does not speak of it keeps it, be it a replacement.
    let before = stored(&d, &id);
    patched(&d, &id, json!([{ "op": "add", "path": "title", "value": "Captain" }]));
    let put = call(&d, "PUT", &format!("/Users/{id}"), Some(json!({ "schemas": [USER], "userName": "ann" })));
    assert_eq!((put.status, stored(&d, &id)), (200, before));
    patched(&d, &id, json!([{ "op": "remove", "path": "password" }]));
    assert_eq!(stored(&d, &id), None);
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "PATCH", "path": format!("/Users/{id}"), "data": {
            "Operations": [{ "op": "add", "path": "password", "value": "canary-5" }] } }],
    });
    assert_eq!(call(&d, "POST", "/Bulk", Some(bulk)).status, 200);
    assert!(stored(&d, &id).is_some());
    refused(&call(&d, "GET", &filtered("/Users", "password eq \"x\""), None), 403, Some("sensitive"));
    for shown in [get(&d, "/Users"), get(&d, &format!("/Users/{id}?attributes=password"))] {
        assert!(!shown.to_string().contains("argon2"), "{shown}");
    }
}
