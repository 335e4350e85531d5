//! Central store and directory: F238 to F255.

use crate::home::{ENTERPRISE, GROUP, Home, SAP_GROUP, SAP_USER, USER, refused, sorted};
use crate::systems::{counters, csv_source, document, scim_target, write_no_groups, write_users};
use gangway_kit::{Method, ScimServer, text};
use gangway_model::{Action, JobStatus, ReadMode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn f243_the_global_user_id_is_generated_or_accepted_and_unique() {
    let home = Home::new().await;
    let ann = home.get(&format!("/Users/{}", home.user("ann", json!({})).await)).await;
    let generated = text(&ann, &format!("/{}/userUuid", SAP_USER)).to_owned();
    assert_eq!(generated.len(), 36);
    let given = json!({ SAP_USER: { "userUuid": "11111111-2222-4333-8444-555555555555" } });
    let bob = home.get(&format!("/Users/{}", home.user("bob", given.clone()).await)).await;
    assert_eq!(bob[SAP_USER]["userUuid"], given[SAP_USER]["userUuid"]);
    let mut again = json!({ "schemas": [USER], "userName": "carl" });
    again[SAP_USER] = given[SAP_USER].clone();
    assert!(refused(&home.post("Users", again).await, 409, "uniqueness").contains("userUuid"));
    // A replacement that does not speak of it keeps it.
    let put = json!({ "schemas": [USER], "userName": "ann2" });
    let (_, now) = home.scim(Method::PUT, &format!("/Users/{}", text(&ann, "/id")), Some(put)).await;
    assert_eq!(text(&now, &format!("/{}/userUuid", SAP_USER)), generated);
}

#[tokio::test]
async fn f244_two_sources_that_merge_with_patch_keep_each_others_attributes() {
    let home = Home::new().await;
    home.api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let rows = [
        (
            "People",
            "id,userName,givenName,familyName,email,department,title,type,active\nA,ann,Ann,Lee,a@x.org,,,employee,true\n",
        ),
        (
            "Titles",
            "id,userName,givenName,familyName,email,department,title,type,active\nZ9,ann,Ann,Lee,a@x.org,,Captain,employee,true\n",
        ),
    ];
    let writes = [
        r#"{ "user": { "mappings": [
            { "sourcePath": "$.userName", "targetPath": "$.userName" }, { "sourcePath": "$.name", "targetPath": "$.name" },
            { "constant": ["urn:ietf:params:scim:schemas:core:2.0:User"], "targetPath": "$.schemas", "scope": "createEntity" },
            { "sourceVariable": "entityIdTargetSystem", "targetPath": "$.id" } ] } }"#,
        r#"{ "user": { "mappings": [
            { "sourcePath": "$.userName", "targetPath": "$.userName" }, { "sourcePath": "$.title", "targetPath": "$.title" },
            { "constant": ["urn:ietf:params:scim:schemas:core:2.0:User"], "targetPath": "$.schemas", "scope": "createEntity" },
            { "sourceVariable": "entityIdTargetSystem", "targetPath": "$.id" } ] } }"#,
    ];
    for ((folder, (name, table)), write) in folders.iter().zip(rows).zip(writes) {
        std::fs::write(folder.path().join("users.csv"), table).unwrap();
        write_no_groups(folder.path());
        home.api.make_system(csv_source(name, folder.path())).await.unwrap();
        let mut target = scim_target(&format!("{name} here"), name, &home.url(), home.engine.token());
        target["properties"]["scim.support.patch.operation"] = json!({ "value": "true" });
        target["write"]["document"] = json!(write);
        home.api.make_system(target).await.unwrap();
        let job = home.api.run(name).await.unwrap();
        assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", home.engine.log());
    }
    let found = home.found("Users", "userName eq \"ann\"").await;
    assert_eq!(found.len(), 1);
    assert_eq!((text(&found[0], "/name/familyName"), text(&found[0], "/title")), ("Lee", "Captain"));
    // The first source changes something of its own.
    std::fs::write(folders[0].path().join("users.csv"), rows[0].1.replace("Lee", "Berg")).unwrap();
    let job = home.api.run("People").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}");
    let found = home.found("Users", "userName eq \"ann\"").await;
    assert_eq!((text(&found[0], "/name/familyName"), text(&found[0], "/title")), ("Berg", "Captain"));
}

