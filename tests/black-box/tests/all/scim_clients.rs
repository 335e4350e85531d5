//! What SCIM clients make of the directory: two public conformance suites, and the requests that the provisioning
//! services of Microsoft Entra ID and Okta send, from their public documentation.

use crate::home::{ENTERPRISE, GROUP, Home, USER, refused, sorted};
use gangway_kit::{Method, root, text};
use serde_json::{Value, json};
use std::process::Command;

fn tool(name: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(root().join("target/test-venv/bin").join(name))
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .expect("the test environment: run tests/setup/servers.sh");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim2_tester_finds_no_error() {
    let home = Home::new().await;
    let header = format!("Authorization: Bearer {}", home.engine.token());
    let (passed, report) = tool("scim2", &["-u", &home.url(), "-h", &header, "test"]);
    assert!(passed && !report.contains("ERROR"), "{report}");
    assert!(report.matches("SUCCESS").count() > 150, "{report}");
    home.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scim_sanity_finds_no_failure() {
    let home = Home::new().await;
    let arguments = ["probe", &home.url(), "--token", home.engine.token(), "--i-accept-side-effects"];
    let (passed, report) = tool("scim-sanity", &arguments);
    assert!(passed && !report.contains(" failed"), "{report}");
    assert!(
        !report.contains("[FAIL]") && !report.contains("[ERROR]") && !report.contains("[WARN]"),
        "{report}"
    );
}

#[tokio::test]
async fn a_slash_at_the_end_of_an_address_changes_nothing() {
    let home = Home::new().await;
    let id = home.user("ann", json!({})).await;
    for path in ["/Users/", "/", "/Schemas/", "/ServiceProviderConfig/"] {
        assert_eq!(home.get(path).await, home.get(path.trim_end_matches('/')).await, "{path}");
    }
    assert_eq!(text(&home.get(&format!("/Users/{id}/")).await, "/id"), id);
}

#[tokio::test]
async fn what_entra_id_sends_is_understood() {
    let home = Home::new().await;
    // The connection test asks for somebody who does not exist, then for the schemas.
    assert!(home.found("Users", "userName eq \"3b1f9a0d-nobody@example.com\"").await.is_empty());
    assert_eq!(home.get("/ServiceProviderConfig").await["patch"]["supported"], true);
    assert!(home.get("/Schemas").await["totalResults"].as_u64().unwrap() >= 5);

    let ann = json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
        "userName": "Ann.Lee@example.com",
        "active": true,
        "addresses": null,
        "displayName": null,
        "emails": [{ "type": "work", "value": "Ann.Lee@example.com", "primary": true }],
        "name": { "formatted": "Ann Lee", "familyName": "Lee", "givenName": "Ann" },
        "meta": { "resourceType": "User" },
        "roles": [],
    });
    let (status, made) = home.post("Users", ann.clone()).await;
    assert_eq!(status, 201, "{made}");
    let id = text(&made, "/id").to_owned();
    let mut other_case = ann.clone();
    other_case["userName"] = json!("ANN.LEE@EXAMPLE.COM");
    assert!(refused(&home.post("Users", other_case).await, 409, "uniqueness").contains("userName"));
    for filter in [
        "userName eq \"ann.lee@example.com\"",
        "externalId eq \"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef\"",
        "emails[type eq \"work\"].value eq \"ann.lee@EXAMPLE.com\"",
        "emails[type eq \"work\" and value eq \"ann.lee@example.com\"]",
        "userName eq \"ann.lee@example.com\" and active eq \"True\"",
    ] {
        assert_eq!(home.found("Users", filter).await.len(), 1, "{filter}");
    }
    assert!(
        home.found("Users", "emails[type eq \"home\"].value eq \"ann.lee@example.com\"").await.is_empty()
    );

    let path = format!("/Users/{id}");
    // Values of elements that are not there yet, extension attributes by URN, a manager as a text.
    let (status, now) = home
        .patch(
            &path,
            json!([
                { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ann@example.com" },
                { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1 555 0100" },
                { "op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "Oslo" },
                { "op": "Replace", "path": "name.familyName", "value": "Lee-Berg" },
                { "op": "Add", "path": format!("{ENTERPRISE}:department"), "value": "Ships" },
                { "op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": "26118915-6090-4610-87e4-49d8ca9f808d" },
                { "op": "Replace", "path": "active", "value": "False" },
            ]),
        )
        .await;
    assert_eq!(status, 200, "{now}");
    assert_eq!(now["active"], false);
    assert_eq!(now["emails"], json!([{ "type": "work", "value": "ann@example.com", "primary": true }]));
    assert_eq!(now["phoneNumbers"], json!([{ "type": "mobile", "value": "+1 555 0100" }]));
    assert_eq!(now["addresses"], json!([{ "type": "work", "locality": "Oslo" }]));
    assert_eq!(now["name"]["familyName"], "Lee-Berg");
    assert_eq!(now[ENTERPRISE]["department"], "Ships");
    assert_eq!(now[ENTERPRISE]["manager"]["value"], "26118915-6090-4610-87e4-49d8ca9f808d");
    // Several attributes at once, with paths for keys.
    let value = json!({ "displayName": "Ann L", "name.givenName": "Anna", "active": "True",
        format!("{ENTERPRISE}:employeeNumber"): "7" });
    let (_, now) = home.patch(&path, json!([{ "op": "Replace", "value": value }])).await;
    assert_eq!(
        (&now["displayName"], &now["name"]["givenName"], &now["active"]),
        (&json!("Ann L"), &json!("Anna"), &json!(true))
    );
    assert_eq!(now[ENTERPRISE]["employeeNumber"], "7");
    let (status, _) = home
        .patch(&path, json!([{ "op": "Remove", "path": "phoneNumbers[type eq \"mobile\"]" }, { "op": "Remove", "path": "displayName" }]))
        .await;
    assert_eq!(status, 200);
    let now = home.get(&path).await;
    assert_eq!((now.get("phoneNumbers"), now.get("displayName")), (None, None));

    let bob = home.user("bob@example.com", json!({})).await;
    let (status, team) = home
        .post("Groups", json!({ "schemas": [GROUP], "externalId": "8aa1a0c0", "displayName": "Crew", "meta": { "resourceType": "Group" } }))
        .await;
    assert_eq!(status, 201, "{team}");
    let team = text(&team, "/id").to_owned();
    let group = format!("/Groups/{team}");
    let quiet = home.get(&format!("{group}?excludedAttributes=members")).await;
    assert_eq!((text(&quiet, "/displayName"), quiet.get("members")), ("Crew", None));
    assert_eq!(home.found("Groups", "displayName eq \"crew\"").await.len(), 1);
    // Members come one or several at once, and go by value and by filter.
    let steps = [
        (
            json!([{ "op": "Add", "path": "members", "value": [{ "value": id }, { "value": bob }] }]),
            vec![&*id, &*bob],
        ),
        (json!([{ "op": "Remove", "path": "members", "value": [{ "value": id }] }]), vec![&*bob]),
        (
            json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": id }] }]),
            vec![&*id, &*bob],
        ),
        (json!([{ "op": "Remove", "path": format!("members[value eq \"{bob}\"]") }]), vec![&*id]),
        (json!([{ "op": "Replace", "path": "displayName", "value": "Crew 2" }]), vec![&*id]),
    ];
    for (operations, expected) in steps {
        let (status, body) = home.patch(&group, operations.clone()).await;
        assert!(matches!(status, 200 | 204), "{operations}: {body}");
        assert_eq!(home.members(&team).await, sorted(&expected), "{operations}");
    }
    assert_eq!(home.found("Groups", &format!("id eq \"{team}\" and members eq \"{id}\"")).await.len(), 1);

    assert_eq!(home.delete(&path).await, 204);
    assert_eq!(home.scim(Method::GET, &path, None).await.0, 404);
    assert_eq!(home.members(&team).await, [""; 0]);
    assert_eq!(home.delete(&group).await, 204);
    let (status, again) = home.post("Users", ann).await;
    assert_eq!(status, 201);
    assert_ne!(text(&again, "/id"), id, "a recreated user is a new one");
    home.assert_sound();
}

#[tokio::test]
async fn what_okta_sends_is_understood() {
    let home = Home::new().await;
    assert_eq!(home.get("/Users?startIndex=1&count=2").await["totalResults"], 0);
    assert_eq!(home.get("/Groups?startIndex=1&count=100").await["totalResults"], 0);
    let user = |active: bool| {
        json!({
            "schemas": [USER],
            "userName": "test.user@okta.local",
            "name": { "givenName": "Test", "familyName": "User" },
            "emails": [{ "primary": true, "value": "test.user@okta.local", "type": "work" }],
            "displayName": "Test User",
            "locale": "en-US",
            "externalId": "00ujl29u0le5T6Aj10h7",
            "groups": [],
            "password": "1mz050nq",
            "active": active,
        })
    };
    let (status, made) = home.post("Users", user(true)).await;
    assert_eq!((status, made.get("password")), (201, None), "{made}");
    let id = text(&made, "/id").to_owned();
    let path = format!("/Users/{id}");
    let mut other_case = user(true);
    other_case["userName"] = json!("Test.User@Okta.Local");
    refused(&home.post("Users", other_case).await, 409, "uniqueness");
    let found = home.found("Users", "userName eq \"Test.User@okta.local\"").await;
    assert_eq!(found.len(), 1);
    // A profile is replaced as it was read, changed.
    let mut whole = home.get(&path).await;
    whole["name"]["middleName"] = json!("Excited");
    let (status, now) = home.scim(Method::PUT, &path, Some(whole)).await;
    assert_eq!((status, text(&now, "/name/middleName")), (200, "Excited"), "{now}");
    // Deactivated and activated by PATCH without a path, or by PUT.
    let (status, now) = home.patch(&path, json!([{ "op": "replace", "value": { "active": false } }])).await;
    assert_eq!((status, &now["active"]), (200, &json!(false)));
    let (_, now) = home.patch(&path, json!([{ "op": "replace", "path": "active", "value": true }])).await;
    assert_eq!(now["active"], true);
    let (status, now) = home.scim(Method::PUT, &path, Some(user(false))).await;
    assert_eq!((status, &now["active"]), (200, &json!(false)));
    let (_, now) = home.patch(&path, json!([{ "op": "replace", "value": { "password": "new-one" } }])).await;
    assert_eq!(now.get("password"), None);

    let bob = home.user("bob", json!({})).await;
    let member = json!([{ "value": id, "display": "test.user@okta.local" }]);
    let (status, team) = home
        .post("Groups", json!({ "schemas": [GROUP], "displayName": "Test SCIMv2", "members": member }))
        .await;
    assert_eq!(status, 201);
    let team = text(&team, "/id").to_owned();
    let group = format!("/Groups/{team}");
    assert_eq!(home.found("Groups", "displayName eq \"Test SCIMv2\"").await.len(), 1);
    let steps = [
        (json!([{ "op": "replace", "value": { "id": team, "displayName": "Test SCIMv2 b" } }]), vec![&*id]),
        (
            json!([{ "op": "add", "path": "members", "value": [{ "value": bob, "display": "bob" }] }]),
            vec![&*id, &*bob],
        ),
        (json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]), vec![&*bob]),
        (
            json!([
                { "op": "remove", "path": format!("members[value eq \"{bob}\"]") },
                { "op": "add", "path": "members", "value": [{ "value": id, "display": "x" }] },
            ]),
            vec![&*id],
        ),
        (
            json!([{ "op": "replace", "path": "members", "value": [{ "value": bob }, { "value": id }] }]),
            vec![&*id, &*bob],
        ),
    ];
    for (operations, expected) in steps {
        let (status, body) = home.patch(&group, operations.clone()).await;
        assert!(matches!(status, 200 | 204), "{operations}: {body}");
        assert_eq!(home.members(&team).await, sorted(&expected), "{operations}");
    }
    assert_eq!(text(&home.get(&group).await, "/displayName"), "Test SCIMv2 b");
    let (status, _) = home
        .scim(
            Method::PUT,
            &group,
            Some(json!({ "schemas": [GROUP], "id": team, "displayName": "Test SCIMv2", "members": [] })),
        )
        .await;
    assert_eq!((status, home.members(&team).await.len()), (200, 0));
    assert_eq!(home.delete(&group).await, 204);
    assert_eq!(home.delete(&path).await, 204);
    let (status, again) = home.post("Users", user(true)).await;
    assert_eq!(status, 201);
    assert_ne!(text(&again, "/id"), id);
    let missing: Value = home.scim(Method::GET, &path, None).await.1;
    assert_eq!(
        (text(&missing, "/status"), &missing["schemas"][0]),
        ("404", &json!("urn:ietf:params:scim:api:messages:2.0:Error"))
    );
    home.assert_sound();
}
