use super::*;

#[test]
fn a_created_user_is_answered_in_full_and_read_back() {
    let d = directory();
    let reply = call(
        &d,
        "POST",
        "/Users",
        Some(json!({
            "schemas": [USER, ENTERPRISE],
            "username": "Ann",
            "NAME": { "familyName": "O'Brien", "unknown": 1 },
            "emails": [{ "value": "ann@example.com", "type": "work", "primary": "True" }],
            "nonsense": true,
            "id": "mine", "meta": { "version": "x" }, "groups": [{ "value": "x" }],
            "password": "canary-pass",
            ENTERPRISE: { "department": "Ships", "manager": "m1" },
        })),
    );
    assert_eq!(reply.status, 201);
    let body = reply.body.unwrap();
    let id = body["id"].as_str().unwrap();
    assert_eq!(
        body,
        json!({
            "schemas": [USER, ENTERPRISE, SAP_USER],
            // The first number went into the password's salt.
            "id": "00000000-0000-0000-0000-000000000002",
            "userName": "Ann",
            "name": { "familyName": "O'Brien" },
            "emails": [{ "value": "ann@example.com", "type": "work", "primary": true }],
            ENTERPRISE: { "department": "Ships", "manager": { "value": "m1" } },
            SAP_USER: { "userUuid": "00000000-0000-0000-0000-000000000003", "userId": "P000001" },
            "meta": {
                "resourceType": "User",
                "created": "2026-01-01T00:00:00.000Z",
                "lastModified": "2026-01-01T00:00:00.000Z",
                "location": format!("{BASE}/Users/{id}"),
                "version": "W/\"1\"",
            },
        })
    );
    assert_eq!(reply.etag.as_deref(), Some("W/\"1\""));
    assert_eq!(reply.location.as_deref(), Some(format!("{BASE}/Users/{id}").as_str()));
    assert_eq!(get(&d, &format!("/Users/{id}")), body);
}

#[test]
fn a_user_name_is_unique_in_any_case_and_the_error_names_the_holder() {
    let d = directory();
    let id = user(&d, "Ann", json!({}));
    let again = call(&d, "POST", "/Users", Some(json!({ "schemas": [USER], "userName": "aNN" })));
    let detail = refused(&again, 409, Some("uniqueness"));
    assert!(detail.contains("userName") && detail.contains(&id), "{detail}");
    // Nothing was written.
    assert_eq!(get(&d, "/Users")["totalResults"], 1);
    // Another user cannot be renamed to it, the same one can change its case.
    let bob = user(&d, "bob", json!({}));
    let body = |name: &str| Some(json!({ "schemas": [USER], "userName": name }));
    refused(&call(&d, "PUT", &format!("/Users/{bob}"), body("ANN")), 409, Some("uniqueness"));
    assert_eq!(call(&d, "PUT", &format!("/Users/{id}"), body("ANN")).status, 200);
    // After a delete the name is free.
    assert_eq!(call(&d, "DELETE", &format!("/Users/{id}"), None).status, 204);
    user(&d, "ann", json!({}));
    let twice = Some(json!({ "schemas": [GROUP], "displayName": "team" }));
    assert_eq!(call(&d, "POST", "/Groups", twice.clone()).status, 201);
    refused(&call(&d, "POST", "/Groups", twice), 409, Some("uniqueness"));
}

#[test]
fn bad_bodies_are_refused_by_name() {
    let d = directory();
    let post = |body: Value| call(&d, "POST", "/Users", Some(body));
    assert!(refused(&post(json!({ "schemas": [USER] })), 400, Some("invalidValue")).contains("userName"));
    assert!(
        refused(&post(json!({ "schemas": [USER], "userName": " " })), 400, Some("invalidValue"))
            .contains("userName")
    );
    assert!(refused(&post(json!({ "userName": "a" })), 400, Some("invalidValue")).contains("schemas"));
    let wrong = post(json!({ "schemas": [USER], "userName": "a", "active": "perhaps" }));
    assert!(refused(&wrong, 400, Some("invalidValue")).contains("active"));
    let wrong = post(json!({ "schemas": [USER], "userName": 5 }));
    assert!(refused(&wrong, 400, Some("invalidValue")).contains("userName"));
    let wrong = post(json!({ "schemas": [USER], "userName": "a", "emails": { "value": "x" } }));
    assert!(refused(&wrong, 400, Some("invalidValue")).contains("emails"));
    let two = json!([{ "value": "a", "primary": true }, { "value": "b", "primary": true }]);
    let wrong = post(json!({ "schemas": [USER], "userName": "a", "emails": two }));
    assert!(refused(&wrong, 400, Some("invalidValue")).contains("primary"));
    let reply = d.call(&Call { method: "POST", path: "/Users", body: b"{", base: BASE, ..Call::default() });
    refused(&reply, 400, Some("invalidSyntax"));
    let big = vec![b' '; crate::MAX_BODY + 1];
    let reply = d.call(&Call { method: "POST", path: "/Users", body: &big, base: BASE, ..Call::default() });
    refused(&reply, 413, None);
    refused(&call(&d, "GET", "/Users/none", None), 404, None);
    refused(&call(&d, "GET", "/Nothing", None), 404, None);
    refused(&call(&d, "DELETE", "/Users", None), 405, None);
    refused(&call(&d, "GET", "/Me", None), 501, None);
    assert_eq!(get(&d, "/Users")["totalResults"], 0);
}

