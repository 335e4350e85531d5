use super::*;
use crate::system::{KnownPlugin, MASK, Surroundings, SystemBody, view};
use gangway_model::{Role, System, SystemId, TenantId};

const SYSTEMS: &str = "/api/v1/tenants/t/systems";

#[tokio::test]
async fn a_system_is_made_shown_changed_and_deleted() {
    let engine = Engine::with_plugin().await;
    let body = json!({
        "name": "HR files", "role": "source", "plugin": "empty",
        "properties": { "URL": "https://hr.example.com", "Password": { "value": "canary-1", "secret": true }, "key": "canary-2" },
    });
    let made = engine.ok("POST", SYSTEMS, body.clone()).await;
    description::fits("System", &made);
    assert_eq!(made["properties"]["Password"], json!({ "value": MASK, "secret": true }));
    // The plugin's manifest says that it is a secret.
    assert_eq!(made["properties"]["key"], json!({ "value": MASK, "secret": true }));
    assert_eq!((made["enabled"].clone(), MASK.len()), (json!(true), 40));
    let id = made["id"].as_str().unwrap();
    assert_eq!(engine.ok("GET", &format!("{SYSTEMS}/{id}"), Value::Null).await, made);
    assert_eq!(engine.ok("GET", &format!("{SYSTEMS}/HR%20files"), Value::Null).await, made);
    let list = engine.ok("GET", SYSTEMS, Value::Null).await;
    description::fits("SystemList", &list);
    assert_eq!(list["systems"], json!([made]));
    let taken = engine.refused("POST", SYSTEMS, body, 409).await;
    assert_eq!((&taken["system"], &taken["tenant"]), (&json!("HR files"), &json!("t")));

    // What was answered can be sent back.
    let mut changed = made.clone();
    changed["description"] = json!("new");
    let after = engine.ok("PUT", &format!("{SYSTEMS}/HR%20files"), changed.clone()).await;
    assert_eq!(after, changed);
    let stored = engine
        .services
        .store()
        .tenant(&TenantId::new("t"))
        .unwrap()
        .system(&SystemId::new(id))
        .unwrap()
        .unwrap();
    assert_eq!(stored.property("Password"), Some("canary-1"));
    assert_eq!(stored.property("key"), Some("canary-2"));

    engine.ok("DELETE", &format!("{SYSTEMS}/{id}"), Value::Null).await;
    engine.refused("GET", &format!("{SYSTEMS}/{id}"), Value::Null, 404).await;
    engine.refused("DELETE", &format!("{SYSTEMS}/{id}"), Value::Null, 404).await;
}

#[tokio::test]
async fn everything_wrong_with_a_body_is_said_at_once() {
    let engine = Engine::with_plugin().await;
    let body = json!({
        "name": "HR/files", "role": "target", "plugin": "none", "sources": ["ghost"],
        "read": { "plugin": "x", "document": "{}" },
        "properties": { "Password": { "value": MASK, "secret": true } },
        "grants": { "files": [{ "name": "users", "path": "users.csv" }] },
    });
    let problem = engine.refused("POST", SYSTEMS, body, 422).await;
    let pointers: Vec<_> =
        problem["problems"].as_array().unwrap().iter().map(|p| p["pointer"].as_str().unwrap()).collect();
    assert_eq!(
        pointers,
        ["/name", "/read", "/plugin", "/sources/0", "/grants/files/0/path", "/properties/Password"]
    );
    let problem = engine
        .refused("POST", SYSTEMS, json!({ "name": "A", "role": "target", "plugin": "empty" }), 422)
        .await;
    assert!(problem["problems"][0]["message"].as_str().unwrap().contains("cannot be a target"));
    let problem = engine
        .refused("POST", SYSTEMS, json!({ "name": "A", "role": "source", "plugin": "empty", "typo": 1 }), 400)
        .await;
    assert!(problem["detail"].as_str().unwrap().contains("typo"));
    assert_eq!(engine.ok("GET", SYSTEMS, Value::Null).await, json!({ "systems": [] }));
}