#[tokio::test]
async fn f245_users_and_groups_by_every_method_bulk_and_filter() {
    let home = Home::new().await;
    let more = json!({ "title": "Captain", ENTERPRISE: { "department": "Ships" } });
    let ann = home.user("ann", more).await;
    let since = text(&home.get(&format!("/Users/{ann}")).await, "/meta/lastModified").to_owned();
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "POST", "path": "/Groups", "bulkId": "g", "data": {
                "schemas": [GROUP], "displayName": "crew", "members": [{ "value": "bulkId:u" }, { "value": ann }] } },
            { "method": "POST", "path": "/Users", "bulkId": "u", "data": { "schemas": [USER], "userName": "bob" } },
            { "method": "PATCH", "path": format!("/Users/{ann}"), "data": {
                "Operations": [{ "op": "replace", "path": "title", "value": "Mate" }] } },
            { "method": "DELETE", "path": "/Users/none" },
        ],
    });
    let (status, answer) = home.post("Bulk", bulk).await;
    let statuses: Vec<_> =
        answer["Operations"].as_array().unwrap().iter().map(|o| text(o, "/status")).collect();
    assert_eq!((status, statuses), (200, vec!["201", "201", "200", "404"]), "{answer}");
    let names = async |filter: &str| {
        let mut names: Vec<_> =
            home.found("Users", filter).await.iter().map(|u| text(u, "/userName").to_owned()).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names("userName eq \"ANN\" and title eq \"mate\"").await, "ann");
    assert_eq!(names("(userName eq \"ann\" or userName eq \"bob\") and not (title pr)").await, "bob");
    assert_eq!(names(&format!("{ENTERPRISE}:department eq \"ships\"")).await, "ann");
    assert_eq!(names("meta.lastModified gt \"2020-01-01T00:00:00Z\"").await, "ann bob");
    assert_eq!(names("meta.lastModified gt \"2999-01-01T00:00:00Z\"").await, "");
    assert_eq!(names(&format!("meta.lastModified ge \"{since}\" and userName sw \"a\"")).await, "ann");
    let group = home.found("Groups", "displayName eq \"crew\"").await[0].clone();
    assert_eq!(group["members"].as_array().unwrap().len(), 2);
    let path = format!("/Groups/{}", text(&group, "/id"));
    let put = json!({ "schemas": [GROUP], "displayName": "crew" });
    assert_eq!(home.scim(Method::PUT, &path, Some(put)).await.0, 200);
    assert_eq!(home.delete(&path).await, 204);
    assert_eq!(home.scim(Method::GET, &path, None).await.0, 404);
}

#[tokio::test]
async fn f246_children_of_a_group_are_shown_for_a_single_group_only() {
    let home = Home::new().await;
    let ann = home.user("ann", json!({})).await;
    let inner = home.group("inner", &[], json!({})).await;
    let outer = home.group("outer", &[&inner, &ann], json!({})).await;
    let plain = home.get(&format!("/Groups/{outer}")).await;
    assert_eq!(plain.get(SAP_GROUP), None, "{plain}");
    let asked = home.get(&format!("/Groups/{outer}?attributes={SAP_GROUP}:children")).await;
    let children = asked[SAP_GROUP]["children"].as_array().unwrap();
    assert_eq!((children.len(), text(&children[0], "/value")), (1, &*inner), "{asked}");
    let list = home.scim(Method::GET, &format!("/Groups?attributes={SAP_GROUP}:children"), None).await;
    assert!(refused(&list, 400, "invalidValue").contains("children"));
}

fn of_application(more: Value) -> Value {
    let mut extension = json!({ "applicationId": "app-1" });
    extension.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ SAP_GROUP: extension })
}

#[tokio::test]
async fn f247_the_external_name_is_immutable_and_unique_in_its_application() {
    let home = Home::new().await;
    home.decide(json!({ "applications": ["app-1"] })).await;
    let more = of_application(json!({ "externalName": "admins", "externalLocation": "eu" }));
    let id = home.group("Admins", &[], more.clone()).await;
    let shown = home.get(&format!("/Groups/{id}")).await;
    assert_eq!(
        (text(&shown[SAP_GROUP], "/type"), text(&shown[SAP_GROUP], "/supportedOperations")),
        ("userGroup", "readWrite")
    );
    for name in ["externalName", "externalLocation"] {
        let change = json!([{ "op": "replace", "path": format!("{SAP_GROUP}:{name}"), "value": "other" }]);
        assert!(
            refused(&home.patch(&format!("/Groups/{id}"), change).await, 400, "mutability").contains(name)
        );
    }
    let mut second = json!({ "schemas": [GROUP], "displayName": "Admins 2" });
    second[SAP_GROUP] = more[SAP_GROUP].clone();
    assert!(refused(&home.post("Groups", second.clone()).await, 409, "uniqueness").contains("externalName"));
    second[SAP_GROUP]["applicationId"] = json!("app-2");
    assert_eq!(home.post("Groups", second).await.0, 201, "another application has names of its own");
}