#[test]
fn put_replaces_and_an_equal_put_changes_nothing() {
    let d = directory();
    let id = user(&d, "ann", json!({ "title": "Captain", "active": true }));
    let path = format!("/Users/{id}");
    let body = json!({ "schemas": [USER], "userName": "ann", "nickName": "A", "id": id });
    let reply = call(&d, "PUT", &path, Some(body.clone()));
    assert_eq!(reply.etag.as_deref(), Some("W/\"2\""));
    let now = reply.body.unwrap();
    assert_eq!(now.get("title"), None);
    assert_eq!(now["nickName"], "A");
    assert_ne!(now["meta"]["lastModified"], now["meta"]["created"]);
    let again = call(&d, "PUT", &path, Some(body));
    assert_eq!(again.body.unwrap(), now);
    refused(&call(&d, "PUT", "/Users/none", Some(json!({}))), 404, None);
}

#[test]
fn if_match_and_if_none_match_compare_versions() {
    let d = directory();
    let id = user(&d, "ann", json!({}));
    let path = format!("/Users/{id}");
    let with = |method, if_match, if_none_match, body: &str| {
        d.call(&Call {
            method,
            path: &path,
            if_match,
            if_none_match,
            body: body.as_bytes(),
            base: BASE,
            query: "",
        })
    };
    let put = json!({ "schemas": [USER], "userName": "ann2" }).to_string();
    let detail = refused(&with("PUT", Some("W/\"7\""), None, &put), 412, None);
    assert!(detail.contains("W/\"1\""), "{detail}");
    assert_eq!(with("PUT", Some("W/\"1\""), None, &put).status, 200);
    assert_eq!(with("GET", None, Some("W/\"2\""), "").status, 304);
    assert_eq!(with("GET", None, Some("W/\"1\""), "").status, 200);
    refused(&with("DELETE", Some("W/\"1\""), None, ""), 412, None);
    assert_eq!(with("DELETE", Some("*"), None, "").status, 204);
    refused(&with("DELETE", None, None, ""), 404, None);
}

#[test]
fn memberships_are_seen_from_both_sides_and_go_with_either() {
    let d = directory();
    let (ann, bob) = (user(&d, "ann", json!({})), user(&d, "bob", json!({})));
    let inner = group(&d, "inner", &[&ann]);
    let outer = group(&d, "outer", &[&ann, &bob, &inner]);
    let members = get(&d, &format!("/Groups/{outer}"))["members"].clone();
    assert_eq!(members.as_array().unwrap().len(), 3);
    assert_eq!(members[0], json!({ "value": ann, "$ref": format!("{BASE}/Users/{ann}"), "type": "User" }));
    assert_eq!(members[2]["type"], "Group");
    let groups = get(&d, &format!("/Users/{ann}"))["groups"].clone();
    assert_eq!(
        groups[0],
        json!({ "value": inner, "$ref": format!("{BASE}/Groups/{inner}"), "display": "inner", "type": "direct" })
    );
    assert_eq!(groups[1]["display"], "outer");
    // A user's end is a change of its groups.
    assert_eq!(call(&d, "DELETE", &format!("/Users/{ann}"), None).status, 204);
    let left = get(&d, &format!("/Groups/{outer}"));
    assert_eq!(left["members"].as_array().unwrap().len(), 2);
    assert_eq!(left["meta"]["version"], "W/\"2\"");
    assert_eq!(get(&d, &format!("/Groups/{inner}")).get("members"), None);
    assert_eq!(call(&d, "DELETE", &format!("/Groups/{outer}"), None).status, 204);
    assert_eq!(get(&d, &format!("/Users/{bob}")).get("groups"), None);
    // PUT replaces the members.
    let path = format!("/Groups/{inner}");
    let put = |ids: &[&String]| {
        let members: Vec<_> = ids.iter().map(|m| json!({ "value": m })).collect();
        call(
            &d,
            "PUT",
            &path,
            Some(json!({ "schemas": [GROUP], "displayName": "inner", "members": members })),
        )
    };
    assert_eq!(put(&[&bob]).body.unwrap()["members"].as_array().unwrap().len(), 1);
    assert_eq!(put(&[]).body.unwrap().get("members"), None);
    // Members must exist, and a group is not its own.
    assert!(refused(&put(&[&ann]), 400, Some("invalidValue")).contains(&ann));
    assert!(refused(&put(&[&inner]), 400, Some("invalidValue")).contains("own member"));
}