fn accept(old: Option<&System>, body: Value) -> Result<System, Vec<String>> {
    let tenant = TenantId::new("t");
    let plugin = KnownPlugin {
        roles: vec!["source", "target"],
        secrets: Vec::new(),
        required: vec!["need".to_owned()],
    };
    let body: SystemBody = serde_json::from_value(body).unwrap();
    let around = Surroundings { tenant: &tenant, systems: &[], plugin: Some(plugin) };
    body.into_system(SystemId::new("1"), old, &around).map_err(|problem| {
        let problem = serde_json::to_value(problem).unwrap();
        problem["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["message"].as_str().unwrap().to_owned())
            .collect()
    })
}

fn body(properties: Value) -> Value {
    json!({ "name": "S", "role": "source", "plugin": "p", "properties": properties })
}

#[test]
fn a_stored_secret_never_follows_to_another_address() {
    let secret = json!({ "value": "canary", "secret": true });
    let old =
        accept(None, body(json!({ "need": "x", "URL": "https://a", "Token": secret, "note": "n" }))).unwrap();
    let masked = |url: &str| json!({ "need": "x", "URL": url, "Token": { "value": MASK, "secret": true } });
    assert_eq!(accept(Some(&old), body(masked("https://a"))).unwrap().property("Token"), Some("canary"));
    let wrong = accept(Some(&old), body(masked("https://b"))).unwrap_err();
    assert!(
        wrong[0].contains("URL") && wrong[0].contains("Token") && wrong[0].contains("entered again"),
        "{wrong:?}"
    );
    // Gone, new, or in another property: an address is an address.
    let token = json!({ "value": MASK });
    assert!(accept(Some(&old), body(json!({ "need": "x", "Token": token }))).is_err());
    assert!(accept(Some(&old), body(json!({ "need": "x", "URL": "https://a", "OAuth2TokenServiceURL": "https://b", "Token": token }))).is_err());
    // Entered again, it goes.
    let again = json!({ "need": "x", "URL": "https://b", "Token": { "value": "canary" } });
    let moved = accept(Some(&old), body(again)).unwrap();
    assert!(moved.properties["Token"].secret);
    // A stream that is granted later could carry it away as well.
    let mut granted = body(masked("https://a"));
    granted["grants"] = json!({ "connection": [{ "host": "evil", "port": 1 }] });
    assert!(accept(Some(&old), granted).unwrap_err()[0].contains("grants.connection"));
    // Other changes keep it.
    let other = json!({ "need": "y", "URL": "https://a", "Token": token });
    assert_eq!(accept(Some(&old), body(other)).unwrap().property("Token"), Some("canary"));
}

#[test]
fn a_secret_stays_one_and_known_credentials_are_always_one() {
    let old = accept(
        None,
        body(json!({ "need": "x", "Password": "canary", "mine": { "value": "canary", "secret": true } })),
    )
    .unwrap();
    assert!(old.properties["Password"].secret);
    let now = accept(Some(&old), body(json!({ "need": "x", "mine": { "value": "new", "secret": false } })))
        .unwrap();
    assert!(now.properties["mine"].secret);
    assert_eq!(now.property("Password"), None);
    assert!(!view(&old).to_string().contains("canary"));
}

#[test]
fn rules_of_names_roles_and_required_properties() {
    let named = |name: &str| {
        let mut body = body(json!({ "need": "x" }));
        body["name"] = json!(name);
        accept(None, body)
    };
    for good in ["a", "A b-c_d.e", &"x".repeat(100)] {
        assert!(named(good).is_ok(), "{good}");
    }
    for bad in ["", " a", "a ", "a/b", "é", "a,b", &"x".repeat(101)] {
        assert!(named(bad).unwrap_err()[0].contains("no name for a system"), "{bad}");
    }
    assert!(accept(None, body(json!({}))).unwrap_err()[0].contains("need"));
    let old = named("S").unwrap();
    assert_eq!(old.role, Role::Source);
    let mut target = body(json!({ "need": "x" }));
    target["role"] = json!("target");
    assert!(accept(Some(&old), target).unwrap_err()[0].contains("fixed for its life"));
    let mut other = body(json!({ "need": "x" }));
    other["id"] = json!("2");
    assert!(accept(Some(&old), other).unwrap_err()[0].contains("cannot change"));
}