#[tokio::test]
async fn f248_supported_operations_say_what_may_be_done_with_a_group() {
    let home = Home::new().await;
    home.decide(json!({ "applications": ["app-1"] })).await;
    let ann = home.user("ann", json!({})).await;
    let inner = home.group("inner", &[], json!({})).await;
    // Operations: members that are users, members that are groups, deletion.
    for (operations, users, groups, delete) in [
        ("readOnly", false, false, true),
        ("readWrite", true, true, true),
        ("userOnlyMembership", true, false, false),
        ("membership", true, true, false),
    ] {
        let id =
            home.group(operations, &[], of_application(json!({ "supportedOperations": operations }))).await;
        let path = format!("/Groups/{id}");
        let rename = json!([{ "op": "replace", "path": "displayName", "value": format!("{operations} 2") }]);
        assert_eq!(home.patch(&path, rename).await.0, 200, "{operations}");
        for (member, allowed) in [(&ann, users), (&inner, groups)] {
            let add = json!([{ "op": "add", "path": "members", "value": [{ "value": member }] }]);
            let answer = home.patch(&path, add).await;
            if allowed {
                assert_eq!(answer.0, 200, "{operations}: {}", answer.1);
            } else {
                assert!(refused(&answer, 400, "mutability").contains(operations));
            }
        }
        let status = home.delete(&path).await;
        assert_eq!(status, if delete { 204 } else { 400 }, "{operations}");
    }
    home.assert_sound();
}

#[tokio::test]
async fn f249_what_is_taken_is_refused_across_identifiers() {
    let home = Home::new().await;
    let ann = home
        .user("ann", json!({ "emails": [{ "value": "ann@example.com" }], SAP_USER: { "userId": "P777777" } }))
        .await;
    let post = async |body: Value| home.post("Users", body).await;
    let named = |name: &str| json!({ "schemas": [USER], "userName": name });
    assert!(refused(&post(named("ANN")).await, 409, "uniqueness").contains(&ann));
    // A login name that is another's user id, and the other way round.
    let detail = refused(&post(named("p777777")).await, 409, "uniqueness");
    assert!(detail.contains("userName") && detail.contains("userId"), "{detail}");
    let mut body = named("bob");
    body[SAP_USER] = json!({ "userId": "Ann" });
    assert!(refused(&post(body).await, 409, "uniqueness").contains("userId"));
    // Addresses count where the tenant says so; one's own identifiers never collide.
    let mut body = named("carl");
    body["emails"] = json!([{ "value": "Ann@Example.com" }]);
    let (status, _) = post(body.clone()).await;
    assert_eq!(status, 201);
    home.decide(json!({ "uniqueEmails": true })).await;
    body["userName"] = json!("dora");
    let detail = refused(&post(body).await, 409, "uniqueness");
    assert!(detail.contains("emails.value"), "{detail}");
    refused(&post(named("ann@example.com")).await, 409, "uniqueness");
    let mut own = named("eve@example.com");
    own["emails"] = json!([{ "value": "eve@example.com" }]);
    assert_eq!(post(own).await.0, 201);
    // Only what is newly set is checked.
    let change = json!([{ "op": "replace", "path": "title", "value": "x" }]);
    assert_eq!(home.patch(&format!("/Users/{ann}"), change).await.0, 200);
}

fn custom(name: &str, attributes: Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": format!("urn:sap:cloud:scim:schemas:extension:custom:2.0:{name}"),
        "name": name,
        "attributes": attributes,
    })
}