#[test]
fn attributes_are_selected() {
    let d = directory();
    let id = user(
        &d,
        "ann",
        json!({ "title": "Captain", "emails": [{ "value": "a@b", "type": "work" }], ENTERPRISE: { "department": "D", "division": "V" } }),
    );
    let keys =
        |path: String| -> Vec<String> { get(&d, &path).as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(format!("/Users/{id}?attributes=username")), ["schemas", "id", "userName"]);
    let body = get(&d, &format!("/Users/{id}?attributes=emails.type,{ENTERPRISE}:department"));
    assert_eq!(body["emails"], json!([{ "type": "work" }]));
    assert_eq!(body[ENTERPRISE], json!({ "department": "D" }));
    assert_eq!(body.get("meta"), None);
    let body = get(&d, &format!("/Users/{id}?excludedAttributes=title,emails.type,id,{ENTERPRISE}:division"));
    assert_eq!(body.get("title"), None);
    assert_eq!(body["emails"], json!([{ "value": "a@b" }]));
    assert_eq!(body["id"], id.as_str());
    assert_eq!(body[ENTERPRISE], json!({ "department": "D" }));
    let both = call(&d, "GET", &format!("/Users/{id}?attributes=a&excludedAttributes=b"), None);
    refused(&both, 400, Some("invalidValue"));
    let list = get(&d, "/Users?attributes=title");
    assert_eq!(list["Resources"][0]["title"], "Captain");
    assert_eq!(list["Resources"][0].get("userName"), None);
}

#[test]
fn discovery_documents_agree_with_what_is_served() {
    let d = directory();
    let config = get(&d, "/ServiceProviderConfig");
    assert_eq!(config["filter"], json!({ "supported": true, "maxResults": 200 }));
    assert_eq!(config["bulk"]["maxOperations"], 1000);
    let types = get(&d, "/ResourceTypes");
    assert_eq!(types["totalResults"], 2);
    for resource_type in types["Resources"].as_array().unwrap() {
        let one = get(&d, &format!("/ResourceTypes/{}", resource_type["id"].as_str().unwrap()));
        assert_eq!(&one, resource_type);
        get(&d, one["endpoint"].as_str().unwrap());
        let core = get(&d, &format!("/Schemas/{}", one["schema"].as_str().unwrap()));
        assert!(core["attributes"].as_array().unwrap().len() >= 2);
        for extension in one["schemaExtensions"].as_array().unwrap() {
            get(&d, &format!("/Schemas/{}", extension["schema"].as_str().unwrap()));
        }
    }
    let schema = get(&d, &format!("/Schemas/{USER}"));
    let name = &schema["attributes"][0];
    assert_eq!(
        (&name["name"], &name["uniqueness"], &name["required"], &name["caseExact"], &name["type"]),
        (&json!("userName"), &json!("server"), &json!(true), &json!(false), &json!("string"))
    );
    refused(&call(&d, "GET", "/Schemas/urn:none", None), 404, None);
    refused(&call(&d, "GET", &filtered("/Schemas", "id pr"), None), 403, None);
}

#[test]
fn a_directory_in_a_file_is_there_again() {
    let file = std::env::temp_dir().join(format!("gangway-directory-{}.redb", std::process::id()));
    let _ = std::fs::remove_file(&file);
    let id = {
        let d = Directory::open(&file, clock(), Arc::new(Numbers(AtomicU64::new(1)))).unwrap();
        user(&d, "ann", json!({}))
    };
    let d = Directory::open(&file, clock(), Arc::new(Numbers(AtomicU64::new(50)))).unwrap();
    assert_eq!(get(&d, &format!("/Users/{id}"))["userName"], "ann");
    assert!(user(&d, "bob", json!({})) > id);
    assert_eq!(d.count(crate::Kind::User).unwrap(), 2);
    drop(d);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn parallel_changes_of_one_group_lose_nothing() {
    let d = directory();
    let users: Vec<_> = (0..40).map(|n| user(&d, &format!("u{n}"), json!({}))).collect();
    let team = group(&d, "team", &[]);
    std::thread::scope(|scope| {
        for id in &users {
            let (d, team) = (&d, &team);
            scope.spawn(move || {
                let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
                assert_eq!(patch(d, &format!("/Groups/{team}"), add).status, 200);
            });
        }
    });
    let team = get(&d, &format!("/Groups/{team}"));
    assert_eq!(team["members"].as_array().unwrap().len(), 40);
    assert_eq!(team["meta"]["version"], "W/\"41\"");
}