#[tokio::test]
async fn f250_custom_schemas_are_limited_immutable_and_go_with_their_values() {
    let home = Home::new().await;
    let many = |count: usize| -> Value { (0..count).map(|n| json!({ "name": format!("a{n}") })).collect() };
    let schema = custom(
        "Ship",
        json!([
            { "name": "berth", "caseExact": true },
            { "name": "lines", "type": "complex", "multiValued": true, "subAttributes": many(20) },
        ]),
    );
    let urn = text(&schema, "/id").to_owned();
    let (status, made) = home.post("Schemas", schema.clone()).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(home.get(&format!("/Schemas/{urn}")).await["attributes"][0]["name"], "berth");
    let ann =
        home.user("ann", json!({ &*urn: { "berth": "A7", "lines": [{ "a0": "bow" }], "unknown": 1 } })).await;
    let path = format!("/Users/{ann}");
    let shown = home.get(&path).await;
    assert_eq!(shown[&urn], json!({ "berth": "A7", "lines": [{ "a0": "bow" }] }));
    assert!(shown["schemas"].as_array().unwrap().contains(&json!(urn)));
    assert_eq!(home.found("Users", &format!("{urn}:berth eq \"A7\"")).await.len(), 1);
    // What does not fit.
    assert!(refused(&home.post("Schemas", schema).await, 409, "uniqueness").contains("delete it first"));
    for wrong in [
        custom("Wide", many(21)),
        custom(
            "Deep",
            json!([{ "name": "a", "type": "complex", "multiValued": true, "subAttributes": many(21) }]),
        ),
        custom("Many", json!([{ "name": "a", "multiValued": true }])),
        custom("Twice", json!([{ "name": "a" }, { "name": "A" }])),
        custom("Bad name", json!([{ "name": "a" }])),
    ] {
        refused(&home.post("Schemas", wrong).await, 400, "invalidValue");
    }
    for n in 1..20 {
        assert_eq!(home.post("Schemas", custom(&format!("S{n}"), many(20))).await.0, 201);
    }
    assert!(refused(&home.post("Schemas", custom("S20", many(1))).await, 400, "invalidValue").contains("20"));
    assert_eq!(home.scim(Method::PUT, &format!("/Schemas/{urn}"), Some(json!({}))).await.0, 405);
    // Deleted, with its values; the built-in ones stay.
    assert_eq!(home.delete(&format!("/Schemas/{urn}")).await, 204);
    assert_eq!(home.get(&path).await.get(&urn), None);
    let filter = home.scim(Method::GET, &format!("/Users?filter={urn}:berth%20pr"), None).await;
    refused(&filter, 400, "invalidFilter");
    assert_eq!(home.delete(&format!("/Schemas/{USER}")).await, 400);
    home.assert_sound();
}

#[tokio::test]
async fn f251_members_and_groups_beyond_any_page_and_fifty_removals_at_once() {
    let home = Home::new().await;
    let users: Vec<Value> = (0..20_050)
        .map(|n| json!({ "method": "POST", "path": "/Users", "bulkId": format!("u{n}"), "data": { "schemas": [USER], "userName": format!("u{n}") } }))
        .collect();
    let bulk = async |operations: &[Value]| {
        let urn = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
        let (status, answer) = home.post("Bulk", json!({ "schemas": [urn], "Operations": operations })).await;
        assert_eq!(status, 200, "{answer}");
        let last = |o: &Value| text(o, "/location").rsplit('/').next().unwrap().to_owned();
        answer["Operations"].as_array().unwrap().iter().map(last).collect::<Vec<String>>()
    };
    let mut ids = Vec::new();
    for part in users.chunks(1000) {
        ids.extend(bulk(part).await);
    }
    let team = home.group("everybody", &[], json!({})).await;
    for part in ids.chunks(5000) {
        let members: Vec<_> = part.iter().map(|id| json!({ "value": id })).collect();
        let (status, _) = home
            .patch(&format!("/Groups/{team}"), json!([{ "op": "add", "path": "members", "value": members }]))
            .await;
        assert!(matches!(status, 200 | 204));
    }
    // All members, page by page.
    let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let path =
            format!("/Users?filter=groups.value%20eq%20%22{team}%22&count=200&attributes=id&cursor={cursor}");
        let page = home.get(&path).await;
        for user in page["Resources"].as_array().unwrap() {
            assert!(seen.insert(text(user, "/id").to_owned()), "twice");
        }
        match page.get("nextCursor").and_then(Value::as_str) {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), ids.len());
    // Fifty go at once, by value.
    let gone: Vec<_> = ids[..50]
        .iter()
        .map(|id| json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }))
        .collect();
    assert_eq!(home.patch(&format!("/Groups/{team}"), json!(gone)).await.0, 204);
    assert_eq!(home.members(&team).await.len(), 20_000);
    // More groups than a thousand, page by page.
    let groups: Vec<Value> = (0..1001)
        .map(|n| json!({ "method": "POST", "path": "/Groups", "bulkId": format!("g{n}"), "data": { "schemas": [GROUP], "displayName": format!("g{n}"), "members": [{ "value": ids[0] }] } }))
        .collect();
    for part in groups.chunks(1000) {
        bulk(part).await;
    }
    let list =
        home.get(&format!("/Groups?filter=members.value%20eq%20%22{}%22&startIndex=1001", ids[0])).await;
    assert_eq!((&list["totalResults"], list["Resources"].as_array().unwrap().len()), (&json!(1001), 1));
    home.assert_sound();
}

#[tokio::test]
async fn f252_tables_come_in_and_go_out_with_a_report_for_each_row() {
    let home = Home::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("table.csv");
    let import = |kind: &str, table: &str| {
        std::fs::write(&file, table).unwrap();
        let output = home
            .engine
            .cli("home", &["directory", "import", kind, file.to_str().unwrap(), "--json"])
            .unwrap();
        serde_json::from_slice::<Value>(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    };
    let ann = home.user("ann", json!({ "title": "Captain", "nickName": "A" })).await;
    // A column that is there and empty deletes, one that is not there leaves; `id` only changes.
    let report = import(
        "users",
        &format!(
            "id,userName,name.familyName,emails[0].value,emails[1].value,title,active\n\
         {ann},ann,Lee,ann@example.com,a@example.com,,TRUE\n,bob,\"Berg, B.\",bob@example.com,,Mate,false\n\
         {},carl,C,c@example.com,,,\n,ANN,Li,ann@example.com,,,\n,,Nobody,n@example.com,,,\n",
            "00000000-0000-0000-0000-000000000001"
        ),
    );
    let outcomes: Vec<_> = report["rows"].as_array().unwrap().iter().map(|r| text(r, "/outcome")).collect();
    assert_eq!(outcomes, ["updated", "created", "failed", "updated", "failed"], "{report}");
    assert_eq!(
        (&report["created"], &report["updated"], &report["failed"]),
        (&json!(1), &json!(2), &json!(2))
    );
    assert_eq!(report["rows"][2]["line"], 4);
    let now = home.get(&format!("/Users/{ann}")).await;
    assert_eq!(
        (now.get("title"), text(&now, "/nickName"), text(&now, "/name/familyName")),
        (None, "A", "Li")
    );
    assert_eq!(now["emails"], json!([{ "value": "ann@example.com" }]));
    let bob = home.found("Users", "userName eq \"bob\"").await[0].clone();
    assert_eq!((text(&bob, "/name/familyName"), &bob["active"]), ("Berg, B.", &json!(false)));
    // Members are named by userUuid, address or user name; they are added and never taken out.
    let uuid = text(&bob, &format!("/{}/userUuid", SAP_USER)).to_owned();
    let report =
        import("groups", &format!("displayName,members\ncrew,ann@example.com;{uuid}\nnone,nobody\n"));
    assert_eq!((&report["created"], &report["failed"]), (&json!(1), &json!(1)), "{report}");
    import("groups", "displayName,members\nCrew,\n");
    let crew = home.found("Groups", "displayName eq \"crew\"").await[0].clone();
    assert_eq!(home.members(text(&crew, "/id")).await, sorted(&[&ann, text(&bob, "/id")]));
    // What goes out comes in again and changes nothing.
    let table = home.engine.cli("home", &["directory", "export", "users"]).unwrap().stdout;
    let table = String::from_utf8(table).unwrap();
    assert!(table.starts_with("id,userName,") && table.contains("\"Berg, B.\""), "{table}");
    let before = home.get("/Users").await;
    let report = import("users", &table);
    assert_eq!((&report["updated"], &report["failed"]), (&json!(2), &json!(0)), "{report}");
    assert_eq!(home.get("/Users").await, before);
    // Files that are none.
    for wrong in [
        "userName,x\n",
        "userName,name.familyName\n",
        "userName,name.familyName,emails[0].value,password\n,b,c,d\n",
    ] {
        std::fs::write(&file, wrong).unwrap();
        let output =
            home.engine.cli("home", &["directory", "import", "users", file.to_str().unwrap()]).unwrap();
        assert!(!output.status.success(), "{wrong}");
    }
    home.assert_sound();
}

#[tokio::test]
async fn f253_a_deleted_user_is_blocked_and_comes_back_by_its_user_uuid() {
    let home = Home::new().await;
    home.decide(json!({ "softDelete": true })).await;
    let ann = home.user("ann", json!({ "title": "Captain", "active": true })).await;
    let team = home.group("crew", &[&ann], json!({})).await;
    let path = format!("/Users/{ann}");
    let uuid = home.get(&path).await[SAP_USER]["userUuid"].clone();
    assert_eq!(home.delete(&path).await, 204);
    assert_eq!(home.scim(Method::GET, &path, None).await.0, 404);
    assert_eq!(home.get("/Users").await["totalResults"], 0);
    assert_eq!(home.members(&team).await.len(), 0);
    assert_eq!(text(&home.get(&format!("{path}?blocked=true")).await, "/userName"), "ann");
    assert_eq!(home.get("/Users?blocked=true").await["totalResults"], 1);
    // The name is free meanwhile.
    let other = home.user("ann", json!({})).await;
    assert_eq!(home.delete(&format!("/Users/{other}")).await, 204);
    let body = json!({ "schemas": [USER], "userName": "ann-2", SAP_USER: { "userUuid": uuid } });
    let (status, back) = home.post("Users", body).await;
    assert_eq!(status, 201, "{back}");
    assert_eq!(
        (text(&back, "/id"), text(&back, "/userName"), text(&back, "/title")),
        (&*ann, "ann-2", "Captain")
    );
    assert_eq!((&back["active"], &back[SAP_USER]["userUuid"]), (&json!(false), &uuid));
    // A blocked one that is deleted is gone.
    assert_eq!(home.delete(&path).await, 204);
    assert_eq!(home.delete(&format!("{path}?blocked=true")).await, 204);
    assert_eq!(home.scim(Method::GET, &format!("{path}?blocked=true"), None).await.0, 404);
    let (_, fresh) = home
        .post("Users", json!({ "schemas": [USER], "userName": "x", SAP_USER: { "userUuid": uuid } }))
        .await;
    assert_ne!(text(&fresh, "/id"), ann);
    home.assert_sound();
}

#[tokio::test]
async fn f254_inactive_users_are_blocked_and_deleted_by_type() {
    let home = Home::new().await;
    let seen = |year: u32| json!({ SAP_USER: { "loginTime": format!("{year}-01-01T00:00:00Z") } });
    let now = jiff_year(&home).await;
    let old = home.user("old", seen(now - 20)).await;
    let recent = home.user("recent", seen(now + 1)).await;
    let mut partner = seen(now - 20);
    partner["userType"] = json!("partner");
    let partner = home.user("partner", partner).await;
    let apply = async || home.api.ok(Method::POST, "directory/inactivity", None).await.unwrap();
    assert_eq!(apply().await, json!({ "blocked": 0, "deleted": 0 }), "nothing without a policy");
    for wrong in [
        json!({ "userType": "employee", "blockAfterDays": 13 }),
        json!({ "userType": "employee", "deleteAfterDays": 2001 }),
        json!({ "userType": "employee", "graceDays": 1 }),
        json!({ "userType": "employee", "blockAfterDays": 30, "deleteAfterDays": 30 }),
    ] {
        let path = home.api.path("directory/settings");
        let (status, _) =
            home.api.call(Method::PUT, &path, Some(json!({ "inactivity": [wrong] }))).await.unwrap();
        assert_eq!(status, 422);
    }
    home.decide(json!({ "inactivity": [{ "userType": "employee", "blockAfterDays": 30 }] })).await;
    assert_eq!(apply().await, json!({ "blocked": 1, "deleted": 0 }));
    assert_eq!(home.get(&format!("/Users/{old}")).await["active"], false);
    home.decide(
        json!({ "inactivity": [{ "userType": "employee", "blockAfterDays": 30, "deleteAfterDays": 60 }] }),
    )
    .await;
    assert_eq!(apply().await, json!({ "blocked": 0, "deleted": 1 }));
    assert_eq!(home.scim(Method::GET, &format!("/Users/{old}"), None).await.0, 404);
    for id in [recent, partner] {
        assert_eq!(home.get(&format!("/Users/{id}")).await.get("active"), None);
    }
}

/// The year that the engine lives in.
async fn jiff_year(home: &Home) -> u32 {
    let id = home.user("clock", json!({ "userType": "clock" })).await;
    let created = home.get(&format!("/Users/{id}")).await;
    text(&created, "/meta/created")[..4].parse().unwrap()
}

#[tokio::test]
async fn f255_large_results_are_paged_by_identifier() {
    let home = Home::new().await;
    let mut ids = BTreeSet::new();
    for n in 0..25 {
        ids.insert(
            home.user(&format!("u{n}"), json!({ "title": if n % 2 == 0 { "even" } else { "odd" } })).await,
        );
    }
    for (filter, expected) in [("", 25), ("&filter=title%20eq%20%22even%22", 13)] {
        let (mut seen, mut start, mut pages) = (Vec::new(), "initial".to_owned(), 0);
        while start != "end" {
            let page = home.get(&format!("/Users?startId={start}&count=4{filter}")).await;
            seen.extend(page["Resources"].as_array().unwrap().iter().map(|u| text(u, "/id").to_owned()));
            start = text(&page, "/nextId").to_owned();
            pages += 1;
            if pages == 2 && filter.is_empty() {
                // Where the next page starts may be gone by then.
                assert_eq!(home.delete(&format!("/Users/{start}")).await, 204);
                ids.remove(&start);
                let again = home.user("back", json!({ "title": "odd" })).await;
                assert_eq!(home.delete(&format!("/Users/{again}")).await, 204);
            }
        }
        assert!(seen.is_sorted());
        if filter.is_empty() {
            assert_eq!(seen, ids.iter().cloned().collect::<Vec<_>>());
        } else {
            assert!(seen.len() == expected || seen.len() == expected - 1, "{}", seen.len());
        }
    }
    refused(&home.scim(Method::GET, "/Users?startId=x", None).await, 400, "invalidValue");
}

/// A system that is the tenant's own directory: nothing says where it is or how to get in.
fn own_directory(name: &str, role: &str, sources: &[&str]) -> Value {
    json!({ "name": name, "role": role, "type": "Local Identity Directory", "sources": sources })
}

/// The default document of SCIM targets, for one that knows nothing of the directory's own extension.
fn without_extension() -> String {
    let mut document: Value = serde_json::from_str(&document("scim2/types/scim.write.json")).unwrap();
    let mappings = document["user"]["mappings"].as_array_mut().unwrap();
    mappings.push(json!({ "type": "remove", "targetPath": format!("$['{SAP_USER}']") }));
    mappings.push(json!({ "constant": [USER, ENTERPRISE], "targetPath": "$.schemas" }));
    document.to_string()
}

#[tokio::test]
async fn f242_the_directory_is_target_and_source_without_connection_properties() {
    let home = Home::new().await;
    let server = ScimServer::start("own-directory-token").unwrap();
    let folder = tempfile::tempdir().unwrap();
    home.api.load(&["csv", "scim2", "json-transformation"]).await.unwrap();
    home.api.make_system(csv_source("HR", folder.path())).await.unwrap();
    home.api.make_system(own_directory("Directory", "target", &["HR"])).await.unwrap();
    let mut source = own_directory("Directory out", "source", &[]);
    source["properties"] = json!({ "ips.delta.read": "enabled", "ips.delta.read.margin": "0" });
    home.api.make_system(source).await.unwrap();
    let mut app = scim_target("App", "Directory out", &server.url(), server.token());
    app["write"]["document"] = json!(without_extension());
    home.api.make_system(app).await.unwrap();
    for name in ["Directory", "Directory%20out"] {
        let system = home.api.ok(Method::GET, &format!("systems/{name}"), None).await.unwrap();
        assert_eq!((text(&system, "/type"), text(&system, "/plugin")), ("Local Identity Directory", "scim2"));
        let properties: Vec<&String> = system["properties"].as_object().unwrap().keys().collect();
        assert!(!properties.iter().any(|p| ["URL", "Authentication"].contains(&p.as_str())), "{system}");
        // Loopback is refused to it: over the network it would not even reach its own engine.
        assert_eq!((&system["grants"]["addresses"], &system["grants"]["http"]), (&json!([]), &json!([])));
    }

    write_users(folder.path(), &[("A1", "Ships"), ("B2", "Cargo"), ("C3", "Ships")]);
    std::fs::write(folder.path().join("groups.csv"), "id,displayName,members[]\nG1,crew,A1;B2\n").unwrap();
    let job = home.api.run("HR").await.unwrap();
    assert_eq!(job.status, JobStatus::Success, "{job:?}\n{}", home.engine.log());
    assert_eq!(counters(&job, "user", Action::Write).created, 3);
    let crew = &home.found("Groups", "displayName eq \"crew\"").await[0];
    assert_eq!(crew["members"].as_array().unwrap().len(), 2, "{crew}");

    let job = home.api.run("Directory out").await.unwrap();
    assert_eq!((job.status, job.read_mode), (JobStatus::Success, ReadMode::Full), "{job:?}");
    assert_eq!((server.all("Users").await.unwrap().len(), server.all("Groups").await.unwrap().len()), (3, 1));

    // What the directory loses, what is read from it loses with the next delta read.
    write_users(folder.path(), &[("A1", "Ships"), ("C3", "Cargo")]);
    std::fs::write(folder.path().join("groups.csv"), "id,displayName,members[]\nG1,crew,A1\n").unwrap();
    let job = home.api.run("HR").await.unwrap();
    let row = counters(&job, "user", Action::Write);
    assert_eq!((row.updated, row.deleted), (1, 1), "{job:?}");
    let job = home.api.run("Directory out").await.unwrap();
    let row = counters(&job, "user", Action::Write);
    assert_eq!((job.read_mode, row.updated, row.deleted), (ReadMode::Delta, 1, 1), "{job:?}");
    let mut names: Vec<String> =
        server.all("Users").await.unwrap().iter().map(|u| text(u, "/userName").to_owned()).collect();
    names.sort();
    assert_eq!(names, ["a1", "c3"]);
    home.assert_sound();
}

#[tokio::test]
async fn a_type_fills_in_what_a_new_system_leaves_out_and_its_own_directory_goes_nowhere_else() {
    let home = Home::new().await;
    home.api.load(&["scim2", "ldap", "json-transformation"]).await.unwrap();
    let answer = home.api.call(Method::GET, "/api/v1/system-types", None).await.unwrap().1;
    let types = answer["types"].as_array().unwrap();
    assert_eq!(types.len(), 5);
    let accepted = async |body: Value| {
        let path = home.api.path("systems");
        let (status, answer) = home.api.call(Method::POST, &path, Some(body)).await.unwrap();
        let problems = answer["problems"].as_array().cloned().unwrap_or_default();
        let pointers: Vec<String> = problems.iter().map(|p| text(p, "/pointer").to_owned()).collect();
        (status.as_u16(), pointers, answer)
    };
    // Every document compiles, every default is one that the plugin takes.
    for (number, kind) in types.iter().enumerate() {
        for role in ["source", "target"] {
            let mut properties = json!({});
            for needed in kind["needs"].as_array().unwrap() {
                let value = match text(needed, "") {
                    "URL" => "https://app.example.com/scim",
                    "ldap.url" => "ldaps://ldap.example.com",
                    "Authentication" => "NoAuthentication",
                    _ => "x",
                };
                properties[text(needed, "")] = json!(value);
            }
            let body = json!({ "name": format!("{role} {number}"), "role": role, "type": kind["name"], "properties": properties });
            let (status, _, system) = accepted(body).await;
            assert_eq!(status, 201, "{kind}: {system}");
            assert_eq!((&system["type"], &system["plugin"]), (&kind["name"], &kind["plugin"]));
            for (key, value) in kind["properties"][role].as_object().unwrap() {
                assert_eq!(&system["properties"][key]["value"], value, "{system}");
            }
        }
    }
    let own = |more: Value| {
        let mut body = own_directory("Own", "source", &[]);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let elsewhere = json!({ "properties": { "URL": "https://x.example" }, "grants": { "http": [{ "origin": "https://x.example" }] } });
    let (status, pointers, answer) = accepted(own(elsewhere)).await;
    assert_eq!(
        (status, pointers),
        (422, vec!["/properties/URL".to_owned(), "/grants".to_owned()]),
        "{answer}"
    );
    let (status, pointers, answer) = accepted(own(json!({ "type": "Local" }))).await;
    assert!(status == 422 && pointers.contains(&"/type".to_owned()), "{answer}");
    assert!(answer.to_string().contains("Local Identity Directory"), "{answer}");
    let old = json!({ "name": "Old", "role": "source", "type": "Identity Authentication",
                      "properties": { "URL": "https://x.example", "ias.api.version": "1" } });
    let (status, pointers, answer) = accepted(old).await;
    assert_eq!((status, pointers), (422, vec!["/properties/ias.api.version".to_owned()]), "{answer}");
    // The type is fixed; a body that does not speak of it keeps it.
    assert_eq!(accepted(own(json!({}))).await.0, 201);
    let mut system = home.api.ok(Method::GET, "systems/Own", None).await.unwrap();
    system.as_object_mut().unwrap().remove("type");
    let kept = home.api.ok(Method::PUT, "systems/Own", Some(system.clone())).await.unwrap();
    assert_eq!(text(&kept, "/type"), "Local Identity Directory");
    system["type"] = json!("SCIM System");
    let (status, answer) =
        home.api.call(Method::PUT, &home.api.path("systems/Own"), Some(system)).await.unwrap();
    assert_eq!((status.as_u16(), text(&answer, "/problems/0/pointer")), (422, "/type"), "{answer}");
}
